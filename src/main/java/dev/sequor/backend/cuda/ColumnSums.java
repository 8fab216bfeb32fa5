package dev.sequor.backend.cuda;

import dev.sequor.backend.BackendException;

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
   * @param scratch for the partial sums: at least one row of the matrices to come; with more, more
   *     threads share the work
   */
  ColumnSums(WorkQueue queue, long scratch, long scratchElements) {
    this.queue = queue;
    this.scratch = scratch;
    this.scratchElements = scratchElements;
  }

  /** Floats of scratch memory that let matrices of that size use the whole device. */
  static long scratchElements(int rows, int columns) {
    return (long) Math.min(MOST_CHUNKS, (rows + LEAST_ROWS - 1) / LEAST_ROWS) * columns;
  }

  /** Rows per partial sum. */
  private int chunk(int rows, int columns) {
    long chunks = Math.min(MOST_CHUNKS, scratchElements / columns);
    if (chunks < 1) {
      throw new BackendException(
          "column sums of "
              + columns
              + " columns need as many floats of scratch memory; there are "
              + scratchElements);
    }
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
    int chunks = (rows + chunk - 1) / chunk;
    queue
        .arguments()
        .int32(rows)
        .int32(columns)
        .int32(chunk)
        .pointer(operand)
        .int32(operandType)
        .pointer(scratch);
    queue.launch(queue.kernel("partial_column_sums"), blocks(columns / 4), chunks, WorkQueue.BLOCK);
    addPartials(chunks, groups, units, paddedUnits, sums, twin);
  }

  /** Adds the column sums of {@code x [rows, columns]}, float32, to {@code sums [columns]}. */
  void addFloats(int rows, int columns, long x, long sums) {
    int chunk = chunk(rows, columns);
    int chunks = (rows + chunk - 1) / chunk;
    queue.arguments().int32(rows).int32(columns).int32(chunk).pointer(x).pointer(scratch);
    queue.launch(queue.kernel("partial_column_sums_any"), blocks(columns), chunks, WorkQueue.BLOCK);
    addPartials(chunks, 1, columns, columns, sums, 0);
  }

  /**
   * Adds the gradients of a layer normalisation's gain and bias to {@code sums [2,columns]}; see
   * {@code kernels/norm.cu}.
   */
  void addNormGradients(int rows, int columns, long x, long saved, long dy, long sums) {
    int chunk = chunk(rows, 2 * columns);
    int chunks = (rows + chunk - 1) / chunk;
    queue
        .arguments()
        .int32(rows)
        .int32(columns)
        .int32(chunk)
        .pointer(x)
        .pointer(saved)
        .pointer(dy)
        .pointer(scratch);
    queue.launch(queue.kernel("partial_norm_sums"), blocks(columns), chunks, WorkQueue.BLOCK);
    addPartials(chunks, 1, 2 * columns, 2 * columns, sums, 0);
  }

  private static int blocks(int threads) {
    return (threads + WorkQueue.BLOCK - 1) / WorkQueue.BLOCK;
  }

  private void addPartials(
      int chunks, int groups, int units, int paddedUnits, long sums, long twin) {
    queue
        .arguments()
        .int32(chunks)
        .int32(groups)
        .int32(units)
        .int32(paddedUnits)
        .pointer(scratch)
        .pointer(sums)
        .pointer(twin);
    queue.launch(queue.kernel("add_partial_sums"), (long) groups * units);
  }
}
