package dev.sequor.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.BackendSettings;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.DType;
import dev.sequor.backend.EnginePlan;
import dev.sequor.backend.Memory;
import dev.sequor.backend.Mode;
import dev.sequor.backend.PlanTensors;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.RnnSpec;
import dev.sequor.backend.WeightStorage;
import dev.sequor.backend.cuda.simulator.SimulatorControl;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The driver knows by the thread which context is meant, so whatever is closed by another thread,
 * or while another device is in use, has to see to it.
 */
@Tag("gpu")
@EnabledIf("dev.sequor.backend.cuda.simulator.RawCuda#simulated")
final class ClosingThreadsTest {
  private static final RnnSpec STACK =
      RnnSpec.of(CellType.LSTM, 5, 6).withLayers(2).withBidirectional(true);

  /** Keeps the context, so that what is left in it can be counted. */
  @SuppressWarnings("NullAway.Init")
  private CudaDevice observer;

  @SuppressWarnings("NullAway.Init")
  private SimulatorControl control;

  @BeforeEach
  void open() {
    observer = CudaDeviceTest.open(0, "80%", "off");
    control = SimulatorControl.ofCurrentDevice();
  }

  @AfterEach
  void close() {
    observer.close();
  }

  private List<Long> held() {
    observer.makeCurrent();
    return control.held();
  }

  /** Does it on a new thread, on which no context is current. */
  private static void elsewhere(Runnable work) {
    FutureTask<Boolean> task = new FutureTask<>(work, true);
    Thread thread = new Thread(task, "elsewhere");
    thread.start();
    try {
      task.get();
      thread.join();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    } catch (ExecutionException e) {
      throw new AssertionError(e.getCause());
    }
  }

  /** Without a cache, so that giving back calls the driver. */
  private static CudaEngine engine(int ordinal) {
    BackendSettings settings = BackendSettings.builder().cudaMemory("20%").cudaCache(false).build();
    return new CudaEngine(CudaDevice.open(ordinal, settings), MathMode.FP32);
  }

  private static Named<Function<CudaEngine, AutoCloseable>> thing(
      String name, Function<CudaEngine, AutoCloseable> make) {
    return Named.of(name, make);
  }

  static Stream<Named<Function<CudaEngine, AutoCloseable>>> things() {
    return Stream.of(
        thing("memory", engine -> engine.device().memory().allocate(1000, "test")),
        thing(
            "buffer",
            engine -> {
              Memory memory = engine.allocate(DType.FLOAT32, 10);
              return memory::free;
            }),
        thing("stream", engine -> engine.device().newStream()),
        thing("event", engine -> recorded(engine, engine.device().newEvent())),
        thing("graph", ClosingThreadsTest::graph),
        thing("page-locked memory", engine -> new HostPointer(context(engine), 100, "test")),
        thing("kernel arguments", engine -> new KernelArguments(context(engine))),
        thing("staging", engine -> new PinnedStaging(context(engine))),
        thing("kernels", ClosingThreadsTest::kernels),
        thing(
            "products",
            engine -> new Products(engine.device(), engine.queue().stream(), MathMode.FP32)),
        thing("queue", engine -> WorkQueue.beside(engine.device(), MathMode.FP32)),
        thing("second queue", ClosingThreadsTest::besides),
        thing("replays", ClosingThreadsTest::replays),
        thing("steps", ClosingThreadsTest::steps),
        thing("plan", engine -> plan(engine, STACK.shape(4, 3))),
        thing("plan of stretches", engine -> plan(engine, STACK.shape(600, 3))),
        thing(
            "plan with options",
            engine ->
                plan(
                    engine,
                    STACK.withOptions(CellOptions.builder().layerNorm(true).build()).shape(4, 3))));
  }

  private static CudaContext context(CudaEngine engine) {
    return engine.queue().stream().context();
  }

  private static CudaEvent recorded(CudaEngine engine, CudaEvent event) {
    engine.queue().stream().record(event);
    return event;
  }

  /** Something to do. */
  private static Runnable work(CudaEngine engine) {
    DeviceMemory.Block scratch = engine.device().memory().allocate(16, "test");
    long address = scratch.address();
    scratch.close(); // is freed at once, and what is made of this is not run
    return () -> engine.queue().fill(address, 0, 4);
  }

  private static AutoCloseable graph(CudaEngine engine) {
    try (Capture capture = Capture.of(engine.queue().stream(), work(engine))) {
      return capture.instantiate(engine.device().memory().reserve(0, "test"));
    }
  }

  private static AutoCloseable kernels(CudaEngine engine) {
    KernelLibrary kernels = new KernelLibrary(context(engine), "test", 90, 13000);
    kernels.kernel("dropout");
    kernels.kernel("take_stretch");
    return kernels;
  }

  private static AutoCloseable besides(CudaEngine engine) {
    Besides besides = new Besides(engine.device(), engine.queue(), MathMode.FP32);
    besides.fork();
    besides.join();
    return besides;
  }

  private static AutoCloseable replays(CudaEngine engine) {
    Memory memory = engine.allocate(DType.FLOAT32, 4);
    Replays replays = new Replays(engine.device().recordings(), "test");
    for (int i = 0; i < 3; i++) {
      replays.run("fill", new long[] {1}, () -> engine.fill(memory, 1f));
    }
    return () -> {
      replays.close();
      memory.free();
    };
  }

  private static AutoCloseable steps(CudaEngine engine) {
    Memory memory = engine.allocate(DType.FLOAT32, 4);
    RecordedSteps steps = new RecordedSteps(engine.device());
    for (int i = 0; i < 5; i++) {
      engine.queue();
      steps.run("key", List.of(), () -> engine.fill(memory, 1f));
    }
    return () -> {
      steps.close();
      memory.free();
    };
  }

  /** After inference that was recorded. */
  private static AutoCloseable plan(CudaEngine engine, RnnShape shape) {
    EnginePlan plan = engine.plan(shape, Mode.INFERENCE, WeightStorage.FLOAT32);
    List<Memory> memory = new ArrayList<>();
    long[] sizes = {
      shape.parameterLayout().totalElements(), shape.inputElements(), shape.outputElements()
    };
    for (long size : sizes) {
      memory.add(engine.allocate(DType.FLOAT32, size));
    }
    PlanTensors tensors =
        new PlanTensors(memory.get(0), memory.get(1), memory.get(2), null, null, null, null, null);
    for (int i = 0; i < 3; i++) {
      plan.forward(tensors);
    }
    return () -> {
      plan.close();
      memory.forEach(Memory::free);
    };
  }

  private static void closing(AutoCloseable thing) {
    try {
      thing.close();
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  /** What is loaded and made lazily, and stays as long as the engine is open. */
  private static void warm(CudaEngine engine, Function<CudaEngine, AutoCloseable> make) {
    closing(make.apply(engine));
  }

  @ParameterizedTest
  @MethodSource("things")
  void whatOneThreadHasMadeAndUsedAnotherCloses(Function<CudaEngine, AutoCloseable> make) {
    CudaEngine engine = engine(0);
    warm(engine, make);
    List<Long> before = held();
    AutoCloseable thing = make.apply(engine);
    assertTrue(!before.equals(held()), "it holds something");
    elsewhere(() -> closing(thing));
    assertEquals(before, held());
    elsewhere(engine::close);
  }

  @ParameterizedTest
  @MethodSource("things")
  void whatIsOfOneDeviceIsClosedWhileAnotherIsInUse(Function<CudaEngine, AutoCloseable> make) {
    assumeTrue(CudaDevice.count() > 1, "this machine has one device");
    CudaEngine engine = engine(0);
    CudaEngine other = engine(1);
    warm(engine, make);
    List<Long> before = held();
    AutoCloseable thing = make.apply(engine);
    other.queue(); // makes the other one current
    closing(thing);
    assertEquals(before, held());
    other.queue();
    engine.close();
    other.close();
  }

  /** All of it at once, in any order, each by another thread. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void everythingInAnyOrder(long seed) {
    List<Long> before = held();
    CudaEngine engine = engine(0);
    List<AutoCloseable> all = new ArrayList<>();
    things().forEach(make -> all.add(make.getPayload().apply(engine)));
    Collections.shuffle(all, new Random(seed));
    for (AutoCloseable thing : all) {
      elsewhere(() -> closing(Objects.requireNonNull(thing)));
    }
    elsewhere(engine::close);
    assertEquals(before, held());
  }
}
