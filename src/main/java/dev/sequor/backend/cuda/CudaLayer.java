package dev.sequor.backend.cuda;

import dev.sequor.backend.BlockLayout;
import dev.sequor.backend.ParameterLayout.Kind;
import dev.sequor.backend.cuda.Products.Matrix;

/**
 * One direction of one layer on the device: for every chunk of time steps one large input product,
 * then per step one recurrent product and one kernel that does all the rest; backward likewise,
 * with the weight gradients in large products after each chunk.
 *
 * <p>Processing step {@code k} is time {@code k}, or for the reverse direction time {@code length −
 * 1 − k} of each sequence. Everything inside is kept in the order of the steps, so that a step is
 * contiguous rows; {@code gather_input} and the cell kernels translate. Rows past a sequence's end
 * hold zeros, never the caller's padding, so products may run over them and lengths may change from
 * call to call without anything being recorded again.
 *
 * <p>Sources of the scheme: Appleyard, Kočiský, Blunsom, "Optimizing Performance of Recurrent
 * Neural Networks on GPUs" (arXiv:1604.01946).
 */
final class CudaLayer implements AutoCloseable {
  private final CudaCell cell;
  private final LayerSizes sizes;
  private final BlockLayout block;
  private final MathMode mode;
  private final SavedLayout saved;
  private final LayerMemory memory;

  private final int hiddenPadded;
  private final int gateColumns;

  /** What callers bring to a forward pass: device addresses, 0 for "absent". */
  record Forward(long x, long lengths, long s0, long y, long sT, long saved) {}

  /** What callers bring to a backward pass; {@code dx} is {@code [T,B,I]}. */
  record Backward(
      long x, long lengths, long saved, long dy, long dsT, long dParameters, long dx, long ds0) {}

  CudaLayer(
      DeviceMemory device,
      CudaCell cell,
      LayerSizes sizes,
      BlockLayout block,
      MathMode mode,
      String holder) {
    this.cell = cell;
    this.sizes = sizes;
    this.block = block;
    this.mode = mode;
    this.saved = SavedLayout.of(cell, sizes, mode);
    this.hiddenPadded = sizes.paddedHidden();
    this.gateColumns = cell.gates() * hiddenPadded;
    this.memory = new LayerMemory(device, cell, sizes, mode, holder);
  }

  /** Bytes of {@code saved}. */
  long savedBytes() {
    return saved.bytes();
  }

  // ---- parameters ------------------------------------------------------------------------------

  /** The address of {@code kind} in the caller's parameters, or gradients, of this layer. */
  private long at(long parameters, Kind kind) {
    return parameters + block.offset(kind) * Float.BYTES;
  }

  /** Queues making operands of the weights. */
  void pack(WorkQueue queue, long parameters) {
    packWeights(
        queue,
        sizes.inputSize(),
        sizes.paddedInput(),
        at(parameters, Kind.INPUT_WEIGHTS),
        memory.inputWeights);
    packWeights(
        queue,
        sizes.hiddenSize(),
        hiddenPadded,
        at(parameters, Kind.RECURRENT_WEIGHTS),
        memory.recurrentWeights);
    int vectors = 2 * cell.gates() + cell.peepholes();
    queue
        .arguments()
        .int32(cell.gates())
        .int32(cell.peepholes())
        .int32(sizes.hiddenSize())
        .int32(hiddenPadded)
        .pointer(at(parameters, Kind.INPUT_BIAS))
        .pointer(at(parameters, Kind.RECURRENT_BIAS))
        .pointer(at(parameters, Kind.PEEPHOLES))
        .pointer(memory.vectors);
    queue.launch(queue.kernel("pack_vectors"), (long) vectors * hiddenPadded / 4);
  }

  private void packWeights(WorkQueue queue, int columns, int padded, long from, long to) {
    queue
        .arguments()
        .int32(cell.gates())
        .int32(sizes.hiddenSize())
        .int32(hiddenPadded)
        .int32(columns)
        .int32(padded)
        .pointer(from)
        .pointer(to)
        .int32(mode.operandType());
    queue.launch(queue.kernel("pack_weights"), (long) gateColumns * padded / 4);
  }

  // ---- where things are ------------------------------------------------------------------------

  private long stateBytes() {
    return sizes.stateElements() * Float.BYTES;
  }

  private long operandBytes() {
    return sizes.stateElements() * mode.operandBytes();
  }

  /** Elements from one state vector of a slot to the next. */
  private long statePlane() {
    return (sizes.training() ? sizes.timeSteps() : 1) * sizes.stateElements();
  }

  /** The states before step {@code k}; 0 after the last step. */
  private long slot(long savedBase, int k) {
    if (k == sizes.timeSteps()) {
      return 0;
    }
    return sizes.training()
        ? savedBase + saved.states() + k * stateBytes()
        : memory.states + (k & 1) * (cell.states() * stateBytes());
  }

  /** The operand of step {@code k}'s recurrent product; 0 after the last step. */
  private long operand(long savedBase, int k) {
    if (k == sizes.timeSteps()) {
      return 0;
    }
    if (mode == MathMode.FP32) {
      return slot(savedBase, k) + cell.recurrentState() * statePlane() * Float.BYTES;
    }
    return sizes.training()
        ? savedBase + saved.operands() + k * operandBytes()
        : memory.operands + (k & 1) * operandBytes();
  }

  /** Where the cell kernel writes the next step's operand; 0 where it is the state itself. */
  private long operandToWrite(long savedBase, int k) {
    return mode == MathMode.FP32 ? 0 : operand(savedBase, k);
  }

  /** Gates of step {@code k}; 0 where nobody needs them. */
  private long gates(long savedBase, int k) {
    return sizes.training()
        ? savedBase + saved.gates() + k * stateBytes() * cell.saved()
        : memory.gates;
  }

  private long gated(long savedBase, int k) {
    return sizes.training() ? savedBase + saved.gated() + k * operandBytes() : memory.gated;
  }

  /** The first bytes of step {@code k} in a chunk array of {@code [C·B,G·Hp]}. */
  private long gateRow(long chunk, int k, int elementBytes) {
    int inChunk = k % sizes.chunkSteps();
    return chunk + (long) inChunk * sizes.batchSize() * gateColumns * elementBytes;
  }

  // ---- input rows ------------------------------------------------------------------------------

  /**
   * The rows that the steps {@code [k0, k1)} read, as a product's left operand: the caller's own
   * memory where that is what products multiply, else a copy in the order of the steps.
   */
  private Matrix input(WorkQueue queue, long x, long lengths, int k0, int k1) {
    if (mode == MathMode.FP32 && lengths == 0 && !sizes.reverse()) {
      long row = (long) k0 * sizes.batchSize();
      return Matrix.of(x + row * sizes.inputSize() * Float.BYTES, sizes.inputSize());
    }
    int padded = sizes.paddedInput();
    queue
        .arguments()
        .int32(sizes.timeSteps())
        .int32(sizes.batchSize())
        .int32(sizes.reverse() ? 1 : 0)
        .pointer(lengths)
        .int32(k0)
        .int32(k1 - k0)
        .int32(sizes.inputSize())
        .int32(padded)
        .pointer(x)
        .pointer(memory.input)
        .int32(mode.operandType());
    queue.launch(queue.kernel("gather_input"), (long) (k1 - k0) * sizes.batchSize() * padded / 4);
    return Matrix.of(memory.input, padded);
  }

  // ---- forward ---------------------------------------------------------------------------------

  /** Queues the whole forward pass. */
  void forward(WorkQueue queue, Forward f) {
    beginForward(queue, f);
    for (int k0 = 0; k0 < sizes.timeSteps(); k0 += sizes.chunkSteps()) {
      int k1 = Math.min(k0 + sizes.chunkSteps(), sizes.timeSteps());
      Matrix x = input(queue, f.x, f.lengths, k0, k1);
      queue
          .products()
          .multiply(
              (k1 - k0) * sizes.batchSize(),
              gateColumns,
              x.rowElements(), // with the padding where there is some: whole 16-byte words are
              // faster
              x,
              Matrix.transposed(memory.inputWeights, sizes.paddedInput()),
              false,
              memory.preactivations,
              gateColumns);
      for (int k = k0; k < k1; k++) {
        if (cell.twoProducts()) {
          stepOfTwoProducts(queue, f, k);
        } else {
          stepOfOneProduct(queue, f, k);
        }
      }
    }
  }

  private void beginForward(WorkQueue queue, Forward f) {
    queue
        .arguments()
        .int32(cell.states())
        .int32(sizes.batchSize())
        .int32(sizes.hiddenSize())
        .int32(hiddenPadded)
        .pointer(f.lengths)
        .pointer(f.s0)
        .pointer(slot(f.saved, 0))
        .int64(statePlane())
        .int32(cell.recurrentState())
        .pointer(operandToWrite(f.saved, 0))
        .int32(mode.operandType())
        .pointer(f.sT);
    queue.launch(queue.kernel("begin_forward"), cell.states() * sizes.stateElements() / 4);
  }

  private KernelArguments sequenceArguments(WorkQueue queue, long lengths, int k) {
    return queue
        .arguments()
        .int32(sizes.timeSteps())
        .int32(sizes.batchSize())
        .int32(sizes.hiddenSize())
        .int32(hiddenPadded)
        .int32(sizes.reverse() ? 1 : 0)
        .pointer(lengths)
        .int32(k);
  }

  private KernelArguments newState(KernelArguments arguments, Forward f, int k) {
    return arguments
        .pointer(f.y)
        .int32(sizes.outputStride())
        .pointer(slot(f.saved, k + 1))
        .int64(statePlane())
        .pointer(operandToWrite(f.saved, k + 1))
        .int32(mode.operandType())
        .pointer(f.sT);
  }

  private void launchStep(WorkQueue queue, String kernel) {
    queue.launch(queue.kernel(kernel + "_" + cell.struct()), sizes.stateElements() / 4);
  }

  private void stepOfOneProduct(WorkQueue queue, Forward f, int k) {
    long pre = gateRow(memory.preactivations, k, Float.BYTES);
    boolean apart = !cell.sharedGateGradients();
    recurrentProduct(
        queue, operand(f.saved, k), 0, cell.gates(), !apart, apart ? memory.recurrentProduct : pre);
    KernelArguments arguments =
        sequenceArguments(queue, f.lengths, k)
            .pointer(pre)
            .pointer(memory.recurrentProduct)
            .pointer(memory.vectors)
            .pointer(slot(f.saved, k));
    newState(arguments, f, k).pointer(sizes.training() ? gates(f.saved, k) : 0);
    launchStep(queue, "forward_step");
  }

  private void stepOfTwoProducts(WorkQueue queue, Forward f, int k) {
    long pre = gateRow(memory.preactivations, k, Float.BYTES);
    int last = cell.gates() - 1;
    recurrentProduct(queue, operand(f.saved, k), 0, last, true, pre);
    sequenceArguments(queue, f.lengths, k)
        .pointer(pre)
        .pointer(memory.vectors)
        .pointer(slot(f.saved, k))
        .pointer(gates(f.saved, k))
        .pointer(gated(f.saved, k))
        .int32(mode.operandType());
    launchStep(queue, "forward_gates");
    recurrentProduct(queue, gated(f.saved, k), last, 1, true, pre);
    KernelArguments arguments =
        sequenceArguments(queue, f.lengths, k)
            .pointer(pre)
            .pointer(memory.vectors)
            .pointer(slot(f.saved, k));
    newState(arguments, f, k).pointer(gates(f.saved, k));
    launchStep(queue, "forward_candidate");
  }

  /** Columns of the gates {@code [first, first + count)} of {@code to (+)= operand · Rᵀ}. */
  private void recurrentProduct(
      WorkQueue queue, long operand, int first, int count, boolean add, long to) {
    long row = (long) first * hiddenPadded;
    queue
        .products()
        .multiply(
            sizes.batchSize(),
            count * hiddenPadded,
            hiddenPadded,
            Matrix.of(operand, hiddenPadded),
            Matrix.transposed(
                memory.recurrentWeights + row * hiddenPadded * mode.operandBytes(), hiddenPadded),
            add,
            to + row * Float.BYTES,
            gateColumns);
  }

  // ---- backward --------------------------------------------------------------------------------

  /**
   * Queues back-propagation through time. The forward direction overwrites {@code dx}; the reverse
   * one leaves its share in memory of its own, for {@link #addInputGradient}.
   */
  void backward(WorkQueue queue, Backward b) {
    queue.fill(memory.stateGradient, 0, cell.states() * sizes.stateElements());
    if (cell.peepholes() > 0) {
      queue.fill(memory.peepholeGradients, 0, cell.peepholes() * sizes.stateElements());
    }
    int chunk = sizes.chunkSteps();
    for (int k0 = (sizes.timeSteps() - 1) / chunk * chunk; k0 >= 0; k0 -= chunk) {
      int k1 = Math.min(k0 + chunk, sizes.timeSteps());
      for (int k = k1 - 1; k >= k0; k--) {
        if (cell.twoProducts()) {
          backwardOfTwoProducts(queue, b, k);
        } else {
          backwardOfOneProduct(queue, b, k);
        }
      }
      addWeightGradients(queue, b, k0, k1);
      if (b.dx != 0) {
        inputGradient(queue, b, k0, k1);
      }
    }
    addPeepholeGradients(queue, b);
    if (b.ds0 != 0) {
      endBackward(queue, b);
    }
  }

  private KernelArguments gradients(KernelArguments arguments, Backward b) {
    return arguments
        .pointer(b.dy)
        .int32(sizes.outputStride())
        .pointer(b.dsT)
        .pointer(memory.stateGradient);
  }

  private void backwardOfOneProduct(WorkQueue queue, Backward b, int k) {
    long dwx = gateRow(memory.inputGateGradients, k, mode.operandBytes());
    long drh = gateRow(memory.recurrentGateGradients, k, mode.operandBytes());
    KernelArguments arguments =
        sequenceArguments(queue, b.lengths, k)
            .pointer(gates(b.saved, k))
            .pointer(memory.vectors)
            .pointer(slot(b.saved, k))
            .int64(statePlane());
    gradients(arguments, b)
        .pointer(dwx)
        .pointer(cell.sharedGateGradients() ? 0 : drh)
        .int32(mode.operandType())
        .pointer(memory.peepholeGradients);
    launchStep(queue, "backward_step");
    long state = memory.stateGradient + cell.recurrentState() * stateBytes();
    recurrentGradient(queue, drh, 0, cell.gates(), true, state);
  }

  private void backwardOfTwoProducts(WorkQueue queue, Backward b, int k) {
    long dgates = gateRow(memory.inputGateGradients, k, mode.operandBytes());
    int last = cell.gates() - 1;
    KernelArguments candidate =
        sequenceArguments(queue, b.lengths, k).pointer(gates(b.saved, k)).pointer(slot(b.saved, k));
    gradients(candidate, b).pointer(dgates).int32(mode.operandType());
    launchStep(queue, "backward_candidate");
    recurrentGradient(queue, dgates, last, 1, false, memory.gatedGradient);
    sequenceArguments(queue, b.lengths, k)
        .pointer(gates(b.saved, k))
        .pointer(slot(b.saved, k))
        .pointer(memory.gatedGradient)
        .pointer(memory.stateGradient)
        .pointer(dgates)
        .int32(mode.operandType());
    launchStep(queue, "backward_reset");
    recurrentGradient(queue, dgates, 0, last, true, memory.stateGradient);
  }

  /** {@code to [B,Hp] (+)= dgates · R} over the gates {@code [first, first + count)}. */
  private void recurrentGradient(
      WorkQueue queue, long dgates, int first, int count, boolean add, long to) {
    long row = (long) first * hiddenPadded;
    queue
        .products()
        .multiply(
            sizes.batchSize(),
            hiddenPadded,
            count * hiddenPadded,
            Matrix.of(dgates + row * mode.operandBytes(), gateColumns),
            Matrix.of(
                memory.recurrentWeights + row * hiddenPadded * mode.operandBytes(), hiddenPadded),
            add,
            to,
            hiddenPadded);
  }

  /** Adds the share of the steps {@code [k0, k1)} to the gradients of W, R and the biases. */
  private void addWeightGradients(WorkQueue queue, Backward b, int k0, int k1) {
    int rows = (k1 - k0) * sizes.batchSize();
    Matrix x = input(queue, b.x, b.lengths, k0, k1);
    addGateProducts(
        queue,
        rows,
        memory.inputGateGradients,
        0,
        cell.gates(),
        x,
        sizes.inputSize(),
        at(b.dParameters, Kind.INPUT_WEIGHTS));
    int first = cell.twoProducts() ? cell.gates() - 1 : cell.gates();
    addGateProducts(
        queue,
        rows,
        memory.recurrentGateGradients,
        0,
        first,
        Matrix.of(operand(b.saved, k0), hiddenPadded),
        sizes.hiddenSize(),
        at(b.dParameters, Kind.RECURRENT_WEIGHTS));
    if (cell.twoProducts()) {
      addGateProducts(
          queue,
          rows,
          memory.recurrentGateGradients,
          first,
          1,
          Matrix.of(gated(b.saved, k0), hiddenPadded),
          sizes.hiddenSize(),
          at(b.dParameters, Kind.RECURRENT_WEIGHTS));
    }
    addBiasGradients(queue, rows, b.dParameters);
  }

  /**
   * {@code to_g [H,columns] += dgates_gᵀ · right} for the gates {@code [first, first + count)}; one
   * product where the gates' rows follow each other without padding.
   */
  private void addGateProducts(
      WorkQueue queue,
      int rows,
      long dgates,
      int first,
      int count,
      Matrix right,
      int columns,
      long to) {
    int hidden = sizes.hiddenSize();
    Matrix left =
        Matrix.transposed(dgates + (long) first * hiddenPadded * mode.operandBytes(), gateColumns);
    long firstRow = to + (long) first * hidden * columns * Float.BYTES;
    if (hidden == hiddenPadded || count == 1) {
      queue
          .products()
          .multiply(
              (count - 1) * hiddenPadded + hidden,
              columns,
              rows,
              left,
              right,
              true,
              firstRow,
              columns);
    } else {
      queue
          .products()
          .addBatch(
              count,
              hidden,
              columns,
              rows,
              left,
              hiddenPadded,
              right,
              firstRow,
              columns,
              (long) hidden * columns);
    }
  }

  private void addBiasGradients(WorkQueue queue, int rows, long dParameters) {
    long input = at(dParameters, Kind.INPUT_BIAS);
    long recurrent = at(dParameters, Kind.RECURRENT_BIAS);
    boolean shared = cell.sharedGateGradients();
    addSums(queue, rows, memory.inputGateGradients, input, shared ? recurrent : 0);
    if (!shared) {
      addSums(queue, rows, memory.recurrentGateGradients, recurrent, 0);
    }
  }

  private ColumnSums columnSums(WorkQueue queue) {
    return new ColumnSums(queue, memory.partialSums, memory.partialSumElements);
  }

  private void addSums(WorkQueue queue, int rows, long dgates, long sums, long twin) {
    columnSums(queue)
        .addOperand(
            rows,
            cell.gates(),
            sizes.hiddenSize(),
            hiddenPadded,
            dgates,
            mode.operandType(),
            sums,
            twin);
  }

  private void addPeepholeGradients(WorkQueue queue, Backward b) {
    for (int p = 0; p < cell.peepholes(); p++) {
      columnSums(queue)
          .addOperand(
              sizes.batchSize(),
              1,
              sizes.hiddenSize(),
              hiddenPadded,
              memory.peepholeGradients + p * stateBytes(),
              MathMode.FP32.operandType(),
              at(b.dParameters, Kind.PEEPHOLES) + 4L * p * sizes.hiddenSize(),
              0);
    }
  }

  private void inputGradient(WorkQueue queue, Backward b, int k0, int k1) {
    long row = (long) k0 * sizes.batchSize() * sizes.inputSize() * Float.BYTES;
    queue
        .products()
        .multiply(
            (k1 - k0) * sizes.batchSize(),
            sizes.inputSize(),
            gateColumns,
            Matrix.of(memory.inputGateGradients, gateColumns),
            Matrix.of(memory.inputWeights, sizes.paddedInput()),
            false,
            (sizes.reverse() ? memory.inputGradient : b.dx) + row,
            sizes.inputSize());
  }

  private void endBackward(WorkQueue queue, Backward b) {
    queue
        .arguments()
        .int32(cell.states())
        .int32(sizes.batchSize())
        .int32(sizes.hiddenSize())
        .int32(hiddenPadded)
        .pointer(b.lengths)
        .pointer(memory.stateGradient)
        .pointer(b.dsT)
        .pointer(b.ds0);
    queue.launch(queue.kernel("end_backward"), cell.states() * sizes.stateElements() / 4);
  }

  /** Adds what the reverse direction's {@link #backward} kept to {@code dx}. */
  void addInputGradient(WorkQueue queue, long lengths, long dx) {
    queue
        .arguments()
        .int32(sizes.timeSteps())
        .int32(sizes.batchSize())
        .int32(1)
        .pointer(lengths)
        .int32(sizes.inputSize())
        .pointer(memory.inputGradient)
        .pointer(dx);
    queue.launch(queue.kernel("scatter_add_input"), sizes.rows() * ((sizes.inputSize() + 3) / 4));
  }

  @Override
  public void close() {
    memory.close();
  }
}
