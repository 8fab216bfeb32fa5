package dev.sequor.report;

import dev.sequor.backend.Required;
import dev.sequor.io.MalformedFileException;
import dev.sequor.io.RecordJson;
import dev.sequor.picture.HtmlPage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What is known of a training. Its page has it in a block of data, from which {@link #read} has it
 * back. A number that is not known is NaN.
 *
 * @param version of this form, {@value #VERSION}
 * @param title for people
 * @param subject what is learned
 * @param configuration all that the weights depend on, by name, in the order that people want
 * @param environment where it ran, by name
 * @param totalSteps the step at which it is complete
 * @param clipping the norm that gradients are scaled to; 0 for none
 * @param state whether it has ended, and how
 * @param points how the training went; their steps ascend
 * @param judgements how good the model was on data that are not learned from; their steps ascend
 * @param samples what the model wrote; their steps ascend
 * @param events what happened; their steps do not descend
 */
public record TrainingRecord(
    int version,
    String title,
    Subject subject,
    Map<String, String> configuration,
    Map<String, String> environment,
    long totalSteps,
    double clipping,
    State state,
    List<Point> points,
    List<Judgement> judgements,
    List<Sample> samples,
    List<Event> events) {
  /** The form that this program writes and reads. */
  public static final int VERSION = 1;

  /** The most points, and the most judgements. */
  public static final int MAX_POINTS = 1000;

  /** The most samples. */
  public static final int MAX_SAMPLES = 24;

  /** The most events. */
  public static final int MAX_EVENTS = 100;

  private static final int MAX_SETTINGS = 10_000;
  private static final int MAX_FIGURES = 100;
  private static final int MAX_WORDS = 10_000;

  /** A page with as much of everything as there may be is shorter. */
  private static final long MAX_FILE_BYTES = 64L << 20;

  private static final String DATA = "sequor-training";

  /** Whether a training has ended, and how. */
  public enum State {
    /** It has not, or was killed. */
    RUNNING("running"),
    /** All steps were made. */
    COMPLETED("complete"),
    /** Nothing had become better for as long as was to be waited. */
    STOPPED_EARLY("stopped early"),
    /** Someone wanted it. */
    INTERRUPTED("interrupted"),
    /** Losses or gradients had left all sense. */
    DIVERGED("diverged"),
    /** Something else went wrong. */
    FAILED("failed");

    private final String words;

    State(String words) {
      this.words = words;
    }

    /** For people. */
    public String words() {
      return words;
    }
  }

  /**
   * What is learned.
   *
   * @param name for people
   * @param data tells data apart: trainings on the same data have the same; {@code ""} if unknown
   * @param unit of losses, for example {@code bits per character}
   * @param elements what speed counts, for example {@code characters}
   * @param heldOut the {@linkplain Judgement#figures() figure} that is a loss in the same unit
   * @param heldOutName what that is of, for example {@code held-out text}
   */
  public record Subject(
      String name, String data, String unit, String elements, String heldOut, String heldOutName) {
    /**
     * Checks the words.
     *
     * @throws IllegalArgumentException naming the first that is missing or too long
     */
    public Subject {
      requireWords("name", name);
      requireWords("data", data);
      requireWords("unit", unit);
      requireWords("elements", elements);
      requireWords("heldOut", heldOut);
      requireWords("heldOutName", heldOutName);
    }
  }

  /**
   * Some steps, one after another.
   *
   * @param step the last of them
   * @param steps how many
   * @param reports how often there was something to report: less often than there are steps on a
   *     device that works through a queue
   * @param loss their mean loss, in the subject's unit
   * @param gradientNorm their mean Euclidean norm of the gradient, before clipping
   * @param learningRate of the last of them
   * @param clipped of the reports, those whose gradient was scaled down
   * @param skipped of the reports, those whose gradient was not finite, so that nothing was updated
   * @param perSecond elements learned from in a second
   * @param seconds since the training began, without pauses
   */
  public record Point(
      long step,
      long steps,
      long reports,
      double loss,
      double gradientNorm,
      double learningRate,
      long clipped,
      long skipped,
      double perSecond,
      double seconds) {
    /**
     * Checks the counts.
     *
     * @throws IllegalArgumentException naming the first that is out of range
     */
    public Point {
      requireStep(step);
      requireBetween("steps", steps, 1, step);
      requireBetween("reports", reports, 0, steps);
      requireBetween("clipped", clipped, 0, reports);
      requireBetween("skipped", skipped, 0, reports);
      requireNumber("loss", loss);
      requireNumber("gradientNorm", gradientNorm);
      requireNumber("learningRate", learningRate);
      requireNumber("perSecond", perSecond);
      requireNumber("seconds", seconds);
    }

    /**
     * What a trainer reports of its last step.
     *
     * @param steps made since the last report
     * @param clipping the norm that gradients are scaled to; 0 for none
     */
    public static Point report(
        long step,
        long steps,
        double loss,
        double gradientNorm,
        double learningRate,
        double clipping,
        boolean skipped,
        double perSecond,
        double seconds) {
      return new Point(
          step,
          steps,
          1,
          finite(loss),
          finite(gradientNorm),
          finite(learningRate),
          clipping > 0 && gradientNorm > clipping && !skipped ? 1 : 0,
          skipped ? 1 : 0,
          finite(perSecond),
          finite(seconds));
    }

    /** Of steps of which nothing else is known. */
    public static Point ofLoss(long step, long steps, double loss) {
      double unknown = Double.NaN;
      return new Point(step, steps, 0, loss, unknown, unknown, 0, 0, unknown, unknown);
    }

    /** Both as one: means weighted by steps. */
    Point and(Point later) {
      return new Point(
          later.step,
          Math.min(later.step, steps + later.steps),
          reports + later.reports,
          mean(loss, later.loss, later.steps),
          mean(gradientNorm, later.gradientNorm, later.steps),
          later.learningRate,
          clipped + later.clipped,
          skipped + later.skipped,
          1 / mean(1 / perSecond, 1 / later.perSecond, later.steps),
          later.seconds);
    }

    private double mean(double first, double second, long secondSteps) {
      if (!Double.isFinite(first) || !Double.isFinite(second)) {
        return Double.isFinite(first) ? first : finite(second);
      }
      double weight = (double) steps / ((double) steps + secondSteps);
      return weight * first + (1 - weight) * second;
    }
  }

  /**
   * How good the model was.
   *
   * @param step after which
   * @param figures by name
   */
  public record Judgement(long step, Map<String, Double> figures) {
    /**
     * Copies the figures, in their order.
     *
     * @throws IllegalArgumentException naming the first thing that is out of range
     */
    public Judgement {
      requireStep(step);
      figures = ordered("figures", figures, MAX_FIGURES);
      figures.forEach(
          (name, value) -> {
            requireWords("the name of a figure", name);
            requireNumber(name, value);
          });
    }

    /** With the figures of another one of the same step. */
    Judgement and(Judgement other) {
      Map<String, Double> all = new LinkedHashMap<>(figures);
      all.putAll(other.figures);
      return new Judgement(step, all);
    }
  }

  /**
   * What the model wrote.
   *
   * @param step after which
   */
  public record Sample(long step, String text) {
    /**
     * Checks both.
     *
     * @throws IllegalArgumentException naming the first that is out of range
     */
    public Sample {
      requireStep(step);
      requireWords("text", text);
    }

    /** The same, cut off where there is too much. */
    public static Sample of(long step, String text) {
      return new Sample(step, cut(text));
    }
  }

  /**
   * What happened.
   *
   * @param step after which; 0 for before the first
   */
  public record Event(long step, String words) {
    /**
     * Checks both.
     *
     * @throws IllegalArgumentException naming the first that is out of range
     */
    public Event {
      requireBetween("step", step, 0, Long.MAX_VALUE);
      requireWords("words", words);
    }

    /** The same, cut off where there is too much. */
    public static Event of(long step, String words) {
      return new Event(step, cut(words));
    }
  }

  /**
   * Copies the maps, in their order, and the lists.
   *
   * @throws IllegalArgumentException naming the first thing that is out of range
   */
  public TrainingRecord {
    if (version != VERSION) {
      throw new IllegalArgumentException("version is " + version + "; needed " + VERSION);
    }
    requireWords("title", title);
    Required.present("subject", subject);
    configuration = ordered("configuration", configuration, MAX_SETTINGS);
    environment = ordered("environment", environment, MAX_SETTINGS);
    for (Map<String, String> settings : List.of(configuration, environment)) {
      settings.forEach(
          (name, value) -> {
            requireWords("the name of a setting", name);
            requireWords(name, value);
          });
    }
    requireBetween("totalSteps", totalSteps, 1, Long.MAX_VALUE);
    if (!(clipping >= 0 && clipping < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "clipping is " + clipping + "; needed a finite number of at least 0");
    }
    Required.present("state", state);
    points = List.copyOf(Required.present("points", points));
    judgements = List.copyOf(Required.present("judgements", judgements));
    samples = List.copyOf(Required.present("samples", samples));
    events = List.copyOf(Required.present("events", events));
    requireAscending("points", points.stream().mapToLong(Point::step).toArray(), 1, MAX_POINTS);
    requireAscending(
        "judgements", judgements.stream().mapToLong(Judgement::step).toArray(), 1, MAX_POINTS);
    requireAscending("samples", samples.stream().mapToLong(Sample::step).toArray(), 1, MAX_SAMPLES);
    requireAscending("events", events.stream().mapToLong(Event::step).toArray(), 0, MAX_EVENTS);
  }

  /**
   * A training before its first step.
   *
   * @param totalSteps the step at which it is complete
   * @param clipping the norm that gradients are scaled to; 0 for none
   */
  public static TrainingRecord begin(
      String title,
      Subject subject,
      Map<String, String> configuration,
      Map<String, String> environment,
      long totalSteps,
      double clipping) {
    return new TrainingRecord(
        VERSION,
        cut(title),
        subject,
        shortened(configuration),
        shortened(environment),
        totalSteps,
        clipping,
        State.RUNNING,
        List.of(),
        List.of(),
        List.of(),
        List.of());
  }

  /**
   * Whether {@code other} is of the same training, begun, stopped or gone on with elsewhere: it
   * learns the same and has the same configuration, and the same configuration has the same course.
   */
  public boolean isOfSameTraining(TrainingRecord other) {
    return subject.data().equals(other.subject.data())
        && subject.unit().equals(other.subject.unit())
        && configuration.equals(other.configuration);
  }

  /**
   * What went before in {@code earlier}, up to {@code step}, and then this training, where it is
   * now and with what it is to reach.
   */
  public TrainingRecord after(TrainingRecord earlier, long step) {
    return with(
        State.RUNNING,
        earlier.points.stream().filter(each -> each.step <= step).toList(),
        earlier.judgements.stream().filter(each -> each.step <= step).toList(),
        earlier.samples.stream().filter(each -> each.step <= step).toList(),
        earlier.events.stream().filter(each -> each.step <= step).toList());
  }

  /** The same with another state. */
  public TrainingRecord in(State now) {
    return with(now, points, judgements, samples, events);
  }

  /** The same with other points and judgements; of too many, two at a time become one. */
  public TrainingRecord with(List<Point> points, List<Judgement> judgements) {
    return with(
        state, bounded(points).values(), boundedJudgements(judgements).values(), samples, events);
  }

  /** Of too many points, means. */
  static BoundedSeries<Point> bounded(List<Point> points) {
    return new BoundedSeries<>(MAX_POINTS, Point::and, points);
  }

  /** Of too many judgements, the later of two. */
  static BoundedSeries<Judgement> boundedJudgements(List<Judgement> judgements) {
    return new BoundedSeries<>(MAX_POINTS, (earlier, later) -> later, judgements);
  }

  /** The same with another course. */
  TrainingRecord with(
      State state,
      List<Point> points,
      List<Judgement> judgements,
      List<Sample> samples,
      List<Event> events) {
    return new TrainingRecord(
        VERSION,
        title,
        subject,
        configuration,
        environment,
        totalSteps,
        clipping,
        state,
        points,
        judgements,
        samples,
        events);
  }

  /** The last point; empty before the first. */
  public Optional<Point> last() {
    return points.isEmpty() ? Optional.empty() : Optional.of(points.get(points.size() - 1));
  }

  /** The step that is known of last; 0 before the first. */
  public long lastStep() {
    long judged = judgements.isEmpty() ? 0 : judgements.get(judgements.size() - 1).step();
    return Math.max(judged, last().map(Point::step).orElse(0L));
  }

  /** The latest value of a figure; NaN if there is none. */
  public double latest(String figure) {
    for (int i = judgements.size() - 1; i >= 0; i--) {
      Double value = judgements.get(i).figures().get(figure);
      if (value != null) {
        return value;
      }
    }
    return Double.NaN;
  }

  /** The mean loss over the last tenth of the steps known; NaN if none is. */
  public double recentLoss() {
    long from = lastStep() - Math.max(1, lastStep() / 10);
    double sum = 0;
    double weight = 0;
    for (Point point : points) {
      if (point.step > from && Double.isFinite(point.loss)) {
        sum += point.steps * point.loss;
        weight += point.steps;
      }
    }
    return sum / weight;
  }

  /** This as a block of data in {@code page}, from which {@link #read} has it back. */
  void embedIn(HtmlPage page) {
    page.data(DATA, RecordJson.write(this));
  }

  /** Whether {@code file} is a page that a record can be {@linkplain #read read} from. */
  public static boolean isIn(Path file) throws IOException {
    return Files.isRegularFile(file)
        && Files.size(file) <= MAX_FILE_BYTES
        && HtmlPage.dataIn(Files.readString(file, StandardCharsets.ISO_8859_1), DATA).isPresent();
  }

  /**
   * Reads a page of a training.
   *
   * @throws MalformedFileException if it is none, or has been changed to make no sense
   */
  public static TrainingRecord read(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new MalformedFileException(file, "is no file; needed the report of a training");
    }
    long bytes = Files.size(file);
    if (bytes > MAX_FILE_BYTES) {
      throw new MalformedFileException(
          file, "has " + bytes + " bytes; needed at most " + MAX_FILE_BYTES);
    }
    // What is not ASCII is escaped in the block, so that any bytes elsewhere do no harm.
    String page = Files.readString(file, StandardCharsets.ISO_8859_1);
    Optional<String> json = HtmlPage.dataIn(page, DATA);
    if (json.isEmpty()) {
      throw new MalformedFileException(
          file, "is no report of a training; needed a page that sequor train --report has written");
    }
    return RecordJson.read(file, "a training", json.get(), VERSION, TrainingRecord.class);
  }

  private static String cut(String words) {
    if (words.length() <= MAX_WORDS) {
      return words;
    }
    boolean halvesPair = Character.isHighSurrogate(words.charAt(MAX_WORDS - 2));
    return words.substring(0, halvesPair ? MAX_WORDS - 2 : MAX_WORDS - 1) + "…";
  }

  /** The first settings, and how many more there are. */
  private static Map<String, String> shortened(Map<String, String> settings) {
    Map<String, String> some = new LinkedHashMap<>();
    for (Map.Entry<String, String> each : settings.entrySet()) {
      if (some.size() == MAX_SETTINGS - 1 && settings.size() > MAX_SETTINGS) {
        some.put("others", String.valueOf(settings.size() - some.size()));
        break;
      }
      some.put(cut(each.getKey()), cut(each.getValue()));
    }
    return some;
  }

  private static double finite(double number) {
    return Double.isFinite(number) ? number : Double.NaN;
  }

  private static <T> Map<String, T> ordered(String name, Map<String, T> map, int most) {
    Map<String, T> copy = new LinkedHashMap<>();
    Required.present(name, map)
        .forEach((key, value) -> copy.put(key, Required.present(key, value)));
    if (copy.size() > most) {
      throw new IllegalArgumentException(
          name + " has " + copy.size() + " entries; needed at most " + most);
    }
    return Collections.unmodifiableMap(copy);
  }

  private static void requireWords(String name, String words) {
    if (Required.present(name, words).length() > MAX_WORDS) {
      throw new IllegalArgumentException(
          name + " has " + words.length() + " characters; needed at most " + MAX_WORDS);
    }
  }

  private static void requireStep(long step) {
    requireBetween("step", step, 1, Long.MAX_VALUE);
  }

  private static void requireBetween(String name, long value, long least, long most) {
    if (value < least || value > most) {
      throw new IllegalArgumentException(
          name + " is " + value + "; needed from " + least + " to " + most);
    }
  }

  /** One that a chart has room for, or NaN. */
  private static void requireNumber(String name, double value) {
    if (Math.abs(value) > 1e300) {
      throw new IllegalArgumentException(
          name + " is " + value + "; needed at most 10^300 in size, or NaN");
    }
  }

  private static void requireAscending(String name, long[] steps, long by, int most) {
    if (steps.length > most) {
      throw new IllegalArgumentException(
          name + " has " + steps.length + " entries; needed at most " + most);
    }
    for (int i = 1; i < steps.length; i++) {
      if (steps[i] - steps[i - 1] < by) {
        throw new IllegalArgumentException(
            name + " has step " + steps[i] + " after " + steps[i - 1] + "; needed them in order");
      }
    }
  }
}
