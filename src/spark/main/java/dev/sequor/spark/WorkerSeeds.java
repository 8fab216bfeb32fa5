package dev.sequor.spark;

import dev.sequor.backend.Philox;

/**
 * Seeds of workers: pure functions of the training's seed, so that a task that is run again, by
 * whichever executor, draws the same.
 */
final class WorkerSeeds {
  /** No round has this number. */
  private static final long OF_DATA = -1;

  private WorkerSeeds() {}

  /** What a worker's dropout bits of a round are drawn from. */
  static long ofRound(long seed, long round, int worker) {
    int stream = Philox.Stream.WORKER.number();
    long high = Philox.word(seed, stream, round, 2L * worker);
    return high << 32 | Integer.toUnsignedLong(Philox.word(seed, stream, round, 2L * worker + 1));
  }

  /** What the order of a worker's sequences is drawn from. */
  static long ofData(long seed, int worker) {
    return ofRound(seed, OF_DATA, worker);
  }
}
