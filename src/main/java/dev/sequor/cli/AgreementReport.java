package dev.sequor.cli;

import dev.sequor.picture.AxisScale;
import dev.sequor.picture.Chart;
import dev.sequor.picture.HtmlPage;
import dev.sequor.picture.HtmlTable;
import dev.sequor.picture.Series;
import dev.sequor.picture.Svg;
import dev.sequor.study.AgreementStudy;
import dev.sequor.study.AgreementStudy.Learner;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;

/** What came of an agreement over growing distances, in words, as JSON and as a page. */
final class AgreementReport implements Findings {
  private static final String WORDS_BETWEEN = "words between subject and verb";

  private final AgreementStudy.Outcome outcome;
  private final AgreementStudy study;
  private final ClippingReport exploding;

  AgreementReport(AgreementStudy.Outcome outcome, ClippingReport exploding) {
    this.outcome = outcome;
    this.study = outcome.study();
    this.exploding = exploding;
  }

  private static String format(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }

  private int longest() {
    return study.distances().get(study.distances().size() - 1);
  }

  /** The number of the distance that trained models are looked at. */
  private int shown() {
    return outcome.longestSolved().orElse(study.distances().size() - 1);
  }

  /** What is to be learned from the accuracies, whichever they are. */
  private String verdict() {
    if (outcome.longestSolved().isEmpty()) {
      return format(
          "With these settings GRU and LSTM both reach %.0f %% at none of the distances, so nothing"
              + " can be said of the plain RNN beside them.",
          100 * AgreementStudy.SOLVED);
    }
    int at = outcome.longestSolved().getAsInt();
    double points = 100 * outcome.lag(at);
    String beside =
        points > 0
            ? format("is %.1f points behind the worse of them", points)
            : "learns that as well";
    return format(
        "The longest distance that GRU and LSTM both learn (at least %.0f %% right) is %d words; the"
            + " plain RNN %s.",
        100 * AgreementStudy.SOLVED, study.distances().get(at), beside);
  }

  private String sameForAll() {
    return format(
        "%d units, %,d updates by Adam of %d sentences each, learning rate %s, norm of the gradient"
            + " clipped at %s, seed %d",
        study.hiddenSize(),
        study.steps(),
        study.settings(AgreementStudy.CELLS.get(0)).batchSize(),
        study.settings(AgreementStudy.CELLS.get(0)).learningRate(),
        study.settings(AgreementStudy.CELLS.get(0)).clip(),
        study.seed());
  }

  // ---- in words ---------------------------------------------------------------------------------

  @Override
  public void print(PrintWriter words) {
    words.println("Right of " + AgreementStudy.JUDGED + " new sentences, by " + WORDS_BETWEEN);
    words.println("(chance is 50 %; the same for all cells: " + sameForAll() + ")");
    words.print(format("%-18s", ""));
    study.distances().forEach(distance -> words.print(format("%9d", distance)));
    words.println();
    for (Learner learner : outcome.learners()) {
      words.print(format("%-18s", learner.cell().id()));
      learner.accuracy().forEach(right -> words.print(format("%7.1f %%", 100 * right)));
      words.println();
    }
    words.println(verdict());
    words.println();
    words.println(
        "Gradient by the hidden state at the subject, as a part of that at the last word, over "
            + longest()
            + " words, before training");
    for (Learner learner : outcome.learners()) {
      List<Double> norms = Learner.norms(learner.untrained());
      words.println(
          format("%-18s%9.2g", learner.cell().id(), norms.get(1) / norms.get(norms.size() - 1)));
    }
    words.println();
    exploding.print(words);
  }

  // ---- as JSON ----------------------------------------------------------------------------------

  private <T> Map<String, T> byCell(Function<Learner, T> of) {
    Map<String, T> all = new LinkedHashMap<>();
    outcome.learners().forEach(learner -> all.put(learner.cell().id(), of.apply(learner)));
    return all;
  }

  @Override
  public Map<String, Object> json() {
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("seed", study.seed());
    result.put("steps", study.steps());
    result.put("hidden", study.hiddenSize());
    result.put("sentences", AgreementStudy.JUDGED);
    result.put("distances", study.distances());
    result.put("accuracy", byCell(Learner::accuracy));
    outcome
        .longestSolved()
        .ifPresent(
            at -> {
              result.put("longestSolved", study.distances().get(at));
              result.put("rnnBehindPoints", 100 * outcome.lag(at));
            });
    result.put("verdict", verdict());
    Map<String, Object> norms = new LinkedHashMap<>();
    norms.put("untrainedDistance", longest());
    norms.put("untrained", byCell(learner -> Learner.norms(learner.untrained())));
    norms.put("trainedDistance", study.distances().get(shown()));
    norms.put("trained", byCell(learner -> Learner.norms(learner.trained().get(shown()))));
    result.put("gradientNorms", norms);
    result.put("exploding", exploding.json());
    return result;
  }

  // ---- as a page --------------------------------------------------------------------------------

  @Override
  public HtmlPage page() {
    HtmlPage page = HtmlPage.of("The cats, which already ate, were full");
    page.paragraph(
        "Whether the verb is “was” or “were” depends on the subject, which stands many words before"
            + " it. For each distance a new model of each cell learns sentences of exactly so many "
            + WORDS_BETWEEN
            + ", and is judged by "
            + AgreementStudy.JUDGED
            + " that it has not seen. The nouns in between are singular or plural by chance: they say"
            + " nothing of the verb, and the last one misleads in half of all sentences. Who guesses"
            + " has 50 %.");
    page.remark("The same for all cells: " + sameForAll() + ". No cell has a setting of its own.");
    page.section("How far apart subject and verb may be");
    page.paragraph(verdict());
    page.picture(accuracyChart().draw());
    page.table(accuracyTable());
    page.remark(
        "A line at 50 % is a model that has not found the subject at all. What is hard is to learn"
            + " over the distance, not to remember: where short sentences are among the long ones, a"
            + " plain RNN too may find the subject in the short ones first and then keep it for long.");
    page.section("How far back gradients reach");
    page.paragraph(
        "The norm ‖∂loss/∂a⟨t⟩‖ of the gradient by the hidden state after each word, before training"
            + " and after. The subject is the second word. A line that falls steeply to the left is a"
            + " gradient that vanishes: what was read there changes nothing in the weights. Models"
            + " that have learned have a small loss and small gradients, so the norms after training"
            + " are shown as parts of that at the last word.");
    page.pictures(List.of(untrainedChart(), trainedChart()));
    page.remark(
        "Before training the GRU's update gate stands half open and the LSTM's forget gate at about"
            + " 0.73. Both can learn to keep what they have; a plain RNN has no gate that could.");
    page.section("Gradients that explode");
    exploding.writeTo(page);
    page.footer("Made by sequor demo agreement.");
    return page;
  }

  @Override
  public Svg picture() {
    return accuracyChart().alone().draw();
  }

  private Chart accuracyChart() {
    Chart chart =
        Chart.of("Right, by distance")
            .x(WORDS_BETWEEN, AxisScale.INTEGER)
            .y("right of new sentences, %", AxisScale.LINEAR)
            .legend();
    int look = 0;
    for (Learner learner : outcome.learners()) {
      List<Series.Point> points = new ArrayList<>();
      for (int i = 0; i < study.distances().size(); i++) {
        points.add(Series.Point.of(study.distances().get(i), 100 * learner.accuracy().get(i)));
      }
      chart.add(Series.marked(learner.cell().id(), look++, points));
    }
    return chart;
  }

  private HtmlTable accuracyTable() {
    HtmlTable table = HtmlTable.of("Right of new sentences, %, by " + WORDS_BETWEEN).words("");
    study.distances().forEach(distance -> table.numbers(String.valueOf(distance)));
    for (Learner learner : outcome.learners()) {
      List<String> row = new ArrayList<>(List.of(learner.cell().id()));
      learner.accuracy().forEach(right -> row.add(format("%.1f", 100 * right)));
      table.row(row.toArray(String[]::new));
    }
    return table;
  }

  private Svg untrainedChart() {
    return gradientChart(
        "Before training, " + longest() + " words between",
        "norm of the gradient",
        learner -> Learner.norms(learner.untrained()));
  }

  private Svg trainedChart() {
    return gradientChart(
        "After training, " + study.distances().get(shown()) + " words between",
        "part of the norm at the end",
        learner -> {
          List<Double> norms = Learner.norms(learner.trained().get(shown()));
          double last = norms.get(norms.size() - 1);
          return norms.stream().map(norm -> norm / last).toList();
        });
  }

  private Svg gradientChart(String title, String y, Function<Learner, List<Double>> norms) {
    Chart chart = Chart.of(title).x("word", AxisScale.INTEGER).y(y, AxisScale.LOGARITHMIC).legend();
    int look = 0;
    for (Learner learner : outcome.learners()) {
      chart.add(
          Series.line(learner.cell().id(), look++, LogarithmicPoints.of(norms.apply(learner))));
    }
    return chart.draw();
  }
}
