package dev.sequor.backend;

import java.lang.ref.Cleaner;
import java.util.Queue;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Something that is held until it is closed: memory, a plan, or the backend itself. Whoever forgets
 * to close it and drops it is told so in the log, once the garbage collector has noticed.
 */
final class Held implements Runnable {
  private static final Logger LOG = LoggerFactory.getLogger(Backend.class);
  private static final Cleaner LEAKS = Cleaner.create();

  private final String description;
  private final Runnable free;
  private final @Nullable Queue<Held> abandoned;

  /** Written by the thread that owns the backend; the cleaner's thread reads it too. */
  private volatile boolean closed;

  /** What handles share: unreachable once all of them are. */
  static final class Lease {
    private final Held held;

    private Lease(Held held) {
      this.held = held;
    }

    Held held() {
      return held;
    }
  }

  /**
   * Something with a description in words.
   *
   * @param free gives it back; must not refer to any handle
   * @param abandoned takes it when all handles were dropped; null if nobody can give it back then
   */
  Held(String description, Runnable free, @Nullable Queue<Held> abandoned) {
    this.description = description;
    this.free = free;
    this.abandoned = abandoned;
  }

  /** For the handles; from now on their loss is noticed. */
  Lease lease() {
    Lease lease = new Lease(this);
    watch(lease);
    return lease;
  }

  /** Notices the loss of {@code handle}. */
  void watch(Object handle) {
    LEAKS.register(handle, this);
  }

  /** Runs when every handle has become unreachable, on the cleaner's thread. */
  @Override
  public void run() {
    if (closed) {
      return;
    }
    if (abandoned == null) {
      LOG.warn("{} was never closed; what it holds is lost until the process ends", description);
    } else {
      LOG.warn(
          "{} was never closed; it is freed when its backend next allocates or closes",
          description);
      abandoned.add(this);
    }
  }

  boolean isClosed() {
    return closed;
  }

  /** Gives it back, unless that was done. */
  void close() {
    if (!closed) {
      closed = true;
      free.run();
    }
  }

  /**
   * Refuses what is closed.
   *
   * @throws IllegalStateException if it is
   */
  void requireOpen() {
    if (closed) {
      throw new IllegalStateException(description + " is used after close");
    }
  }

  @Override
  public String toString() {
    return description + (closed ? " (closed)" : "");
  }
}
