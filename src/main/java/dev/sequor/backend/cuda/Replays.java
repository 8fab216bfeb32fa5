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
 * every time never pay for a recording that would not be used.
 */
final class Replays implements AutoCloseable {
  /** Training alternates between few sets of buffers; more than these are forgotten. */
  private static final int CAPACITY = 16;

  private final Map<Key, Recording> recordings = new LinkedHashMap<>(CAPACITY, 0.75f, true);

  private static final class Recording {
    /** Whether the work has run once to its end; what it makes when it first runs is there then. */
    boolean ran;

    @Nullable CudaGraph graph;
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
   * Runs {@code work}, which depends on nothing but {@code addresses} and on what never changes. A
   * stream that is being recorded already takes the work up into that recording.
   */
  void run(CudaStream stream, String name, long[] addresses, Runnable work) {
    if (stream.capturing()) {
      work.run();
      return;
    }
    Recording recording =
        recordings.computeIfAbsent(new Key(name, addresses), key -> new Recording());
    if (!recording.ran) {
      forgetOldest();
      work.run();
      recording.ran = true;
      return;
    }
    if (recording.graph == null) {
      recording.graph = CudaGraph.capture(stream, work);
    }
    recording.graph.launch(stream);
  }

  private void forgetOldest() {
    if (recordings.size() > CAPACITY) {
      Recording oldest = recordings.remove(recordings.keySet().iterator().next());
      if (oldest != null && oldest.graph != null) {
        oldest.graph.close();
      }
    }
  }

  @Override
  public void close() {
    Closing closing = new Closing();
    for (Recording recording : recordings.values()) {
      CudaGraph graph = recording.graph;
      if (graph != null) {
        closing.then(graph::close);
      }
    }
    recordings.clear();
    closing.end();
  }
}
