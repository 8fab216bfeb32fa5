package dev.sequor.backend.cuda.simulator;

import static jcuda.driver.JCudaDriver.cuCtxSynchronize;
import static jcuda.driver.JCudaDriver.cuMemAlloc;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.Test;

/** Interpreted branches, barriers and what the lanes of a warp do together. */
class PtxThreadsTest extends SimulatorTest {
  /** What is tried here, for the list of all that ships. */
  static final Set<String> FORMS =
      Set.of(
          "bra",
          "bra.uni",
          "ret",
          "bar.sync",
          "bar.warp.sync",
          "shfl.sync.up.b32",
          "shfl.sync.down.b32",
          "shfl.sync.bfly.b32",
          "shfl.sync.idx.b32",
          "vote.sync.ballot.b32",
          "vote.sync.all.pred",
          "vote.sync.any.pred");

  private static final int LANES = 32;

  /** The manual's own rule, word for word in Java. */
  private static int source(String mode, int lane, int b, int c) {
    int clamp = c & 31;
    int mask = c >> 8 & 31;
    int last = (lane & mask) | (clamp & ~mask);
    int j =
        switch (mode) {
          case "up" -> lane - (b & 31);
          case "down" -> lane + (b & 31);
          case "bfly" -> lane ^ (b & 31);
          default -> (lane & mask) | (b & 31 & ~mask);
        };
    boolean inside = mode.equals("up") ? j >= last : j <= last;
    return inside ? j : -1;
  }

  @Test
  void shufflesTakeFromTheLaneThatTheManualNames() {
    for (String mode : new String[] {"up", "down", "bfly", "idx"}) {
      for (int width : new int[] {2, 8, 16, 32}) {
        int c = (LANES - width) << 8 | (mode.equals("up") ? 0 : 31);
        for (int b : new int[] {0, 1, 3, 7, 16, 31}) {
          assertShuffle(mode, b, c);
        }
      }
    }
  }

  private void assertShuffle(String mode, int b, int c) {
    String body =
        "  .reg .b32 %v, %d;\n  .reg .pred %p;\n  ld.global.u32 %v, [%in];\n"
            + ("  shfl.sync." + mode + ".b32 %d|%p, %v, " + b + ", " + c + ", -1;\n")
            + "  st.global.u32 [%out], %d;\n  selp.b32 %d, 1, 0, %p;\n  st.global.u32 [%out+8], %d;\n";
    long[] in = words(lane -> 1000 + lane);
    try (PtxSnippet snippet = PtxSnippet.ofBody(control, body)) {
      long[] out = snippet.run(in);
      for (int lane = 0; lane < LANES; lane++) {
        int from = source(mode, lane, b, c);
        String what = mode + " by " + b + ", c " + c + ", lane " + lane;
        assertEquals(1000 + (from < 0 ? lane : from), out[2 * lane], what);
        assertEquals(from < 0 ? 0 : 1, out[2 * lane + 1], what);
      }
    }
  }

  @Test
  void votesCountThoseOfTheMask() {
    String body =
        """
          .reg .b32 %v, %d, %mask;
          .reg .pred %p, %q, %even;
          ld.global.u32 %v, [%in];
          setp.ne.s32 %p, %v, 0;
          vote.sync.ballot.b32 %d, %p, -1;
          st.global.u32 [%out], %d;
          and.b32 %d, %x2, 1;
          setp.eq.s32 %even, %d, 0;
          mov.u32 %mask, 0x55555555;
          @%even bra EVEN;
          mov.u32 %mask, 0xAAAAAAAA;
        EVEN:
          vote.sync.all.pred %q, %p, %mask;
          selp.b32 %d, 1, 0, %q;
          vote.sync.any.pred %q, !%p, %mask;
          selp.b32 %v, 2, 0, %q;
          or.b32 %d, %d, %v;
          st.global.u32 [%out+8], %d;
        """;
    SplittableRandom random = new SplittableRandom(1);
    try (PtxSnippet snippet = PtxSnippet.ofBody(control, body)) {
      for (int bits : new int[] {0, -1, 0x55555555, 0xaaaaaaaa, 1, random.nextInt()}) {
        long[] out = snippet.run(words(lane -> bits >>> lane & 1));
        for (int lane = 0; lane < LANES; lane++) {
          int mask = lane % 2 == 0 ? 0x55555555 : 0xaaaaaaaa;
          boolean all = (bits & mask) == mask;
          assertEquals(bits & 0xffffffffL, out[2 * lane]);
          assertEquals(all ? 1 : 2, out[2 * lane + 1]);
        }
      }
    }
  }

  /** Through shared memory, with and without the barrier that it needs. */
  @Test
  void barriersOrderABlock() {
    assertTrue(LongStream.range(1, 20).allMatch(seed -> reverses("  bar.sync 0;\n", seed, 64)));
    assertTrue(LongStream.range(1, 20).anyMatch(seed -> !reverses("", seed, 64)));
    assertTrue(
        LongStream.range(1, 20).allMatch(seed -> reverses("  bar.warp.sync -1;\n", seed, 32)));
    assertTrue(LongStream.range(1, 20).anyMatch(seed -> !reverses("", seed, 32)));
  }

  /** A barrier has a number; where in the code a thread comes to it does not matter. */
  @Test
  void threadsMeetAtOneBarrierFromTwoPlaces() {
    String barrier =
        """
          .reg .pred %half;
          setp.lt.u32 %half, %x2, 32;
          @%half bra FIRST;
          bar.sync 0;
          bra.uni MET;
        FIRST:
          bar.sync 0;
        MET:
        """;
    assertTrue(LongStream.range(1, 10).allMatch(seed -> reverses(barrier, seed, 64)));
  }

  private boolean reverses(String barrier, long seed, int threads) {
    control.set(SimulatorControl.Field.SEED, seed);
    String body =
        "  .shared .align 4 .b8 tile[256];\n  .reg .b32 %v, %at, %last;\n"
            + "  ld.global.u32 %v, [%in];\n  shl.b32 %at, %x2, 2;\n  st.shared.u32 [%at], %v;\n"
            + barrier
            + "  mov.u32 %last, %ntid.x;\n  shl.b32 %last, %last, 2;\n  sub.s32 %at, %last, %at;\n"
            + "  ld.shared.u32 %v, [%at+-4];\n  st.global.u32 [%out], %v;\n";
    long[] in = new long[4 * threads];
    for (int i = 0; i < threads; i++) {
      in[4 * i] = i;
    }
    try (PtxSnippet snippet = PtxSnippet.ofBody(control, body)) {
      long[] out = snippet.run(in);
      for (int i = 0; i < threads; i++) {
        if (out[2 * i] != threads - 1 - i) {
          return false;
        }
      }
      return true;
    }
  }

  @Test
  void barriersReduceVotes() {
    String body =
        """
          .reg .b32 %v, %d;
          .reg .pred %p, %q;
          ld.global.u32 %v, [%in];
          setp.ne.s32 %p, %v, 0;
          bar.red.popc.u32 %d, 0, %p;
          st.global.u32 [%out], %d;
          bar.red.or.pred %q, 0, %p;
          selp.b32 %d, 1, 0, %q;
          bar.red.and.pred %q, 0, !%p;
          selp.b32 %v, 2, 0, %q;
          or.b32 %d, %d, %v;
          st.global.u32 [%out+8], %d;
        """;
    try (PtxSnippet snippet = PtxSnippet.ofBody(control, body)) {
      long[] out = snippet.run(words(lane -> lane % 5 == 0 ? 1 : 0));
      assertArrayEquals(new long[] {7, 1}, Arrays.copyOf(out, 2));
      out = snippet.run(words(lane -> 0));
      assertArrayEquals(new long[] {0, 2}, Arrays.copyOf(out, 2));
    }
  }

  @Test
  void threadsKnowWhereTheyAre() {
    String body =
        """
          .reg .b32 %v, %w;
          mov.u32 %v, %laneid;
          mov.u32 %w, %ctaid.x;
          shl.b32 %w, %w, 8;
          or.b32 %v, %v, %w;
          st.global.u32 [%out], %v;
          mov.u32 %v, %nctaid.x;
          mov.u32 %w, %tid.y;
          add.s32 %v, %v, %w;
          activemask.b32 %w;
          and.b32 %w, %w, 1;
          add.s32 %v, %v, %w;
          mov.u32 %w, %nctaid.z;
          add.s32 %v, %v, %w;
          st.global.u32 [%out+8], %v;
        """;
    try (PtxSnippet snippet = PtxSnippet.ofBody(control, body)) {
      long[] out = snippet.run(new long[4 * 192]); // three blocks of 64
      for (int i = 0; i < 192; i++) {
        assertEquals((i / 64) << 8 | i % 32, out[2 * i]);
        assertTrue(out[2 * i + 1] == 5 || out[2 * i + 1] == 4, "thread " + i);
      }
    }
  }

  /** A loop of as many rounds as its thread's number; the sum is known. */
  @Test
  void branchesDivergeAndComeTogether() {
    String body =
        """
          .reg .b32 %i, %sum;
          .reg .pred %p;
          mov.u32 %i, 0;
          mov.u32 %sum, 0;
        LOOP:
          setp.gt.u32 %p, %i, %x2;
          @%p bra DONE;
          add.s32 %sum, %sum, %i;
          add.s32 %i, %i, 1;
          bra LOOP;
        DONE:
          st.global.u32 [%out], %sum;
          @!%p ret;
          setp.lt.u32 %p, %x2, 7;
          @%p exit;
          st.global.u32 [%out+8], %sum;
        """;
    try (PtxSnippet snippet = PtxSnippet.ofBody(control, body)) {
      long[] out = snippet.run(words(lane -> 0));
      for (int i = 0; i < LANES; i++) {
        assertEquals(i * (i + 1) / 2, out[2 * i]);
        assertEquals(i < 7 ? 0 : i * (i + 1) / 2, out[2 * i + 1]);
      }
    }
  }

  @Test
  void trapEndsTheLaunch() {
    try (PtxSnippet snippet = PtxSnippet.ofBody(control, "  trap;\n")) {
      assertEquals(SUCCESS, snippet.launch(1, 1, 0, memory(), memory()));
      assertEquals(CUresult.CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize());
      assertTrue(control.lastError().contains("trap at the PTX of test:18"), control.lastError());
    }
  }

  /** Who waits for a lane that never comes is told where it waits. */
  @Test
  void missingLanesAreADeadlock() {
    String body =
        "  .reg .pred %p;\n  setp.eq.s32 %p, %x2, 3;\n  @%p bra OUT;\n  bar.sync 0;\nOUT:\n";
    try (PtxSnippet snippet = PtxSnippet.ofBody(control, body)) {
      assertEquals(SUCCESS, snippet.launch(1, 32, 0, memory(), memory()));
      assertEquals(CUresult.CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize());
      assertTrue(
          control.lastError().contains("31 threads wait at the block barrier the PTX of test:21"),
          control.lastError());
    }
  }

  /** A block larger than the kernel was compiled for is refused. */
  @Test
  void launchBoundsHold() {
    String text = PtxSnippet.kernel("").replace("test_out)", "test_out) .maxntid 64, 1, 1");
    try (PtxSnippet snippet = PtxSnippet.ofModule(control, text)) {
      assertEquals(SUCCESS, snippet.launch(1, 64, 0, memory(), memory()));
      assertEquals(CUresult.CUDA_ERROR_INVALID_VALUE, snippet.launch(1, 65, 0, memory(), memory()));
    }
  }

  private static CUdeviceptr memory() {
    CUdeviceptr pointer = new CUdeviceptr();
    RawCuda.require(cuMemAlloc(pointer, 64));
    return pointer;
  }

  private interface OfLane {
    long of(int lane);
  }

  /** Rows of a warp's lanes, with one word each. */
  private static long[] words(OfLane value) {
    long[] all = new long[PtxSnippet.OPERANDS * LANES];
    for (int lane = 0; lane < LANES; lane++) {
      all[PtxSnippet.OPERANDS * lane] = value.of(lane);
    }
    return all;
  }
}
