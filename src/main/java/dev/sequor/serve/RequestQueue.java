package dev.sequor.serve;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/** Requests that wait for one of a predictor's threads, oldest first. */
final class RequestQueue {
  private final BatchSizes sizes;
  private final long maxWaitNanos;
  private final int maxQueued;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Deque<Request> waiting = new ArrayDeque<>();
  private boolean closed;

  /**
   * An empty queue.
   *
   * @param maxWaitNanos how long the oldest request waits for others while there are less than a
   *     batch
   * @param maxQueued requests that wait at the same time, at most
   */
  RequestQueue(BatchSizes sizes, long maxWaitNanos, int maxQueued) {
    this.sizes = sizes;
    this.maxWaitNanos = maxWaitNanos;
    this.maxQueued = maxQueued;
  }

  /**
   * Lets a request wait its turn.
   *
   * @throws IllegalArgumentException if it is too long for any pass
   * @throws IllegalStateException after {@link #close()}
   * @throws RejectedExecutionException if as many wait as may
   */
  void add(Request request) {
    sizes.requireFits(request);
    lock.lock();
    try {
      if (closed) {
        throw new IllegalStateException("the predictor is used after close");
      }
      if (waiting.size() >= maxQueued) {
        throw new RejectedExecutionException(
            waiting.size() + " requests wait for the predictor; needed less than " + maxQueued);
      }
      waiting.add(request);
      changed.signal();
    } finally {
      lock.unlock();
    }
  }

  /**
   * The oldest request with those that go along with it, as soon as they are a full batch, or the
   * oldest has waited long enough; empty when the queue is closed and nothing waits any more.
   */
  List<Request> take() {
    lock.lock();
    try {
      while (true) {
        while (waiting.isEmpty() && !closed) {
          changed.awaitUninterruptibly();
        }
        awaitOthers();
        if (!waiting.isEmpty() || closed) { // Another thread may have taken what was there.
          List<Request> batch = gather();
          if (!waiting.isEmpty()) {
            changed.signal();
          }
          return batch;
        }
      }
    } finally {
      lock.unlock();
    }
  }

  private void awaitOthers() {
    while (!closed && !waiting.isEmpty() && waiting.size() < sizes.maxBatch()) {
      long left = maxWaitNanos - (System.nanoTime() - waiting.element().arrived());
      if (left <= 0) {
        return;
      }
      try {
        changed.awaitNanos(left);
      } catch (InterruptedException e) {
        return; // Nobody has a reason to interrupt this thread; then it works on at once.
      }
    }
  }

  private List<Request> gather() {
    List<Request> batch = new ArrayList<>();
    for (Iterator<Request> all = waiting.iterator(); all.hasNext(); ) {
      Request next = all.next();
      if (batch.isEmpty() || sizes.fits(batch, next)) {
        batch.add(next);
        all.remove();
      }
      if (batch.size() == sizes.maxBatch()) {
        break;
      }
    }
    return batch;
  }

  /** Those that wait, who do so no more. */
  List<Request> leftovers() {
    lock.lock();
    try {
      List<Request> left = List.copyOf(waiting);
      waiting.clear();
      return left;
    } finally {
      lock.unlock();
    }
  }

  /** How many wait. */
  int size() {
    lock.lock();
    try {
      return waiting.size();
    } finally {
      lock.unlock();
    }
  }

  /** Takes no more requests; those that wait are still answered. */
  void close() {
    lock.lock();
    try {
      closed = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
