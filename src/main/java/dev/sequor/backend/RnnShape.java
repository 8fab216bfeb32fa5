package dev.sequor.backend;

import static dev.sequor.backend.Sizes.atLeastOne;

/**
 * Everything that fixes the arithmetic of a recurrent stack over a padded batch.
 *
 * @param stack the stack
 * @param timeSteps {@code T}, the padded length
 * @param batchSize {@code B}
 */
public record RnnShape(RnnSpec stack, int timeSteps, int batchSize) {
  /**
   * Checks each size, and the products of sizes: {@code [T,B]} has at most 2³¹−1 elements, any
   * other tensor at most 2⁴⁰.
   *
   * @throws IllegalArgumentException naming the first value that is out of range
   */
  public RnnShape {
    Required.present("stack", stack);
    atLeastOne("timeSteps", timeSteps);
    atLeastOne("batchSize", batchSize);
    // With these, neither an index into a matrix nor the bytes of all that a plan keeps overflow.
    Sizes.product("timeSteps · batchSize", Integer.MAX_VALUE, timeSteps, batchSize);
    Sizes.elements("x", timeSteps, batchSize, stack.inputSize());
    Sizes.elements(
        "all states",
        stack.layers(),
        stack.directions(),
        timeSteps,
        batchSize,
        stack.cell().gates() + 4L,
        stack.hiddenSize());
  }

  /**
   * The stack and the batch in one.
   *
   * @param cell the cell of every layer
   * @param layers {@code L}, layers stacked on each other
   * @param directions {@code D}: 1, or 2 for a bidirectional stack
   * @param timeSteps {@code T}
   * @param batchSize {@code B}
   * @param inputSize {@code I}
   * @param hiddenSize {@code H}
   * @param dropout between two layers while training
   */
  public RnnShape(
      CellType cell,
      int layers,
      int directions,
      int timeSteps,
      int batchSize,
      int inputSize,
      int hiddenSize,
      float dropout) {
    this(
        new RnnSpec(cell, inputSize, hiddenSize, layers, isTwo(directions), dropout),
        timeSteps,
        batchSize);
  }

  /**
   * Whether both directions are meant.
   *
   * @throws IllegalArgumentException unless it is 1 or 2
   */
  static boolean isTwo(int directions) {
    if (directions != 1 && directions != 2) {
      throw new IllegalArgumentException("directions is " + directions + "; needed 1 or 2");
    }
    return directions == 2;
  }

  /** What a plan is asked for, in the symbols of shapes. */
  public String describe(Mode mode) {
    return cell()
        + (mode == Mode.TRAINING ? " training" : " inference")
        + " with T="
        + timeSteps
        + " B="
        + batchSize
        + " I="
        + inputSize()
        + " H="
        + hiddenSize();
  }

  /** The cell of every layer. */
  public CellType cell() {
    return stack.cell();
  }

  /** {@code L}. */
  public int layers() {
    return stack.layers();
  }

  /** {@code D}. */
  public int directions() {
    return stack.directions();
  }

  /** {@code I}. */
  public int inputSize() {
    return stack.inputSize();
  }

  /** {@code H}. */
  public int hiddenSize() {
    return stack.hiddenSize();
  }

  /** The probability of zeroing an element between two layers while training. */
  public float dropout() {
    return stack.dropout();
  }

  /** Elements of {@code x [T,B,I]}. */
  public long inputElements() {
    return (long) timeSteps * batchSize * inputSize();
  }

  /** Whether direction {@code index}, 0 to {@code D − 1}, reads from the end. */
  public boolean isReverse(int index) {
    return stack.direction().isReverse(index);
  }

  /** {@code D·H}, the width of {@code y}; see {@link RnnSpec#outputSize()}. */
  public int outputSize() {
    return stack.outputSize();
  }

  /** Elements of {@code y [T,B,D·H]}. */
  public long outputElements() {
    return (long) timeSteps * batchSize * outputSize();
  }

  /** Elements of a state {@code [L·D,S,B,H]}. */
  public long stateElements() {
    return stack.stateElements(batchSize);
  }

  /** Input width of one layer: {@code I} for the first, {@code D·H} for the others. */
  public int layerInputSize(int layer) {
    return layer == 0 ? inputSize() : outputSize();
  }

  /** The layout of the parameters of this stack. */
  public ParameterLayout parameterLayout() {
    return stack.parameterLayout();
  }
}
