package dev.sequor.backend.cuda.simulator;

import static jcuda.driver.JCudaDriver.cuCtxSynchronize;
import static jcuda.driver.JCudaDriver.cuMemAlloc;
import static jcuda.driver.JCudaDriver.cuMemFree;
import static jcuda.driver.JCudaDriver.cuModuleGetGlobal;
import static jcuda.driver.JCudaDriver.cuModuleUnload;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.Test;

/** Loads, stores and atomic operations of interpreted PTX, and how wrong ones end. */
class PtxMemoryTest extends SimulatorTest {
  private static final List<String> TYPES =
      List.of(
          "b8", "b16", "b32", "b64", "u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64", "f32",
          "f64");
  private static final List<String> SPACES = List.of("global", "local", "shared");

  /** What is tried here, for the list of all that ships. */
  static final Set<String> FORMS = forms();

  private static final long[] WORDS = {0x8877665544332281L, 0x7f8090a0b0c0d0e0L};

  private static Set<String> forms() {
    Set<String> all = new TreeSet<>(Set.of("call.uni", "mov.u64", "add.u64"));
    for (String type : TYPES) {
      all.add("ld.param." + type);
      all.add("st.param." + type);
      for (String space : SPACES) {
        for (String count : List.of("", "v2.", "v4.")) {
          all.add("ld." + space + "." + count + type);
          all.add("st." + space + "." + count + type);
        }
      }
    }
    return all;
  }

  private static int bits(String type) {
    return Integer.parseInt(type.substring(1));
  }

  private static long value(long word, String type) {
    int rest = 64 - bits(type);
    return type.startsWith("s") ? word << rest >> rest : word << rest >>> rest;
  }

  /** From global memory through each space and back, alone and in vectors. */
  @Test
  void everyTypeGoesThroughEverySpace() {
    for (String space : SPACES) {
      for (String type : TYPES) {
        for (int count : new int[] {1, 2, 4}) {
          if (count * bits(type) <= 128) {
            goThrough(space, type, count);
          }
        }
      }
    }
  }

  private void goThrough(String space, String type, int count) {
    int width = Math.max(bits(type), 16);
    String vector = count == 1 ? "" : "v" + count + ".";
    String list = count == 1 ? "%v0" : count == 2 ? "{%v0, %v1}" : "{%v0, %v1, %v2, %v3}";
    String register = type.startsWith("f") ? "." + type : ".b" + width;
    String there = space.equals("global") ? "%out" : "%at";
    StringBuilder body = new StringBuilder();
    body.append("  .reg ").append(register).append(" %v<4>;\n  .reg .b64 %at;\n");
    body.append("  .local .align 16 .b8 depot[32];\n  .shared .align 16 .b8 tile[32];\n");
    body.append("  mov.u64 %at, ").append(space.equals("shared") ? "tile" : "depot").append(";\n");
    body.append("  ld.global.").append(vector).append(type).append(' ').append(list);
    body.append(", [%in];\n");
    body.append("  st.").append(space).append('.').append(vector).append(type);
    body.append(" [").append(there).append("], ").append(list).append(";\n");
    if (!space.equals("global")) {
      body.append("  ld.").append(space).append('.').append(vector).append(type).append(' ');
      body.append(list).append(", [%at];\n");
      body.append("  st.global.").append(vector).append(type).append(" [%out], ");
      body.append(list).append(";\n");
    }
    int bytes = count * bits(type) / 8;
    long[] expected = {
      bytes >= 8 ? WORDS[0] : WORDS[0] & ((1L << (8 * bytes)) - 1), bytes == 16 ? WORDS[1] : 0
    };
    try (PtxSnippet snippet = PtxSnippet.ofBody(control, body.toString())) {
      long[] out = snippet.run(new long[] {WORDS[0], WORDS[1], 0, 0});
      assertArrayEquals(expected, out, space + " " + vector + type);
    }
  }

  /** A register that is wider gets the sign of a signed number, else zeros. */
  @Test
  void loadsIntoWiderRegistersExtend() {
    for (String type : TYPES) {
      if (type.startsWith("f")) {
        continue;
      }
      String body =
          "  .reg .b64 %v;\n  ld.global." + type + " %v, [%in];\n  st.global.b64 [%out], %v;\n";
      try (PtxSnippet snippet = PtxSnippet.ofBody(control, body)) {
        assertEquals(value(WORDS[0], type), snippet.run(new long[] {WORDS[0], 0, 0, 0})[0], type);
      }
    }
  }

  @Test
  void addressesHaveOffsetsOnBothSides() {
    String body =
        """
          .reg .b64 %v;
          add.s64 %in, %in, 16;
          ld.global.u64 %v, [%in+-8];
          st.global.u64 [%out], %v;
          ld.global.u64 %v, [%in+8];
          st.global.u64 [%out+8], %v;
        """;
    try (PtxSnippet snippet = PtxSnippet.ofBody(control, body)) {
      assertArrayEquals(new long[] {2, 4}, snippet.run(new long[] {1, 2, 3, 4}));
    }
  }

  /** Generic addresses reach all spaces; a space's own are its offsets. */
  @Test
  void genericAddressesReachEverySpace() {
    String body =
        """
          .local .align 16 .b8 depot[16];
          .shared .align 16 .b8 tile[16];
          .reg .b64 %p<4>, %v;
          ld.global.u64 %v, [%in];
          mov.u64 %p0, depot;
          cvta.local.u64 %p1, %p0;
          st.u64 [%p1+8], %v;
          cvta.to.local.u64 %p2, %p1;
          ld.local.u64 %v, [%p2+8];
          mov.u64 %p0, tile;
          cvta.shared.u64 %p1, %p0;
          st.u64 [%p1+8], %v;
          cvta.to.shared.u64 %p2, %p1;
          ld.shared.u64 %v, [%p2+8];
          st.u64 [%out], %v;
        """;
    try (PtxSnippet snippet = PtxSnippet.ofBody(control, body)) {
      assertEquals(77, snippet.run(new long[] {77, 0, 0, 0})[0]);
    }
  }

  /** Static shared memory, then at its end what the launch gives. */
  @Test
  void dynamicSharedMemoryFollowsTheStatic() {
    String text =
        ".extern .shared .align 16 .b8 dynamic[];\n"
            + PtxSnippet.kernel(
                """
                  .shared .align 4 .b32 one;
                  .reg .b32 %v<3>;
                  mov.u32 %v0, 5;
                  st.shared.u32 [one], %v0;
                  mov.u32 %v1, dynamic;
                  mov.u32 %v0, 6;
                  st.shared.u32 [%v1+60], %v0;
                  ld.shared.u32 %v2, [one];
                  st.global.u32 [%out], %v2;
                  ld.shared.u32 %v2, [dynamic+60];
                  st.global.u32 [%out+8], %v2;
                """);
    try (PtxSnippet snippet = PtxSnippet.ofModule(control, text)) {
      CUdeviceptr out = zeros(2);
      assertEquals(SUCCESS, snippet.launch(1, 1, 64, out, out));
      assertEquals(SUCCESS, cuCtxSynchronize());
      assertArrayEquals(new long[] {5, 6}, words(out, 2));
      assertEquals(SUCCESS, snippet.launch(1, 1, 60, out, out));
      assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
      assertContains(control.lastError(), "shared memory");
    }
  }

  @Test
  void moduleVariablesHaveTheirValues() {
    String text =
        """
        .const .align 8 .b8 table[8] = {1, 2, 3, 4, 5, 6, 7, 8};
        .global .align 4 .f32 pi = 0f40490FDB;
        .visible .global .align 8 .u64 counter;
        """
            + PtxSnippet.kernel(
                """
                  .reg .b64 %v, %p;
                  .reg .f32 %f;
                  ld.const.u64 %v, [table];
                  st.global.u64 [%out], %v;
                  ld.global.f32 %f, [pi];
                  st.global.f32 [%out+8], %f;
                  mov.u64 %p, counter;
                  mov.u64 %v, 9;
                  st.global.u64 [%p], %v;
                """);
    CUmodule module = new CUmodule();
    assertEquals(SUCCESS, PtxSnippet.load(control, text, module));
    CUdeviceptr counter = new CUdeviceptr();
    long[] bytes = new long[1];
    assertEquals(SUCCESS, cuModuleGetGlobal(counter, bytes, module, "counter"));
    assertEquals(8, bytes[0]);
    assertEquals(0, words(counter, 1)[0]);
    assertEquals(SUCCESS, cuModuleUnload(module));
    try (PtxSnippet snippet = PtxSnippet.ofModule(control, text)) {
      assertArrayEquals(
          new long[] {0x0807060504030201L, 0x40490fdbL}, snippet.run(new long[] {0, 0, 0, 0}));
    }
  }

  /** Arguments and results are copied; the callee's registers are its own. */
  @Test
  void functionsAreCalledWithCopies() {
    String text =
        """
        .func (.param .b64 result) twice_plus(.param .b64 x, .param .b32 y);
        .func (.param .b64 result) twice_plus(.param .b64 x, .param .b32 y)
        {
          .reg .b64 %v<3>;
          .reg .b32 %r;
          ld.param.u64 %v0, [x];
          ld.param.u32 %r, [y];
          cvt.u64.u32 %v1, %r;
          add.s64 %v0, %v0, %v0;
          add.s64 %v2, %v0, %v1;
          st.param.b64 [result+0], %v2;
          ret;
        }
        """
            + PtxSnippet.kernel(
                """
                  .reg .b64 %v<3>;
                  .reg .b32 %r;
                  ld.global.u64 %v0, [%in];
                  ld.global.u32 %r, [%in+8];
                  mov.u64 %v2, 100;
                  {
                  .param .b64 param0;
                  st.param.b64 [param0+0], %v0;
                  .param .b32 param1;
                  st.param.b32 [param1+0], %r;
                  .param .b64 retval0;
                  call.uni (retval0),
                  twice_plus,
                  (
                  param0,
                  param1
                  );
                  ld.param.b64 %v1, [retval0+0];
                  }
                  st.global.u64 [%out], %v1;
                  add.s64 %v2, %v2, %v0;
                  st.global.u64 [%out+8], %v2;
                """);
    try (PtxSnippet snippet = PtxSnippet.ofModule(control, text)) {
      assertArrayEquals(
          new long[] {47, 120, 8, 103}, snippet.run(new long[] {20, 7, 0, 0, 3, 2, 0, 0}));
    }
  }

  @Test
  void atomicOperationsGiveTheOldValue() {
    assertAtomic("atom.global.add.u32", "b32", 5, 3, 0, 8);
    assertAtomic("atom.add.u64", "b64", -1, 3, 0, 2);
    assertAtomic(
        "atom.relaxed.gpu.global.add.f32", "f32", 0x3f800000L, 0x3f000000L, 0, 0x3fc00000L);
    assertAtomic("atom.global.min.s32", "b32", 5, 0xffffffffL, 0, 0xffffffffL);
    assertAtomic("atom.global.min.u32", "b32", 5, 0xffffffffL, 0, 5);
    assertAtomic("atom.global.max.u64", "b64", 5, -1, 0, -1);
    assertAtomic("atom.global.and.b32", "b32", 0xff, 0x1f0, 0, 0xf0);
    assertAtomic("atom.global.or.b64", "b64", 1, 2, 0, 3);
    assertAtomic("atom.global.xor.b32", "b32", 5, 3, 0, 6);
    assertAtomic("atom.acquire.gpu.global.exch.b32", "b32", 5, 3, 0, 3);
    assertAtomic("atom.global.cas.b32", "b32", 5, 5, 9, 9);
    assertAtomic("atom.acq_rel.gpu.global.cas.b64", "b64", 5, 4, 9, 5);
  }

  private void assertAtomic(String form, String type, long old, long b, long c, long after) {
    String body =
        "  .reg ."
            + type
            + " %d, %b, %c;\n  .reg .b64 %v;\n  ld.global.u64 %v, [%in];\n"
            + "  st.global.u64 [%out], %v;\n"
            + ("  ld.global." + type + " %b, [%in+8];\n")
            + ("  ld.global." + type + " %c, [%in+16];\n")
            + ("  " + form + " %d, [%out], %b" + (form.contains("cas") ? ", %c" : "") + ";\n")
            + ("  st.global." + type + " [%out+8], %d;\n");
    try (PtxSnippet snippet = PtxSnippet.ofBody(control, body)) {
      assertArrayEquals(new long[] {after, old}, snippet.run(new long[] {old, b, c, 0}), form);
    }
  }

  /** All threads add to one word, and one that waits for their sum sees it. */
  @Test
  void reductionsAndAcquiringLoadsMeetAcrossBlocks() {
    String body =
        """
          .reg .b32 %v, %n;
          .reg .pred %p;
          .reg .b64 %first;
          ld.param.u64 %first, [test_out];
          mov.u32 %v, 1;
          red.release.gpu.global.add.u32 [%first], %v;
          mov.u32 %n, %nctaid.x;
        WAIT:
          ld.acquire.gpu.global.u32 %v, [%first];
          setp.ge.u32 %p, %v, %n;
          @%p bra DONE;
          nanosleep.u32 20;
          bra.uni WAIT;
        DONE:
          fence.acq_rel.gpu;
          membar.gl;
        """;
    try (PtxSnippet snippet = PtxSnippet.ofBody(control, body)) {
      CUdeviceptr out = zeros(2);
      // One block after another: only the last one's threads see the sum, but nobody waits for
      // more.
      assertEquals(SUCCESS, snippet.launch(1, 32, 0, out, out));
      assertEquals(SUCCESS, cuCtxSynchronize());
      assertEquals(32, words(out, 1)[0]);
    }
  }

  @Test
  void accessesOutOfBoundsAreRefusedWithTheLine() {
    CUdeviceptr out = zeros(3);
    try (PtxSnippet snippet =
        PtxSnippet.ofBody(
            control, "  st.global.u64 [%out+16], %in;\n  st.global.u64 [%out+24], %in;\n")) {
      assertEquals(SUCCESS, snippet.launch(1, 1, 0, out, out));
      assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
      String message = control.lastError();
      assertContains(message, "kernel test");
      assertContains(message, "line 19 of the PTX of test");
      assertContains(message, "past the end of an allocation of 24 bytes");
    }
  }

  /** What was in bounds before says nothing of an address whose end lies beyond the last one. */
  @Test
  void addressesDoNotWrapAround() {
    CUdeviceptr out = zeros(3);
    String body =
        """
          .reg .b64 %p;
          .reg .b32 %n;
          .reg .pred %q;
          mov.u64 %p, %out;
          mov.u32 %n, 0;
        AGAIN:
          st.global.u32 [%p], %n;
          mov.u64 %p, -4;
          add.s32 %n, %n, 1;
          setp.lt.s32 %q, %n, 2;
          @%q bra AGAIN;
        """;
    try (PtxSnippet snippet = PtxSnippet.ofBody(control, body)) {
      assertEquals(SUCCESS, snippet.launch(1, 1, 0, out, out));
      assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
      assertContains(control.lastError(), "is not a pointer into device memory");
    }
  }

  @Test
  void misalignedAccessesAreRefused() {
    CUdeviceptr out = zeros(3);
    try (PtxSnippet snippet =
        PtxSnippet.ofBody(
            control, "  .reg .f32 %f<4>;\n  ld.global.v4.f32 {%f0, %f1, %f2, %f3}, [%out+8];\n")) {
      assertEquals(SUCCESS, snippet.launch(1, 1, 0, out, out));
      assertEquals(CUresult.CUDA_ERROR_MISALIGNED_ADDRESS, cuCtxSynchronize());
      assertContains(control.lastError(), "16 bytes at the misaligned address");
    }
  }

  @Test
  void freedMemoryIsNotRead() {
    CUdeviceptr out = zeros(3);
    CUdeviceptr freed = zeros(4);
    try (PtxSnippet snippet =
        PtxSnippet.ofBody(
            control,
            "  .reg .b64 %v;\n  ld.global.u64 %v, [%in];\n  st.global.u64 [%out], %v;\n")) {
      // What was found at first must be looked for again when it is gone.
      assertEquals(SUCCESS, snippet.launch(1, 1, 0, freed, out));
      assertEquals(SUCCESS, cuCtxSynchronize());
      RawCuda.require(cuMemFree(freed));
      assertEquals(SUCCESS, snippet.launch(1, 1, 0, freed, out));
      assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
      assertContains(control.lastError(), "freed");
    }
  }

  @Test
  void localMemoryHasItsBounds() {
    CUdeviceptr out = zeros(3);
    try (PtxSnippet snippet =
        PtxSnippet.ofBody(
            control,
            """
              .local .align 8 .b8 depot[16];
              .reg .b64 %p;
              mov.u64 %p, depot;
              st.local.u64 [%p+8], %in;
              st.local.u64 [%p+16], %in;
            """)) {
      assertEquals(SUCCESS, snippet.launch(1, 1, 0, out, out));
      assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
      assertContains(control.lastError(), "of the 16 bytes of local memory");
    }
  }

  private static CUdeviceptr zeros(int words) {
    CUdeviceptr pointer = new CUdeviceptr();
    RawCuda.require(cuMemAlloc(pointer, words * (long) Long.BYTES));
    RawCuda.require(
        jcuda.driver.JCudaDriver.cuMemcpyHtoD(
            pointer, Pointer.to(new long[words]), words * (long) Long.BYTES));
    return pointer;
  }

  private static long[] words(CUdeviceptr from, int count) {
    long[] values = new long[count];
    RawCuda.read(from, count * Long.BYTES).asLongBuffer().get(values);
    return values;
  }

  private static void assertContains(String message, String part) {
    assertTrue(message.contains(part), message);
  }
}
