package dev.sequor.cli;

import dev.sequor.picture.AxisScale;
import dev.sequor.picture.Chart;
import dev.sequor.picture.HtmlPage;
import dev.sequor.picture.Series;
import dev.sequor.picture.Svg;
import dev.sequor.study.ClippingStudy;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;

/** What clipping did to gradients that explode, in words, as JSON and as a page. */
final class ClippingReport implements Findings {
  private final ClippingStudy.Outcome outcome;

  ClippingReport(ClippingStudy.Outcome outcome) {
    this.outcome = outcome;
  }

  private static String format(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }

  private String setUp() {
    return format(
        "max(0, x) instead of tanh, recurrent weights %s times as large as usual, plain gradient"
            + " descent at rate %s, %d words between",
        ClippingStudy.GAIN, ClippingStudy.RATE, outcome.study().distance());
  }

  private static String ended(ClippingStudy.Course course) {
    String largest = format("largest norm of a gradient %.3g", course.largestNorm());
    return course.diverged()
        ? largest + format(", not finite any more in step %d", course.losses().size() + 1)
        : largest + format(", loss %.3g at the end", course.lastLoss());
  }

  @Override
  public void print(PrintWriter words) {
    words.println("A plain RNN made to explode (" + setUp() + ")");
    words.println("without clipping  " + ended(outcome.unclipped()));
    words.println(format("clipped at norm %s  %s", ClippingStudy.CLIP, ended(outcome.clipped())));
    words.flush();
  }

  @Override
  public Map<String, Object> json() {
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("distance", outcome.study().distance());
    all.put("seed", outcome.study().seed());
    all.put("recurrentGain", ClippingStudy.GAIN);
    all.put("learningRate", ClippingStudy.RATE);
    all.put("clip", ClippingStudy.CLIP);
    all.put("withoutClipping", json(outcome.unclipped()));
    all.put("withClipping", json(outcome.clipped()));
    return all;
  }

  private static Map<String, Object> json(ClippingStudy.Course course) {
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("diverged", course.diverged());
    all.put("loss", course.losses());
    all.put("gradientNorm", course.gradientNorms());
    return all;
  }

  @Override
  public HtmlPage page() {
    HtmlPage page = HtmlPage.of("Gradients that explode");
    writeTo(page);
    page.footer("Made by sequor demo clipping.");
    return page;
  }

  /** Adds what there is to see to a page. */
  void writeTo(HtmlPage page) {
    page.paragraph(
        "A plain RNN made to explode: "
            + setUp()
            + ". Both trainings begin with the same weights and read the same sentences; in one of"
            + " them gradients longer than "
            + ClippingStudy.CLIP
            + " are shortened to that. Without clipping: "
            + ended(outcome.unclipped())
            + ". With clipping: "
            + ended(outcome.clipped())
            + ". A gradient that explodes throws the weights far away in one update; a clipped one"
            + " points the same way and goes a short step.");
    page.pictures(
        List.of(
            norms().draw(),
            chart("Loss", ClippingStudy.Course::losses)
                .y("nats a sentence", AxisScale.LOGARITHMIC)
                .draw()));
  }

  @Override
  public Svg picture() {
    return norms().alone().draw();
  }

  private Chart norms() {
    return chart("Norm of the gradient, before clipping", ClippingStudy.Course::gradientNorms)
        .y("norm", AxisScale.LOGARITHMIC);
  }

  private Chart chart(String title, Function<ClippingStudy.Course, List<Double>> values) {
    return Chart.of(title)
        .x("step", AxisScale.LOGARITHMIC)
        .legend()
        .add(
            Series.line(
                "without clipping", 0, LogarithmicPoints.of(values.apply(outcome.unclipped()))))
        .add(
            Series.line("with clipping", 1, LogarithmicPoints.of(values.apply(outcome.clipped()))));
  }
}
