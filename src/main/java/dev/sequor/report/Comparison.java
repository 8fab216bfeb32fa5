package dev.sequor.report;

import dev.sequor.backend.Required;
import dev.sequor.picture.AxisScale;
import dev.sequor.picture.Chart;
import dev.sequor.picture.HtmlPage;
import dev.sequor.picture.HtmlTable;
import dev.sequor.picture.Series;
import dev.sequor.picture.Svg;
import dev.sequor.report.TrainingRecord.Judgement;
import dev.sequor.report.TrainingRecord.Point;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;

/**
 * Several trainings on the same data, beside each other.
 *
 * @param trainings at least two, with names of their own
 */
public record Comparison(List<Training> trainings) {
  /** More lines than that nobody tells apart. */
  public static final int MAX_TRAININGS = 20;

  /** Of so many points lines over each other can be read. */
  private static final int POINTS_OF_A_LINE = 100;

  private static final String ABSENT = "–";

  /**
   * One of them.
   *
   * @param name for people, short
   */
  public record Training(String name, TrainingRecord record) {
    /** Checks that both are there. */
    public Training {
      Required.present("name", name);
      Required.present("record", record);
    }

    /** The lowest loss on held-out data; NaN if none is known. */
    public double bestLoss() {
      return best().map(this::loss).orElse(Double.NaN);
    }

    /** The step of {@link #bestLoss}; 0 if none is known. */
    public long bestStep() {
      return best().map(Judgement::step).orElse(0L);
    }

    private Optional<Judgement> best() {
      return record.judgements().stream()
          .filter(each -> !Double.isNaN(loss(each)))
          .min(Comparator.comparingDouble(this::loss));
    }

    private double loss(Judgement judgement) {
      return judgement.figures().getOrDefault(record.subject().heldOut(), Double.NaN);
    }

    /** Seconds that it took; NaN if that is not known. */
    public double seconds() {
      return record.last().map(Point::seconds).orElse(Double.NaN);
    }

    /** Elements learned from in a second; NaN if that is not known. */
    public double perSecond() {
      return record.points().stream()
          .filter(point -> !Double.isNaN(point.perSecond()))
          .reduce(Point::and)
          .map(Point::perSecond)
          .orElse(Double.NaN);
    }
  }

  /**
   * Copies the list.
   *
   * @throws IllegalArgumentException if there are too few or too many, two have one name, or two
   *     cannot be compared: names both
   */
  public Comparison {
    trainings = List.copyOf(Required.present("trainings", trainings));
    if (trainings.size() < 2 || trainings.size() > MAX_TRAININGS) {
      throw new IllegalArgumentException(
          "there are "
              + trainings.size()
              + " trainings to compare; needed from 2 to "
              + MAX_TRAININGS);
    }
    Set<String> names = new HashSet<>();
    Training first = trainings.get(0);
    for (Training each : trainings) {
      if (!names.add(each.name())) {
        throw new IllegalArgumentException(
            "two trainings are called '" + each.name() + "'; needed each once");
      }
      requireSame(first, each, "unit", TrainingRecord.Subject::unit);
      requireSame(first, each, "data", TrainingRecord.Subject::data);
    }
  }

  private static void requireSame(
      Training first, Training other, String what, Function<TrainingRecord.Subject, String> of) {
    TrainingRecord.Subject one = first.record().subject();
    TrainingRecord.Subject two = other.record().subject();
    if (!of.apply(one).equals(of.apply(two))) {
      throw new IllegalArgumentException(
          inWords(first)
              + " and "
              + inWords(other)
              + " cannot be compared; needed the same "
              + what);
    }
  }

  private static String inWords(Training training) {
    return training.name()
        + " ("
        + training.record().title()
        + ", "
        + training.record().subject().unit()
        + ")";
  }

  /** What losses are in. */
  public String unit() {
    return trainings.get(0).record().subject().unit();
  }

  /** The values of a setting, one for each training; a dash where there is none. */
  private List<String> values(String setting) {
    return trainings.stream()
        .map(each -> each.record().configuration().getOrDefault(setting, ABSENT))
        .toList();
  }

  private Set<String> settings() {
    Set<String> settings = new LinkedHashSet<>();
    trainings.forEach(each -> settings.addAll(each.record().configuration().keySet()));
    return settings;
  }

  /** The settings that are not the same in all, with a value for each training. */
  public Map<String, List<String>> differences() {
    Map<String, List<String>> differences = new LinkedHashMap<>();
    for (String setting : settings()) {
      if (values(setting).stream().distinct().count() > 1) {
        differences.put(setting, values(setting));
      }
    }
    return differences;
  }

  /** How many settings are the same in all. */
  public int equalSettings() {
    return settings().size() - differences().size();
  }

  /** The names of figures other than losses, of any of the trainings. */
  public Set<String> figures() {
    Set<String> figures = new LinkedHashSet<>();
    for (Training each : trainings) {
      each.record().judgements().forEach(judgement -> figures.addAll(judgement.figures().keySet()));
      figures.remove(each.record().subject().heldOut());
    }
    return figures;
  }

  // ---- the page ---------------------------------------------------------------------------------

  /** All of that as a page with charts. */
  public HtmlPage page() {
    HtmlPage page = HtmlPage.of(trainings.size() + " trainings compared");
    page.paragraph(trainings.get(0).record().subject().name());
    page.section("Course");
    page.pictures(pictures());
    page.section("Figures");
    page.table(table());
    page.section("What differs");
    if (differences().isEmpty()) {
      page.paragraph("All settings are the same.");
    } else {
      HtmlTable differing = HtmlTable.of("Settings that differ").words("setting");
      trainings.forEach(each -> differing.words(each.name()));
      differences()
          .forEach(
              (setting, values) -> {
                List<String> row = new ArrayList<>(List.of(setting));
                row.addAll(values);
                differing.row(row.toArray(String[]::new));
              });
      page.table(differing);
      page.remark(TrainingPage.count(equalSettings()) + " other settings are the same in all.");
    }
    return page.footer("Made by Sequor " + Environment.VERSION + ".");
  }

  /** The losses in training over each other, alone. */
  public Svg picture() {
    return training().alone().draw();
  }

  private Chart training() {
    Chart chart = byStep("Loss in training", unit());
    for (int look = 0; look < trainings.size(); look++) {
      Training each = trainings.get(look);
      chart.add(
          Series.line(each.name(), look, points(thinned(each.record()), Point::step, Point::loss)));
    }
    return chart;
  }

  private List<Svg> pictures() {
    List<Svg> pictures = new ArrayList<>();
    Chart heldOut = byStep("Loss on held-out data", unit());
    Chart clock =
        Chart.of("Loss in training, by time")
            .x("seconds", AxisScale.LINEAR)
            .y(unit(), AxisScale.LINEAR)
            .showing(0)
            .legend();
    Chart norms = byStep("Norm of the gradient, before clipping", "norm");
    boolean hasClock = false;
    boolean hasNorms = false;
    for (int look = 0; look < trainings.size(); look++) {
      Training each = trainings.get(look);
      List<Point> points = thinned(each.record());
      hasNorms |= points.stream().anyMatch(point -> !Double.isNaN(point.gradientNorm()));
      norms.add(Series.line(each.name(), look, points(points, Point::step, Point::gradientNorm)));
      heldOut.add(Series.marked(each.name(), look, judged(each)));
      List<Series.Point> timed =
          points(
              points.stream().filter(point -> !Double.isNaN(point.seconds())).toList(),
              Point::seconds,
              Point::loss);
      hasClock |= !timed.isEmpty();
      clock.add(Series.line(each.name(), look, timed));
    }
    pictures.add(training().draw());
    pictures.add(heldOut.draw());
    if (hasClock) {
      pictures.add(clock.draw());
    }
    if (hasNorms) {
      pictures.add(norms.draw());
    }
    return pictures;
  }

  private static Chart byStep(String title, String unit) {
    return Chart.of(title)
        .x(TrainingPage.STEP, AxisScale.INTEGER)
        .y(unit, AxisScale.LINEAR)
        .showing(0)
        .legend();
  }

  private static List<Point> thinned(TrainingRecord record) {
    return new BoundedSeries<>(POINTS_OF_A_LINE, Point::and, record.points()).values();
  }

  private static List<Series.Point> points(
      List<Point> points, ToDoubleFunction<Point> x, ToDoubleFunction<Point> y) {
    return points.stream()
        .map(point -> Series.Point.of(x.applyAsDouble(point), y.applyAsDouble(point)))
        .toList();
  }

  private static List<Series.Point> judged(Training training) {
    return training.record().judgements().stream()
        .map(each -> Series.Point.of((double) each.step(), training.loss(each)))
        .toList();
  }

  private HtmlTable table() {
    HtmlTable table =
        HtmlTable.of("Losses in training and on held-out data, in " + unit())
            .words("training")
            .words("state")
            .numbers("steps")
            .numbers("training")
            .numbers("held-out")
            .numbers("best")
            .numbers("at step")
            .numbers("seconds")
            .numbers(trainings.get(0).record().subject().elements() + " / s");
    figures().forEach(table::numbers);
    for (Training each : trainings) {
      TrainingRecord record = each.record();
      List<String> row = new ArrayList<>();
      row.add(each.name());
      row.add(record.state().words());
      row.add(TrainingPage.count(record.lastStep()));
      row.add(TrainingPage.number(record.recentLoss()));
      row.add(TrainingPage.number(record.latest(record.subject().heldOut())));
      row.add(TrainingPage.number(each.bestLoss()));
      row.add(each.bestStep() == 0 ? ABSENT : TrainingPage.count(each.bestStep()));
      row.add(TrainingPage.number(each.seconds()));
      row.add(
          Double.isNaN(each.perSecond())
              ? ABSENT
              : TrainingPage.count(Math.round(each.perSecond())));
      figures().forEach(figure -> row.add(TrainingPage.number(record.latest(figure))));
      table.row(row.toArray(String[]::new));
    }
    return table;
  }
}
