package dev.sequor.backend;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * Lets only one thread in: the owner, at first the one that made this. Another is refused whether
 * or not the owner is at work, so that sharing by mistake shows at once and not by chance; it may
 * take over while the owner is outside.
 */
final class ThreadGuard {
  private static final VarHandle INSIDE;

  static {
    try {
      INSIDE = MethodHandles.lookup().findVarHandle(ThreadGuard.class, "inside", Thread.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final String what;
  private volatile Thread owner = Thread.currentThread();

  /** The owner while it is in a call, or a thread that takes over. */
  private volatile @Nullable Thread inside;

  /** Calls within calls; only touched by the thread inside. */
  private int depth;

  /** Guards {@code what}, a name for messages. */
  ThreadGuard(String what) {
    this.what = what;
  }

  /**
   * Begins a call; each is ended by {@link #exit()}. Calls of one thread may be nested.
   *
   * @throws IllegalStateException if the calling thread is not the owner
   */
  void enter() {
    Thread current = Thread.currentThread();
    if (inside == current) { // Only the current thread could have written that.
      depth++;
      return;
    }
    require(current);
    if (!INSIDE.compareAndSet(this, null, current)) {
      throw refused(current);
    }
    if (owner != current) { // Somebody took over in between.
      inside = null;
      throw refused(current);
    }
    depth = 1;
  }

  /** Ends a call. */
  void exit() {
    if (--depth == 0) {
      INSIDE.setRelease(this, null);
    }
  }

  /**
   * Refuses any thread but the owner.
   *
   * @throws IllegalStateException if the calling thread is another
   */
  void require() {
    require(Thread.currentThread());
  }

  private void require(Thread current) {
    Thread owning = owner;
    if (owning != current) {
      if (owning.isAlive()) {
        throw refused(current);
      }
      takeOver(); // Whoever has ended shares nothing.
    }
  }

  /**
   * Makes the calling thread the owner.
   *
   * @throws IllegalStateException if the present owner is in a call
   */
  void takeOver() {
    Thread current = Thread.currentThread();
    if (owner == current) {
      return;
    }
    if (!INSIDE.compareAndSet(this, null, current)) {
      throw refused(current);
    }
    owner = current;
    INSIDE.setRelease(this, null);
  }

  private IllegalStateException refused(Thread current) {
    Thread busy = inside;
    return new IllegalStateException(
        what
            + " belongs to thread '"
            + owner.getName()
            + "'"
            + (busy == null ? "" : ", and thread '" + busy.getName() + "' is in a call")
            + "; thread '"
            + current.getName()
            + "' needs a backend of its own, or to take over while nobody is in a call"
            + " (Backend.takeOver)");
  }
}
