package dev.sequor.report;

import dev.sequor.picture.AxisScale;
import dev.sequor.picture.Chart;
import dev.sequor.picture.HtmlPage;
import dev.sequor.picture.HtmlTable;
import dev.sequor.picture.Series;
import dev.sequor.picture.Svg;
import dev.sequor.report.TrainingRecord.Event;
import dev.sequor.report.TrainingRecord.Judgement;
import dev.sequor.report.TrainingRecord.Point;
import dev.sequor.report.TrainingRecord.State;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.ToDoubleFunction;

/** The page of one training. */
public final class TrainingPage {
  /** The x axis of all charts. */
  static final String STEP = "training step";

  private static final int DIGITS = 5;

  /** Settings that say that something is off. */
  private static final Set<String> OFF = Set.of("", "0", "0.0", "false", "NONE");

  private final TrainingRecord record;
  private final HtmlPage page;

  private TrainingPage(TrainingRecord record) {
    this.record = record;
    this.page = HtmlPage.of(record.title());
  }

  /** The page of {@code record}. */
  public static TrainingPage of(TrainingRecord record) {
    TrainingPage page = new TrainingPage(record);
    page.summary();
    page.course();
    page.samples();
    page.events();
    page.settings();
    page.page.footer("Made by Sequor " + Environment.VERSION + ".");
    return page;
  }

  /** The page alone. */
  public HtmlPage html() {
    return page;
  }

  /** The page with the record in it, from which {@link TrainingRecord#read} has it back. */
  public HtmlPage withData() {
    record.embedIn(page);
    return page;
  }

  /** A number for people, of five digits; a dash for one that is not known. */
  static String number(double value) {
    if (!Double.isFinite(value)) {
      return "–";
    }
    boolean plain = value == 0 || (Math.abs(value) >= 1e-4 && Math.abs(value) < 1e9);
    BigDecimal rounded = new BigDecimal(value).round(new MathContext(DIGITS));
    return plain
        ? rounded.stripTrailingZeros().toPlainString()
        : String.format(Locale.ROOT, "%.4g", value);
  }

  static String count(long value) {
    return String.format(Locale.ROOT, "%,d", value);
  }

  private void summary() {
    if (!record.subject().name().isEmpty()) {
      page.paragraph(record.subject().name());
    }
    List<String> parts = new ArrayList<>();
    double heldOut = record.latest(record.subject().heldOut());
    double training = record.recentLoss();
    String unit = record.subject().unit();
    if (!Double.isNaN(heldOut)) {
      parts.add(
          number(heldOut) + " " + unit + " on " + record.subject().heldOutName() + " at last");
    }
    if (!Double.isNaN(training)) {
      parts.add(
          number(training)
              + (parts.isEmpty() ? " " + unit : "")
              + " in training, over the last tenth");
    }
    parts.add("step " + count(record.lastStep()) + " of " + count(record.totalSteps()));
    parts.add(record.state().words());
    page.paragraph(String.join("; ", parts) + ".");
    if (record.state() == State.DIVERGED || record.state() == State.FAILED) {
      page.warning(
          record.events().isEmpty()
              ? "The training " + record.state().words() + "."
              : record.events().get(record.events().size() - 1).words());
    }
  }

  // ---- charts ---------------------------------------------------------------------------------

  private void course() {
    page.section("Course");
    List<Svg> pictures = new ArrayList<>();
    pictures.add(loss());
    for (String figure : figures()) {
      if (judged(figure).size() > 1) {
        pictures.add(chart(figure, figure).add(Series.marked(figure, 1, judged(figure))).draw());
      }
    }
    if (points(Point::gradientNorm).stream().anyMatch(point -> !Double.isNaN(point.y()))) {
      pictures.add(gradientNorm());
    }
    boolean steady = hasOneRate();
    if (!steady) {
      List<Series.Point> rates = points(Point::learningRate);
      pictures.add(
          chart("Learning rate", "learning rate").add(Series.line("rate", 0, rates)).draw());
    }
    if (points(Point::perSecond).stream().anyMatch(point -> !Double.isNaN(point.y()))) {
      String unit = record.subject().elements() + " a second";
      pictures.add(
          chart("Speed", unit).add(Series.line("speed", 0, points(Point::perSecond))).draw());
    }
    page.pictures(pictures);
    page.remark(remarks(steady));
    figuresTable();
  }

  private String remarks(boolean steady) {
    List<String> remarks = new ArrayList<>();
    long reports = record.points().stream().mapToLong(Point::reports).sum();
    long clipped = record.points().stream().mapToLong(Point::clipped).sum();
    long skipped = record.points().stream().mapToLong(Point::skipped).sum();
    if (record.clipping() > 0 && reports > 0) {
      remarks.add(
          String.format(
              Locale.ROOT,
              "Gradients were scaled down to a norm of %s in %,d of %,d reports (%.1f %%).",
              number(record.clipping()),
              clipped,
              reports,
              100.0 * clipped / reports));
    }
    if (skipped > 0) {
      remarks.add(
          String.format(
              Locale.ROOT, "%,d reports were of gradients that were not finite.", skipped));
    }
    if (steady && record.last().isPresent()) {
      remarks.add(
          "The learning rate was " + number(record.last().get().learningRate()) + " throughout.");
    }
    if (record.points().stream().anyMatch(point -> point.steps() > 1)) {
      remarks.add("Each point is the mean of some steps.");
    }
    return String.join(" ", remarks);
  }

  private boolean hasOneRate() {
    return record.points().stream().mapToDouble(Point::learningRate).distinct().count() <= 1;
  }

  private Chart chart(String title, String unit) {
    return Chart.of(title).x(STEP, AxisScale.INTEGER).y(unit, AxisScale.LINEAR).showing(0);
  }

  private Svg loss() {
    String unit = record.subject().unit();
    Chart chart = chart("Loss", unit).add(Series.line("training", 0, points(Point::loss)));
    List<Series.Point> heldOut = judged(record.subject().heldOut());
    if (!heldOut.isEmpty()) {
      chart.add(Series.marked("held-out", 1, heldOut));
    }
    return chart.draw();
  }

  private Svg gradientNorm() {
    List<Series.Point> norms = new ArrayList<>();
    for (Series.Point point : points(Point::gradientNorm)) {
      // A gradient of nothing has no place on a logarithmic axis.
      norms.add(point.y() > 0 ? point : Series.Point.of(point.x(), Double.NaN));
    }
    Chart chart =
        Chart.of("Norm of the gradient, before clipping")
            .x(STEP, AxisScale.INTEGER)
            .y("norm", AxisScale.LOGARITHMIC)
            .showing(0)
            .add(Series.line("norm", 0, norms));
    if (record.clipping() > 0) {
      chart.add(
          Series.line(
              "clipping",
              1,
              List.of(
                  Series.Point.of(0, record.clipping()),
                  Series.Point.of((double) record.lastStep(), record.clipping()))));
    }
    return chart.draw();
  }

  /** A value of each point over the steps. */
  private List<Series.Point> points(ToDoubleFunction<Point> value) {
    return record.points().stream()
        .map(point -> Series.Point.of((double) point.step(), value.applyAsDouble(point)))
        .toList();
  }

  private List<Series.Point> judged(String figure) {
    List<Series.Point> points = new ArrayList<>();
    for (Judgement judgement : record.judgements()) {
      Double value = judgement.figures().get(figure);
      if (value != null && !Double.isNaN(value)) {
        points.add(Series.Point.of((double) judgement.step(), value));
      }
    }
    return points;
  }

  /** The names of all figures but the loss, in the order in which they came. */
  private Set<String> figures() {
    Set<String> names = new LinkedHashSet<>();
    record.judgements().forEach(judgement -> names.addAll(judgement.figures().keySet()));
    names.remove(record.subject().heldOut());
    return names;
  }

  private void figuresTable() {
    if (!figures().isEmpty()) {
      HtmlTable table = HtmlTable.of("Figures, the latest").words("figure").numbers("value");
      figures().forEach(figure -> table.row(figure, number(record.latest(figure))));
      page.table(table);
    }
  }

  // ---- words ----------------------------------------------------------------------------------

  private void samples() {
    if (!record.samples().isEmpty()) {
      page.section("What it writes");
      record
          .samples()
          .forEach(
              sample -> page.heading("After step " + count(sample.step())).verbatim(sample.text()));
    }
  }

  private void events() {
    if (!record.events().isEmpty()) {
      page.section("What happened");
      List<HtmlPage.Item> items = new ArrayList<>();
      for (Event event : record.events()) {
        items.add(new HtmlPage.Item("step " + count(event.step()) + ":", event.words()));
      }
      page.list(items);
    }
  }

  private void settings() {
    page.section("Configuration");
    HtmlTable table = HtmlTable.of("What the weights depend on").words("setting").words("value");
    long off = record.configuration().values().stream().filter(OFF::contains).count();
    record
        .configuration()
        .forEach(
            (name, value) -> {
              if (!OFF.contains(value)) {
                table.row(name, value);
              }
            });
    page.table(table);
    if (off > 0) {
      page.remark(count(off) + " settings that are off (0, false or none) are left out.");
    }
    page.section("Environment");
    page.table(environment(record.environment()));
  }

  private static HtmlTable environment(Map<String, String> environment) {
    HtmlTable table = HtmlTable.of("Where it ran").words("part").words("value");
    environment.forEach(table::row);
    return table;
  }
}
