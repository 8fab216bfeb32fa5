package dev.sequor.cli;

import java.util.concurrent.CountDownLatch;

/**
 * Lets the work in progress end in order when the process is asked to stop (Ctrl-C, SIGTERM): the
 * process then ends only after {@link #close}, with the exit code that belongs to the signal (130
 * for Ctrl-C).
 */
final class Interruption implements AutoCloseable {
  private final CountDownLatch finished = new CountDownLatch(1);
  private final Thread hook = new Thread(this::awaitEnd, "sequor-interruption");
  private volatile boolean requested;

  Interruption() {
    Runtime.getRuntime().addShutdownHook(hook);
  }

  private void awaitEnd() {
    requested = true;
    try {
      finished.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Whether the process was asked to stop. */
  boolean isRequested() {
    return requested;
  }

  /** The work has ended. */
  @Override
  public void close() {
    finished.countDown();
    if (!requested) {
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException e) {
        // Asked to stop just now; the hook no longer waits for anything.
        requested = true;
      }
    }
  }
}
