package dev.sequor.cli;

import dev.sequor.diagnose.ClippedGradients;
import dev.sequor.diagnose.Diagnosis;
import dev.sequor.model.Clipping;
import dev.sequor.picture.AxisScale;
import dev.sequor.picture.Chart;
import dev.sequor.picture.HtmlPage;
import dev.sequor.picture.HtmlTable;
import dev.sequor.picture.Series;
import dev.sequor.picture.Svg;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What was found out about models, as a page, in words and as JSON. */
final class DiagnosisReport implements Findings {
  /** The steps back, of those that there are, that are named. */
  private static final List<Integer> BACK = List.of(0, 1, 5, 10, 20, 50, 100, 200, 500, 1000);

  private final List<Subject> subjects;
  private final int steps;
  private final int sequences;
  private final boolean everyStep;

  /** A model that was looked at. */
  record Subject(String name, Diagnosis diagnosis, ClippedGradients gradients) {}

  DiagnosisReport(List<Subject> subjects, int steps, int sequences, boolean everyStep) {
    this.subjects = List.copyOf(subjects);
    this.steps = steps;
    this.sequences = sequences;
    this.everyStep = everyStep;
  }

  private String name(Subject subject, Diagnosis.Layer layer) {
    boolean alone = subject.diagnosis().layers().size() == 1;
    return alone
        ? subject.name()
        : (subjects.size() == 1 ? "" : subject.name() + ", ") + layer.name().words();
  }

  /** Those of {@link #BACK} that there are, and the first step. */
  private List<Integer> back() {
    List<Integer> back = new ArrayList<>(BACK.stream().filter(b -> b < steps - 1).toList());
    back.add(steps - 1);
    return back;
  }

  private String loss() {
    return everyStep ? "the mean loss of all steps" : "the loss of the last step";
  }

  /** Rising. */
  private static double[] norms(Subject subject) {
    return subject.gradients().gradients().stream()
        .mapToDouble(ClippedGradients.Gradient::norm)
        .sorted()
        .toArray();
  }

  private static double median(double[] rising) {
    int half = rising.length / 2;
    return rising.length % 2 == 1 ? rising[half] : (rising[half - 1] + rising[half]) / 2;
  }

  private static String percent(double part) {
    return String.format(Locale.ROOT, "%.1f %%", 100 * part);
  }

  /** What bounds there are, and how many are cut by them. */
  private static String clipped(ClippedGradients gradients) {
    Clipping clipping = gradients.clipping();
    int all = gradients.gradients().size();
    StringBuilder words = new StringBuilder();
    if (clipping.globalNorm() > 0) {
      words.append("; ").append(gradients.scaled()).append(" of ").append(all);
      words.append(" above the bound of ").append(clipping.globalNorm());
    }
    if (clipping.value() > 0) {
      words.append("; ").append(gradients.clamped()).append(" of ").append(all);
      words.append(" with elements above ").append(clipping.value());
    }
    return words.length() == 0 ? "; no bound to clip to" : words.toString();
  }

  // ---- in words ---------------------------------------------------------------------------------

  @Override
  public void print(PrintWriter words) {
    words.println(
        "Norm of the gradient of "
            + loss()
            + " by the hidden state, so many steps before the end ("
            + sequences
            + " sequences of "
            + steps
            + " steps)");
    for (Subject subject : subjects) {
      for (Diagnosis.Layer layer : subject.diagnosis().layers()) {
        StringBuilder line = new StringBuilder(name(subject, layer));
        for (int back : back()) {
          line.append(
              String.format(
                  Locale.ROOT, "  %d: %.2g", back, layer.gradientNorms().get(steps - 1 - back)));
        }
        words.println(line);
        for (Diagnosis.Gate gate : layer.gates()) {
          words.println(
              String.format(
                  Locale.ROOT,
                  "  gate %c  mean %.2f  saturated low %.0f %%, high %.0f %%",
                  gate.name(),
                  gate.mean(),
                  100 * gate.low(),
                  100 * gate.high()));
        }
        layer
            .clippedCells()
            .ifPresent(part -> words.println("  " + percent(part) + " of cell states clipped"));
      }
    }
    words.println("Norm of the gradient by all weights, of each sequence as if trained on alone");
    for (Subject subject : subjects) {
      double[] norms = norms(subject);
      words.println(
          String.format(
              Locale.ROOT,
              "%s  %.2g to %.2g, median %.2g%s",
              subject.name(),
              norms[0],
              norms[norms.length - 1],
              median(norms),
              clipped(subject.gradients())));
    }
    words.flush();
  }

  // ---- as JSON ----------------------------------------------------------------------------------

  @Override
  public Map<String, Object> json() {
    List<Map<String, Object>> models = new ArrayList<>();
    for (Subject subject : subjects) {
      List<Map<String, Object>> layers = new ArrayList<>();
      for (Diagnosis.Layer layer : subject.diagnosis().layers()) {
        List<Map<String, Object>> gates = new ArrayList<>();
        for (Diagnosis.Gate gate : layer.gates()) {
          Map<String, Object> one = new LinkedHashMap<>();
          one.put("name", String.valueOf(gate.name()));
          one.put("mean", gate.mean());
          one.put("low", gate.low());
          one.put("high", gate.high());
          gates.add(one);
        }
        Map<String, Object> one = new LinkedHashMap<>();
        one.put("node", layer.name().node());
        one.put("layer", layer.name().layer());
        one.put("backward", layer.name().backward());
        one.put("gradientNorms", layer.gradientNorms());
        one.put("gates", gates);
        layer.clippedCells().ifPresent(part -> one.put("clippedCells", part));
        layers.add(one);
      }
      Map<String, Object> model = new LinkedHashMap<>();
      model.put("name", subject.name());
      model.put("loss", subject.diagnosis().loss());
      model.put("layers", layers);
      model.put("gradients", gradients(subject.gradients()));
      models.add(model);
    }
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("of", everyStep ? "every-step" : "last-step");
    result.put("steps", steps);
    result.put("sequences", sequences);
    result.put("models", models);
    return result;
  }

  private static Map<String, Object> gradients(ClippedGradients gradients) {
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("norms", gradients.gradients().stream().map(ClippedGradients.Gradient::norm).toList());
    if (gradients.clipping().globalNorm() > 0) {
      all.put("clipNorm", gradients.clipping().globalNorm());
      all.put("clippedByNorm", gradients.scaled());
    }
    if (gradients.clipping().value() > 0) {
      all.put("clipValue", gradients.clipping().value());
      all.put("clippedByValue", gradients.clamped());
    }
    return all;
  }

  // ---- as a page --------------------------------------------------------------------------------

  @Override
  public HtmlPage page() {
    HtmlPage page = HtmlPage.of("How far back gradients reach");
    page.paragraph(
        "For each time step t, how much "
            + loss()
            + " depends on the hidden state a⟨t⟩: the norm ‖∂loss/∂a⟨t⟩‖ over all units of "
            + sequences
            + " sequences of "
            + steps
            + " steps. A line that falls steeply to the left is a gradient that vanishes: the model"
            + " cannot learn what the steps there have to do with the end. One that rises explodes.");
    page.picture(chart().draw());
    HtmlTable norms = HtmlTable.of("Norm of the gradient, so many steps before the end").words("");
    List<Integer> shown = back();
    shown.forEach(back -> norms.numbers(String.valueOf(back)));
    for (Subject subject : subjects) {
      for (Diagnosis.Layer layer : subject.diagnosis().layers()) {
        List<String> row = new ArrayList<>(List.of(name(subject, layer)));
        shown.forEach(
            back ->
                row.add(
                    String.format(
                        Locale.ROOT, "%.2g", layer.gradientNorms().get(steps - 1 - back))));
        norms.row(row.toArray(String[]::new));
      }
    }
    page.table(norms);
    page.section("Gates");
    page.paragraph(
        "How far open gates are, over all units, steps and sequences. A gate below 0.1 or above 0.9"
            + " is saturated: its own gradient is small. For values from −1 to 1 (candidates, and"
            + " the tanh of a plain RNN) it is below −0.9 or above 0.9.");
    page.table(gates());
    page.section("Clipping");
    page.paragraph(
        "The norm of the gradient by all weights, of the mean loss of all steps of each sequence, as"
            + " if it were trained on alone. The windows of a training have several sequences; the"
            + " mean of their gradients is smaller.");
    page.table(clipping());
    page.footer("Made by sequor diagnose.");
    return page;
  }

  @Override
  public Svg picture() {
    return chart().alone().draw();
  }

  private Chart chart() {
    Chart chart =
        Chart.of("Gradient by the hidden state")
            .x("time step", AxisScale.INTEGER)
            .y("norm of the gradient", AxisScale.LOGARITHMIC);
    int look = 0;
    for (Subject subject : subjects) {
      for (Diagnosis.Layer layer : subject.diagnosis().layers()) {
        chart.add(
            Series.line(name(subject, layer), look++, LogarithmicPoints.of(layer.gradientNorms())));
      }
    }
    return chart;
  }

  private HtmlTable clipping() {
    HtmlTable table =
        HtmlTable.of("Gradients by all weights")
            .words("model")
            .numbers("least")
            .numbers("median")
            .numbers("largest")
            .words("clipping")
            .words("clipped cell states");
    for (Subject subject : subjects) {
      double[] norms = norms(subject);
      List<String> cells = new ArrayList<>();
      for (Diagnosis.Layer layer : subject.diagnosis().layers()) {
        layer
            .clippedCells()
            .ifPresent(part -> cells.add(layer.name().words() + ": " + percent(part)));
      }
      table.row(
          subject.name(),
          String.format(Locale.ROOT, "%.2g", norms[0]),
          String.format(Locale.ROOT, "%.2g", median(norms)),
          String.format(Locale.ROOT, "%.2g", norms[norms.length - 1]),
          clipped(subject.gradients()).substring(2),
          cells.isEmpty() ? "no bound" : String.join(", ", cells));
    }
    return table;
  }

  private HtmlTable gates() {
    HtmlTable table =
        HtmlTable.of("Gates")
            .words("layer")
            .words("gate")
            .numbers("mean")
            .numbers("low, %")
            .numbers("high, %");
    for (Subject subject : subjects) {
      for (Diagnosis.Layer layer : subject.diagnosis().layers()) {
        for (Diagnosis.Gate gate : layer.gates()) {
          table.row(
              name(subject, layer),
              String.valueOf(gate.name()),
              String.format(Locale.ROOT, "%.3f", gate.mean()),
              String.format(Locale.ROOT, "%.1f", 100 * gate.low()),
              String.format(Locale.ROOT, "%.1f", 100 * gate.high()));
        }
      }
    }
    return table;
  }
}
