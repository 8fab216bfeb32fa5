package dev.sequor.backend;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;

/**
 * One operation or pass of a backend, of random kind and sizes, on random numbers: always the same
 * for a seed. For tests of what must not depend on how the work is done.
 */
public final class RandomWork implements AutoCloseable {
  /** Multiplications that one piece of work stays below. */
  private static final double MOST = 2e6;

  private final Backend backend;
  private final SplittableRandom random;
  private final Runnable beforeCall;
  private final List<Buffer> owned = new ArrayList<>();
  private final List<Buffer> results = new ArrayList<>();

  /** What was done, and every number that came out. */
  @SuppressWarnings("ArrayRecordComponent") // never compared as a whole
  public record Outcome(String work, List<float[]> results) {
    /** The first number that is not the same, bit for bit; empty if all are. */
    public String difference(Outcome other) {
      for (int r = 0; r < results.size(); r++) {
        float[] expected = results.get(r);
        float[] actual = other.results.get(r);
        for (int i = 0; i < expected.length; i++) {
          if (Float.floatToRawIntBits(expected[i]) != Float.floatToRawIntBits(actual[i])) {
            return "%s: result %d[%d] is %s; needed %s"
                .formatted(work, r, i, actual[i], expected[i]);
          }
        }
      }
      return "";
    }
  }

  private RandomWork(Backend backend, long seed, Runnable beforeCall) {
    this.backend = backend;
    this.random = new SplittableRandom(seed);
    this.beforeCall = beforeCall;
  }

  /**
   * Does the work of {@code seed}.
   *
   * @param storages how weights of inference may be kept
   * @param beforeCall is run before each call of the backend
   */
  public static Outcome run(
      Backend backend, long seed, List<WeightStorage> storages, Runnable beforeCall) {
    try (RandomWork work = new RandomWork(backend, seed, beforeCall)) {
      String what = work.anyKind(storages);
      return new Outcome(
          "seed " + seed + ", " + what, work.results.stream().map(Buffer::readFloats).toList());
    }
  }

  private String anyKind(List<WeightStorage> storages) {
    return switch (random.nextInt(19)) {
      case 0, 1 -> linear();
      case 2 -> embedding();
      case 3 -> loss();
      case 4 -> optimizer();
      case 5 -> train(narrowStack());
      case 6 -> infer(storages.get(random.nextInt(storages.size())));
      case 7 -> steps(storages.get(random.nextInt(storages.size())));
      case 8 -> elements();
      case 9 -> columns();
      case 10 -> norm();
      case 11 -> softmax();
      case 12 -> ctc();
      case 13 -> products();
      case 14 -> maximum();
      default -> train(stack(60, 2));
    };
  }

  /** Small numbers more often than large ones. */
  private int size(int most) {
    return (int) Math.exp(random.nextDouble(Math.log(most + 1.0)));
  }

  private <T> T any(T[] values) {
    return values[random.nextInt(values.length)];
  }

  private Buffer own(Buffer buffer) {
    owned.add(buffer);
    return buffer;
  }

  private Buffer numbers(long elements, double bound) {
    float[] values = new float[(int) elements];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextDouble(-bound, bound);
    }
    Buffer buffer = own(backend.allocate(DType.FLOAT32, elements));
    buffer.write(values);
    return buffer;
  }

  private Buffer integers(int elements, int from, int to) {
    Buffer buffer = own(backend.allocate(DType.INT32, elements));
    buffer.write(random.ints(elements, from, to).toArray());
    return buffer;
  }

  /** Holds NaN at first, so that what is left out shows. */
  private Buffer result(long elements) {
    Buffer buffer = own(backend.allocate(DType.FLOAT32, elements));
    if (elements > 0) {
      backend.fill(buffer, Float.NaN);
    }
    results.add(buffer);
    return buffer;
  }

  /** Numbers that the work adds to. */
  private Buffer sums(long elements) {
    Buffer buffer = numbers(elements, 1);
    results.add(buffer);
    return buffer;
  }

  private void call(Runnable work) {
    beforeCall.run();
    work.run();
  }

  /** Any function but the one that makes NaN of negative numbers, whose sign says nothing. */
  private Activation tame() {
    Activation function = any(Activation.values());
    return function == Activation.SQRT ? Activation.NONE : function;
  }

  private String linear() {
    LinearShape shape;
    do {
      Activation activation = tame();
      shape = new LinearShape(size(1500), size(600), size(600), activation);
    } while ((double) shape.rows() * shape.inputSize() * shape.outputSize() > MOST);
    long inputs = (long) shape.rows() * shape.inputSize();
    long outputs = (long) shape.rows() * shape.outputSize();
    long weights = (long) shape.inputSize() * shape.outputSize();
    Buffer x = numbers(inputs, 1);
    Buffer weight = numbers(weights, 1 / Math.sqrt(shape.inputSize()));
    boolean biased = random.nextBoolean();
    Buffer bias = biased ? numbers(shape.outputSize(), 1) : null;
    Buffer y = result(outputs);
    Buffer dy = sums(outputs);
    Buffer dx = random.nextInt(4) > 0 ? result(inputs) : null;
    Buffer dWeight = sums(weights);
    Buffer dBias = biased ? sums(shape.outputSize()) : null;
    LinearShape known = shape;
    call(() -> backend.linearForward(known, x, weight, bias, y));
    call(() -> backend.linearBackward(known, x, weight, y, dy, dx, dWeight, dBias));
    return shape + (biased ? " with bias" : "");
  }

  private String embedding() {
    int rows = size(3000);
    int width = size(200);
    int vocabulary = size(300);
    boolean table = random.nextBoolean();
    int columns = table ? width : vocabulary;
    Buffer tokens = integers(rows, -1, vocabulary);
    Buffer weights = table ? numbers((long) vocabulary * width, 1) : null;
    Buffer y = result((long) rows * columns);
    Buffer dy = numbers((long) rows * columns, 1);
    Buffer dTable = sums((long) vocabulary * columns);
    call(() -> backend.embeddingForward(rows, columns, tokens, weights, y));
    call(() -> backend.embeddingBackward(rows, columns, tokens, dy, dTable));
    return "embedding of %d rows, %d of %d".formatted(rows, columns, vocabulary);
  }

  /** Activations and dropout, in place or not. */
  private String elements() {
    int count = size(300_000);
    Activation function = any(Activation.values());
    boolean inPlace = random.nextBoolean();
    Buffer x = numbers(count, 3);
    Buffer dropped = result(count);
    Buffer y = inPlace ? dropped : result(count);
    Buffer dy = sums(count);
    Buffer dx = inPlace ? dy : result(count);
    Buffer key = key(random.nextInt(5), random.nextInt(5));
    call(() -> backend.dropout(0, 0.3f, key, x, dropped));
    if (function == Activation.SQRT) {
      backend.activation(Activation.EXP, dropped, dropped);
    }
    call(() -> backend.activation(function, dropped, y));
    call(() -> backend.activationGradient(function, y, dy, dx));
    return count + " elements of dropout and " + function + (inPlace ? " in place" : "");
  }

  private String products() {
    int count = size(300_000);
    boolean add = random.nextBoolean();
    boolean inPlace = !add && random.nextBoolean();
    Buffer a = numbers(count, 1);
    Buffer b = inPlace ? sums(count) : numbers(count, 1);
    Buffer y = inPlace ? b : sums(count);
    call(() -> backend.multiply(a, b, y, add));
    return count + " products" + (add ? ", added" : inPlace ? " in place" : "");
  }

  private String maximum() {
    MaximumShape shape = new MaximumShape(size(100), size(30), size(300));
    int columns = shape.outputElements();
    Buffer x = numbers((long) shape.timeSteps() * columns, 1);
    Buffer lengths =
        random.nextBoolean() ? integers(shape.batchSize(), 0, shape.timeSteps() + 1) : null;
    Buffer y = result(columns);
    Buffer from = integers(columns, 0, 1);
    Buffer there = result(columns);
    call(() -> backend.maximumOverTime(shape, x, lengths, y, from));
    call(() -> backend.embeddingForward(columns, 1, from, x, there));
    return shape + (lengths == null ? "" : " and lengths");
  }

  private String columns() {
    int rows = size(3000);
    int width = size(300);
    int before = size(10);
    int after = size(10);
    float factor = random.nextBoolean() ? 1f : -0.7f;
    ColumnCopy copy =
        new ColumnCopy(
            rows,
            width,
            before,
            before + width,
            after,
            after + width + 1,
            factor,
            random.nextBoolean());
    Buffer source = numbers(copy.sourceElements(), 1);
    Buffer target = sums(copy.targetElements());
    call(() -> backend.copyColumns(copy, source, target));
    return copy + (copy.add() ? ", added" : "");
  }

  private String norm() {
    NormShape shape = new NormShape(size(200), size(300), 1e-3f);
    Buffer x = numbers((long) shape.rows() * shape.width(), 1);
    Buffer parameters = numbers(2L * shape.width(), 1);
    Buffer y = result((long) shape.rows() * shape.width());
    Buffer saved = result(shape.savedElements());
    Buffer dy = numbers((long) shape.rows() * shape.width(), 1);
    Buffer dx = result((long) shape.rows() * shape.width());
    Buffer sums = sums(2L * shape.width());
    call(() -> backend.layerNormForward(shape, x, parameters, y, saved));
    call(() -> backend.layerNormBackward(shape, x, parameters, saved, dy, dx, sums));
    return shape.toString();
  }

  private String softmax() {
    SoftmaxShape shape = new SoftmaxShape(size(200), size(300), random.nextBoolean());
    long elements = (long) shape.rows() * shape.width();
    Buffer x = numbers(elements, 3);
    Buffer y = result(elements);
    Buffer dy = numbers(elements, 1);
    Buffer dx = result(elements);
    call(() -> backend.softmaxForward(shape, x, y));
    call(() -> backend.softmaxBackward(shape, y, dy, dx));
    return shape.toString();
  }

  private Buffer key(long seed, long offset) {
    Buffer key = own(backend.allocate(DType.INT32, RandomKey.ELEMENTS));
    key.write(new RandomKey(seed, 0, offset).words());
    return key;
  }

  private String loss() {
    Loss function =
        any(
            new Loss[] {
              Loss.softmaxCrossEntropy(),
              Loss.binaryCrossEntropy(),
              Loss.meanSquaredError(),
              Loss.weightedBinaryCrossEntropy(3f)
            });
    LossShape shape = new LossShape(function, size(60), size(60), size(120));
    int rows = shape.timeSteps() * shape.batchSize();
    long outputs = (long) rows * shape.outputSize();
    Buffer a = numbers(outputs, 4);
    Buffer targets =
        shape.function().takesClasses()
            ? integers(rows, -1, shape.outputSize())
            : numbers(outputs, 1);
    Buffer lengths =
        random.nextBoolean() ? integers(shape.batchSize(), 0, shape.timeSteps() + 1) : null;
    Buffer dOutputs = random.nextInt(4) > 0 ? result(outputs) : null;
    Buffer sum = result(2);
    Buffer scale = own(backend.allocate(DType.FLOAT32, 1));
    scale.write(1f / rows);
    Buffer weights = random.nextBoolean() ? numbers(rows, 1) : null;
    call(() -> backend.loss(shape, a, targets, lengths, weights, scale, null, dOutputs, sum));
    return shape.toString();
  }

  private String ctc() {
    CtcShape shape = new CtcShape(size(60), size(20), 2 + size(200), size(30), 0);
    long outputs = (long) shape.timeSteps() * shape.batchSize() * shape.outputSize();
    Buffer a = numbers(outputs, 4);
    int batch = shape.batchSize();
    Buffer labels = integers(shape.mostLabels() * batch, 1, shape.outputSize());
    Buffer labelLengths =
        integers(batch, -1, Math.min(shape.timeSteps() / 2, shape.mostLabels()) + 1);
    boolean padded = random.nextBoolean();
    Buffer lengths = padded ? integers(batch, shape.timeSteps() / 2, shape.timeSteps() + 1) : null;
    Buffer dOutputs = random.nextInt(4) > 0 ? result(outputs) : null;
    Buffer sum = result(2);
    Buffer workspace = own(backend.allocate(DType.FLOAT32, shape.workspaceElements()));
    call(
        () ->
            backend.ctcLoss(
                shape, a, labels, labelLengths, lengths, null, null, dOutputs, workspace, sum));
    return shape.toString();
  }

  private String optimizer() {
    UpdateRule rule = any(UpdateRule.values());
    int elements = size(200_000);
    float clipNorm = random.nextBoolean() ? 0.5f : 0f;
    float clipValue = random.nextBoolean() ? 0.4f : 0f;
    float constant = random.nextBoolean() ? 0.1f : 0.9f;
    Buffer parameters = sums(elements);
    Buffer moments = own(backend.allocate(DType.FLOAT32, (long) rule.moments() * elements));
    results.add(moments);
    Buffer report = result(UpdateReport.ELEMENTS);
    report.write(UpdateReport.initial(1f));
    boolean grouped = random.nextBoolean();
    Buffer ends = own(backend.allocate(DType.INT32, 3));
    ends.write(new int[] {elements / 3, elements / 2, elements});
    Buffer ofRegions = own(backend.allocate(DType.INT32, 3));
    ofRegions.write(new int[] {0, -1, 0});
    UpdateGroups where = new UpdateGroups(ends, ofRegions);
    for (int t = 1; t <= 2; t++) {
      Buffer gradients = numbers(elements, 1);
      // All rules take fractions: their constants are means, small numbers and decays.
      List<Float> constants = Collections.nCopies(rule.constants(), constant);
      Buffer step = own(backend.allocate(DType.FLOAT32, OptimizerStep.ELEMENTS));
      step.write(new OptimizerStep(rule, t, 0.01f, clipNorm, clipValue, constants).values());
      if (grouped) {
        call(
            () -> backend.optimizerStep(rule, step, where, parameters, gradients, moments, report));
      } else {
        call(() -> backend.optimizerStep(rule, step, parameters, gradients, moments, report));
      }
    }
    return rule + " of " + elements + " parameters";
  }

  /** A stack of few units over many rows: enough for several threads to draw its dropout bits. */
  private RnnShape narrowStack() {
    CellType cell = any(CellType.values());
    return new RnnShape(
        cell,
        2,
        1,
        50 + random.nextInt(20),
        60,
        1 + random.nextInt(3),
        4 + random.nextInt(3),
        0.4f);
  }

  private RnnShape stack(int mostTimeSteps, int mostDirections) {
    RnnShape shape;
    double work;
    do {
      CellType cell = any(CellType.values());
      shape =
          new RnnShape(
              cell,
              1 + random.nextInt(3),
              1 + random.nextInt(mostDirections),
              size(mostTimeSteps),
              size(60),
              size(400),
              size(400),
              random.nextBoolean() ? 0.4f : 0f);
      work = shape.parameterLayout().totalElements();
    } while (work * shape.timeSteps() * shape.batchSize() > MOST);
    return shape;
  }

  private Buffer parameters(RnnShape shape) {
    return numbers(shape.parameterLayout().totalElements(), 2 / Math.sqrt(shape.hiddenSize() + 2));
  }

  /** Two steps of training, the second with weights that changed or did not. */
  private String train(RnnShape shape) {
    try (RnnPlan plan = backend.plan(shape, Mode.TRAINING)) {
      Buffer parameters = parameters(shape);
      Buffer x = numbers(shape.inputElements(), 1);
      Buffer lengths =
          random.nextBoolean() ? integers(shape.batchSize(), 0, shape.timeSteps() + 1) : null;
      Buffer state = random.nextBoolean() ? numbers(shape.stateElements(), 1) : null;
      boolean changes = random.nextBoolean();
      for (int pass = 0; pass < 2; pass++) {
        Buffer y = result(shape.outputElements());
        Buffer finalState = result(shape.stateElements());
        Buffer saved = own(backend.allocate(DType.FLOAT32, plan.savedElements()));
        Buffer dy = numbers(shape.outputElements(), 1);
        Buffer dFinal = random.nextBoolean() ? numbers(shape.stateElements(), 1) : null;
        Buffer dParameters = sums(parameters.elements());
        Buffer dx = random.nextInt(4) > 0 ? result(shape.inputElements()) : null;
        Buffer dState = result(shape.stateElements());
        RnnTensors tensors =
            new RnnTensors(parameters, x, y, lengths, state, finalState, saved, key(3, pass));
        call(() -> plan.forward(tensors));
        call(() -> plan.backward(tensors, new RnnGradients(dParameters, dy, dFinal, dx, dState)));
        if (changes) {
          parameters.write(parametersAfter(parameters, dParameters));
        }
      }
    }
    return shape.toString();
  }

  private static float[] parametersAfter(Buffer parameters, Buffer gradients) {
    float[] w = parameters.readFloats();
    float[] g = gradients.readFloats();
    for (int i = 0; i < w.length; i++) {
      w[i] -= 0.01f * g[i];
    }
    return w;
  }

  private String infer(WeightStorage storage) {
    RnnShape shape = stack(60, 2);
    try (RnnPlan plan = backend.plan(shape, Mode.INFERENCE, storage)) {
      Buffer parameters = parameters(shape);
      Buffer lengths =
          random.nextBoolean() ? integers(shape.batchSize(), 0, shape.timeSteps() + 1) : null;
      Buffer state = random.nextBoolean() ? numbers(shape.stateElements(), 1) : null;
      for (int pass = 0; pass < 2; pass++) {
        Buffer x = numbers(shape.inputElements(), 1);
        Buffer y = result(shape.outputElements());
        Buffer finalState = result(shape.stateElements());
        RnnTensors tensors =
            new RnnTensors(parameters, x, y, lengths, state, finalState, null, null);
        call(() -> plan.forward(tensors));
      }
    }
    return shape + ", weights " + storage;
  }

  /** Single steps with the state carried, as in streaming. */
  private String steps(WeightStorage storage) {
    RnnShape shape = stack(1, 1);
    try (RnnPlan plan = backend.plan(shape, Mode.INFERENCE, storage)) {
      Buffer parameters = parameters(shape);
      Buffer state = sums(shape.stateElements());
      for (int step = 0; step < 4; step++) {
        Buffer x = numbers(shape.inputElements(), 1);
        Buffer y = result(shape.outputElements());
        RnnTensors tensors = new RnnTensors(parameters, x, y, null, state, state, null, null);
        call(() -> plan.forward(tensors));
      }
    }
    return shape + " step by step, weights " + storage;
  }

  @Override
  public void close() {
    owned.forEach(Buffer::close);
  }

  /** Everything that the java backend can keep weights as. */
  public static final List<WeightStorage> FLOAT32_ONLY = List.of(WeightStorage.FLOAT32);

  /** All ways of keeping weights. */
  public static final List<WeightStorage> ALL = List.of(WeightStorage.values());

  /** How many pieces of work a test tries: {@code sequor.test.samples}, or else so many. */
  public static int samples(int usual) {
    return Integer.getInteger("sequor.test.samples", usual);
  }
}
