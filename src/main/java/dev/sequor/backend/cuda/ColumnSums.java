package dev.sequor.backend.cuda;

/**
 * Sums of the columns of a matrix, added to a gradient: in two passes and always in the same order,
 * so that two runs give the same bits.
 */
final class ColumnSums {
  /** Rows that one thread adds up at least; below, there would be more partial sums than work. */
  private static final int LEAST_ROWS = 64;

  private static final int MOST_CHUNKS = 128;

  private final WorkQueue queue;
  private final long scratch;
  private final long scratchElements;

  /**
   * @param scratch for the partial sums: with more, more threads share the work. At least one row
   *     of the operands to come, and two floats; matrices of floats are worked through in blocks of
   *     as many columns as it holds
   */
  ColumnSums(WorkQueue queue, long scratch, long scratchElements) {
    this.queue = queue;
    this.scratch = scratch;
    this.scratchElements = scratchElements;
  }

  /** Floats of scratch memory that let matrices of that size use the whole device. */
  static long scratchElements(int rows, int columns) {
    return (long) Math.min(MOST_CHUNKS, (rows - 1) / LEAST_ROWS + 1) * columns;
  }

  /** Rows per partial sum. */
  private int chunk(int rows, int columns) {
    long chunks = Math.min(MOST_CHUNKS, scratchElements / columns);
    assert chunks > 0 : columns + " columns, " + scratchElements + " floats of scratch memory";
    return (int) Math.max(LEAST_ROWS, (rows + chunks - 1) / chunks);
  }

  /**
   * Adds the column sums of an operand {@code [rows, groups·paddedUnits]}, without its padding, to
   * {@code sums [groups·units]} and to {@code twin} as well unless that is 0.
   */
  void addOperand(
      int rows,
      int groups,
      int units,
      int paddedUnits,
      long operand,
      int operandType,
      long sums,
      long twin) {
    int columns = groups * paddedUnits;
    int chunk = chunk(rows, columns);
    int chunks = chunks(rows, chunk);
    queue
        .arguments()
        .int32(rows)
        .int32(columns)
        .int32(chunk)
        .pointer(operand)
        .int32(operandType)
        .pointer(scratch);
    queue.launch(queue.kernel("partial_column_sums"), blocks(columns / 4), chunks, WorkQueue.BLOCK);
    addPartials(chunks, groups, units, paddedUnits, units, sums, twin);
  }

  /** Adds the column sums of {@code x [rows, columns]}, float32, to {@code sums [columns]}. */
  void addFloats(int rows, int columns, long x, long sums) {
    long most = Math.min(columns, scratchElements);
    for (long from = 0; from < columns; from += most) {
      int width = (int) Math.min(most, columns - from);
      int chunk = chunk(rows, width);
      int chunks = chunks(rows, chunk);
      queue
          .arguments()
          .int32(rows)
          .int32(columns)
          .int32(width)
          .int32(chunk)
          .pointer(x + from * Float.BYTES)
          .pointer(scratch);
      queue.launch(queue.kernel("partial_column_sums_any"), blocks(width), chunks, WorkQueue.BLOCK);
      addPartials(chunks, 1, width, width, columns, sums + from * Float.BYTES, 0);
    }
  }

  /**
   * Adds the gradients of a layer normalisation's gain and bias to {@code sums [2,columns]}; see
   * {@code kernels/norm.cu}.
   */
  void addNormGradients(int rows, int columns, long x, long saved, long dy, long sums) {
    long most = Math.min(columns, scratchElements / 2);
    for (long from = 0; from < columns; from += most) {
      int width = (int) Math.min(most, columns - from);
      int chunk = chunk(rows, 2 * width);
      int chunks = chunks(rows, chunk);
      queue
          .arguments()
          .int32(rows)
          .int32(columns)
          .int32(width)
          .int32(chunk)
          .pointer(x + from * Float.BYTES)
          .pointer(saved)
          .pointer(dy + from * Float.BYTES)
          .pointer(scratch);
      queue.launch(queue.kernel("partial_norm_sums"), blocks(width), chunks, WorkQueue.BLOCK);
      addPartials(chunks, 2, width, width, columns, sums + from * Float.BYTES, 0);
    }
  }

  private static int chunks(int rows, int chunk) {
    return (rows - 1) / chunk + 1;
  }

  private static int blocks(int threads) {
    return (threads - 1) / WorkQueue.BLOCK + 1;
  }

  /** Groups of sums are {@code stride} floats apart. */
  private void addPartials(
      int chunks, int groups, int units, int paddedUnits, int stride, long sums, long twin) {
    queue
        .arguments()
        .int32(chunks)
        .int32(groups)
        .int32(units)
        .int32(paddedUnits)
        .int32(stride)
        .pointer(scratch)
        .pointer(sums)
        .pointer(twin);
    queue.launch(queue.kernel("add_partial_sums"), (long) groups * units);
  }
}
