package dev.sequor.backend.java;

import dev.sequor.backend.BlockLayout;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Memory;
import dev.sequor.backend.Mode;
import dev.sequor.backend.host.LayerPlan;
import dev.sequor.backend.host.LayerShape;
import dev.sequor.backend.host.SequenceRows;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One direction of one layer: the large products over all time steps, around a time loop that
 * subclasses supply. Everything runs in the compact row order of {@link SequenceRows}.
 *
 * <p>In the time loop a thread has a part of each step's rows and a slice of the hidden units. Rows
 * are split first, because long rows of weights make the fastest products and because a thread that
 * keeps its rows need not wait for the others; units are split where there would be fewer than
 * {@link #LEAST_ROWS} rows each. {@code saved} is {@code values [K,T·B,H]}, then the states {@code
 * [S,(T+1)·B,H]}: rows {@code 0…B−1} are the initial states in processing order, row {@code B + r}
 * is the state after compact row {@code r}.
 */
abstract class JavaLayerPlan implements LayerPlan {
  /** Elements that one call of the cell's maths should get, to make its loops worth their start. */
  private static final int ELEMENTS_PER_CALL = 512;

  /** Rows of a thread that use the weights often enough to pay for reading all of them. */
  private static final int LEAST_ROWS = 8;

  private static final float[] NOTHING = {};
  private static final float[] ONE = {1f};

  final ThreadTeam team;
  final Product[] products;
  final int timeSteps;
  final int batchSize;
  final int inputSize;
  final int hiddenSize;

  /** {@code G·H}. */
  final int gateSize;

  /** {@code T·B}. */
  final int rowCapacity;

  final int states;
  final int peepholes;
  final int savedValues;
  final boolean training;
  private final boolean sharedGradient;
  private final int outputStride;
  private final int recurrentState;
  private final BlockLayout block;

  /** {@code [N,G·H]}: {@code W x + bW} forward, the gradient by it backward. */
  final float[] gates;

  /** {@code [N,G·H]}: gradient by {@code R s + bR}; the same array as {@link #gates} if equal. */
  final float[] recurrentGradients;

  /** {@code [S,B,H]}, in processing order: gradient by the state between two steps. */
  final float[] stateGradients;

  /** {@code [P,N,H]}: gradient by the peepholes, of each element. */
  final float[] peepholeGradients;

  /** Threads that share the rows of a step. */
  private final int rowParts;

  /** Threads that share the hidden units. */
  final int columnParts;

  /** {@code Wᵀ [I,G·H]}. */
  private final float[] inputWeights;

  private final float[] inferenceStates;
  private final int[] previousRows;
  private final ThreadTeam.Region forwardRegion = this::forwardPart;
  private final ThreadTeam.Region backwardRegion = this::backwardPart;

  private float @Nullable [] packedFrom;
  private int packedOffset;
  private long packedVersion;

  // The pass under way.
  private @Nullable SequenceRows rows;
  private boolean packing;
  private float[] parameters = NOTHING;
  private int parametersAt;
  private float[] x = NOTHING;
  private int xAt;
  private float[] stateHistory = NOTHING;
  private int statesAt;
  private float[] saved = NOTHING;
  private int savedAt;
  private float[] y = NOTHING;
  private int yAt;
  private float @Nullable [] initialState;
  private int initialStateAt;
  private float @Nullable [] finalState;
  private int finalStateAt;
  private float @Nullable [] dy;
  private int dyAt;
  private float @Nullable [] dFinalState;
  private int dFinalStateAt;
  private float[] dParameters = NOTHING;
  private int dParametersAt;
  private float @Nullable [] dx;
  private int dxAt;
  private boolean addToDx;
  private float @Nullable [] dInitialState;
  private int dInitialStateAt;

  JavaLayerPlan(
      ThreadTeam team,
      Product[] products,
      LayerShape shape,
      int savedValues,
      int recurrentState,
      boolean sharedGradient) {
    CellType cell = shape.cell();
    this.team = team;
    this.products = products;
    this.timeSteps = shape.timeSteps();
    this.batchSize = shape.batchSize();
    this.inputSize = shape.inputSize();
    this.hiddenSize = shape.hiddenSize();
    this.gateSize = JavaMemory.arrayLength("gate row", (long) cell.gates() * hiddenSize);
    this.rowCapacity = timeSteps * batchSize;
    this.states = cell.states();
    this.peepholes = cell.peepholes();
    this.savedValues = savedValues;
    this.training = shape.mode() == Mode.TRAINING;
    this.outputStride = shape.outputStride();
    this.recurrentState = recurrentState;
    this.block = shape.block();
    this.sharedGradient = sharedGradient;
    this.gates = scratch((long) rowCapacity * gateSize);
    this.recurrentGradients =
        !training ? NOTHING : sharedGradient ? gates : scratch((long) rowCapacity * gateSize);
    this.stateGradients = training ? scratch((long) states * batchSize * hiddenSize) : NOTHING;
    this.peepholeGradients =
        training ? scratch((long) peepholes * rowCapacity * hiddenSize) : NOTHING;
    this.rowParts = rowParts(team.size(), batchSize);
    this.columnParts = team.size() / rowParts;
    this.inputWeights = scratch((long) inputSize * gateSize);
    this.inferenceStates = training ? NOTHING : scratch(stateElements());
    this.previousRows = new int[training ? rowCapacity : 0];
    JavaMemory.arrayLength("saved state", savedElements());
  }

  /** The largest divisor of {@code threads} that leaves each part enough rows. */
  private static int rowParts(int threads, int batchSize) {
    int parts = 1;
    for (int candidate = 2; candidate <= threads; candidate++) {
      if (threads % candidate == 0 && batchSize / candidate >= LEAST_ROWS) {
        parts = candidate;
      }
    }
    return parts;
  }

  private static float[] scratch(long elements) {
    return new float[JavaMemory.arrayLength("plan's scratch array", elements)];
  }

  private long stateElements() {
    return (long) states * (timeSteps + 1L) * batchSize * hiddenSize;
  }

  @Override
  public final long savedElements() {
    return training ? (long) savedValues * rowCapacity * hiddenSize + stateElements() : 0;
  }

  // What time loops need of the pass under way.

  final SequenceRows rows() {
    return Objects.requireNonNull(rows);
  }

  /** Which slice of the hidden units {@code thread} has, of {@link #columnParts}. */
  final int columnPart(int thread) {
    return thread / rowParts;
  }

  /** First hidden unit of a slice; the next slice's is its end. */
  final int firstUnit(int columnPart) {
    return (int) ((long) hiddenSize * columnPart / columnParts);
  }

  /** First of {@code count} rows, or anything else, that {@code thread} has among its row parts. */
  final int firstRow(int count, int thread) {
    return (int) ((long) count * (thread % rowParts) / rowParts);
  }

  /** One past the last row of {@code thread}. */
  final int endRow(int count, int thread) {
    return (int) ((long) count * (thread % rowParts + 1) / rowParts);
  }

  /** Waits until all slices of the units are done; nothing to wait for if there is one. */
  final void columnBarrier() {
    if (columnParts > 1) {
      team.barrier();
    }
  }

  /** Waits where step {@code next} gives rows of step {@code k} to other threads. */
  final void rowBarrier(int k, int next) {
    if (rowParts > 1 && rows().count(k) != rows().count(next)) {
      team.barrier();
    }
  }

  /** How many rows one call of the cell's maths takes where a slice has {@code width} units. */
  static int rowsPerCall(int width) {
    return Math.max(1, Math.min(Product.HEIGHT, ELEMENTS_PER_CALL / Math.max(1, width)));
  }

  /** The array of {@link #stateAt}. */
  final float[] stateHistory() {
    return stateHistory;
  }

  /** Where row {@code row} of state {@code state} lies in {@link #stateHistory()}. */
  final int stateAt(int state, int row) {
    return statesAt + (state * (rowCapacity + batchSize) + row) * hiddenSize;
  }

  /** The first state row before step {@code k}. */
  final int rowBefore(int k) {
    return k == 0 ? 0 : batchSize + rows().offset(k - 1);
  }

  /** The first state row after step {@code k}. */
  final int rowAfter(int k) {
    return batchSize + rows().offset(k);
  }

  /** The array of {@link #savedAt}. */
  final float[] saved() {
    return saved;
  }

  /** Where saved value {@code value} of compact row {@code row} lies in {@link #saved()}. */
  final int savedAt(int value, int row) {
    return savedAt + (value * rowCapacity + row) * hiddenSize;
  }

  /** Where the state gradient of sequence {@code i} of the processing order lies. */
  final int stateGradientAt(int state, int i) {
    return (state * batchSize + i) * hiddenSize;
  }

  /** Copies units {@code [from, from + count)} of {@code h} of a compact row to {@code y}. */
  final void output(int row, int from, int count, float[] h, int at) {
    System.arraycopy(h, at, y, yAt + rows().paddedRows()[row] * outputStride + from, count);
  }

  /**
   * Copies the gradient by {@code h} of units {@code [from, from + count)} after compact row {@code
   * row}, sequence {@code i}, to {@code target}: what came from the next step, plus {@code dy}.
   */
  final void outputGradient(int row, int i, int from, int count, float[] target, int at) {
    System.arraycopy(stateGradients, stateGradientAt(0, i) + from, target, at, count);
    float[] gradient = dy;
    if (gradient != null) {
      int base = dyAt + rows().paddedRows()[row] * outputStride + from;
      for (int j = 0; j < count; j++) {
        target[at + j] += gradient[base + j];
      }
    }
  }

  final float[] parameters() {
    return parameters;
  }

  // Where things lie in parameters(), which is an array, so that offsets are ints.

  private int inputWeightsAt() {
    return parametersAt + (int) block.inputWeights();
  }

  final int recurrentWeightsAt() {
    return parametersAt + (int) block.recurrentWeights();
  }

  private int inputBiasAt() {
    return parametersAt + (int) block.inputBias();
  }

  final int recurrentBiasAt() {
    return parametersAt + (int) block.recurrentBias();
  }

  final int peepholesAt() {
    return parametersAt + (int) block.peepholes();
  }

  // What time loops supply.

  /**
   * Copies {@code thread}'s part of the recurrent weights to where the products want it; a barrier
   * follows.
   */
  abstract void packRecurrent(int thread);

  /** All steps; no barrier is needed after the last. */
  abstract void forwardSteps(int thread);

  /** All steps from the last to the first; no barrier is needed after the last. */
  abstract void backwardSteps(int thread);

  /** {@code dR +=}, rows {@code [from, to)} of {@code G·H}. */
  abstract void recurrentWeightGradient(Product product, Matrix dR, int from, int to);

  /** State rows before each compact row. */
  final Matrix statesBefore() {
    return Matrix.of(stateHistory, stateAt(recurrentState, 0), hiddenSize, previousRows);
  }

  @Override
  public final void forward(
      SequenceRows rows,
      Memory parameters,
      Memory x,
      @Nullable Memory initialState,
      Memory y,
      int yColumn,
      @Nullable Memory finalState,
      @Nullable Memory saved) {
    begin(rows, parameters, x, saved);
    this.y = floats(y);
    this.yAt = offset(y) + yColumn;
    this.initialState = initialState == null ? null : floats(initialState);
    this.initialStateAt = initialState == null ? 0 : offset(initialState);
    this.finalState = finalState == null ? null : floats(finalState);
    this.finalStateAt = finalState == null ? 0 : offset(finalState);
    team.run(forwardRegion);
    end();
  }

  private void begin(SequenceRows rows, Memory parameters, Memory x, @Nullable Memory saved) {
    this.rows = rows;
    this.parameters = floats(parameters);
    this.parametersAt = offset(parameters);
    packing =
        packedFrom != this.parameters
            || packedOffset != parametersAt
            || packedVersion != parameters.version();
    packedFrom = null;
    packedOffset = parametersAt;
    packedVersion = parameters.version();
    this.x = floats(x);
    this.xAt = offset(x);
    if (training) {
      Memory kept = Objects.requireNonNull(saved);
      this.saved = floats(kept);
      this.savedAt = offset(kept);
      this.stateHistory = this.saved;
      this.statesAt = savedAt + savedValues * rowCapacity * hiddenSize;
    } else {
      this.stateHistory = inferenceStates;
      this.statesAt = 0;
    }
  }

  /** The packed weights are good; lets go of the caller's memory otherwise. */
  private void end() {
    packedFrom = parameters;
    parameters = NOTHING;
    x = NOTHING;
    y = NOTHING;
    saved = NOTHING;
    stateHistory = NOTHING;
    dParameters = NOTHING;
    initialState = null;
    finalState = null;
    dy = null;
    dx = null;
    dFinalState = null;
    dInitialState = null;
    rows = null;
  }

  private static float[] floats(Memory buffer) {
    return JavaMemory.of(buffer).floats();
  }

  private static int offset(Memory buffer) {
    return JavaMemory.of(buffer).offset();
  }

  private void forwardPart(int thread) {
    int n = rows().rows();
    int next = thread + 1;
    if (packing) {
      packInputWeights(team.share(gateSize, thread), team.share(gateSize, next));
      packRecurrent(thread);
    }
    takeInitialState(team.share(batchSize, thread), team.share(batchSize, next));
    clearPadding(y, yAt, outputStride, hiddenSize, thread);
    team.barrier();
    products[thread].multiply(
        Matrix.of(x, xAt, inputSize, rows().paddedRows()),
        Matrix.of(inputWeights, 0, gateSize),
        Matrix.of(gates, 0, gateSize),
        inputSize,
        team.share(n, thread),
        team.share(n, next),
        0,
        gateSize,
        parameters,
        inputBiasAt(),
        false);
    team.barrier();
    forwardSteps(thread);
    team.barrier();
    giveFinalState(team.share(batchSize, thread), team.share(batchSize, next));
  }

  private void packInputWeights(int from, int to) {
    for (int row = from; row < to; row++) {
      int at = inputWeightsAt() + row * inputSize;
      for (int k = 0; k < inputSize; k++) {
        inputWeights[k * gateSize + row] = parameters[at + k];
      }
    }
  }

  private void takeInitialState(int from, int to) {
    for (int state = 0; state < states; state++) {
      for (int i = from; i < to; i++) {
        int at = stateAt(state, i);
        if (initialState == null) {
          Arrays.fill(stateHistory, at, at + hiddenSize, 0f);
        } else {
          int row = state * batchSize + rows().order()[i];
          System.arraycopy(
              initialState, initialStateAt + row * hiddenSize, stateHistory, at, hiddenSize);
        }
      }
    }
  }

  /** Sequence {@code i} ends with the step that is the last to have more than {@code i} rows. */
  private void giveFinalState(int from, int to) {
    if (finalState == null) {
      return;
    }
    int length = rows().steps();
    for (int i = from; i < to; i++) {
      while (length > 0 && rows().count(length - 1) <= i) {
        length--;
      }
      int last = (length == 0 ? 0 : rowAfter(length - 1)) + i;
      for (int state = 0; state < states; state++) {
        int row = state * batchSize + rows().order()[i];
        System.arraycopy(
            stateHistory,
            stateAt(state, last),
            finalState,
            finalStateAt + row * hiddenSize,
            hiddenSize);
      }
    }
  }

  private void clearPadding(float[] data, int at, int stride, int width, int thread) {
    int count = rows().paddingCount();
    int[] padding = rows().padding();
    for (int i = team.share(count, thread); i < team.share(count, thread + 1); i++) {
      int start = at + padding[i] * stride;
      Arrays.fill(data, start, start + width, 0f);
    }
  }

  @Override
  public final void backward(
      SequenceRows rows,
      Memory parameters,
      Memory x,
      Memory saved,
      @Nullable Memory dy,
      int yColumn,
      @Nullable Memory dFinalState,
      Memory dParameters,
      @Nullable Memory dx,
      boolean addToDx,
      @Nullable Memory dInitialState) {
    begin(rows, parameters, x, saved);
    this.dy = dy == null ? null : floats(dy);
    this.dyAt = dy == null ? 0 : offset(dy) + yColumn;
    this.dFinalState = dFinalState == null ? null : floats(dFinalState);
    this.dFinalStateAt = dFinalState == null ? 0 : offset(dFinalState);
    this.dParameters = floats(dParameters);
    this.dParametersAt = offset(dParameters);
    this.dx = dx == null ? null : floats(dx);
    this.dxAt = dx == null ? 0 : offset(dx);
    this.addToDx = addToDx;
    this.dInitialState = dInitialState == null ? null : floats(dInitialState);
    this.dInitialStateAt = dInitialState == null ? 0 : offset(dInitialState);
    findPreviousRows();
    team.run(backwardRegion);
    end();
  }

  private void findPreviousRows() {
    for (int k = 0; k < rows().steps(); k++) {
      int before = rowBefore(k);
      for (int i = 0; i < rows().count(k); i++) {
        previousRows[rows().offset(k) + i] = before + i;
      }
    }
  }

  private void backwardPart(int thread) {
    if (packing) {
      int next = thread + 1;
      packInputWeights(team.share(gateSize, thread), team.share(gateSize, next));
      packRecurrent(thread);
    }
    int from = team.share(batchSize, thread);
    int to = team.share(batchSize, thread + 1);
    takeFinalStateGradient(from, to);
    team.barrier();
    backwardSteps(thread);
    team.barrier();
    giveInitialStateGradient(from, to);
    parameterGradients(thread);
    inputGradient(thread);
  }

  private void takeFinalStateGradient(int from, int to) {
    for (int state = 0; state < states; state++) {
      for (int i = from; i < to; i++) {
        int at = stateGradientAt(state, i);
        if (dFinalState == null) {
          Arrays.fill(stateGradients, at, at + hiddenSize, 0f);
        } else {
          int row = state * batchSize + rows().order()[i];
          System.arraycopy(
              dFinalState, dFinalStateAt + row * hiddenSize, stateGradients, at, hiddenSize);
        }
      }
    }
  }

  private void giveInitialStateGradient(int from, int to) {
    if (dInitialState == null) {
      return;
    }
    for (int state = 0; state < states; state++) {
      for (int i = from; i < to; i++) {
        int row = state * batchSize + rows().order()[i];
        System.arraycopy(
            stateGradients,
            stateGradientAt(state, i),
            dInitialState,
            dInitialStateAt + row * hiddenSize,
            hiddenSize);
      }
    }
  }

  private void parameterGradients(int thread) {
    int n = rows().rows();
    int from = team.share(gateSize, thread);
    int to = team.share(gateSize, thread + 1);
    Product product = products[thread];
    Matrix dGates = Matrix.of(gates, 0, gateSize);
    Matrix dRecurrent = Matrix.of(recurrentGradients, 0, gateSize);
    product.multiply(
        dGates.transposed(),
        Matrix.of(x, xAt, inputSize, rows().paddedRows()),
        Matrix.of(dParameters, dParametersAt + (int) block.inputWeights(), inputSize),
        n,
        from,
        to,
        0,
        inputSize,
        null,
        0,
        true);
    recurrentWeightGradient(
        product,
        Matrix.of(dParameters, dParametersAt + (int) block.recurrentWeights(), hiddenSize),
        from,
        to);
    columnSums(product, dGates, n, from, to, dParametersAt + (int) block.inputBias());
    columnSums(product, dRecurrent, n, from, to, dParametersAt + (int) block.recurrentBias());
    for (int i = 0; i < peepholes; i++) {
      columnSums(
          product,
          Matrix.of(peepholeGradients, i * rowCapacity * hiddenSize, hiddenSize),
          n,
          team.share(hiddenSize, thread),
          team.share(hiddenSize, thread + 1),
          dParametersAt + (int) block.peepholes() + i * hiddenSize);
    }
  }

  private void columnSums(Product product, Matrix matrix, int n, int from, int to, int at) {
    Matrix ones = new Matrix(ONE, 0, 0, 0, null);
    Matrix sums = Matrix.of(dParameters, at, to);
    product.multiply(ones, matrix, sums, n, 0, 1, from, to, null, 0, true);
  }

  private void inputGradient(int thread) {
    float[] target = dx;
    if (target == null) {
      return;
    }
    int n = rows().rows();
    products[thread].multiply(
        Matrix.of(gates, 0, gateSize),
        Matrix.of(parameters, inputWeightsAt(), inputSize),
        Matrix.of(target, dxAt, inputSize, rows().paddedRows()),
        gateSize,
        team.share(n, thread),
        team.share(n, thread + 1),
        0,
        inputSize,
        null,
        0,
        addToDx);
    if (!addToDx) {
      clearPadding(target, dxAt, inputSize, inputSize, thread);
    }
  }

  final boolean hasSharedGradient() {
    return sharedGradient;
  }

  @Override
  public void close() {}
}
