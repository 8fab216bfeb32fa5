package dev.sequor.model;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.ColumnCopy;
import dev.sequor.backend.DType;
import dev.sequor.backend.DrawShape;
import dev.sequor.backend.LikeliestShape;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RandomKey;
import dev.sequor.backend.StepInput;
import dev.sequor.backend.WeightStorage;
import dev.sequor.module.Extent;
import dev.sequor.module.NetworkPass;
import dev.sequor.module.NetworkState;
import dev.sequor.module.NetworkWeights;
import dev.sequor.module.ValueShape;
import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A network that reads one token of each of {@code R} rows a step and carries its state, with what
 * decoding does beside it. A step is one launch on a device: up go, for each row, a token and the
 * row that its state comes from; down come the few likeliest tokens of each row, or the one drawn.
 * Logits and states stay there.
 */
final class TokenSteps implements AutoCloseable {
  private final Backend backend;
  private final NetworkPass pass;
  private final String input;
  private final int rows;

  /** The width of the output. */
  private final int features;

  /** Of an output that is an adaptive softmax: the logits of one row. */
  private final @Nullable AdaptiveOutput adaptive;

  /** {@code [R,features]}. */
  private final Buffer output;

  /** {@code [R,V]}; the output itself unless it is an adaptive softmax. */
  private final Buffer logits;

  private final int vocabularySize;

  /** Tokens that are not chosen, rising, and what takes the place of their logits, {@code [R]}. */
  private final int[] excluded;

  private final Buffer never;

  private final NetworkState state;
  private final NetworkState moved;
  private final List<Gather> gathers = new ArrayList<>();
  private final LikeliestShape likeliest;
  private final Buffer chosen;
  private final Buffer logarithms;
  private final ByteBuffer inputStaging;
  private final Buffer keys;
  private final Buffer number;
  private final ByteBuffer numberStaging = Backend.hostMemory(DType.INT32, 2);
  private @Nullable Buffer seen;

  /** Moves the state {@code [blocks,S,R,H]} of a node by rows: they are rows of a table. */
  private record Gather(
      String node, int vectors, int width, Buffer index, ByteBuffer staging, List<Buffer> ends) {}

  /**
   * A logit that none makes up for. It is finite, and stays so whatever penalty multiplies it: one
   * that is not is the sign of a model that diverged.
   */
  private static final float NEVER = -1e20f;

  /** Tokens that a device draws of each row before the host looks at them. */
  private static final int CHUNK = 32;

  /** The tokens of one chunk {@code [n,R]}; made when first drawn. */
  private @Nullable Buffer drawn;

  /** Stands for these in keys of steps, which are kept and must not keep these. */
  private final Object identity = new Object();

  private record DrawKey(Object steps, DrawShape shape) {}

  /**
   * Steps of {@code rows} rows.
   *
   * @param count how many of the likeliest tokens of a row are chosen; more than there are for all
   * @param excluded tokens that are not chosen, fewer than there are
   */
  TokenSteps(
      NetworkWeights weights,
      String output,
      int rows,
      int count,
      WeightStorage storage,
      int... excluded) {
    this.backend = weights.backend();
    this.rows = rows;
    this.excluded = excluded.clone();
    this.input = weights.network().inputs().get(0).name();
    this.pass =
        new NetworkPass(weights, Extent.of(input, 1, rows), Mode.INFERENCE, storage, Set.of());
    NetworkState first = null;
    try {
      ValueShape shape = weights.network().shapes().get(output);
      this.features = shape == null ? 0 : shape.width();
      this.adaptive = AdaptiveOutput.of(output, weights, pass, 1, Mode.INFERENCE);
      this.vocabularySize = adaptive == null ? features : adaptive.classes();
      this.likeliest =
          new LikeliestShape(
              rows, vocabularySize, Math.min(count, vocabularySize - excluded.length));
      this.output = pass.value(output);
      this.logits =
          adaptive == null
              ? this.output
              : pass.allocate(DType.FLOAT32, (long) rows * vocabularySize);
      this.never = pass.allocate(DType.FLOAT32, rows);
      backend.fill(never, NEVER);
      first = new NetworkState(backend, weights.network(), rows);
      this.moved = new NetworkState(backend, weights.network(), rows);
    } catch (RuntimeException | Error e) {
      pass.close();
      if (first != null) {
        first.close();
      }
      throw e;
    }
    this.state = first;
    try {
      Map<String, ValueShape.State> shapes = weights.network().carriedStates();
      for (Map.Entry<String, ValueShape.State> of : shapes.entrySet()) {
        int vectors = of.getValue().blocks() * of.getValue().states();
        int elements = Math.multiplyExact(vectors, rows);
        gathers.add(
            new Gather(
                of.getKey(),
                vectors,
                of.getValue().width(),
                pass.allocate(DType.INT32, elements),
                Backend.hostMemory(DType.INT32, elements),
                List.of(of(state, of.getKey()), of(moved, of.getKey()))));
      }
      this.chosen = pass.allocate(DType.INT32, likeliest.results());
      this.logarithms = pass.allocate(DType.FLOAT32, likeliest.results());
      this.inputStaging = Backend.hostMemory(DType.INT32, rows);
      this.keys = pass.allocate(DType.INT32, (long) rows * RandomKey.ELEMENTS);
      this.number = pass.allocate(DType.INT32, 2);
      pass.carry(state);
      pass.put(input, new int[rows]);
      pass.upload();
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private static Buffer of(NetworkState state, String node) {
    Buffer buffer = state.of(node);
    if (buffer == null) {
      throw new IllegalStateException("node '" + node + "' carries no state");
    }
    return buffer;
  }

  int rows() {
    return rows;
  }

  /** How many tokens of each row {@link #likeliest} chooses. */
  int count() {
    return likeliest.count();
  }

  /**
   * Starts each row from the state of a sequence, for example of an encoder: row {@code r} from
   * that of {@code r / each}.
   *
   * @param from the state {@code [blocks,S,sequences,H]} of a node
   * @param each rows of a sequence
   */
  void start(String node, Buffer from, int sequences, int each) {
    for (Gather gather : gathers) {
      if (gather.node().equals(node)) {
        stage(gather, row -> row / each, sequences);
        backend.upload(gather.staging(), gather.index());
        backend.embeddingForward(
            gather.vectors() * rows, gather.width(), gather.index(), from, gather.ends().get(0));
      }
    }
    Buffer mark = state.marks().get(node);
    if (mark != null) {
      mark.write(NetworkState.GOES_ON);
    }
  }

  /** Starts each row from a carried state of {@code sequences} streams. */
  void start(NetworkState from, int each) {
    from.byNode().forEach((node, values) -> start(node, values, from.batchSize(), each));
    from.marks().forEach((node, mark) -> backend.copy(mark, marked(node)));
  }

  private Buffer marked(String node) {
    Buffer mark = state.marks().get(node);
    if (mark == null) {
      throw new IllegalStateException("node '" + node + "' is given no state to start from");
    }
    return mark;
  }

  private interface RowOf {
    int of(int row);
  }

  private void stage(Gather gather, RowOf source, int sourceRows) {
    IntBuffer to = gather.staging().clear().asIntBuffer();
    for (int v = 0; v < gather.vectors(); v++) {
      for (int row = 0; row < rows; row++) {
        to.put(v * sourceRows + source.of(row));
      }
    }
  }

  /** The likeliest tokens of each row, and the logarithms of their probabilities. */
  @SuppressWarnings("ArrayRecordComponent")
  record Likeliest(int[] tokens, float[] logarithms) {}

  /**
   * One step: states move to their rows, each row reads a token, and the likeliest that follow are
   * chosen.
   *
   * @param tokens {@code [R]}
   * @param parents {@code [R]}: which row each row's state comes from
   */
  Likeliest likeliest(int[] tokens, int[] parents) {
    List<StepInput> inputs = new ArrayList<>();
    inputStaging.clear().asIntBuffer().put(tokens);
    inputs.add(new StepInput(inputStaging, pass.value(input)));
    for (Gather gather : gathers) {
      stage(gather, row -> parents[row], rows);
      inputs.add(new StepInput(gather.staging(), gather.index()));
    }
    backend.step(
        identity,
        inputs,
        () -> {
          for (Gather gather : gathers) {
            Buffer own = gather.ends().get(0);
            Buffer other = gather.ends().get(1);
            int elements = gather.vectors() * rows;
            backend.embeddingForward(elements, gather.width(), gather.index(), own, other);
            backend.copy(other, own);
          }
          pass.forward();
          backend.likeliest(likeliest, logits(), chosen, logarithms);
        });
    return new Likeliest(chosen.readInts(), logarithms.readFloats());
  }

  /** The logits of the last step, with those of excluded tokens out of reach. */
  private Buffer logits() {
    for (int row = 0; row < rows && adaptive != null; row++) {
      Buffer of = output.slice((long) row * features, features);
      backend.copy(adaptive.logits(of), logits.slice((long) row * vocabularySize, vocabularySize));
    }
    for (int token : excluded) {
      backend.copyColumns(
          new ColumnCopy(rows, 1, 0, 1, token, vocabularySize, 1f, false), never, logits);
    }
    return logits;
  }

  /** Takes the keys of the rows' random numbers, and what they have seen if that matters. */
  void drawFrom(DrawShape shape, List<RandomKey> ofRows, int[][] before) {
    int[] words = new int[rows * RandomKey.ELEMENTS];
    for (int row = 0; row < rows; row++) {
      int[] key = ofRows.get(Math.min(row, ofRows.size() - 1)).words();
      System.arraycopy(key, 0, words, row * RandomKey.ELEMENTS, key.length);
    }
    keys.write(words);
    if (shape.penalizes()) {
      Buffer marks = seen;
      if (marks == null) {
        marks = pass.allocate(DType.INT32, (long) rows * vocabularySize);
        seen = marks;
      }
      int[] flags = new int[Math.multiplyExact(rows, vocabularySize)];
      for (int row = 0; row < before.length; row++) {
        for (int token : before[row]) {
          flags[row * vocabularySize + token] = 1;
        }
      }
      marks.write(flags);
    }
  }

  /** Each row reads a token, in a step of its own. */
  void read(int[] tokens) {
    pass.value(input).write(tokens);
    pass.forward();
  }

  /**
   * Draws the next few tokens of each row after those read, and reads them, so that a device need
   * not wait for the host at each: enough that their launch costs little, few enough that not many
   * are drawn in vain.
   *
   * @param first the number of the first
   * @return {@code [n,R]}
   */
  int[] draw(DrawShape shape, long first) {
    int steps = backend.isAsynchronous() ? CHUNK : 1;
    Buffer known = drawn;
    if (known == null) {
      known = pass.allocate(DType.INT32, (long) steps * rows);
      drawn = known;
    }
    Buffer to = known;
    numberStaging.clear().asIntBuffer().put((int) first).put((int) (first >>> 32));
    Buffer tokens = pass.value(input);
    Buffer marks = shape.penalizes() ? seen : null;
    backend.step(
        new DrawKey(identity, shape),
        List.of(new StepInput(numberStaging, number)),
        () -> {
          for (int i = 0; i < steps; i++) {
            backend.drawTokens(shape, rows, keys, number, i, logits(), marks, tokens);
            backend.copy(tokens, to.slice((long) i * rows, rows));
            pass.forward();
          }
        });
    return to.readInts();
  }

  /** The state of the rows. */
  NetworkState state() {
    return state;
  }

  @Override
  public void close() {
    pass.close();
    state.close();
    moved.close();
  }
}
