package dev.sequor.cli;

import dev.sequor.diagnose.Diagnosis;
import dev.sequor.picture.AxisScale;
import dev.sequor.picture.Chart;
import dev.sequor.picture.HtmlPage;
import dev.sequor.picture.HtmlTable;
import dev.sequor.picture.Series;
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
  record Subject(String name, Diagnosis diagnosis) {}

  DiagnosisReport(List<Subject> subjects, int steps, int sequences, boolean everyStep) {
    this.subjects = List.copyOf(subjects);
    this.steps = steps;
    this.sequences = sequences;
    this.everyStep = everyStep;
  }

  private static String layerName(Diagnosis.Layer layer) {
    return layer.node() + ", layer " + (layer.layer() + 1) + (layer.backward() ? ", backward" : "");
  }

  private String name(Subject subject, Diagnosis.Layer layer) {
    boolean alone = subject.diagnosis().layers().size() == 1;
    return alone
        ? subject.name()
        : (subjects.size() == 1 ? "" : subject.name() + ", ") + layerName(layer);
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
      }
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
        one.put("node", layer.node());
        one.put("layer", layer.layer());
        one.put("backward", layer.backward());
        one.put("gradientNorms", layer.gradientNorms());
        one.put("gates", gates);
        layers.add(one);
      }
      Map<String, Object> model = new LinkedHashMap<>();
      model.put("name", subject.name());
      model.put("loss", subject.diagnosis().loss());
      model.put("layers", layers);
      models.add(model);
    }
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("of", everyStep ? "every-step" : "last-step");
    result.put("steps", steps);
    result.put("sequences", sequences);
    result.put("models", models);
    return result;
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
    Chart chart =
        Chart.of("Gradient by the hidden state")
            .x("time step", AxisScale.INTEGER)
            .y("norm of the gradient", AxisScale.LOGARITHMIC);
    int look = 0;
    for (Subject subject : subjects) {
      for (Diagnosis.Layer layer : subject.diagnosis().layers()) {
        chart.add(Series.line(name(subject, layer), look++, points(layer)));
      }
    }
    page.picture(chart.draw());
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
    page.footer("Made by sequor diagnose.");
    return page;
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

  /** A gradient of nothing has no place on a logarithmic axis. */
  private static List<Series.Point> points(Diagnosis.Layer layer) {
    List<Series.Point> points = new ArrayList<>();
    for (int t = 0; t < layer.gradientNorms().size(); t++) {
      double norm = layer.gradientNorms().get(t);
      points.add(Series.Point.of(t + 1, norm > 0 ? norm : Double.NaN));
    }
    return points;
  }
}
