package dev.sequor.backend;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where the threads of several devices wait for each other. Whoever ends, for whatever reason, lets
 * those go that wait for it, so that nobody waits for ever.
 */
final class Rendezvous {
  private final int parties;
  private @Nullable Object[] brought;
  private int arrived;
  private boolean left;

  /** What all brought to the last meeting; each meeting has a list of its own. */
  private List<@Nullable Object> last = List.of();

  Rendezvous(int parties) {
    this.parties = parties;
    this.brought = new Object[parties];
  }

  /** Another has ended, so that there will be no meeting: no failure of who waited for it. */
  @SuppressWarnings("serial") // thrown from thread to thread only
  static final class Abandoned extends RuntimeException {
    Abandoned() {
      super("another device has ended", null, false, false);
    }
  }

  /**
   * Waits until all have come; the writes of each before it are seen by all after it.
   *
   * @return what each has brought, in the order of their numbers
   * @throws Abandoned if one has ended
   */
  @SuppressWarnings("unchecked") // all bring the same type
  synchronized <T> List<T> meet(int party, T brings) {
    brought[party] = brings;
    List<@Nullable Object> before = last;
    if (++arrived == parties) {
      last = Arrays.asList(brought);
      brought = new Object[parties];
      arrived = 0;
      notifyAll();
      return (List<T>) last;
    }
    boolean interrupted = false;
    while (last == before && !left) {
      try {
        wait();
      } catch (InterruptedException e) {
        interrupted = true; // The others cannot go on alone: it is for whoever asks next.
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    if (last == before) {
      throw new Abandoned();
    }
    return (List<T>) last;
  }

  /** Comes to no further meeting. */
  synchronized void leave() {
    left = true;
    notifyAll();
  }
}
