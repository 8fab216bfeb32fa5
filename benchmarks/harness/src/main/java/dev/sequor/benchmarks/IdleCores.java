package dev.sequor.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;

/**
 * Waits until nothing uses the cores, so that no repetition pays for the one before it: OpenBLAS's
 * threads, for one, go on spinning for 2²⁶ cycles after a call, about 25 ms, and whoever is timed
 * meanwhile has half the machine.
 */
final class IdleCores {
  private static final Path STATISTICS = Path.of("/proc/stat");

  /** Where the kernel does not say what the cores do, so long must be enough. */
  private static final long BLIND_NANOS = 50_000_000;

  /** The kernel counts in hundredths of a second. */
  private static final long WINDOW_NANOS = 30_000_000;

  private static final long MOST_BUSY_HUNDREDTHS = 1;

  /** After that the machine is busy with something else. */
  private static final long PATIENCE_NANOS = 1_000_000_000;

  /** Where that was so again and again, only what spins after a call is waited for. */
  private static final long LEAST_PATIENCE_NANOS = 2 * WINDOW_NANOS;

  private static final int DISTURBED_AGAIN_AND_AGAIN = 8;

  private int disturbedInARow;

  /**
   * Returns once all cores were idle for a while. After eight times in a row that they never were
   * it waits shorter, until they are idle again: nothing is won by a second before each repetition
   * of a whole run.
   *
   * @return false if they never were, for a second or that shorter time
   */
  boolean await() {
    boolean idle =
        await(disturbedInARow < DISTURBED_AGAIN_AND_AGAIN ? PATIENCE_NANOS : LEAST_PATIENCE_NANOS);
    disturbedInARow = idle ? 0 : disturbedInARow + 1;
    return idle;
  }

  private static boolean await(long patienceNanos) {
    long start = System.nanoTime();
    long busy = busyHundredths();
    if (busy < 0) {
      LockSupport.parkNanos(BLIND_NANOS);
      return true;
    }
    while (System.nanoTime() - start < patienceNanos) {
      LockSupport.parkNanos(WINDOW_NANOS);
      long now = busyHundredths();
      if (now - busy <= MOST_BUSY_HUNDREDTHS) {
        return true;
      }
      busy = now;
    }
    return false;
  }

  /** What all cores together have worked since the start of the machine; −1 if it is not known. */
  private static long busyHundredths() {
    try {
      // cpu  user nice system idle iowait irq softirq steal …
      String[] fields = Files.readAllLines(STATISTICS).get(0).trim().split("\\s+");
      long busy = 0;
      for (int field : new int[] {1, 2, 3, 6, 7}) {
        busy += Long.parseLong(fields[field]);
      }
      return busy;
    } catch (IOException | RuntimeException e) {
      return -1;
    }
  }
}
