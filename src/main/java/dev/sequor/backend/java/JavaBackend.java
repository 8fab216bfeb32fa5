package dev.sequor.backend.java;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.LinearShape;
import dev.sequor.backend.LossShape;
import dev.sequor.backend.Mode;
import dev.sequor.backend.OptimizerStep;
import dev.sequor.backend.Philox;
import dev.sequor.backend.RnnPlan;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.UpdateReport;
import dev.sequor.backend.WeightStorage;
import dev.sequor.backend.host.LayerEngine;
import dev.sequor.backend.host.LayerPlan;
import dev.sequor.backend.host.LayerShape;
import dev.sequor.backend.host.StackedPlan;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Runs everything in Java, on the calling thread and a team of helpers. Work is done at once. */
final class JavaBackend implements Backend, LayerEngine {
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
  private final Product[] products;
  private final Linear linear;
  private final Loss loss;
  private final Optimizer optimizer;

  JavaBackend(int threads) {
    this(threads, false);
  }

  /**
   * A team of {@code threads}.
   *
   * @param sharesEverything whether all threads share even what one alone does faster
   */
  JavaBackend(int threads, boolean sharesEverything) {
    this.sharesEverything = sharesEverything;
    team = new ThreadTeam(threads);
    products = new Product[threads];
    for (int i = 0; i < threads; i++) {
      products[i] = new Product();
    }
    linear = new Linear(team, products);
    loss = new Loss(team);
    optimizer = new Optimizer(team);
  }

  @Override
  public String name() {
    return "java (" + team.size() + (team.size() == 1 ? " thread)" : " threads)");
  }

  @Override
  public Buffer allocate(DType type, long elements) {
    return JavaBuffer.allocate(this, type, elements);
  }

  @Override
  public void upload(ByteBuffer source, Buffer target) {
    JavaBuffer to = JavaBuffer.of(target);
    int count = elements(source, target);
    if (target.type() == DType.FLOAT32) {
      source.asFloatBuffer().get(to.floats(), to.offset(), count);
    } else {
      source.asIntBuffer().get(to.ints(), to.offset(), count);
    }
    target.markWritten();
  }

  @Override
  public void download(Buffer source, ByteBuffer target) {
    JavaBuffer from = JavaBuffer.of(source);
    int count = elements(target, source);
    if (source.type() == DType.FLOAT32) {
      target.asFloatBuffer().put(from.floats(), from.offset(), count);
    } else {
      target.asIntBuffer().put(from.ints(), from.offset(), count);
    }
  }

  private static int elements(ByteBuffer host, Buffer device) {
    device.requireFit(host);
    return host.remaining() / device.type().bytes();
  }

  @Override
  public void fill(Buffer target, float value) {
    JavaBuffer to = JavaBuffer.of(target);
    Arrays.fill(to.floats(), to.offset(), to.offset() + (int) target.elements(), value);
    target.markWritten();
  }

  @Override
  public void copy(Buffer source, Buffer target) {
    JavaBuffer from = JavaBuffer.of(source);
    JavaBuffer to = JavaBuffer.of(target);
    if (source.type() != target.type() || source.elements() != target.elements()) {
      throw new IllegalArgumentException(
          "copy of "
              + source.elements()
              + " "
              + source.type()
              + " to a buffer of "
              + target.elements()
              + " "
              + target.type()
              + "; needed the same type and length");
    }
    int count = (int) source.elements();
    if (source.type() == DType.FLOAT32) {
      System.arraycopy(from.floats(), from.offset(), to.floats(), to.offset(), count);
    } else {
      System.arraycopy(from.ints(), from.offset(), to.ints(), to.offset(), count);
    }
    target.markWritten();
  }

  @Override
  public RnnPlan plan(RnnShape shape, Mode mode) {
    return new StackedPlan(this, this, shape, mode, WeightStorage.FLOAT32);
  }

  @Override
  public LayerPlan layer(LayerShape shape) {
    return Cells.plan(sharesEverything || isWorthSharing(shape) ? team : alone, products, shape);
  }

  private static boolean isWorthSharing(LayerShape shape) {
    double perInput = 2.0 * shape.batchSize() * shape.cell().gates() * shape.hiddenSize();
    double step = perInput * shape.hiddenSize();
    double call = shape.timeSteps() * perInput * (shape.inputSize() + shape.hiddenSize());
    return step >= STEP_WORTH_SHARING && call >= CALL_WORTH_SHARING;
  }

  @Override
  public void dropout(
      long elements, float p, long seed, int stream, long offset, Buffer x, Buffer y) {
    JavaBuffer from = JavaBuffer.of(x);
    JavaBuffer to = JavaBuffer.of(y);
    int blocks = (int) ((elements + 3) / 4);
    int threshold = Philox.dropThreshold(p);
    float scale = 1f / (1f - p);
    team.run(
        thread -> {
          int[] words = new int[4];
          for (int block = team.share(blocks, thread);
              block < team.share(blocks, thread + 1);
              block++) {
            Philox.block(seed, stream, offset, block, words);
            int end = (int) Math.min(elements, 4L * block + 4);
            for (int i = 4 * block; i < end; i++) {
              boolean dropped = Integer.compareUnsigned(words[i & 3], threshold) < 0;
              float value = from.floats()[from.offset() + i];
              to.floats()[to.offset() + i] = dropped ? 0f : value * scale;
            }
          }
        });
    y.markWritten();
  }

  @Override
  public void linearForward(
      LinearShape shape, Buffer x, Buffer weight, @Nullable Buffer bias, Buffer y) {
    linear.forward(
        shape,
        JavaBuffer.of(x),
        JavaBuffer.of(weight),
        bias == null ? null : JavaBuffer.of(bias),
        JavaBuffer.of(y));
    y.markWritten();
  }

  @Override
  public void linearBackward(
      LinearShape shape,
      Buffer x,
      Buffer weight,
      Buffer y,
      Buffer dy,
      @Nullable Buffer dx,
      Buffer dWeight,
      @Nullable Buffer dBias) {
    linear.backward(
        shape,
        JavaBuffer.of(x),
        JavaBuffer.of(weight),
        JavaBuffer.of(y),
        JavaBuffer.of(dy),
        dx == null ? null : JavaBuffer.of(dx),
        JavaBuffer.of(dWeight),
        dBias == null ? null : JavaBuffer.of(dBias));
    dy.markWritten();
    dWeight.markWritten();
    if (dx != null) {
      dx.markWritten();
    }
    if (dBias != null) {
      dBias.markWritten();
    }
  }

  @Override
  public void embeddingForward(
      int rows, int width, Buffer tokens, @Nullable Buffer table, Buffer y) {
    JavaBuffer tokenBuffer = JavaBuffer.of(tokens);
    JavaBuffer to = JavaBuffer.of(y);
    JavaBuffer from = table == null ? null : JavaBuffer.of(table);
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
    y.markWritten();
  }

  @Override
  public void embeddingBackward(int rows, int width, Buffer tokens, Buffer dy, Buffer dTable) {
    JavaBuffer tokenBuffer = JavaBuffer.of(tokens);
    JavaBuffer gradient = JavaBuffer.of(dy);
    JavaBuffer target = JavaBuffer.of(dTable);
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
    dTable.markWritten();
  }

  @Override
  public void loss(
      LossShape shape,
      Buffer outputs,
      Buffer targets,
      @Nullable Buffer lengths,
      float gradientScale,
      @Nullable Buffer update,
      @Nullable Buffer dOutputs,
      Buffer result) {
    loss.run(
        shape,
        JavaBuffer.of(outputs),
        JavaBuffer.of(targets),
        lengths == null ? null : JavaBuffer.of(lengths),
        gradientScale
            * (update == null ? 1f : LossScale.of(JavaBuffer.of(UpdateReport.require(update)))),
        dOutputs == null ? null : JavaBuffer.of(dOutputs),
        JavaBuffer.of(result));
    if (dOutputs != null) {
      dOutputs.markWritten();
    }
    result.markWritten();
  }

  @Override
  public void optimizerStep(
      OptimizerStep step, Buffer parameters, Buffer gradients, Buffer moments, Buffer update) {
    boolean updated =
        optimizer.step(
            step,
            JavaBuffer.of(parameters),
            JavaBuffer.of(gradients),
            JavaBuffer.of(moments),
            JavaBuffer.of(UpdateReport.require(update)));
    if (updated) {
      parameters.markWritten();
      moments.markWritten();
    }
    update.markWritten();
  }

  /** Nothing to wait for. */
  @Override
  public void synchronize() {}

  @Override
  public void close() {
    team.close();
    alone.close();
  }
}
