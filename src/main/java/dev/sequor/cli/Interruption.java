package dev.sequor.cli;

import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * What happens when the process is asked to stop (Ctrl-C, SIGTERM) while a command runs. Unless the
 * command says otherwise it is over: a farewell is said, and the process ends. Work that is to end
 * in order calls {@link #waitForTheEnd} and then asks {@link #isRequested}; the process ends only
 * after {@link #close}. The exit code is the signal's in either case.
 */
final class Interruption implements AutoCloseable {
  /** Of the signals that Java ends the process for: the thread that does it, and the exit code. */
  private static final Map<String, Integer> SIGNALS =
      Map.of("SIGHUP handler", 129, "SIGINT handler", Main.INTERRUPTED, "SIGTERM handler", 143);

  /** Whoever reads what is said may be the one that is stuck. */
  private static final long FAREWELL_SECONDS = 2;

  private final CountDownLatch finished = new CountDownLatch(1);
  private final Thread hook = new Thread(this::stop, "sequor-interruption");
  private final Runnable farewell;
  private boolean waits;
  private boolean requested;

  /** Says {@code farewell} where nothing waits for the end of the work. */
  Interruption(Runnable farewell) {
    this.farewell = farewell;
    Runtime.getRuntime().addShutdownHook(hook);
  }

  private void stop() {
    try {
      if (request()) {
        finished.await();
      } else {
        Thread says = new Thread(farewell, "sequor-farewell");
        says.setDaemon(true);
        says.start();
        says.join(TimeUnit.SECONDS.toMillis(FAREWELL_SECONDS));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private synchronized boolean request() {
    requested = true;
    return waits;
  }

  /** From here on the process ends only when the work has. */
  synchronized void waitForTheEnd() {
    waits = true;
  }

  /** Whether the process was asked to stop. */
  synchronized boolean isRequested() {
    return requested;
  }

  /** What a process that is asked to stop ends with. */
  static int exitCode() {
    return Thread.getAllStackTraces().keySet().stream()
        .map(thread -> SIGNALS.getOrDefault(thread.getName(), 0))
        .filter(code -> code > 0)
        .findFirst()
        .orElse(Main.INTERRUPTED);
  }

  /** The work has ended. */
  @Override
  public void close() {
    finished.countDown();
    if (!isRequested()) {
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException e) {
        request(); // Asked to stop just now; nothing is left to wait for.
      }
    }
  }
}
