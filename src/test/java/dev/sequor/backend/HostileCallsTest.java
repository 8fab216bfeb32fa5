package dev.sequor.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.rnn.Parameters;
import dev.sequor.rnn.Rnn;
import dev.sequor.rnn.RnnState;
import dev.sequor.rnn.RnnStepper;
import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.RecordComponent;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every public method of a backend and of what is made from it, called with every kind of bad
 * argument, after it or its backend was closed, and from a second thread. The methods are found by
 * reflection: a new one fails here until {@link World} says how it is called rightly.
 */
@Tag("gpu")
@Timeout(300)
final class HostileCallsTest {
  private static final List<Class<?>> TYPES =
      List.of(
          Backend.class,
          Buffer.class,
          RnnPlan.class,
          Rnn.class,
          RnnStepper.class,
          RnnState.class,
          Parameters.class);

  /** Say what a thing is, and so may be asked of anybody, any time. */
  private static final Set<String> FACTS =
      Set.of(
          "name",
          "isClosed",
          "isBatchInvariant",
          "toString",
          "backend",
          "type",
          "elements",
          "memory",
          "version",
          "shape",
          "savedElements()",
          "spec",
          "batchSize",
          "layout",
          "region",
          "values",
          "gradients",
          "state",
          "x",
          "y",
          "input",
          "output",
          "wantsLossScaling",
          "isAsynchronous");

  /** May be called when closed. */
  private static final Set<String> EVEN_CLOSED = Set.of("close", "takeOver", "requireThread");

  /** Tells of the present, open or closed. */
  private static final String INVENTORY = "openResources";

  /** Works on as many elements as there are, so that a shorter buffer is a right one. */
  private static final Set<String> ANY_LENGTH =
      Set.of(
          "Backend.fill.0",
          "Backend.activation.1",
          "Backend.activationGradient.1",
          "Backend.multiply.0",
          "Backend.dropout.3",
          "Backend.write.0",
          "Backend.read.0");

  /** Take either type. */
  private static final Set<String> ANY_TYPE =
      Set.of("Backend.download.0", "Backend.upload.1", "Backend.step.1.target");

  /** Refused within a step. */
  private static final Set<String> NOT_IN_A_STEP =
      Set.of(
          "Backend.allocate",
          "Backend.upload",
          "Backend.download",
          "Backend.write",
          "Backend.read",
          "Backend.plan",
          "Backend.step",
          "Backend.synchronize",
          "Backend.close",
          "Buffer.write",
          "Buffer.readFloats",
          "Buffer.readInts",
          "Buffer.close",
          "RnnPlan.close",
          "Rnn.newParameters",
          "Rnn.newState",
          "Rnn.newStepper",
          "Rnn.prepare",
          "RnnStepper.step",
          "RnnStepper.close",
          "RnnState.close",
          "Parameters.value",
          "Parameters.gradient",
          "Parameters.set",
          "Parameters.close");

  private static final String WRITTEN_HOST_BUFFER = "Backend.download.1";

  private static final int T = 3;
  private static final int B = 2;
  private static final int I = 4;
  private static final int H = 5;
  private static final int V = 7;
  private static final int L = 2;

  static Stream<String> devices() {
    return Devices.survey().stream()
        .filter(status -> status.availability().usable())
        .map(Devices.Status::name);
  }

  /** Things to call, and right arguments for each call. */
  private static final class World implements AutoCloseable {
    final Backend backend;
    final Backend foreign = Devices.open("java");
    final Rnn rnn;
    final Parameters parameters;
    final RnnPlan plan;
    final RnnStepper stepper;
    final RnnState state;
    final List<Buffer> buffers = new ArrayList<>();
    final RnnTensors tensors;
    final RnnGradients gradients;
    final Map<String, Function<World, Object[]>> calls = new HashMap<>();

    World(String device) {
      backend = Devices.open(device);
      rnn = new Rnn(backend, new RnnSpec(CellType.LSTM, I, H, 2, false, 0.5f));
      parameters = rnn.newParameters(1);
      buffers.add(parameters.values());
      buffers.add(parameters.gradients());
      plan = backend.plan(rnn.spec().shape(T, B), Mode.TRAINING);
      stepper = rnn.newStepper(parameters.values(), B);
      state = rnn.newState(B);
      buffers.add(state.values());
      Buffer lengths = integers(B);
      lengths.write(T, 1);
      Buffer carried = floats(2 * L * B * H);
      tensors =
          RnnTensors.of(parameters.values(), floats(T * B * I), floats(T * B * H))
              .withLengths(lengths)
              .withInitialState(carried)
              .withFinalState(carried)
              .withSaved(floats(plan.savedElements()))
              .withDropoutKey(integers(RandomKey.ELEMENTS));
      gradients =
          RnnGradients.of(parameters.gradients())
              .withDy(floats(T * B * H))
              .withDFinalState(floats(2 * L * B * H))
              .withDx(floats(T * B * I))
              .withDInitialState(floats(2 * L * B * H));
      describeCalls();
    }

    Buffer floats(long elements) {
      Buffer buffer = backend.allocate(DType.FLOAT32, elements);
      buffers.add(buffer);
      return buffer;
    }

    Buffer integers(long elements) {
      Buffer buffer = backend.allocate(DType.INT32, elements);
      buffers.add(buffer);
      return buffer;
    }

    static ByteBuffer host(int bytes) {
      return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
    }

    private void call(String method, Function<World, Object[]> arguments) {
      calls.put(method, arguments);
    }

    private static Object[] of(@Nullable Object... arguments) {
      return arguments;
    }

    private void describeCalls() {
      LinearShape linear = new LinearShape(3, 4, 5, Activation.TANH);
      call("Backend.allocate", w -> of(DType.FLOAT32, 3L));
      call("Backend.upload", w -> of(host(12), w.floats(3)));
      call("Backend.download", w -> of(w.floats(3), host(12)));
      Consumer<FloatBuffer> nothing = floats -> {};
      call("Backend.write", w -> of(w.floats(3), nothing));
      call("Backend.read", w -> of(w.floats(3), nothing));
      call("Backend.fill", w -> of(w.floats(3), 1f));
      call("Backend.copy", w -> of(w.floats(3), w.floats(3)));
      call("Backend.plan/2", w -> of(w.rnn.spec().shape(T, B), Mode.TRAINING));
      call(
          "Backend.plan/3",
          w -> of(w.rnn.spec().shape(T, B), Mode.INFERENCE, WeightStorage.FLOAT32));
      call(
          "Backend.linearForward",
          w -> of(linear, w.floats(12), w.floats(20), w.floats(5), w.floats(15)));
      call(
          "Backend.linearBackward",
          w ->
              of(
                  linear,
                  w.floats(12),
                  w.floats(20),
                  w.floats(15),
                  w.floats(15),
                  w.floats(12),
                  w.floats(20),
                  w.floats(5)));
      call("Backend.embeddingForward", w -> of(3, 4, w.integers(3), w.floats(4 * V), w.floats(12)));
      call(
          "Backend.embeddingBackward", w -> of(3, 4, w.integers(3), w.floats(12), w.floats(4 * V)));
      call(
          "Backend.loss/9",
          w ->
              of(
                  new LossShape(Loss.softmaxCrossEntropy(), T, B, V),
                  w.floats(T * B * V),
                  w.integers(T * B),
                  w.tensors.lengths(),
                  w.floats(T * B),
                  w.floats(1),
                  w.floats(1),
                  w.floats(T * B * V),
                  w.floats(2)));
      call(
          "Backend.loss/8",
          w ->
              of(
                  new LossShape(Loss.softmaxCrossEntropy(), T, B, V),
                  w.floats(T * B * V),
                  w.integers(T * B),
                  w.tensors.lengths(),
                  w.floats(1),
                  w.floats(1),
                  w.floats(T * B * V),
                  w.floats(2)));
      CtcShape ctc = new CtcShape(T, B, V, 2, 0);
      call(
          "Backend.ctcLoss",
          w ->
              of(
                  ctc,
                  w.floats(T * B * V),
                  w.integers(2 * B),
                  w.integers(B),
                  w.tensors.lengths(),
                  w.floats(1),
                  w.floats(1),
                  w.floats(T * B * V),
                  w.floats(ctc.workspaceElements()),
                  w.floats(2)));
      call(
          "Backend.optimizerStep/7",
          w ->
              of(
                  UpdateRule.ADAM,
                  w.numbers(),
                  new UpdateGroups(w.ascending(4, 9), w.integers(2)),
                  w.floats(9),
                  w.floats(9),
                  w.floats(18),
                  w.report()));
      call(
          "Backend.optimizerStep/6",
          w ->
              of(UpdateRule.ADAM, w.numbers(), w.floats(9), w.floats(9), w.floats(18), w.report()));
      call(
          "Backend.drawToken",
          w ->
              of(
                  new DrawShape(V, 1f, 3, 0.9f),
                  w.integers(RandomKey.ELEMENTS),
                  w.integers(2),
                  0,
                  w.floats(V),
                  w.integers(1)));
      call(
          "Backend.drawTokens",
          w ->
              of(
                  new DrawShape(V, 1f, 3, 0.9f, 0.1f, 1.2f),
                  2,
                  w.integers(2 * RandomKey.ELEMENTS),
                  w.integers(2),
                  0,
                  w.floats(2 * V),
                  w.integers(2 * V),
                  w.integers(2)));
      call(
          "Backend.likeliest",
          w -> of(new LikeliestShape(2, V, 3), w.floats(2 * V), w.integers(6), w.floats(6)));
      call(
          "Backend.mixTokens",
          w ->
              of(
                  new TokenMix(T, B, V),
                  w.integers(RandomKey.ELEMENTS),
                  w.integers(1),
                  w.integers(T * B),
                  w.integers(T * B),
                  w.integers(T * B)));
      call("Backend.activation", w -> of(Activation.TANH, w.floats(7), w.floats(7)));
      call(
          "Backend.activationGradient",
          w -> of(Activation.TANH, w.floats(7), w.floats(7), w.floats(7)));
      call(
          "Backend.copyColumns",
          w -> of(new ColumnCopy(3, 2, 1, 4, 0, 3, 1f, true), w.floats(12), w.floats(9)));
      call(
          "Backend.layerNormForward",
          w ->
              of(new NormShape(3, 4, 1e-5f), w.floats(12), w.floats(8), w.floats(12), w.floats(6)));
      call(
          "Backend.layerNormBackward",
          w ->
              of(
                  new NormShape(3, 4, 1e-5f),
                  w.floats(12),
                  w.floats(8),
                  w.floats(6),
                  w.floats(12),
                  w.floats(12),
                  w.floats(8)));
      call("Backend.softmaxForward", w -> of(new SoftmaxShape(3, 4), w.floats(12), w.floats(12)));
      call(
          "Backend.softmaxBackward",
          w -> of(new SoftmaxShape(3, 4), w.floats(12), w.floats(12), w.floats(12)));
      call("Backend.multiply", w -> of(w.floats(7), w.floats(7), w.floats(7), true));
      call(
          "Backend.maximumOverTime",
          w ->
              of(
                  new MaximumShape(T, B, V),
                  w.floats(T * B * V),
                  w.tensors.lengths(),
                  w.floats(B * V),
                  w.integers(B * V)));
      call(
          "Backend.dropout",
          w -> of(7, 0.5f, w.integers(RandomKey.ELEMENTS), w.floats(7), w.floats(7)));
      call(
          "Backend.step",
          w -> {
            Buffer target = w.floats(3);
            return of(
                "key " + w.buffers.size(),
                List.of(new StepInput(host(12), target)),
                (Runnable) () -> w.backend.fill(target, 2f));
          });
      call("Buffer.slice", w -> of(0L, 1L));
      call("Buffer.write/float[]", w -> of(new float[] {1f}));
      call("Buffer.write/int[]", w -> of(new int[] {1}));
      call("RnnPlan.forward", w -> of(w.tensors));
      call("RnnPlan.check", w -> of(w.tensors));
      call("RnnPlan.backward", w -> of(w.tensors, w.gradients));
      call("Rnn.newParameters", w -> of(1L));
      call("Rnn.newState", w -> of(B));
      call("Rnn.newStepper", w -> of(w.parameters.values(), B));
      call("Rnn.prepare", w -> of(T, B, Mode.TRAINING));
      call("Parameters.region", w -> of("layers.0.forward.input_bias"));
      call("Parameters.value", w -> of("layers.0.forward.input_bias"));
      call("Parameters.gradient", w -> of("layers.0.forward.input_bias"));
      call("Parameters.set", w -> of("layers.0.forward.input_bias", new float[4 * H]));
    }

    private Buffer ascending(int... ends) {
      Buffer buffer = integers(ends.length);
      buffer.write(ends);
      return buffer;
    }

    private Buffer report() {
      Buffer report = floats(UpdateReport.ELEMENTS);
      report.write(UpdateReport.initial(1f));
      return report;
    }

    private Buffer numbers() {
      Buffer numbers = floats(OptimizerStep.ELEMENTS);
      numbers.write(
          new OptimizerStep(UpdateRule.ADAM, 1, 0.1f, 1f, 0f, List.of(0.9f, 0.999f, 1e-8f, 0f))
              .values());
      return numbers;
    }

    /** The things that have a method of {@code type}. */
    Object receiver(Method method) {
      Class<?> type = method.getDeclaringClass();
      if (type == Backend.class) {
        return backend;
      } else if (type == Buffer.class) {
        boolean integers =
            method.getName().equals("readInts")
                || Arrays.equals(method.getParameterTypes(), new Class<?>[] {int[].class});
        return integers ? integers(3) : floats(3);
      } else if (type == RnnPlan.class) {
        return plan;
      } else if (type == Rnn.class) {
        return rnn;
      } else if (type == RnnStepper.class) {
        return stepper;
      } else if (type == RnnState.class) {
        return state;
      }
      return parameters;
    }

    Object[] arguments(Method method) {
      if (method.getParameterCount() == 0) {
        return new Object[0];
      }
      String name = nameOf(method);
      Function<World, Object[]> arguments = calls.get(name);
      if (arguments == null) {
        arguments = calls.get(name + "/" + method.getParameterCount());
      }
      if (arguments == null) {
        arguments = calls.get(name + "/" + method.getParameterTypes()[0].getSimpleName());
      }
      assertNotNull(arguments, () -> "say in this test how " + method + " is called rightly");
      return arguments.apply(this);
    }

    List<Long> versions() {
      return buffers.stream().map(Buffer::version).toList();
    }

    @Override
    public void close() {
      backend.close();
      foreign.close();
    }
  }

  private static String nameOf(Method method) {
    return method.getDeclaringClass().getSimpleName() + "." + method.getName();
  }

  private static List<Method> methods(Class<?> type) {
    List<Method> methods = new ArrayList<>();
    for (Method method : type.getDeclaredMethods()) {
      int modifiers = method.getModifiers();
      if (Modifier.isPublic(modifiers) && !Modifier.isStatic(modifiers) && !method.isSynthetic()) {
        methods.add(method);
      }
    }
    methods.sort((a, b) -> a.toString().compareTo(b.toString()));
    assertTrue(methods.size() > 1);
    return methods;
  }

  private static boolean isFact(Method method) {
    return FACTS.contains(method.getName())
        || (method.getParameterCount() == 0 && FACTS.contains(method.getName() + "()"));
  }

  /** Calls and returns what was thrown, or null. */
  private static @Nullable Throwable invoke(Method method, Object receiver, Object[] arguments) {
    try {
      method.invoke(receiver, arguments);
      return null;
    } catch (InvocationTargetException e) {
      return e.getCause();
    } catch (IllegalAccessException e) {
      throw new AssertionError(e);
    }
  }

  private static void requireRefusal(String call, @Nullable Throwable thrown) {
    if (thrown == null) {
      throw new AssertionError(call + " was not refused");
    }
    boolean documented =
        thrown instanceof IllegalArgumentException
            || thrown instanceof IllegalStateException
            || thrown instanceof BackendException;
    assertTrue(documented, () -> call + " throws " + thrown);
    String message = String.valueOf(thrown.getMessage());
    assertTrue(message.length() > 10 && !message.contains("\n"), () -> call + " says: " + message);
  }

  // ---- bad arguments ---------------------------------------------------------------------------

  /**
   * A bad argument.
   *
   * @param what it is
   * @param mustFail whether no call may take it
   */
  private record Bad(String what, @Nullable Object value, boolean mustFail) {}

  @ParameterizedTest
  @MethodSource("devices")
  void badArgumentsAreRefusedAndChangeNothing(String device) {
    int calls = 0;
    List<String> wrong = new ArrayList<>();
    try (World world = new World(device)) {
      for (Class<?> type : TYPES) {
        for (Method method : methods(type)) {
          if (EVEN_CLOSED.contains(method.getName())) {
            continue;
          }
          Object[] right = world.arguments(method);
          assertEquals(null, invoke(method, world.receiver(method), right), method::toString);
          for (int i = 0; i < right.length; i++) {
            for (Bad bad : variants(world, place(method, i), annotated(method, i), right, i)) {
              calls++;
              try {
                callWith(world, method, i, bad);
              } catch (AssertionError e) {
                wrong.add(String.valueOf(e.getMessage()));
              }
            }
          }
          assertEquals(
              null,
              invoke(method, world.receiver(method), world.arguments(method)),
              () -> method + " does not work any more");
        }
      }
    }
    assertEquals(List.of(), wrong);
    assertTrue(calls > 300, "only " + calls + " bad calls");
  }

  private static String place(Method method, int parameter) {
    return nameOf(method) + "." + parameter;
  }

  private static AnnotatedElement annotated(Method method, int parameter) {
    return method.getAnnotatedParameterTypes()[parameter];
  }

  private static void callWith(World world, Method method, int parameter, Bad bad) {
    Object receiver = world.receiver(method);
    Object[] arguments = world.arguments(method);
    Object value = bad.value;
    if (value instanceof Alias alias) {
      value = arguments[alias.of];
    }
    arguments[parameter] = value;
    String call = place(method, parameter) + " = " + bad.what;
    List<Long> before = world.versions();
    Throwable thrown = invoke(method, receiver, arguments);
    if (bad.mustFail || thrown != null) {
      requireRefusal(call, thrown);
      assertEquals(before, world.versions().subList(0, before.size()), call + " changed something");
    }
  }

  /** The very buffer of another parameter. */
  private record Alias(int of) {}

  private static List<Bad> variants(
      World world, String place, AnnotatedElement type, @Nullable Object[] right, int at) {
    List<Bad> bad = new ArrayList<>();
    Object value = right[at];
    assertNotNull(value, place + " is not given in the right call");
    boolean primitive =
        value instanceof Integer
            || value instanceof Long
            || value instanceof Float
            || value instanceof Boolean;
    if (!primitive) {
      bad.add(new Bad("null", null, !type.isAnnotationPresent(Nullable.class)));
    }
    if (value instanceof Buffer buffer) {
      addBuffers(world, bad, buffer, !ANY_LENGTH.contains(place), !ANY_TYPE.contains(place));
      for (int other = 0; other < right.length; other++) {
        if (other != at && right[other] instanceof Buffer) {
          bad.add(new Bad("the same as parameter " + other, new Alias(other), false));
        }
      }
    } else if (value instanceof Integer) {
      for (int number : new int[] {Integer.MIN_VALUE, -1, 0, 1 << 30, Integer.MAX_VALUE}) {
        bad.add(new Bad(String.valueOf(number), number, number == Integer.MIN_VALUE));
      }
    } else if (value instanceof Long) {
      for (long number : new long[] {Long.MIN_VALUE, -1, 0x4000000000000001L, Long.MAX_VALUE}) {
        bad.add(new Bad(String.valueOf(number), number, false));
      }
    } else if (value instanceof Float) {
      bad.add(new Bad("NaN", Float.NaN, false));
    } else if (value instanceof ByteBuffer) {
      addHostBuffers(bad, place.equals(WRITTEN_HOST_BUFFER));
    } else if (value instanceof float[]) {
      bad.add(new Bad("too long", new float[999], true));
    } else if (value instanceof int[]) {
      bad.add(new Bad("too long", new int[999], true));
    } else if (value instanceof String) {
      bad.add(new Bad("unknown", "nothing", false));
    } else if (value instanceof List<?> list
        && !list.isEmpty()
        && list.get(0) instanceof StepInput input) {
      bad.add(new Bad("a list with null", Arrays.asList((Object) null), true));
      addRecords(world, bad, place, input, changed -> List.of(changed));
    } else if (value instanceof Record record) {
      addRecords(world, bad, place, record, changed -> changed);
    }
    return bad;
  }

  private static void addBuffers(
      World world, List<Bad> bad, Buffer right, boolean fixedLength, boolean fixedType) {
    long elements = right.elements();
    Buffer closed = world.backend.allocate(right.type(), elements);
    closed.close();
    bad.add(new Bad("closed", closed, true));
    bad.add(new Bad("foreign", world.foreign.allocate(right.type(), elements), true));
    bad.add(new Bad("short", right.slice(0, elements - 1), fixedLength));
    bad.add(new Bad("empty", right.slice(0, 0), fixedLength));
    DType other = right.type() == DType.FLOAT32 ? DType.INT32 : DType.FLOAT32;
    bad.add(new Bad("of another type", world.backend.allocate(other, elements), fixedType));
    if (right.type() == DType.INT32) {
      Buffer wild = world.backend.allocate(DType.INT32, elements);
      int[] values = new int[(int) elements];
      values[values.length - 1] = Integer.MAX_VALUE;
      wild.write(values);
      bad.add(new Bad("out of range", wild, false));
    }
  }

  private static void addHostBuffers(List<Bad> bad, boolean written) {
    bad.add(new Bad("on the heap", ByteBuffer.allocate(12).order(ByteOrder.nativeOrder()), true));
    ByteOrder wrong =
        ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN
            ? ByteOrder.BIG_ENDIAN
            : ByteOrder.LITTLE_ENDIAN;
    bad.add(new Bad("in the wrong order", ByteBuffer.allocateDirect(12).order(wrong), true));
    bad.add(new Bad("too long", World.host(4096), true));
    bad.add(new Bad("of odd length", World.host(7), true));
    ByteBuffer readOnly =
        ByteBuffer.allocateDirect(12).asReadOnlyBuffer().order(ByteOrder.nativeOrder());
    bad.add(new Bad("read-only", readOnly, written));
  }

  /** Records with one component changed; those whose constructor refuses it are done with. */
  private static void addRecords(
      World world, List<Bad> bad, String place, Record record, Function<Record, Object> wrap) {
    RecordComponent[] components = record.getClass().getRecordComponents();
    Object[] right = new Object[components.length];
    Class<?>[] types = new Class<?>[components.length];
    try {
      for (int i = 0; i < components.length; i++) {
        right[i] = components[i].getAccessor().invoke(record);
        types[i] = components[i].getType();
      }
      Constructor<? extends Record> constructor = record.getClass().getDeclaredConstructor(types);
      for (int i = 0; i < components.length; i++) {
        if (right[i] == null) {
          continue;
        }
        String component = place + "." + components[i].getName();
        List<Bad> changes = variants(world, component, components[i].getAnnotatedType(), right, i);
        for (Bad change : changes) {
          Object[] changed = right.clone();
          changed[i] = change.value instanceof Alias alias ? right[alias.of] : change.value;
          String what = components[i].getName() + " " + change.what;
          try {
            bad.add(new Bad(what, wrap.apply(constructor.newInstance(changed)), change.mustFail));
          } catch (InvocationTargetException refused) {
            requireRefusal(component + " = " + change.what, refused.getCause());
          }
        }
      }
    } catch (ReflectiveOperationException e) {
      throw new LinkageError(String.valueOf(e.getMessage()), e);
    }
  }

  // ---- contents of integers --------------------------------------------------------------------

  /** Of each kind that a caller may get wrong. */
  @ParameterizedTest
  @MethodSource("devices")
  void endsOfGroupsThatAreNotAscendingAreRefused(String device) throws Exception {
    try (World world = new World(device)) {
      Method update =
          methods(Backend.class).stream()
              .filter(m -> m.getName().equals("optimizerStep") && m.getParameterCount() == 7)
              .findFirst()
              .orElseThrow();
      Map<String, int[]> wrong =
          Map.of(
              "ends[1] is 8, after 9; needed ascending numbers", new int[] {9, 8},
              "ends ends with 8; needed 9 last", new int[] {4, 8},
              "ends[0] is -1; needed 0 to 9", new int[] {-1, 9},
              "ends[1] is 10; needed 0 to 9", new int[] {4, 10});
      wrong.forEach(
          (message, ends) -> {
            Object[] arguments = world.arguments(update);
            arguments[2] = new UpdateGroups(world.ascending(ends), world.integers(2));
            List<Long> before = world.versions();
            Throwable thrown = invoke(update, world.backend, arguments);
            requireRefusal(message, thrown);
            assertEquals(message, String.valueOf(Objects.requireNonNull(thrown).getMessage()));
            assertEquals(before, world.versions());
          });
      Object[] empty = world.arguments(update);
      empty[2] = new UpdateGroups(world.ascending(9, 9), world.integers(2));
      assertEquals(null, invoke(update, world.backend, empty), "a group may be empty");
    }
  }

  /**
   * The same arguments, whose integers lie in memory that holds others too, so that their range
   * tells nothing; cut from there anew at each call.
   */
  private static final class Vague {
    private final World world;
    private final IdentityHashMap<Buffer, Buffer> wide = new IdentityHashMap<>();

    Vague(World world) {
      this.world = world;
    }

    @Nullable Object of(@Nullable Object right) {
      if (right instanceof Buffer buffer && buffer.type() == DType.INT32) {
        Buffer memory = wide.get(buffer);
        if (memory == null) {
          int[] values = buffer.readInts();
          memory = world.integers(values.length + 2);
          wide.put(buffer, memory);
          write(buffer, values);
        }
        return memory.slice(0, buffer.elements());
      }
      if (right instanceof Record record
          && (right instanceof UpdateGroups || right instanceof RnnTensors)) {
        try {
          RecordComponent[] components = record.getClass().getRecordComponents();
          Object[] changed = new Object[components.length];
          Class<?>[] types = new Class<?>[components.length];
          for (int i = 0; i < components.length; i++) {
            changed[i] = of(components[i].getAccessor().invoke(record));
            types[i] = components[i].getType();
          }
          return record.getClass().getDeclaredConstructor(types).newInstance(changed);
        } catch (ReflectiveOperationException e) {
          throw new LinkageError(String.valueOf(e.getMessage()), e);
        }
      }
      return right;
    }

    /** Both ends of what an integer may be stand behind {@code values}. */
    void write(Buffer buffer, int[] values) {
      int[] all = Arrays.copyOf(values, values.length + 2);
      all[values.length] = Integer.MIN_VALUE;
      all[values.length + 1] = Integer.MAX_VALUE;
      Objects.requireNonNull(wide.get(buffer)).write(all);
    }

    Object[] all(Object[] right) {
      return Arrays.stream(right).map(this::of).toArray();
    }
  }

  private static @Nullable Throwable step(
      World world, Object key, Method method, Vague vague, Object[] right) {
    try {
      world.backend.step(
          key,
          List.of(),
          () -> {
            Throwable thrown = invoke(method, world.receiver(method), vague.all(right));
            if (thrown instanceof RuntimeException e) {
              throw e;
            }
          });
      return null;
    } catch (RuntimeException e) {
      return e;
    }
  }

  /**
   * Contents that must be looked at are, in each call of a step: the first runs, the next ones are
   * recorded, where nothing can be read, and later ones are replayed.
   */
  @ParameterizedTest
  @MethodSource("devices")
  void integersWhoseRangeTellsNothingAreLookedAtBeforeAStepIsRecorded(String device) {
    int places = 0;
    try (World world = new World(device)) {
      List<Method> calls = new ArrayList<>(methods(Backend.class));
      calls.addAll(methods(RnnPlan.class));
      for (Method method : calls) {
        if (Set.of("step", "upload", "download", "plan", "close").contains(method.getName())) {
          continue;
        }
        Object[] right = world.arguments(method);
        Vague vague = new Vague(world);
        vague.all(right);
        if (vague.wide.isEmpty()) {
          continue;
        }
        for (int call = 0; call < 6; call++) {
          Throwable thrown = step(world, method, method, vague, right);
          assertEquals(null, thrown, "call " + call + " of " + method);
        }
        for (Buffer buffer : List.copyOf(vague.wide.keySet())) {
          int[] values = buffer.readInts();
          int[] wrong = values.clone();
          wrong[wrong.length - 1] = Integer.MAX_VALUE;
          vague.write(buffer, wrong);
          Throwable alone = invoke(method, world.receiver(method), vague.all(right));
          for (int bad = 0; bad < 5; bad++) { // as which call the wrong one comes
            vague.write(buffer, values);
            Object key = List.of(method, places, bad);
            for (int call = 0; call < bad; call++) {
              assertEquals(null, step(world, key, method, vague, right));
            }
            vague.write(buffer, wrong);
            Throwable within = step(world, key, method, vague, right);
            assertEquals(
                alone == null ? null : alone.getMessage(),
                within == null ? null : within.getMessage(),
                "call " + bad + " of " + method);
            vague.write(buffer, values);
            for (int call = 0; call < 4; call++) {
              assertEquals(null, step(world, key, method, vague, right), "after " + bad);
            }
          }
          places += alone == null ? 0 : 1;
        }
      }
      world.backend.synchronize();
    }
    assertTrue(places >= 14, "only " + places + " arguments whose contents are checked");
  }

  /** Nobody could tell what a replay would find. */
  @ParameterizedTest
  @MethodSource("devices")
  void integersThatAStepItselfWritesMustBeOfAKnownRange(String device) {
    try (World world = new World(device)) {
      Backend backend = world.backend;
      Buffer wide = world.integers(4);
      wide.write(1, 0, 7, 2);
      Buffer tokens = world.integers(2);
      Buffer table = world.floats(8);
      table.write(1f, 2f, 3f, 4f, 5f, 6f, 7f, 8f);
      Buffer y = world.floats(4);
      Runnable work =
          () -> {
            backend.copy(wide.slice(0, 2), tokens);
            backend.embeddingForward(2, 2, tokens, table, y);
          };
      if (!backend.isAsynchronous()) { // records nothing, and looks at each call's own
        backend.step("copied", List.of(), work);
        assertArrayEquals(new float[] {3, 4, 1, 2}, y.readFloats());
        return;
      }
      for (int call = 0; call < 4; call++) {
        Throwable thrown =
            assertThrows(
                IllegalArgumentException.class, () -> backend.step("copied", List.of(), work));
        assertEquals(
            "tokens is written within the step, to numbers of which is known only that they are 0"
                + " to 7; a step that may be repeated needs at most 3",
            thrown.getMessage());
      }
      wide.write(1, 0, 3, 2);
      for (int call = 0; call < 4; call++) {
        backend.step("copied", List.of(), work);
        assertArrayEquals(new float[] {3, 4, 1, 2}, y.readFloats());
      }
      wide.write(1, 7, 3, 2); // what is copied now is worse than what was when it was recorded
      Throwable thrown =
          assertThrows(
              IllegalArgumentException.class, () -> backend.step("copied", List.of(), work));
      assertEquals("source[1] is 7; needed 0 to 3", thrown.getMessage());
    }
  }

  // ---- within steps ----------------------------------------------------------------------------

  /**
   * Every method within a step's work, when it runs, when it is recorded and when it is replayed:
   * what could not be recorded is refused in the same words on every device, harms nothing, and the
   * rest of the step goes on.
   */
  @ParameterizedTest
  @MethodSource("devices")
  void withinAStepOnlyWhatQueuesIsDone(String device) {
    Set<String> refused = new HashSet<>();
    try (World world = new World(device)) {
      Buffer last = world.backend.allocate(DType.FLOAT32, 1);
      for (Class<?> type : TYPES) {
        for (Method method : methods(type)) {
          boolean refuses = NOT_IN_A_STEP.contains(nameOf(method));
          Object receiver = world.receiver(method);
          Object[] arguments = world.arguments(method);
          List<String> open = world.backend.openResources();
          int[] calls = {0};
          for (int call = 0; call < 4; call++) {
            world.backend.fill(last, 0f);
            world.backend.step(
                method,
                List.of(),
                () -> {
                  calls[0]++;
                  List<Long> before = world.versions();
                  Throwable thrown = invoke(method, receiver, arguments);
                  if (refuses) {
                    requireRefusalWithinAStep(method, thrown);
                    assertEquals(before, world.versions(), () -> method + " changed something");
                  } else {
                    assertEquals(null, thrown, method::toString);
                  }
                  world.backend.fill(last, 1f);
                });
            assertArrayEquals(new float[] {1f}, last.readFloats(), method::toString);
          }
          assertTrue(calls[0] >= 3, method::toString);
          assertEquals(open, world.backend.openResources(), method::toString);
          if (refuses) {
            refused.add(nameOf(method));
          }
        }
      }
    }
    assertEquals(NOT_IN_A_STEP, refused);
  }

  private static void requireRefusalWithinAStep(Method method, @Nullable Throwable thrown) {
    requireRefusal(method + " within a step", thrown);
    String message = String.valueOf(Objects.requireNonNull(thrown).getMessage());
    assertTrue(
        thrown instanceof IllegalStateException
            && message.endsWith(
                " within a step, which may be recorded and replayed; needed calls that only queue"
                    + " work on memory that is there"),
        () -> method + " throws " + thrown);
  }

  // ---- closed things ---------------------------------------------------------------------------

  @ParameterizedTest
  @MethodSource("devices")
  void whateverIsClosedIsRefused(String device) {
    for (Class<?> type : TYPES) {
      for (Method method : methods(type)) {
        try (World world = new World(device)) {
          Object receiver = world.receiver(method);
          Object[] arguments = world.arguments(method);
          close(receiver);
          close(receiver); // twice is harmless
          Throwable thrown = invoke(method, receiver, arguments);
          if (receiver instanceof AutoCloseable && needsToBeOpen(method)) {
            requireRefusal(method + " after close", thrown);
          }
        }
      }
    }
  }

  private static boolean needsToBeOpen(Method method) {
    String name = method.getName();
    return !isFact(method) && !EVEN_CLOSED.contains(name) && !name.equals(INVENTORY);
  }

  private static void close(Object receiver) {
    try {
      if (receiver instanceof AutoCloseable closeable) {
        closeable.close();
      }
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void afterItsBackendIsClosedNothingWorksAndEverythingMayBeClosed(String device) {
    Set<String> seen = new HashSet<>();
    try (World world = new World(device)) {
      Map<Method, Object> receivers = new HashMap<>();
      Map<Method, Object[]> arguments = new HashMap<>();
      for (Class<?> type : TYPES) {
        for (Method method : methods(type)) {
          receivers.put(method, world.receiver(method));
          arguments.put(method, world.arguments(method));
        }
      }
      world.backend.close();
      receivers.forEach(
          (method, receiver) -> {
            if (needsToBeOpen(method)) {
              seen.add(nameOf(method));
              requireRefusal(
                  method + " after the backend was closed",
                  invoke(method, receiver, Objects.requireNonNull(arguments.get(method))));
            }
          });
      receivers.values().forEach(HostileCallsTest::close);
      assertEquals(List.of(), world.backend.openResources());
    }
    assertTrue(seen.size() > 30, seen::toString);
  }

  // ---- second threads --------------------------------------------------------------------------

  @ParameterizedTest
  @MethodSource("devices")
  void aSecondThreadIsRefusedByEveryMethod(String device) throws Exception {
    try (World world = new World(device)) {
      List<String> wrong = new ArrayList<>();
      for (Class<?> type : TYPES) {
        for (Method method : methods(type)) {
          if (isFact(method) || Set.of("takeOver", "requireOpen").contains(method.getName())) {
            continue;
          }
          Object receiver = world.receiver(method);
          Object[] arguments = world.arguments(method);
          List<Long> before = world.versions();
          Throwable[] thrown = {null};
          Thread second =
              new Thread(() -> thrown[0] = invoke(method, receiver, arguments), "a second thread");
          second.start();
          second.join();
          String message = thrown[0] == null ? "" : String.valueOf(thrown[0].getMessage());
          boolean namesBoth =
              message.contains("'" + Thread.currentThread().getName() + "'")
                  && message.contains("'a second thread'");
          if (!(thrown[0] instanceof IllegalStateException) || !namesBoth) {
            wrong.add(method + " -> " + thrown[0]);
          }
          assertEquals(before, world.versions().subList(0, before.size()), method::toString);
        }
      }
      assertEquals(List.of(), wrong);
    }
  }
}
