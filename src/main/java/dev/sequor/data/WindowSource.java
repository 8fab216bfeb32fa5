package dev.sequor.data;

import java.util.stream.LongStream;

/**
 * The windows of every epoch, by number: a pure function of (epoch, index), so that a resumed run
 * sees what an uninterrupted one would have seen.
 */
public interface WindowSource {
  /** Windows in one epoch, at least 1; the same in every epoch. */
  long windowsPerEpoch();

  /**
   * The window number {@code index} of {@code epoch}. The first of an epoch starts new sequences.
   *
   * @param epoch 0 for the first
   * @param index from 0 to {@code windowsPerEpoch() - 1}
   */
  Window window(long epoch, long index);

  /** All windows of one epoch, in order; each is made when it is asked for. */
  default Iterable<Window> epoch(long epoch) {
    long windows = windowsPerEpoch();
    return () -> LongStream.range(0, windows).mapToObj(index -> window(epoch, index)).iterator();
  }
}
