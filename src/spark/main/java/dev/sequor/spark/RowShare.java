package dev.sequor.spark;

import dev.sequor.data.SequenceBatches;
import dev.sequor.data.WindowSource;
import dev.sequor.spark.ShareResult.Failure;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Rows of a data frame, those whose number leaves the worker's number as remainder. */
final class RowShare implements Share {
  private static final long serialVersionUID = 1L;

  private final List<RowSequence> rows;
  private final long hash;

  /** Why there are no rows; it would be the same in another attempt. */
  private final @Nullable Failure failure;

  /** Made on the executor that has the rows, where the share stays from round to round. */
  private transient @Nullable SequenceBatches batches;

  private RowShare(List<RowSequence> rows, @Nullable Failure failure) {
    this.rows = rows;
    this.failure = failure;
    long all = rows.size();
    for (RowSequence row : rows) {
      all = 31 * all + row.hash();
    }
    this.hash = all;
  }

  static RowShare of(List<RowSequence> rows) {
    return new RowShare(rows, null);
  }

  static RowShare failed(Failure failure) {
    return new RowShare(List.of(), failure);
  }

  /** What the driver is told of it. */
  record Summary(long rows, long hash, @Nullable Failure failure) implements java.io.Serializable {}

  Summary summary() {
    return new Summary(rows.size(), hash, failure);
  }

  @Override
  public long hash() {
    return hash;
  }

  @Override
  public synchronized WindowSource windows(ShareContext context) {
    if (failure != null) {
      throw failure.exception();
    }
    SequenceBatches known = batches;
    if (known == null) {
      known =
          SequenceBatches.shuffled(
              rows.stream().map(RowSequence::sequence).toList(),
              context.count(),
              WorkerSeeds.ofData(context.seed(), context.worker()));
      batches = known;
    }
    return known;
  }
}
