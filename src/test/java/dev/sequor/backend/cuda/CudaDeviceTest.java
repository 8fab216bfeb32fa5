package dev.sequor.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.BackendException;
import dev.sequor.backend.BackendSettings;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One device with its memory, streams, graphs and kernels; on the simulator or a GPU. */
@Tag("gpu")
@EnabledIf("dev.sequor.backend.cuda.CudaDeviceTest#isUsable")
class CudaDeviceTest {
  @SuppressWarnings("NullAway.Init")
  private CudaDevice device;

  static boolean isUsable() {
    return new CudaBackendProvider().probe().usable();
  }

  @BeforeEach
  void open() {
    device = open(0, "1m", "on");
  }

  @AfterEach
  void close() {
    device.close();
  }

  /** A device with a budget, and a cache that is on or off. */
  static CudaDevice open(int ordinal, String budget, String cache) {
    return CudaDevice.open(
        ordinal,
        BackendSettings.builder().cudaMemory(budget).cudaCache(cache.equals("on")).build());
  }

  private static String message(Class<? extends Throwable> type, Runnable work) {
    return String.valueOf(assertThrows(type, work::run).getMessage());
  }

  // ---- memory ----------------------------------------------------------------------------------

  @Test
  void whatIsGivenBackIsReusedByWhoeverNeedsAboutAsMuch() {
    DeviceMemory memory = device.memory();
    DeviceMemory.Block first = memory.allocate(1000, "first");
    DeviceMemory.Block larger = memory.allocate(1100, "larger");
    long address = first.address();
    first.close();
    larger.close();
    assertEquals(0, memory.liveBytes());
    assertEquals(2100, memory.cachedBytes());
    try (DeviceMemory.Block fits = memory.allocate(990, "fits");
        DeviceMemory.Block tooSmall = memory.allocate(500, "would waste half")) {
      assertEquals(address, fits.address(), "the smallest that fits");
      assertEquals(990, fits.bytes());
      assertNotEquals(address, tooSmall.address());
      assertEquals(1500, memory.liveBytes());
      assertEquals(1100, memory.cachedBytes());
    }
    memory.trim();
    assertEquals(0, memory.cachedBytes());
  }

  @Test
  void closingTwiceIsHarmlessAndUseAfterCloseIsFound() {
    DeviceMemory.Block block = device.memory().allocate(64, "weights");
    block.close();
    block.close();
    assertEquals(64, device.memory().cachedBytes());
    assertEquals(
        "device memory of 64 bytes for weights is used after close",
        message(IllegalStateException.class, block::address));
  }

  @Test
  void nothingAtAllNeedsNoMemory() {
    try (DeviceMemory.Block none = device.memory().allocate(0, "nothing")) {
      assertEquals(0, none.address());
      assertEquals(0, device.memory().liveBytes());
    }
  }

  @Test
  void goingOverTheBudgetNamesNeedBudgetAndTheLargestHolders() {
    DeviceMemory memory = device.memory();
    List<DeviceMemory.Block> blocks = new ArrayList<>();
    blocks.add(memory.allocate(1000, "moments"));
    blocks.add(memory.allocate(500_000, "parameters"));
    blocks.add(memory.allocate(3000, "batch"));
    blocks.add(memory.allocate(4000, "batch"));
    blocks.add(memory.allocate(10, "loss"));
    String message =
        message(BackendException.class, () -> memory.allocate(600_000, "saved values"));
    assertTrue(
        message.startsWith(
            "cuda:0 "
                + device.name()
                + ": no memory for saved values: needed"
                + " 600000 bytes, budget 1048576, in use 508010; the budget does not suffice; largest"
                + " holders: parameters 500000, batch 7000 in 2 blocks, moments 1000"),
        message);
    assertEquals(508_010, memory.liveBytes(), "nothing has changed");
    blocks.forEach(DeviceMemory.Block::close);
    memory.allocate(600_000, "saved values").close();
  }

  @Test
  void keptMemoryNeverKeepsOthersFromTheBudget() {
    DeviceMemory memory = device.memory();
    memory.allocate(700_000, "first").close();
    memory.allocate(900_000, "second").close();
    assertEquals(900_000, memory.cachedBytes(), "the first was given to the driver");
  }

  @Test
  void theCacheCanBeTurnedOff() {
    try (CudaDevice other = open(0, "1m", "off")) {
      other.memory().allocate(1000, "first").close();
      assertEquals(0, other.memory().cachedBytes());
    }
    device.makeCurrent();
  }

  @Test
  void theDriverHasLessThanTheBudgetAllows() {
    device.close();
    device = open(0, "900t", "on");
    DeviceMemory memory = device.memory();
    try (DeviceMemory.Block kept = memory.allocate(1000, "kept")) {
      memory.allocate(2000, "cached").close();
      String message =
          message(BackendException.class, () -> memory.allocate(1L << 49, "everything"));
      assertTrue(
          message.contains("cuMemAlloc failed: CUDA_ERROR_OUT_OF_MEMORY (2)")
              && message.contains("largest holders: kept 1000"),
          message);
      assertEquals(0, memory.cachedBytes(), "the cache was tried");
      assertEquals(1000, memory.liveBytes());
      assertNotEquals(0, kept.address());
    }
  }

  @Test
  void closingTheDeviceTakesWhatIsStillHeld() {
    DeviceMemory.Block block = device.memory().allocate(64, "forgotten");
    device.close();
    assertThrows(IllegalStateException.class, block::address);
    block.close();
    assertEquals(0, device.memory().liveBytes());
    assertEquals(0, device.memory().cachedBytes());
    assertThrows(IllegalStateException.class, device::makeCurrent);
    assertThrows(IllegalStateException.class, () -> device.memory().allocate(1, "more"));
    device.close();
  }

  // ---- copies ----------------------------------------------------------------------------------

  private static ByteBuffer bytes(int count, int seed) {
    ByteBuffer bytes = ByteBuffer.allocateDirect(count).order(ByteOrder.nativeOrder());
    for (int i = 0; i < count; i++) {
      bytes.put(i, (byte) ((i * 31 + (i >> 8) + seed) % 251));
    }
    return bytes;
  }

  @ParameterizedTest
  @ValueSource(
      ints = {
        1,
        3,
        4095,
        PinnedStaging.CHUNK_BYTES - 1,
        PinnedStaging.CHUNK_BYTES,
        PinnedStaging.CHUNK_BYTES + 1,
        2 * PinnedStaging.CHUNK_BYTES + 5,
        3 * PinnedStaging.CHUNK_BYTES
      })
  void whatIsCopiedToTheDeviceComesBack(int count) {
    device.close();
    device = open(0, "64m", "on");
    ByteBuffer source = bytes(count, count);
    try (DeviceMemory.Block block = device.memory().allocate(count, "bytes")) {
      device.staging().upload(source, block.address(), device.stream());
      assertEquals(0, source.position(), "the caller's position stays");
      for (int i = 0; i < count; i++) {
        source.put(i, (byte) 0xff); // The source is free again at once.
      }
      ByteBuffer target = ByteBuffer.allocateDirect(count + 2).position(1).limit(count + 1);
      device.staging().download(block.address(), target, device.stream());
      assertEquals(bytes(count, count), target);
      assertEquals(1, target.position());
      assertEquals(0, target.get(0));
      assertEquals(0, target.duplicate().clear().get(count + 1), "nothing beyond is touched");
    }
  }

  @Test
  void manySmallCopiesInARowKeepTheirContents() {
    try (DeviceMemory.Block block = device.memory().allocate(100 * 8, "bytes")) {
      for (int i = 0; i < 100; i++) {
        device.staging().upload(bytes(8, i), block.address() + i * 8L, device.stream());
      }
      ByteBuffer target = ByteBuffer.allocateDirect(800);
      device.staging().download(block.address(), target, device.stream());
      for (int i = 0; i < 100; i++) {
        assertEquals(bytes(8, i), target.slice(i * 8, 8), "copy " + i);
      }
    }
  }

  // ---- streams, graphs, kernels ----------------------------------------------------------------

  private void set(CudaStream stream, DeviceMemory.Block block, int value) {
    CudaErrors.check(
        JCudaDriver.cuMemsetD32Async(
            DevicePointer.of(block.address()), value, block.bytes() / 4, stream.handle()),
        "cuMemsetD32Async");
  }

  private void copy(CudaStream stream, DeviceMemory.Block from, DeviceMemory.Block to) {
    CudaErrors.check(
        JCudaDriver.cuMemcpyDtoDAsync(
            DevicePointer.of(to.address()),
            DevicePointer.of(from.address()),
            from.bytes(),
            stream.handle()),
        "cuMemcpyDtoDAsync");
  }

  private int[] read(DeviceMemory.Block block) {
    ByteBuffer bytes =
        ByteBuffer.allocateDirect((int) block.bytes()).order(ByteOrder.nativeOrder());
    device.staging().download(block.address(), bytes, device.stream());
    int[] values = new int[(int) block.bytes() / 4];
    bytes.asIntBuffer().get(values);
    return values;
  }

  private CudaGraph captured(CudaStream stream, Runnable work) {
    try (Capture capture = Capture.of(stream, work)) {
      return capture.instantiate(device.memory().reserve(0, "a graph"));
    }
  }

  /** What the driver loads when work first runs cannot be loaded while it is recorded. */
  @Test
  void workThatFailedWhenItFirstRanIsNotRecordedBeforeItHasRun() {
    List<Boolean> recorded = new ArrayList<>();
    boolean[] fails = {true};
    Runnable work =
        () -> {
          recorded.add(device.stream().capturing());
          if (fails[0]) {
            throw new BackendException("the first call fails");
          }
        };
    try (Replays replays = new Replays(device.recordings(), "test")) {
      for (int i = 0; i < 2; i++) {
        assertThrows(BackendException.class, () -> replays.run("work", new long[] {1}, work));
      }
      fails[0] = false;
      for (int i = 0; i < 3; i++) {
        replays.run("work", new long[] {1}, work);
      }
    }
    assertEquals(List.of(false, false, false, true), recorded);
  }

  @Test
  void aGraphRepeatsWorkOfTwoStreamsWithWhatIsThereThen() {
    CudaStream main = device.stream();
    try (DeviceMemory.Block from = device.memory().allocate(12, "from");
        DeviceMemory.Block to = device.memory().allocate(12, "to");
        CudaStream side = device.newStream();
        CudaEvent fork = device.newEvent();
        CudaEvent join = device.newEvent()) {
      set(main, from, 7);
      set(main, to, 0);
      boolean[] capturing = new boolean[2];
      CudaGraph graph =
          captured(
              main,
              () -> {
                main.record(fork);
                side.waitFor(fork);
                capturing[0] = main.capturing();
                capturing[1] = side.capturing();
                copy(side, from, to);
                side.record(join);
                main.waitFor(join);
              });
      assertArrayEquals(new boolean[] {true, true}, capturing);
      assertFalse(main.capturing());
      assertArrayEquals(new int[] {0, 0, 0}, read(to), "capturing runs nothing");
      for (int value : new int[] {7, 8, 9}) {
        set(main, from, value);
        graph.launch(main);
        assertArrayEquals(new int[] {value, value, value}, read(to));
      }
      graph.close();
      assertThrows(IllegalStateException.class, () -> graph.launch(main));
    }
  }

  @Test
  void aCaptureThatFailsLeavesTheStreamUsable() {
    CudaStream main = device.stream();
    try (DeviceMemory.Block block = device.memory().allocate(4, "block")) {
      String message =
          message(
              IllegalArgumentException.class,
              () ->
                  captured(
                      main,
                      () -> {
                        set(main, block, 1);
                        throw new IllegalArgumentException("in the middle");
                      }));
      assertEquals("in the middle", message);
      assertFalse(main.capturing());
      set(main, block, 5);
      assertArrayEquals(new int[] {5}, read(block));
    }
  }

  @Test
  void aRefusedLaunchNamesKernelGridBlockAndError() {
    CudaKernel kernel = device.kernels().kernel("bias_activation");
    assertEquals(kernel, device.kernels().kernel("bias_activation"));
    try (KernelArguments arguments = new KernelArguments(device.stream().context())) {
      arguments.int64(1).int32(1).pointer(0).int32(1).pointer(0);
      String message =
          message(
              BackendException.class, () -> kernel.launch(device.stream(), 3, 2, 4096, arguments));
      assertTrue(
          message.startsWith(
              "kernel bias_activation with grid (3, 2), block 4096 and 5 arguments failed: CUDA_ERROR_"),
          message);
    }
  }

  /** CUDA would read what lies behind the last one, or half of a number. */
  @Test
  void argumentsThatAreNotTheKernelsParametersAreRefused() {
    CudaKernel kernel = device.kernels().kernel("bias_activation");
    try (KernelArguments arguments = new KernelArguments(device.stream().context())) {
      arguments.int64(1).int32(1).pointer(0).int32(1);
      assertEquals(
          "kernel bias_activation takes (u64 u32 u64 u32 u64) and is given (u64 u32 u64 u32)",
          message(
              IllegalStateException.class,
              () -> kernel.launch(device.stream(), 1, 1, 32, arguments)));
      arguments.reset().int64(1).int32(1).pointer(0).float32(1).pointer(0);
      assertEquals(
          "kernel bias_activation takes (u64 u32 u64 u32 u64) and is given (u64 u32 u64 f32 u64)",
          message(
              IllegalStateException.class,
              () -> kernel.launch(device.stream(), 1, 1, 32, arguments)));
    }
  }

  @Test
  void parametersOfAnotherTypeThanLaunchesPassAreRefused() {
    assertEquals("u64 u32 f32", KernelSignature.parse(" u64 u32  f32 ").toString());
    assertEquals("", KernelSignature.parse("").toString());
    assertEquals(
        "a kernel's parameter of type 'f64' in 'u64 f64'; launches pass u32, u64, f32",
        message(IllegalArgumentException.class, () -> KernelSignature.parse("u64 f64")));
  }

  @Test
  void aKernelThatIsNotThereIsNamed() {
    assertEquals(
        "there is no kernel 'fly' among the "
            + KernelCatalog.read().files().size()
            + " of this build",
        message(BackendException.class, () -> device.kernels().kernel("fly")));
  }

  @Test
  void moreArgumentsThanAnyKernelHasAreRefused() {
    try (KernelArguments arguments = new KernelArguments(device.stream().context())) {
      for (int i = 0; i < KernelArguments.CAPACITY; i++) {
        arguments.int32(i);
      }
      assertThrows(IllegalStateException.class, () -> arguments.int32(0));
      assertEquals(0, arguments.reset().count());
    }
  }

  // ---- several devices -------------------------------------------------------------------------

  @Test
  void twoDevicesKeepTheirContents() {
    assumeTrue(CudaDevice.count() > 1, "this machine has one device");
    try (CudaDevice other = open(1, "1m", "on")) {
      assertEquals(1, other.ordinal());
      DeviceMemory.Block there = other.memory().allocate(4, "there");
      set(other.stream(), there, 11);
      device.makeCurrent();
      try (DeviceMemory.Block here = device.memory().allocate(4, "here")) {
        set(device.stream(), here, 22);
        assertArrayEquals(new int[] {22}, read(here));
        other.makeCurrent();
        ByteBuffer bytes = ByteBuffer.allocateDirect(4).order(ByteOrder.nativeOrder());
        other.staging().download(there.address(), bytes, other.stream());
        assertEquals(11, bytes.getInt(0));
        there.close();
        device.makeCurrent();
      }
      other.makeCurrent();
    }
    device.makeCurrent();
  }

  @Test
  void theCommonContextOutlivesOneOfTwoUsers() {
    try (CudaDevice second = open(0, "1m", "on")) {
      assertEquals(device.name(), second.name());
    }
    device.makeCurrent();
    try (DeviceMemory.Block block = device.memory().allocate(4, "block")) {
      set(device.stream(), block, 3);
      assertArrayEquals(new int[] {3}, read(block));
    }
  }
}
