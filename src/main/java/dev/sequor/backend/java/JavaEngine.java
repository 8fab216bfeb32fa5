package dev.sequor.backend.java;

import dev.sequor.backend.Activation;
import dev.sequor.backend.ColumnCopy;
import dev.sequor.backend.CtcShape;
import dev.sequor.backend.DType;
import dev.sequor.backend.EnginePlan;
import dev.sequor.backend.LinearShape;
import dev.sequor.backend.LossShape;
import dev.sequor.backend.MaximumShape;
import dev.sequor.backend.Memory;
import dev.sequor.backend.Mode;
import dev.sequor.backend.NormShape;
import dev.sequor.backend.Philox;
import dev.sequor.backend.RandomKey;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.SoftmaxShape;
import dev.sequor.backend.UpdateGroups;
import dev.sequor.backend.UpdateRule;
import dev.sequor.backend.WeightStorage;
import dev.sequor.backend.host.LayerEngine;
import dev.sequor.backend.host.LayerPlan;
import dev.sequor.backend.host.LayerShape;
import dev.sequor.backend.host.StackedPlan;
import dev.sequor.backend.options.CellMaths;
import dev.sequor.backend.options.OptionsEngine;
import dev.sequor.backend.options.StateRules;
import dev.sequor.backend.options.StepMaths;
import dev.sequor.backend.options.StepRows;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Runs everything in Java, on the calling thread and a team of helpers. Work is done at once. */
final class JavaEngine implements OptionsEngine, LayerEngine {
  /**
   * A time step of fewer operations than this takes one thread less than the barriers of a team: of
   * two threads an LSTM of 128 units and one sequence took 2.5 ms for 128 steps, alone 1.1, and
   * beside other programs thirty times as long.
   */
  private static final double STEP_WORTH_SHARING = 600e3;

  /** A whole call of fewer operations is over before sleeping threads have woken. */
  private static final double CALL_WORTH_SHARING = 4e6;

  private final boolean sharesEverything;
  private final ThreadTeam team;
  private final ThreadTeam alone = new ThreadTeam(1);
  private final Products kind;
  private final ThreadProducts products;
  private final Linear linear;
  private final Norms norms;
  private final StepOrder stepOrder;
  private final Softmax softmax;
  private final Losses losses;
  private final CtcLoss ctcLoss;
  private final Optimizer optimizer;

  JavaEngine(int threads) {
    this(threads, false, Products.ofThisProcess());
  }

  /**
   * A team of {@code threads}.
   *
   * @param sharesEverything whether all threads share even what one alone does faster
   * @param kind what products it computes with
   */
  JavaEngine(int threads, boolean sharesEverything, Products kind) {
    this.kind = kind;
    this.sharesEverything = sharesEverything;
    team = new ThreadTeam(threads);
    products = new ThreadProducts(kind, threads);
    linear = new Linear(team, products);
    norms = new Norms(team);
    stepOrder = new StepOrder(team);
    softmax = new Softmax(team);
    losses = new Losses(team);
    ctcLoss = new CtcLoss(team);
    optimizer = new Optimizer(team);
  }

  @Override
  public boolean isBatchInvariant() {
    return true;
  }

  @Override
  public String name() {
    return "java (" + kind + ", " + team.size() + (team.size() == 1 ? " thread)" : " threads)");
  }

  @Override
  public Memory allocate(DType type, long elements) {
    return JavaMemory.allocate(type, elements);
  }

  @Override
  public void upload(ByteBuffer source, Memory target) {
    JavaMemory to = JavaMemory.of(target);
    int count = source.remaining() / target.type().bytes();
    if (target.type() == DType.FLOAT32) {
      source.asFloatBuffer().get(to.floats(), to.offset(), count);
    } else {
      source.asIntBuffer().get(to.ints(), to.offset(), count);
    }
  }

  @Override
  public void download(Memory source, ByteBuffer target) {
    JavaMemory from = JavaMemory.of(source);
    int count = target.remaining() / source.type().bytes();
    if (source.type() == DType.FLOAT32) {
      target.asFloatBuffer().put(from.floats(), from.offset(), count);
    } else {
      target.asIntBuffer().put(from.ints(), from.offset(), count);
    }
  }

  @Override
  public FloatBuffer onHost(Memory memory) {
    JavaMemory floats = JavaMemory.of(memory);
    return FloatBuffer.wrap(floats.floats(), floats.offset(), (int) floats.elements()).slice();
  }

  @Override
  public void fill(Memory target, float value) {
    JavaMemory to = JavaMemory.of(target);
    Arrays.fill(to.floats(), to.offset(), to.offset() + (int) target.elements(), value);
  }

  @Override
  public void copy(Memory source, Memory target) {
    JavaMemory from = JavaMemory.of(source);
    JavaMemory to = JavaMemory.of(target);
    int count = (int) source.elements();
    if (source.type() == DType.FLOAT32) {
      System.arraycopy(from.floats(), from.offset(), to.floats(), to.offset(), count);
    } else {
      System.arraycopy(from.ints(), from.offset(), to.ints(), to.offset(), count);
    }
  }

  @Override
  public EnginePlan plainPlan(RnnShape shape, Mode mode, WeightStorage weights) {
    return new StackedPlan(this, shape, mode, weights);
  }

  @Override
  public LayerPlan layer(LayerShape shape) {
    long weights = (long) shape.cell().gates() * shape.hiddenSize() * shape.hiddenSize();
    return Cells.plan(
        sharesEverything || isWorthSharing(shape) ? team : alone, products.of(weights), shape);
  }

  private static boolean isWorthSharing(LayerShape shape) {
    double perInput = 2.0 * shape.batchSize() * shape.cell().gates() * shape.hiddenSize();
    double step = perInput * shape.hiddenSize();
    double call = shape.timeSteps() * perInput * (shape.inputSize() + shape.hiddenSize());
    return step >= STEP_WORTH_SHARING && call >= CALL_WORTH_SHARING;
  }

  @Override
  public void activation(Activation function, Memory x, Memory y) {
    JavaMemory from = JavaMemory.of(x);
    JavaMemory to = JavaMemory.of(y);
    int count = (int) x.elements();
    team.run(
        thread -> {
          int first = team.share(count, thread);
          int last = team.share(count, thread + 1);
          Activations.apply(
              function,
              from.floats(),
              from.offset() + first,
              to.floats(),
              to.offset() + first,
              last - first);
        });
  }

  @Override
  public void activationGradient(Activation function, Memory y, Memory dy, Memory dx) {
    JavaMemory output = JavaMemory.of(y);
    JavaMemory from = JavaMemory.of(dy);
    JavaMemory to = JavaMemory.of(dx);
    int count = (int) y.elements();
    team.run(
        thread -> {
          int first = team.share(count, thread);
          int last = team.share(count, thread + 1);
          Activations.gradient(
              function,
              output.floats(),
              output.offset() + first,
              from.floats(),
              from.offset() + first,
              to.floats(),
              to.offset() + first,
              last - first);
        });
  }

  @Override
  public void multiply(long elements, Memory a, Memory b, Memory y, boolean add) {
    JavaMemory left = JavaMemory.of(a);
    JavaMemory right = JavaMemory.of(b);
    JavaMemory to = JavaMemory.of(y);
    team.run(
        thread -> {
          int last = team.share((int) elements, thread + 1);
          for (int i = team.share((int) elements, thread); i < last; i++) {
            float product = left.floats()[left.offset() + i] * right.floats()[right.offset() + i];
            int at = to.offset() + i;
            to.floats()[at] = add ? to.floats()[at] + product : product;
          }
        });
  }

  @Override
  public void maximumOverTime(
      MaximumShape shape, Memory x, @Nullable Memory lengths, Memory y, Memory from) {
    JavaMemory input = JavaMemory.of(x);
    JavaMemory known = JavaMemory.ofNullable(lengths);
    JavaMemory largest = JavaMemory.of(y);
    JavaMemory places = JavaMemory.of(from);
    int columns = shape.outputElements();
    team.run(
        thread -> {
          int last = team.share(columns, thread + 1);
          for (int column = team.share(columns, thread); column < last; column++) {
            int b = column / shape.width();
            int steps = known == null ? shape.timeSteps() : known.ints()[known.offset() + b];
            int place = steps == 0 ? MaximumShape.NONE : column;
            float best = steps == 0 ? 0f : input.floats()[input.offset() + column];
            for (int t = 1; t < steps && !Float.isNaN(best); t++) {
              float value = input.floats()[input.offset() + t * columns + column];
              if (value > best || Float.isNaN(value)) {
                best = value;
                place = t * columns + column;
              }
            }
            largest.floats()[largest.offset() + column] = best;
            places.ints()[places.offset() + column] = place;
          }
        });
  }

  @Override
  public void copyColumns(ColumnCopy copy, Memory source, Memory target) {
    JavaMemory from = JavaMemory.of(source);
    JavaMemory to = JavaMemory.of(target);
    team.run(
        thread -> {
          int last = team.share(copy.rows(), thread + 1);
          for (int row = team.share(copy.rows(), thread); row < last; row++) {
            copyRow(
                copy,
                from.floats(),
                from.offset() + row * copy.sourceStride() + copy.sourceColumn(),
                to.floats(),
                to.offset() + row * copy.targetStride() + copy.targetColumn());
          }
        });
  }

  private static void copyRow(ColumnCopy copy, float[] from, int fromAt, float[] to, int toAt) {
    float factor = copy.factor();
    if (copy.add()) {
      for (int j = 0; j < copy.width(); j++) {
        to[toAt + j] += factor * from[fromAt + j];
      }
    } else {
      for (int j = 0; j < copy.width(); j++) {
        to[toAt + j] = factor * from[fromAt + j];
      }
    }
  }

  @Override
  public void layerNormForward(
      NormShape shape, Memory x, Memory parameters, Memory y, Memory saved) {
    norms.forward(
        shape, JavaMemory.of(x), JavaMemory.of(parameters), JavaMemory.of(y), JavaMemory.of(saved));
  }

  @Override
  public void layerNormBackward(
      NormShape shape,
      Memory x,
      Memory parameters,
      Memory saved,
      Memory dy,
      @Nullable Memory dx,
      Memory dParameters) {
    norms.backward(
        shape,
        JavaMemory.of(x),
        JavaMemory.of(parameters),
        JavaMemory.of(saved),
        JavaMemory.of(dy),
        JavaMemory.ofNullable(dx),
        JavaMemory.of(dParameters));
  }

  @Override
  public void softmaxForward(SoftmaxShape shape, Memory x, Memory y) {
    softmax.forward(shape, JavaMemory.of(x), JavaMemory.of(y));
  }

  @Override
  public void softmaxBackward(SoftmaxShape shape, Memory y, Memory dy, Memory dx) {
    softmax.backward(shape, JavaMemory.of(y), JavaMemory.of(dy), JavaMemory.of(dx));
  }

  @Override
  public void dropout(
      long elements, int width, float p, Memory key, int stream, Memory x, Memory y) {
    JavaMemory from = JavaMemory.of(x);
    JavaMemory to = JavaMemory.of(y);
    JavaMemory keyWords = JavaMemory.of(key);
    int keyAt = keyWords.offset();
    RandomKey random =
        RandomKey.of(Arrays.copyOfRange(keyWords.ints(), keyAt, keyAt + RandomKey.ELEMENTS));
    int blocks = (int) ((elements + 3) / 4);
    int threshold = Philox.dropThreshold(p);
    float scale = 1f / (1f - p);
    team.run(
        thread -> {
          int[] words = new int[4];
          int known = -1;
          for (int block = team.share(blocks, thread);
              block < team.share(blocks, thread + 1);
              block++) {
            int end = (int) Math.min(elements, 4L * block + 4);
            for (int i = 4 * block; i < end; i++) {
              long place = random.part().place(i, width);
              int wanted = (int) (place >>> 2);
              if (wanted != known) {
                known = wanted;
                Philox.block(
                    random.seed(), random.stream() + stream, random.offset(), wanted, words);
              }
              boolean dropped = Integer.compareUnsigned(words[(int) (place & 3)], threshold) < 0;
              float value = from.floats()[from.offset() + i];
              to.floats()[to.offset() + i] = dropped ? 0f : value * scale;
            }
          }
        });
  }

  @Override
  public StepMaths stepMaths(CellMaths cell, StateRules rules) {
    return new JavaStepMaths(team, alone, cell, rules);
  }

  @Override
  public void gatherSteps(
      StepRows rows, Memory x, @Nullable Memory lengths, @Nullable Memory key, Memory target) {
    stepOrder.gather(
        rows,
        JavaMemory.of(x),
        JavaMemory.ofNullable(lengths),
        JavaMemory.ofNullable(key),
        JavaMemory.of(target));
  }

  @Override
  public void scatterSteps(
      StepRows rows,
      Memory from,
      @Nullable Memory lengths,
      @Nullable Memory key,
      boolean add,
      Memory dx) {
    stepOrder.scatter(
        rows,
        JavaMemory.of(from),
        JavaMemory.ofNullable(lengths),
        JavaMemory.ofNullable(key),
        add,
        JavaMemory.of(dx));
  }

  @Override
  public void linearForward(
      LinearShape shape, Memory x, Memory weight, @Nullable Memory bias, Memory y) {
    linear.forward(
        shape,
        JavaMemory.of(x),
        JavaMemory.of(weight),
        JavaMemory.ofNullable(bias),
        JavaMemory.of(y));
  }

  @Override
  public void linearBackward(
      LinearShape shape,
      Memory x,
      Memory weight,
      Memory y,
      Memory dy,
      @Nullable Memory dx,
      @Nullable Memory dWeight,
      @Nullable Memory dBias) {
    linear.backward(
        shape,
        JavaMemory.of(x),
        JavaMemory.of(weight),
        JavaMemory.of(y),
        JavaMemory.of(dy),
        JavaMemory.ofNullable(dx),
        JavaMemory.ofNullable(dWeight),
        JavaMemory.ofNullable(dBias));
  }

  @Override
  public void embeddingForward(
      int rows, int width, Memory tokens, @Nullable Memory table, Memory y) {
    JavaMemory tokenBuffer = JavaMemory.of(tokens);
    JavaMemory to = JavaMemory.of(y);
    JavaMemory from = JavaMemory.ofNullable(table);
    for (int i = 0; i < rows; i++) {
      int token = tokenBuffer.ints()[tokenBuffer.offset() + i];
      int at = to.offset() + i * width;
      if (token >= 0 && from != null) {
        System.arraycopy(from.floats(), from.offset() + token * width, to.floats(), at, width);
      } else {
        Arrays.fill(to.floats(), at, at + width, 0f);
        if (token >= 0) {
          to.floats()[at + token] = 1f;
        }
      }
    }
  }

  @Override
  public void embeddingBackward(int rows, int width, Memory tokens, Memory dy, Memory dTable) {
    JavaMemory tokenBuffer = JavaMemory.of(tokens);
    JavaMemory gradient = JavaMemory.of(dy);
    JavaMemory target = JavaMemory.of(dTable);
    float[] from = gradient.floats();
    float[] to = target.floats();
    for (int i = 0; i < rows; i++) {
      int token = tokenBuffer.ints()[tokenBuffer.offset() + i];
      if (token >= 0) {
        int source = gradient.offset() + i * width;
        int sum = target.offset() + token * width;
        for (int j = 0; j < width; j++) {
          to[sum + j] += from[source + j];
        }
      }
    }
  }

  @Override
  public void loss(
      LossShape shape,
      Memory outputs,
      Memory targets,
      @Nullable Memory lengths,
      @Nullable Memory weights,
      @Nullable Memory gradientScale,
      @Nullable Memory lossScale,
      @Nullable Memory dOutputs,
      Memory result) {
    losses.run(
        shape,
        JavaMemory.of(outputs),
        JavaMemory.of(targets),
        JavaMemory.ofNullable(lengths),
        JavaMemory.ofNullable(weights),
        oneOr(gradientScale) * oneOr(lossScale),
        JavaMemory.ofNullable(dOutputs),
        JavaMemory.of(result));
  }

  /** The first number of {@code factor}, or 1 if there is none. */
  private static float oneOr(@Nullable Memory factor) {
    JavaMemory memory = JavaMemory.ofNullable(factor);
    return memory == null ? 1f : memory.floats()[memory.offset()];
  }

  @Override
  public void ctcLoss(
      CtcShape shape,
      Memory outputs,
      Memory labels,
      Memory labelLengths,
      @Nullable Memory lengths,
      @Nullable Memory gradientScale,
      @Nullable Memory lossScale,
      @Nullable Memory dOutputs,
      Memory workspace,
      Memory result) {
    ctcLoss.run(
        shape,
        JavaMemory.of(outputs),
        JavaMemory.of(labels),
        JavaMemory.of(labelLengths),
        JavaMemory.ofNullable(lengths),
        oneOr(gradientScale) * oneOr(lossScale),
        JavaMemory.ofNullable(dOutputs),
        JavaMemory.of(workspace),
        JavaMemory.of(result));
  }

  @Override
  public void optimizerStep(
      UpdateRule rule,
      Memory numbers,
      @Nullable UpdateGroups groups,
      Memory parameters,
      Memory gradients,
      Memory moments,
      Memory report) {
    optimizer.step(
        rule,
        JavaMemory.of(numbers),
        groups,
        JavaMemory.of(parameters),
        JavaMemory.of(gradients),
        JavaMemory.of(moments),
        JavaMemory.of(report));
  }

  @Override
  public void close() {
    team.close();
    alone.close();
  }
}
