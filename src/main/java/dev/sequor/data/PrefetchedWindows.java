package dev.sequor.data;

import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * Windows of another source, made by a thread of its own ahead of when they are asked for, so that
 * a device need not wait until a text has been read. They are those of the other source, in
 * whatever order they are asked for; if that is not one after another, across epochs as well,
 * nothing is gained.
 *
 * <p>What the other source throws comes out of {@link #window} for the window that it was thrown
 * for. One thread at a time may ask.
 */
public final class PrefetchedWindows implements WindowSource, AutoCloseable {
  /** Windows that are made ahead: one may take longer than usual. */
  private static final int AHEAD = 2;

  private final WindowSource source;
  private final long windowsPerEpoch;
  private final Thread maker;

  // All below is guarded by this.

  /** What was made and not yet asked for, in order. */
  private final Deque<Made> made = new ArrayDeque<>();

  /** What the maker makes next. */
  private long epoch;

  private long index;

  /** Whether anything has been asked for, and nothing was thrown since. */
  private boolean running;

  /** How often somebody asked for another window than the next. */
  private long restarts;

  private boolean closed;

  /** A window, or what was thrown instead. */
  private record Made(
      long epoch, long index, @Nullable Window window, @Nullable Throwable thrown) {}

  /**
   * Windows of {@code source}, which another thread uses from the first request on; it stays the
   * caller's.
   */
  public PrefetchedWindows(WindowSource source) {
    this.source = source;
    this.windowsPerEpoch = source.windowsPerEpoch();
    this.maker = new Thread(this::make, "sequor-prefetch");
    maker.setDaemon(true);
  }

  @Override
  public long windowsPerEpoch() {
    return windowsPerEpoch;
  }

  /**
   * The window of the other source.
   *
   * @throws IllegalStateException if this was closed
   */
  @Override
  public Window window(long epoch, long index) {
    Made next = next(epoch, index);
    if (next.thrown instanceof RuntimeException e) {
      throw e;
    } else if (next.thrown instanceof Error e) {
      throw e;
    } else if (next.window == null) {
      throw new IllegalStateException("window " + index + " of epoch " + epoch + " is null");
    }
    return next.window;
  }

  private synchronized Made next(long epoch, long index) {
    requireOpen();
    Made first = made.peek();
    boolean comes =
        first != null
            ? first.epoch == epoch && first.index == index
            : running && this.epoch == epoch && this.index == index;
    if (!comes) {
      made.clear();
      this.epoch = epoch;
      this.index = index;
      running = true;
      restarts++;
      if (maker.getState() == Thread.State.NEW) {
        maker.start();
      }
      notifyAll();
    }
    boolean interrupted = false;
    while (made.isEmpty() && !closed) {
      interrupted |= waitForNews();
    }
    if (interrupted) {
      Thread.currentThread().interrupt(); // For whoever waits next: the window comes all the same.
    }
    requireOpen();
    Made next = made.remove();
    notifyAll();
    return next;
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("windows are asked for after close");
    }
  }

  /** Waits until something has changed; returns whether somebody wants this thread to stop. */
  @SuppressWarnings("WaitNotInLoop") // Who calls it loops.
  private synchronized boolean waitForNews() {
    try {
      wait();
      return false;
    } catch (InterruptedException e) {
      return true;
    }
  }

  /** What the maker's thread does, which nobody but {@link #close} ends. */
  private void make() {
    while (true) {
      long wantedEpoch;
      long wantedIndex;
      long order;
      synchronized (this) {
        while (!closed && (!running || made.size() >= AHEAD)) {
          waitForNews();
        }
        if (closed) {
          return;
        }
        wantedEpoch = epoch;
        wantedIndex = index;
        order = restarts;
      }
      Made next = make(wantedEpoch, wantedIndex);
      synchronized (this) {
        if (order != restarts) {
          continue; // Somebody wants another by now.
        }
        made.add(next);
        running = next.thrown == null;
        index++;
        if (index >= windowsPerEpoch) {
          index = 0;
          epoch++;
        }
        notifyAll();
      }
    }
  }

  private Made make(long epoch, long index) {
    try {
      return new Made(epoch, index, source.window(epoch, index), null);
    } catch (Throwable e) {
      return new Made(epoch, index, null, e);
    }
  }

  /**
   * Ends the thread, once the window that it is making is made; nobody waits for that. Whoever
   * waits for a window is told.
   */
  @Override
  public synchronized void close() {
    closed = true;
    made.clear();
    notifyAll();
  }
}
