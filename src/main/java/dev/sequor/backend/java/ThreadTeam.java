package dev.sequor.backend.java;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A fixed team of threads that run the same region together and meet at barriers inside it. The
 * caller is thread 0. Threads wait by spinning for a short while, because the barrier of a time
 * step comes every few microseconds, then by yielding and finally by parking, because other
 * programs want the processor too.
 */
final class ThreadTeam implements AutoCloseable {
  private static final int SPINS = 4000;
  private static final int YIELDS = 200;
  private static final long PARK_NANOS = 20_000;

  /** What every thread of the team runs. */
  interface Region {
    /** Runs the part of thread {@code thread} of the team. */
    void run(int thread);
  }

  /** Unwinds a thread whose team mate has failed. */
  private static final class Abandoned extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Abandoned() {
      super("another thread of the team failed", null, false, false);
    }
  }

  private final int size;
  private final Thread[] workers;
  private final AtomicInteger arrived = new AtomicInteger();
  private final AtomicInteger running = new AtomicInteger();
  private volatile int barrierCount;
  private volatile int regionCount;
  private int regions;
  private volatile boolean closed;
  private volatile @Nullable Region region;
  private volatile @Nullable Throwable failure;

  ThreadTeam(int size) {
    this.size = size;
    this.workers = new Thread[size - 1];
    for (int i = 0; i < workers.length; i++) {
      int thread = i + 1;
      workers[i] = new Thread(() -> work(thread), "sequor-java-" + thread);
      workers[i].setDaemon(true);
      workers[i].start();
    }
  }

  /** The number of threads, the caller's included. */
  int size() {
    return size;
  }

  /** First of {@code count} items that belong to {@code thread}; its last is the next's first. */
  int share(int count, int thread) {
    return (int) ((long) count * thread / size);
  }

  /** Runs {@code region} on all threads and waits for them. */
  void run(Region region) {
    if (size == 1) {
      region.run(0);
      return;
    }
    this.region = region;
    failure = null;
    arrived.set(0);
    running.set(size);
    regionCount = ++regions;
    for (Thread worker : workers) {
      LockSupport.unpark(worker);
    }
    runPart(region, 0);
    int waits = 0;
    while (running.get() > 0) {
      pause(waits++);
    }
    Throwable thrown = failure;
    if (thrown instanceof Error error) {
      throw error;
    }
    if (thrown instanceof RuntimeException exception) {
      throw exception;
    }
  }

  private void runPart(Region region, int thread) {
    try {
      region.run(thread);
    } catch (Abandoned e) {
      // The failure that caused it is reported by the caller.
    } catch (RuntimeException | Error e) {
      failure = e;
    } finally {
      running.decrementAndGet();
    }
  }

  /** Waits inside a region until every thread of the team has come here. */
  void barrier() {
    if (size == 1) {
      return;
    }
    int count = barrierCount;
    if (arrived.incrementAndGet() == size) {
      arrived.set(0);
      barrierCount = count + 1;
      return;
    }
    int waits = 0;
    while (barrierCount == count) {
      if (failure != null) {
        throw new Abandoned();
      }
      pause(waits++);
    }
  }

  // Yielding is only to be polite to other programs; nothing depends on it.
  @SuppressWarnings("ThreadPriorityCheck")
  private static void pause(int waits) {
    if (waits < SPINS) {
      Thread.onSpinWait();
    } else if (waits < SPINS + YIELDS) {
      Thread.yield();
    } else {
      LockSupport.parkNanos(PARK_NANOS);
    }
  }

  private void work(int thread) {
    int done = 0;
    int waits = 0;
    while (!closed) {
      if (regionCount == done) {
        if (waits < SPINS + YIELDS) {
          pause(waits++);
        } else {
          LockSupport.park(this);
        }
        continue;
      }
      done = regionCount;
      waits = 0;
      Region current = region;
      if (current != null) {
        runPart(current, thread);
      }
    }
  }

  /** Ends the threads. */
  @Override
  public void close() {
    closed = true;
    for (Thread worker : workers) {
      LockSupport.unpark(worker);
    }
  }
}
