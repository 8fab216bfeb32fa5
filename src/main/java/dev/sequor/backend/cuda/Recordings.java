package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaErrors.check;

import dev.sequor.backend.Closing;
import dev.sequor.backend.DeviceMemoryException;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.function.Supplier;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All recordings of one backend on one device. Their graphs take device memory that no call asks
 * for, some kilobytes for each kernel, product or copy in them; it is counted here, against the
 * budget of {@link DeviceMemory}. Recordings only save the host time, so they give way to
 * everything else, the least recently used first, and what finds no room is queued call by call as
 * if it had never been recorded.
 */
final class Recordings {
  private static final Logger LOG = LoggerFactory.getLogger(Recordings.class);

  /**
   * Bytes that a node of a graph takes, until that has been measured: see github.com/NVIDIA/cccl,
   * pull request 3768.
   */
  static final int NODE_BYTES = 10 << 10;

  /**
   * What is believed of a measurement, in which is also what others do with the device at that
   * moment.
   */
  private static final long LEAST_NODE_BYTES = 2 << 10;

  private static final long MOST_NODE_BYTES = 64 << 10;

  /** A graph with so many nodes is large beside the units in which a driver takes memory. */
  private static final int MEASURED_NODES = 1000;

  /** All recordings together get at most one part in this many of the budget. */
  private static final int SHARE = 4;

  private final String device;
  private final DeviceMemory memory;
  private final CudaStream stream;
  private final Recorder recorder;

  /** The least recently used first. */
  private final Set<Recording> recordings = new LinkedHashSet<>();

  private long nodeBytes = NODE_BYTES;
  private boolean measured;
  private boolean warned;

  /**
   * None yet.
   *
   * @param device its name, for messages
   * @param stream the main one
   */
  Recordings(String device, DeviceMemory memory, CudaStream stream) {
    this.device = device;
    this.memory = memory;
    this.stream = stream;
    this.recorder = new Recorder(stream);
    memory.whenShort(() -> dropOldest(null));
  }

  /** For work that is taken apart. */
  Recorder recorder() {
    return recorder;
  }

  /** Bytes that a node is reckoned to take. */
  long nodeBytes() {
    return nodeBytes;
  }

  /**
   * Records {@code work} of the main stream, if there is memory for it.
   *
   * @param what it is, in words, for the log
   * @param owner of this recording; others of the same owner do not give way to it
   * @param drop has the owner close the recording
   * @return null if there is not enough memory; then nothing of the work has run
   */
  @Nullable Recording record(String what, Object owner, Runnable drop, Runnable work) {
    try {
      Recorder.Recorded recorded = recorder.record(work, capture -> make(capture, owner));
      Recording recording = new Recording(this, owner, drop, recorded);
      recordings.add(recording);
      return recording;
    } catch (DeviceMemoryException e) {
      refused(what, e);
      return null;
    }
  }

  private CudaGraph make(Capture capture, Object owner) {
    String holder = "recorded work";
    long bytes = capture.nodes() * nodeBytes;
    long share = memory.budgetBytes() / SHARE;
    while (memory.reservedBytes() + bytes > share && dropOldest(owner)) {}
    if (memory.reservedBytes() + bytes > share) {
      throw new DeviceMemoryException(
          capture.nodes()
              + " more nodes of graphs need about "
              + bytes
              + " bytes; of the budget of "
              + memory.budgetBytes()
              + " bytes, recorded work gets "
              + share);
    }
    return withRoom(
        owner,
        () -> {
          DeviceMemory.Block block = memory.reserve(bytes, holder);
          try {
            return measured || capture.nodes() < MEASURED_NODES
                ? capture.instantiate(block)
                : measure(capture, block);
          } catch (RuntimeException | Error e) {
            Closing.after(e, block::close);
            throw e;
          }
        });
  }

  private CudaGraph measure(Capture capture, DeviceMemory.Block block) {
    long before = freeBytes();
    CudaGraph graph = capture.instantiate(block);
    try {
      long taken = before - freeBytes();
      if (taken > 0) {
        measured = true;
        long each = taken / capture.nodes();
        nodeBytes = Math.max(LEAST_NODE_BYTES, Math.min(each, MOST_NODE_BYTES));
        block.recount(capture.nodes() * nodeBytes);
        LOG.debug("{}: a node of a graph takes {} bytes, reckoned {}", device, each, nodeBytes);
      }
      return graph;
    } catch (RuntimeException | Error e) {
      Closing.after(e, graph::close);
      throw e;
    }
  }

  private static long freeBytes() {
    long[] free = new long[1];
    check(JCudaDriver.cuMemGetInfo(free, new long[1]), "cuMemGetInfo");
    return free[0];
  }

  /**
   * What {@code make} makes, for which memory that is kept and then recordings of other owners are
   * given up as far as it takes.
   *
   * @throws DeviceMemoryException if that is not enough
   */
  <T> T withRoom(Object owner, Supplier<T> make) {
    while (true) {
      try {
        return make.get();
      } catch (DeviceMemoryException e) {
        if (memory.cachedBytes() > 0) {
          memory.trim();
        } else if (!dropOldest(owner)) {
          throw e;
        }
      }
    }
  }

  /** Gives up the one that was used longest ago and is not this owner's; false if there is none. */
  private boolean dropOldest(@Nullable Object owner) {
    for (Recording recording : recordings) {
      if (owner == null || recording.owner() != owner) {
        recording.drop();
        stream.synchronize(); // so that its memory is free, even if it was just running
        return true;
      }
    }
    return false;
  }

  /** Says, once, that some work cannot be recorded for want of memory. */
  void refused(String what, DeviceMemoryException e) {
    if (warned) {
      LOG.debug("{}: {} is not recorded: {}", device, what, e.getMessage());
      return;
    }
    warned = true;
    LOG.warn(
        "{}: there is no memory to record {}: {}. It is queued call by call from now on, which"
            + " takes more of the host's time; other work may be as well",
        device,
        what,
        e.getMessage());
  }

  void used(Recording recording) {
    if (recordings.remove(recording)) {
      recordings.add(recording);
    }
  }

  void forget(Recording recording) {
    recordings.remove(recording);
  }
}
