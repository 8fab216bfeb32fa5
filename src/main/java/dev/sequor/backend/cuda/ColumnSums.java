package dev.sequor.backend.cuda;

/**
 * Sums of the columns of a matrix, added to a gradient: in two passes and always in the same order,
 * so that two runs give the same bits.
 */
final class ColumnSums {
  /** Rows that one thread adds up; below, there would be more partial sums than work. */
  private static final int LEAST_ROWS = 64;

  private static final int MOST_CHUNKS = 128;

  private ColumnSums() {}

  /** Rows per partial sum. */
  private static int chunk(int rows) {
    return Math.max(LEAST_ROWS, (rows + MOST_CHUNKS - 1) / MOST_CHUNKS);
  }

  private static int chunks(int rows) {
    return (rows + chunk(rows) - 1) / chunk(rows);
  }

  /** Floats of scratch memory for a matrix of that many rows, or fewer. */
  static long scratchElements(int rows, int columns) {
    return (long) Math.min(MOST_CHUNKS, (rows + LEAST_ROWS - 1) / LEAST_ROWS) * columns;
  }

  /**
   * Adds the column sums of an operand {@code [rows, groups·paddedUnits]}, without its padding, to
   * {@code sums [groups·units]} and to {@code twin} as well unless that is 0.
   */
  static void addOperand(
      WorkQueue queue,
      int rows,
      int groups,
      int units,
      int paddedUnits,
      long operand,
      int operandType,
      long scratch,
      long sums,
      long twin) {
    int columns = groups * paddedUnits;
    queue
        .arguments()
        .int32(rows)
        .int32(columns)
        .int32(chunk(rows))
        .pointer(operand)
        .int32(operandType)
        .pointer(scratch);
    queue.launch(
        queue.kernel("partial_column_sums"),
        (columns / 4 + WorkQueue.BLOCK - 1) / WorkQueue.BLOCK,
        chunks(rows),
        WorkQueue.BLOCK);
    addPartials(queue, rows, groups, units, paddedUnits, scratch, sums, twin);
  }

  /** Adds the column sums of {@code x [rows, columns]}, float32, to {@code sums [columns]}. */
  static void addFloats(WorkQueue queue, int rows, int columns, long x, long scratch, long sums) {
    queue.arguments().int32(rows).int32(columns).int32(chunk(rows)).pointer(x).pointer(scratch);
    queue.launch(
        queue.kernel("partial_column_sums_any"),
        (columns + WorkQueue.BLOCK - 1) / WorkQueue.BLOCK,
        chunks(rows),
        WorkQueue.BLOCK);
    addPartials(queue, rows, 1, columns, columns, scratch, sums, 0);
  }

  private static void addPartials(
      WorkQueue queue,
      int rows,
      int groups,
      int units,
      int paddedUnits,
      long scratch,
      long sums,
      long twin) {
    queue
        .arguments()
        .int32(chunks(rows))
        .int32(groups)
        .int32(units)
        .int32(paddedUnits)
        .pointer(scratch)
        .pointer(sums)
        .pointer(twin);
    queue.launch(queue.kernel("add_partial_sums"), (long) groups * units);
  }
}
