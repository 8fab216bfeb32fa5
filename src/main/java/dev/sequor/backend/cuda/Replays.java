package dev.sequor.backend.cuda;

import dev.sequor.backend.Closing;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Recorded work, found again by the addresses it works on. The first call with some addresses runs
 * as it is queued, which also lets the driver and cuBLAS load what they load lazily; the second is
 * recorded; later ones are replayed for the price of one launch. Callers that bring new buffers
 * every time never pay for a recording that would not be used. What cannot be recorded for want of
 * memory is queued each time.
 */
final class Replays implements AutoCloseable {
  /** Training alternates between few sets of buffers; more than these are forgotten. */
  private static final int CAPACITY = 16;

  private final Recordings recordings;
  private final String whose;
  private final Map<Key, Work> works = new LinkedHashMap<>(CAPACITY, 0.75f, true);

  /**
   * None yet.
   *
   * @param whose work it is, in words, for the log
   */
  Replays(Recordings recordings, String whose) {
    this.recordings = recordings;
    this.whose = whose;
  }

  private static final class Work {
    /** Whether the work has run once to its end; what it makes when it first runs is there then. */
    boolean ran;

    /** Whether there was no memory to record it. */
    boolean refused;

    @Nullable Recording recording;

    /** Begins anew: what is dropped for its memory is not to be recorded at once again. */
    void drop() {
      ran = false;
      close();
    }

    void close() {
      Recording closing = recording;
      recording = null;
      if (closing != null) {
        closing.close();
      }
    }
  }

  /** Which work, on which addresses. */
  private static final class Key {
    private final String work;
    private final long[] addresses;

    Key(String work, long[] addresses) {
      this.work = work;
      this.addresses = addresses;
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Key key
          && work.equals(key.work)
          && Arrays.equals(addresses, key.addresses);
    }

    @Override
    public int hashCode() {
      return 31 * work.hashCode() + Arrays.hashCode(addresses);
    }
  }

  /**
   * Runs {@code calls}, which depend on nothing but {@code addresses} and on what never changes. If
   * they are part of larger work that is recorded, they are not recorded by themselves.
   */
  void run(String name, long[] addresses, Runnable calls) {
    if (recordings.recorder().ofLargerWork()) {
      calls.run();
      return;
    }
    Work work = works.computeIfAbsent(new Key(name, addresses), key -> new Work());
    if (!work.ran) {
      forgetOldest();
      calls.run();
      work.ran = true;
      return;
    }
    if (work.recording == null && !work.refused) {
      work.recording = recordings.record(name + " of a " + whose, work, work::drop, calls);
      work.refused = work.recording == null;
    }
    if (work.recording == null) {
      calls.run();
    } else {
      work.recording.launch();
    }
  }

  private void forgetOldest() {
    if (works.size() > CAPACITY) {
      Work oldest = works.remove(works.keySet().iterator().next());
      if (oldest != null) {
        oldest.close();
      }
    }
  }

  @Override
  public void close() {
    Closing closing = new Closing();
    works.values().forEach(work -> closing.then(work::close));
    works.clear();
    closing.end();
  }
}
