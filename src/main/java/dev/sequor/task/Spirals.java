package dev.sequor.task;

import dev.sequor.backend.Activation;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.Loss;
import dev.sequor.data.SeriesWindow;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.model.Evaluator;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.NetworkModelSpec;
import dev.sequor.model.SequenceModel;
import dev.sequor.module.Linear;
import dev.sequor.module.Network;
import dev.sequor.module.ValueShape;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/**
 * On which of two interleaved spirals a point lies (Lang and Witbrock, "Learning to tell two
 * spirals apart", 1988): both wind three times around the centre, and points lie up to 0.03 beside
 * them.
 */
record Spirals() implements DrawnTask<Spirals.Point> {
  private static final double TURNS = 3;

  /** Nearer to the centre the two cannot be told apart. */
  private static final double LEAST_RADIUS = 0.08;

  private static final double THICKNESS = 0.06;

  /**
   * A point.
   *
   * @param spiral 0 or 1
   */
  record Point(float x, float y, int spiral) {}

  @Override
  public String name() {
    return "spirals";
  }

  @Override
  public String description() {
    return "on which of two interleaved spirals a point lies: a dense network";
  }

  @Override
  public Architecture architecture() {
    return Architecture.ONE_TO_ONE;
  }

  @Override
  public int length() {
    return 0;
  }

  @Override
  public Task withLength(int length) {
    throw new IllegalArgumentException(
        "the length of spirals is " + length + "; a point is no sequence, needed none");
  }

  @Override
  public TaskSettings defaults() {
    return new TaskSettings(null, CellOptions.NONE, 64, 3, 128, 2000, 3e-3f, 1f);
  }

  @Override
  public ModelSpec model(TaskSettings settings) {
    if (settings.cell() != null) {
      throw new IllegalArgumentException(
          "the cell is " + settings.cell().id() + "; spirals has no recurrent layers, needed none");
    }
    Network.Builder network =
        Network.builder()
            .input("point", new ValueShape.Vector("", 2))
            .addAll("hidden", hidden(settings), "point");
    String last = "hidden." + (settings.layers() - 1);
    return new NetworkModelSpec(
        network.add("output", new Linear(settings.hiddenSize(), 2), last).build(),
        Loss.softmaxCrossEntropy());
  }

  private static List<Linear> hidden(TaskSettings settings) {
    List<Linear> layers = new ArrayList<>();
    for (int i = 0; i < settings.layers(); i++) {
      int width = i == 0 ? 2 : settings.hiddenSize();
      layers.add(new Linear(width, settings.hiddenSize(), Activation.RELU));
    }
    return layers;
  }

  @Override
  public Point draw(ExampleDraws draws) {
    int spiral = draws.below(2);
    double along = LEAST_RADIUS + (1 - LEAST_RADIUS) * draws.uniform();
    double radius = along + THICKNESS * (draws.uniform() - 0.5);
    double angle = 2 * Math.PI * TURNS * along + Math.PI * spiral;
    // Of StrictMath, so that every Java draws the same points.
    double x = radius * StrictMath.cos(angle);
    double y = radius * StrictMath.sin(angle);
    return new Point((float) x, (float) y, spiral);
  }

  @Override
  public IntStream question(Point point) {
    return IntStream.of(Float.floatToIntBits(point.x()), Float.floatToIntBits(point.y()));
  }

  @Override
  public Window window(List<Point> points) {
    float[] inputs = new float[2 * points.size()];
    int[] targets = new int[points.size()];
    for (int b = 0; b < targets.length; b++) {
      inputs[2 * b] = points.get(b).x();
      inputs[2 * b + 1] = points.get(b).y();
      targets[b] = points.get(b).spiral();
    }
    return new SeriesWindow(
        1, targets.length, new Values.Reals(inputs), new Values.Tokens(targets), null, true);
  }

  private List<Boolean> right(SequenceModel model, List<Point> points) {
    List<Boolean> right = new ArrayList<>();
    for (List<Point> part : parts(points)) {
      int[] said = Guesses.of(model, window(part));
      for (int b = 0; b < said.length; b++) {
        right.add(said[b] == part.get(b).spiral());
      }
    }
    return right;
  }

  @Override
  public Score judge(SequenceModel model, int examples, long seed) {
    double accuracy = Evaluator.accuracy(model, heldOutWindows(examples, seed)).rate();
    return Score.of(Figure.atLeast(0.99, "accuracy", accuracy));
  }

  @Override
  public List<String> examples(SequenceModel model, int count, long seed) {
    List<Point> points = heldOut(count, seed);
    List<Boolean> right = right(model, points);
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Point point = points.get(i);
      boolean first = (point.spiral() == 0) == right.get(i);
      lines.add(
          String.format(Locale.ROOT, "(%.2f, %.2f) → ", point.x(), point.y())
              + (first ? "first" : "second")
              + " spiral"
              + Guesses.verdict(right.get(i)));
    }
    return lines;
  }
}
