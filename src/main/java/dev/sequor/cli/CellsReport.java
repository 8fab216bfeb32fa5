package dev.sequor.cli;

import dev.sequor.backend.CellType;
import dev.sequor.picture.AxisScale;
import dev.sequor.picture.Chart;
import dev.sequor.picture.HtmlPage;
import dev.sequor.picture.HtmlTable;
import dev.sequor.picture.Series;
import dev.sequor.picture.Svg;
import dev.sequor.study.CellStudy;
import dev.sequor.study.CellStudy.Learner;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What the cells made of a text, in words, as JSON and as a page. */
final class CellsReport implements Findings {
  private final String text;
  private final String device;
  private final CellStudy study;
  private final CellStudy.Outcome outcome;

  /**
   * Says what was found out.
   *
   * @param text what was learned
   * @param device where
   */
  CellsReport(String text, String device, CellStudy.Outcome outcome) {
    this.text = text;
    this.device = device;
    this.study = outcome.study();
    this.outcome = outcome;
  }

  private static String format(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }

  private static double milliseconds(Learner learner) {
    return 1000 * learner.stepSeconds();
  }

  private static Learner of(List<Learner> learners, CellType cell) {
    return learners.get(CellStudy.CELLS.indexOf(cell));
  }

  /** What came out, of GRU and LSTM and of all. */
  private static String verdict(List<Learner> learners) {
    Learner lstm = of(learners, CellType.LSTM);
    Learner gru = of(learners, CellType.GRU_RESET_AFTER);
    Learner best =
        learners.stream().min(Comparator.comparingDouble(Learner::heldOutBits)).orElseThrow();
    double bits = gru.heldOutBits() - lstm.heldOutBits();
    return format(
        "A step of the GRU (%s) takes %.2f times as long as one of the LSTM, and it has %.2f times"
            + " as many parameters. It needs %.3f bits per character, the LSTM %.3f: %s. The best"
            + " of all is %s with %.3f.",
        gru.cell().id(),
        gru.stepSeconds() / lstm.stepSeconds(),
        (double) gru.parameters() / lstm.parameters(),
        gru.heldOutBits(),
        lstm.heldOutBits(),
        Math.abs(bits) < 0.01
            ? "hardly a difference so far"
            : bits > 0 ? "the LSTM is ahead" : "the GRU is ahead",
        best.cell().id(),
        best.heldOutBits());
  }

  private String sameForAll() {
    return format(
        "%s; %,d updates by Adam of %d sequences of %d characters, seed %d; times of %s",
        text, study.steps(), CellStudy.BATCH_SIZE, CellStudy.TIME_STEPS, study.seed(), device);
  }

  private String unitsHeading() {
    return "As many units each: " + study.hiddenSize();
  }

  private String parametersHeading() {
    return format(
        "About as many parameters each: %,d", of(outcome.equalUnits(), CellType.LSTM).parameters());
  }

  // ---- in words ---------------------------------------------------------------------------------

  @Override
  public void print(PrintWriter words) {
    words.println(sameForAll());
    print(words, unitsHeading(), outcome.equalUnits());
    print(words, parametersHeading(), outcome.equalParameters());
    words.flush();
  }

  private static void print(PrintWriter words, String heading, List<Learner> learners) {
    words.println();
    words.println(heading);
    words.println(
        format("%-18s%7s%12s%16s%10s", "", "units", "parameters", "held-out bits", "ms/step"));
    for (Learner learner : learners) {
      words.println(
          format(
              "%-18s%7d%,12d%16.3f%10.2f",
              learner.cell().id(),
              learner.hiddenSize(),
              learner.parameters(),
              learner.heldOutBits(),
              milliseconds(learner)));
    }
    words.println(verdict(learners));
  }

  // ---- as JSON ----------------------------------------------------------------------------------

  @Override
  public Map<String, Object> json() {
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("text", text);
    result.put("device", device);
    result.put("seed", study.seed());
    result.put("steps", study.steps());
    result.put("equalUnits", json(outcome.equalUnits()));
    result.put("equalParameters", json(outcome.equalParameters()));
    return result;
  }

  private static Map<String, Object> json(List<Learner> learners) {
    Map<String, Object> cells = new LinkedHashMap<>();
    for (Learner learner : learners) {
      Map<String, Object> one = new LinkedHashMap<>();
      one.put("hidden", learner.hiddenSize());
      one.put("parameters", learner.parameters());
      one.put("heldOutBitsPerCharacter", learner.heldOutBits());
      one.put("medianStepSeconds", learner.stepSeconds());
      one.put("trainBitsPerCharacter", learner.curve());
      cells.put(learner.cell().id(), one);
    }
    return cells;
  }

  // ---- as a page --------------------------------------------------------------------------------

  @Override
  public HtmlPage page() {
    HtmlPage page = HtmlPage.of("What each cell makes of a text");
    page.paragraph(
        "Every cell learns to predict the next character of the same text, from the same windows"
            + " with the same optimiser, learning rates and clipping. The cells take turns step by"
            + " step, so that a busy machine slows all of them alike; a time is the median of the"
            + " steps after the first tenth. Fewer bits per character are better.");
    page.remark(sameForAll() + ".");
    page.remark(
        "After few updates the cells that learn fast are ahead; more (--steps) may order them"
            + " otherwise.");
    section(page, unitsHeading(), outcome.equalUnits());
    page.remark(
        "With as many units a GRU has three quarters of an LSTM's recurrent weights and a plain RNN"
            + " a quarter: less to compute, and less to learn with.");
    section(page, parametersHeading(), outcome.equalParameters());
    page.remark(
        "With as many parameters the question is what a cell makes of them; the cells with fewer"
            + " gates then have more units.");
    page.footer("Made by sequor demo cells.");
    return page;
  }

  private void section(HtmlPage page, String heading, List<Learner> learners) {
    page.section(heading);
    page.paragraph(verdict(learners));
    page.pictures(List.of(quality(learners).draw(), curves(learners)));
    HtmlTable table =
        HtmlTable.of(heading)
            .words("cell")
            .numbers("units")
            .numbers("parameters")
            .numbers("held-out bits per character")
            .numbers("ms a step");
    for (Learner learner : learners) {
      table.row(
          learner.cell().id(),
          String.valueOf(learner.hiddenSize()),
          format("%,d", learner.parameters()),
          format("%.3f", learner.heldOutBits()),
          format("%.2f", milliseconds(learner)));
    }
    page.table(table);
  }

  @Override
  public Svg picture() {
    return quality(outcome.equalUnits()).alone().draw();
  }

  private static Chart quality(List<Learner> learners) {
    Chart chart =
        Chart.of("Quality against time")
            .x("milliseconds a step", AxisScale.LINEAR)
            .y("held-out bits per character", AxisScale.LINEAR)
            .showing(0)
            .legend();
    int look = 0;
    for (Learner learner : learners) {
      Series.Point point = Series.Point.of(milliseconds(learner), learner.heldOutBits());
      chart.add(Series.points(learner.cell().id(), look++, List.of(point)));
    }
    return chart;
  }

  private Svg curves(List<Learner> learners) {
    Chart chart =
        Chart.of("Training")
            .x("step", AxisScale.INTEGER)
            .y("bits per character", AxisScale.LINEAR)
            .legend();
    int look = 0;
    for (Learner learner : learners) {
      List<Series.Point> points = new ArrayList<>();
      int parts = learner.curve().size();
      for (int i = 0; i < parts; i++) {
        points.add(
            Series.Point.of((double) study.steps() * (i + 1) / parts, learner.curve().get(i)));
      }
      chart.add(Series.line(learner.cell().id(), look++, points));
    }
    return chart.draw();
  }
}
