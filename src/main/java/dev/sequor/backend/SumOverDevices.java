package dev.sequor.backend;

import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Adds up buffers of several devices: between the devices where they reach each other's memory,
 * else in the memory of the host, where each thread adds up a slice. Every element is added in the
 * order of the devices, in float32, whoever does it.
 */
final class SumOverDevices {
  /** Elements that go through the host at once, where it does not share the device's memory. */
  private static final int STAGED_ELEMENTS = 1 << 22;

  /** Elements that are added up at once: they stay in the caches. */
  private static final int BLOCK = 1 << 12;

  /** What each device has; used by its thread alone. */
  private final Side[] sides;

  private static final class Side {
    /** Whether all devices have been asked for {@link #peers}. */
    boolean asked;

    @Nullable PeerSum peers;
    @Nullable ByteBuffer staging;
  }

  SumOverDevices(int devices) {
    sides = new Side[devices];
    for (int i = 0; i < devices; i++) {
      sides[i] = new Side();
    }
  }

  void addUp(DeviceGroup.Member member, Buffer values) {
    member
        .backend()
        .changeInPlace(
            "a sum over devices",
            values,
            memory -> {
              requireSameLength(member, memory);
              PeerSum own = peers(member);
              if (own != null) {
                addUpBetween(member, own, memory);
              } else {
                eachChunk(member, memory, this::addUpShared);
              }
            });
  }

  void spread(DeviceGroup.Member member, Buffer values) {
    member
        .backend()
        .changeInPlace(
            "a copy to all devices",
            values,
            memory -> {
              requireSameLength(member, memory);
              eachChunk(member, memory, SumOverDevices::spreadShared);
            });
  }

  private static void requireSameLength(DeviceGroup.Member member, Memory memory) {
    List<Long> lengths = member.exchange(memory.elements());
    if (lengths.stream().anyMatch(length -> !length.equals(lengths.get(0)))) {
      throw new IllegalArgumentException(
          "the devices have buffers of " + lengths + " elements; needed the same length");
    }
  }

  // ---- between devices -------------------------------------------------------------------------

  /** This device's side; null if one of all does not reach another. */
  private @Nullable PeerSum peers(DeviceGroup.Member member) {
    Side side = sides[member.index()];
    if (!side.asked) {
      List<Engine> engines = member.exchange(member.backend().engine());
      PeerSum own = engines.get(member.index()).peerSum(engines, member.index());
      boolean all = member.exchange(own != null).stream().allMatch(reaches -> reaches);
      side.peers = all ? own : null;
      side.asked = true;
    }
    return side.peers;
  }

  private static void addUpBetween(DeviceGroup.Member member, PeerSum own, Memory values) {
    own.begin(values);
    List<PeerSum> all = member.exchange(own);
    own.reduce(all);
    member.exchange(true);
    own.gather(all);
    member.exchange(true);
    own.end(all);
  }

  // ---- in the memory of the host ---------------------------------------------------------------

  private interface OnShared {
    void run(DeviceGroup.Member member, FloatBuffer own);
  }

  /** Does something to elements that all threads reach. */
  private void eachChunk(DeviceGroup.Member member, Memory values, OnShared work) {
    Engine engine = member.backend().engine();
    FloatBuffer shared = engine.onHost(values);
    if (shared != null) {
      work.run(member, shared);
      return;
    }
    Side side = sides[member.index()];
    int most = (int) Math.min(values.elements(), STAGED_ELEMENTS);
    ByteBuffer known = side.staging;
    if (known == null || known.capacity() < most * Float.BYTES) {
      known = Backend.hostMemory(DType.FLOAT32, most);
      side.staging = known;
    }
    for (long at = 0; at < values.elements(); at += most) {
      int count = (int) Math.min(most, values.elements() - at);
      Memory chunk = values.slice(at, count);
      ByteBuffer host = known.clear().limit(count * Float.BYTES);
      engine.download(chunk, host);
      work.run(member, host.asFloatBuffer());
      engine.upload(host, chunk);
    }
  }

  private void addUpShared(DeviceGroup.Member member, FloatBuffer own) {
    List<FloatBuffer> all = member.exchange(own);
    int devices = all.size();
    long elements = own.limit();
    int end = (int) (elements * (member.index() + 1) / devices);
    float[] sum = new float[BLOCK];
    float[] next = new float[BLOCK];
    for (int at = (int) (elements * member.index() / devices); at < end; at += BLOCK) {
      int count = Math.min(BLOCK, end - at);
      all.get(0).get(at, sum, 0, count);
      for (int d = 1; d < devices; d++) {
        all.get(d).get(at, next, 0, count);
        for (int i = 0; i < count; i++) {
          sum[i] += next[i];
        }
      }
      for (FloatBuffer each : all) {
        each.put(at, sum, 0, count);
      }
    }
    member.exchange(true);
  }

  private static void spreadShared(DeviceGroup.Member member, FloatBuffer own) {
    FloatBuffer first = Objects.requireNonNull(member.exchange(own).get(0));
    if (member.index() > 0) {
      own.duplicate().clear().put(first.duplicate().clear());
    }
    member.exchange(true);
  }
}
