package dev.sequor.module;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import dev.sequor.backend.Activation;
import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendException;
import dev.sequor.backend.BatchPart;
import dev.sequor.backend.CellType;
import dev.sequor.backend.DType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Direction;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnSpec;
import dev.sequor.backend.UpdateRule;
import dev.sequor.backend.WeightStorage;
import dev.sequor.rnn.Initialization;
import dev.sequor.rnn.TensorSpec;
import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Every public method and constructor of this package with bad arguments, one at a time: whatever
 * is refused is refused by one clear exception. The methods are found by reflection and their
 * arguments made by type; a type that {@link World} does not know fails here.
 */
class HostileModulesTest {
  private static final Set<Class<?>> CLEAR =
      Set.of(IllegalArgumentException.class, IllegalStateException.class);

  /** One argument that is wrong, or may be. */
  private record Bad(String name, @Nullable Object value) {}

  /** Things to call, and right arguments by type and, where need be, by name. */
  private static final class World implements AutoCloseable {
    final Backend backend = Devices.open("java");
    final Backend foreign = Devices.open("java");
    final Network network =
        Network.builder()
            .tokens("x", 7)
            .add("embedding", new Embedding(7, 3), "x")
            .add("stack", Recurrent.of(CellType.GRU_RESET_BEFORE, 3, 4), "embedding")
            .add("y", new Linear(4, 2), "stack")
            .build();
    final NetworkWeights weights = NetworkWeights.draw(backend, network, 1);
    final Extent extent = Extent.of("x", 3, 2);
    final NetworkPass pass = new NetworkPass(weights, extent, Mode.TRAINING);
    final NetworkState state = new NetworkState(backend, network, 2);
    final AtomicReference<Binding> binding = new AtomicReference<>();
    final Map<Class<?>, Object> byType = new HashMap<>();
    final Map<String, Object> byName = new HashMap<>();

    World() {
      pass.put("x", new int[6]);
      pass.upload();
      pass.forward();
      Module spy =
          new Module() {
            @Override
            public List<Output> outputs(List<ValueShape> inputs) {
              return List.of(new Output("y", inputs.get(0)));
            }

            @Override
            public List<Block> parameters() {
              return new Linear(1, 1).parameters();
            }

            @Override
            public int randomStreams() {
              return 1;
            }

            @Override
            public Pass bind(Binding given) {
              binding.set(given);
              return Pass.of(() -> {}, () -> {});
            }
          };
      Network spied =
          Network.builder().vectors("x", 3).add("a", spy, "x").add("b", spy, "a").build();
      new NetworkPass(NetworkWeights.draw(backend, spied, 1), extent, Mode.TRAINING);
      ValueShape sequence = new ValueShape.Sequence("x", 4);
      put(backend, network, network.layout(), weights, extent, pass, state, sequence);
      byType.put(BatchPart.class, new BatchPart(1, 2, 4));
      byType.put(Binding.class, binding.get());
      byType.put(ValueShape.class, sequence);
      byType.put(ValueShape.Tokens.class, new ValueShape.Tokens("x", 3));
      byType.put(ValueShape.Vector.class, new ValueShape.Vector("x", 3));
      byType.put(ValueShape.State.class, new ValueShape.State(1, 1, 4));
      put(new Module.Output("y", sequence), new Module.Block(tensors()), Mode.TRAINING);
      put(new Linear(4, 2), new Embedding(7, 3), new OneHot(7), new Activate(Activation.TANH));
      put(new Softmax(), Direction.FORWARD);
      put(new Dropout(0.5f), new LastStep(2), new MergeDirections(MergeDirections.How.SUM));
      put(new AdaptiveSoftmax(4, 9, List.of(2), 2));
      put(new LayerNorm(4), new Concatenation(), new Sum(), Recurrent.of(CellType.LSTM, 4, 5));
      byType.put(Module.class, new Linear(4, 2));
      byType.put(Consumer.class, (Consumer<?>) to -> {});
      put(new InitialState(1, 1, 4));
      put(Columns.of(4, 2, 0), new Columns.Range(0, 1), new Each(2, new Linear(2, 3)));
      put(new Affine(2, 1), new LearnedVector(3), new Reverse(), new TimeStep(-1));
      put(new RepeatAlong(), new RepeatSteps("y", 2), new ColumnsToSteps("y", 2));
      put(new StepsToColumns(3), new StateVectors(0), new VectorsState(1, 1, 4));
      put(new ReadsSteps.Needed(1, 3));
      byName.put("List<Columns$Range>", List.of(new Columns.Range(0, 1)));
      byName.put("Columns.range#0", 4);
      byName.put("ReadsSteps.Needed#1", 3);
      ValueShape vector = new ValueShape.Vector("x", 4);
      for (String module : List.of("RepeatSteps", "ColumnsToSteps", "VectorsState")) {
        byName.put(module + ".outputs#0", List.of(vector));
      }
      byName.put("RepeatAlong.outputs#0", List.of(vector, sequence));
      byName.put("StateVectors.outputs#0", List.of(new ValueShape.State(1, 1, 4)));
      put(RnnSpec.of(CellType.LSTM, 4, 5), CellType.GRU_RESET_BEFORE, Activation.RELU, DType.INT32);
      put(MergeDirections.How.MEAN, WeightStorage.FLOAT32, UpdateRule.ADAM);
      put(network.inputs().get(0), network.nodes().get(0), new Network.Shared("weights", "y.z"));
      put(new NamedTensor("t", List.of(2), new float[2]), TensorShapes.ofParameters(network));
      put(new ColumnSum(true), new LogSoftmax(), new Pool(Pool.How.MEAN), Pool.How.MAXIMUM);
      put(new Product());
      byName.put("Product.outputs#0", List.of(sequence, sequence));
      byType.put(TensorSpec.class, tensors().get(0));
      byType.put(Pass.class, Pass.of(() -> {}, () -> {}));
      byType.put(Binding.OfLengths.class, (Binding.OfLengths) (lengths, to) -> {});
      byType.put(Binding.OfStep.class, (Binding.OfStep) (step, to) -> {});
      put(TeacherForcing.linear(0.5, 0.5), TeacherForcing.Decay.CONSTANT);
      put(new ScheduledTokens(TeacherForcing.constant(0.5)));
      put(
          new StateBridge(
              new ValueShape.State(1, 1, 4),
              1,
              new ValueShape.State(1, 1, 4),
              Activation.TANH,
              true));
      byName.put(
          "ScheduledTokens.outputs#0",
          List.of(new ValueShape.Tokens("x", 4), new ValueShape.Sequence("x", 4)));
      byName.put("StateBridge.outputs#0", List.of(new ValueShape.State(1, 1, 4)));
      byType.put(Runnable.class, (Runnable) () -> {});
      byType.put(GradientCheck.class, GradientCheck.of(backend, network, extent, 1));
      byType.put(int.class, 1);
      byType.put(long.class, 1L);
      byType.put(float.class, 0.5f);
      byType.put(double.class, 0.5);
      byType.put(boolean.class, true);
      byType.put(String.class, "x");
      byType.put(int[].class, new int[6]);
      byType.put(float[].class, new float[18]);
      byType.put(String[].class, new String[] {"x"});
      byName.put("List<ValueShape>", List.of(sequence));
      byName.put("List<TensorSpec>", tensors());
      byName.put("List<NamedTensor>", weights.tensors());
      byName.put("List<Integer>", List.of(2));
      byName.put("List<? extends Module>", List.of(new Linear(4, 2), new Linear(2, 2)));
      byName.put("Map<String, Integer>", Map.of("x", 3));
      byName.put("Set<String>", Set.of());
      byName.put("List<Network$Input>", network.inputs());
      byName.put("List<Network$Node>", network.nodes());
      byName.put("List<Network$Shared>", List.of());
      byName.put("List<String>", List.of("x"));
      byName.put("Network#2", network.outputs());
      byName.put("AdaptiveSoftmax#1", 9);
      byName.put("AdaptiveSoftmax.clusterSize#0", 0);
      byName.put("AdaptiveSoftmax.features#0", 0);
      byName.put("NamedTensor#2", new float[2]);
      byName.put("NetworkLayout.split#0", new float[(int) network.layout().totalElements()]);
      byName.put("NetworkLayout.region#0", "y.bias");
      byName.put("NetworkWeights.value#0", "y.bias");
      byName.put("NetworkWeights.gradient#0", "y.bias");
      byName.put("NetworkPass.gradient#0", "y");
      byName.put("NetworkPass.put#2", new int[] {3, 1});
      byName.put("Recurrent.layers#2", new int[] {4, 4, 5});
      byName.put("LastStep.outputs#0", List.of(sequence));
      byName.put("Embedding.outputs#0", List.of(new ValueShape.Tokens("x", 7)));
      byName.put("OneHot.outputs#0", List.of(new ValueShape.Tokens("x", 7)));
      byName.put("Concatenation.outputs#0", List.of(sequence, sequence));
      byName.put("Sum.outputs#0", List.of(sequence, sequence));
      byName.put("Softmax.outputs#0", List.of(sequence));
      byName.put("Binding.lengths#0", 0);
    }

    private static List<TensorSpec> tensors() {
      return List.of(new TensorSpec("w", List.of(2, 3), Initialization.zeros()));
    }

    private void put(Object... things) {
      for (Object thing : things) {
        byType.put(thing.getClass(), thing);
      }
    }

    @Nullable Object right(Class<?> owner, Executable executable, int i) {
      Parameter parameter = executable.getParameters()[i];
      String type = parameter.getParameterizedType().getTypeName().replaceAll("[a-z]+[.]", "");
      String method =
          owner.getSimpleName()
              + (executable instanceof Method ? "." + executable.getName() : "")
              + "#"
              + i;
      for (String name : List.of(method, type)) {
        Object known = byName.get(name);
        if (known != null && boxed(parameter.getType()).isInstance(known)) {
          return known;
        }
      }
      return byType.get(parameter.getType());
    }

    @Override
    public void close() {
      backend.close();
      foreign.close();
    }
  }

  private static Class<?> boxed(Class<?> type) {
    return java.lang.invoke.MethodType.methodType(type).wrap().returnType();
  }

  private static boolean mayBeNull(Parameter parameter) {
    AnnotatedElement type = parameter.getAnnotatedType();
    return type.isAnnotationPresent(Nullable.class);
  }

  private static List<Bad> bad(World world, Parameter parameter, Object right) {
    Class<?> type = parameter.getType();
    List<Bad> bad = new ArrayList<>();
    if (!type.isPrimitive()) {
      bad.add(new Bad("null", null));
    }
    if (type == int.class) {
      for (int value : new int[] {-1, 0, 3, Integer.MIN_VALUE, 1 << 30, Integer.MAX_VALUE}) {
        bad.add(new Bad(String.valueOf(value), value));
      }
    } else if (type == long.class) {
      for (long value : new long[] {-1, 0, Long.MIN_VALUE, 1L << 62}) {
        bad.add(new Bad(String.valueOf(value), value));
      }
    } else if (type == float.class) {
      for (float value : new float[] {Float.NaN, -1, 1, Float.POSITIVE_INFINITY}) {
        bad.add(new Bad(String.valueOf(value), value));
      }
    } else if (type == String.class) {
      for (String value : List.of("", "none of these", "a b", ".", "x.y")) {
        bad.add(new Bad("'" + value + "'", value));
      }
    } else if (type == int[].class) {
      bad.add(new Bad("no ints", new int[0]));
      bad.add(new Bad("negative ints", new int[] {-1, -1, -1, -1, -1, -1}));
      bad.add(new Bad("large ints", new int[] {9, 9, 9, 9, 9, Integer.MAX_VALUE}));
      bad.add(new Bad("two bad lengths", new int[] {4, -1}));
    } else if (type == float[].class) {
      bad.add(new Bad("no floats", new float[0]));
      bad.add(new Bad("a float too many", new float[19]));
    } else if (type == String[].class) {
      bad.add(new Bad("no strings", new String[0]));
      bad.add(new Bad("a null string", new String[] {null}));
    } else if (List.class.isAssignableFrom(type)) {
      bad.add(new Bad("an empty list", List.of()));
      bad.add(new Bad("a list of null", Arrays.asList(new Object[] {null})));
      List<Object> twice = new ArrayList<>((List<?>) right);
      twice.addAll((List<?>) right);
      bad.add(new Bad("everything twice", twice));
    } else if (type == Map.class) {
      bad.add(new Bad("an empty map", Map.of()));
      bad.add(new Bad("a map of 0", Map.of("x", 0)));
      Map<Object, @Nullable Object> ofNull = new HashMap<>();
      ofNull.put("x", null);
      bad.add(new Bad("a map of null", ofNull));
    } else if (type == Backend.class) {
      Backend closed = Devices.open("java");
      closed.close();
      bad.add(new Bad("a closed backend", closed));
    } else if (type == NetworkState.class) {
      bad.add(
          new Bad("another backend's state", new NetworkState(world.foreign, world.network, 2)));
      bad.add(new Bad("a larger state", new NetworkState(world.backend, world.network, 3)));
    } else if (type == BatchPart.class) {
      bad.add(new Bad("a part of three", new BatchPart(0, 3, 4)));
    } else if (type == NetworkWeights.class) {
      NetworkWeights closed = NetworkWeights.draw(world.backend, world.network, 1);
      closed.close();
      bad.add(new Bad("closed weights", closed));
    } else if (type == Extent.class) {
      bad.add(new Bad("another axis", Extent.of("z", 3, 2)));
      bad.add(new Bad("a huge extent", Extent.of("x", 1 << 15, 1 << 15)));
    } else if (type == ValueShape.class) {
      bad.add(new Bad("tokens", new ValueShape.Tokens("x", 3)));
      bad.add(new Bad("a wide state", new ValueShape.State(1 << 10, 1 << 10, 1 << 10)));
    }
    return bad;
  }

  private static List<Class<?>> classes() {
    return new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("dev.sequor.module")
            .stream()
            .<Class<?>>map(type -> type.reflect())
            .filter(type -> Modifier.isPublic(type.getModifiers()))
            .sorted(Comparator.comparing(Class::getName))
            .collect(Collectors.toList());
  }

  private static List<Executable> executables(Class<?> type) {
    List<Executable> all = new ArrayList<>();
    for (Method method : type.getDeclaredMethods()) {
      // What an interface asks of others is theirs to check.
      boolean ours =
          Modifier.isPublic(method.getModifiers())
              && !method.isSynthetic()
              && (!type.isInterface() || Modifier.isStatic(method.getModifiers()));
      if (ours && !List.of("equals", "hashCode", "toString").contains(method.getName())) {
        all.add(method);
      }
    }
    for (Constructor<?> constructor : type.getConstructors()) {
      if (!Modifier.isAbstract(type.getModifiers()) && !type.isEnum()) {
        all.add(constructor);
      }
    }
    all.sort(Comparator.comparing(Executable::toString));
    return all;
  }

  private static @Nullable Throwable call(
      Executable executable, @Nullable Object target, @Nullable Object[] arguments) {
    try {
      Object made =
          executable instanceof Method method
              ? method.invoke(target, arguments)
              : ((Constructor<?>) executable).newInstance(arguments);
      if (made instanceof NetworkPass pass) {
        pass.close();
      } else if (made instanceof NetworkWeights weights) {
        weights.close();
      }
      return null;
    } catch (InvocationTargetException e) {
      return e.getCause();
    } catch (ReflectiveOperationException | IllegalArgumentException e) {
      throw new AssertionError(executable + " " + Arrays.toString(arguments), e);
    }
  }

  private static boolean isClear(@Nullable Throwable thrown) {
    return thrown == null
        || ((CLEAR.contains(thrown.getClass()) || thrown instanceof BackendException)
            && thrown.getMessage() != null
            && !thrown.getMessage().isBlank()
            && !thrown.getMessage().contains("\n"));
  }

  private final Set<String> faults = new TreeSet<>();
  private int calls;

  private void attack(World world, Class<?> owner, Executable executable) {
    boolean isStatic =
        executable instanceof Constructor || Modifier.isStatic(executable.getModifiers());
    Object target = isStatic ? null : target(world, owner);
    String name = owner.getSimpleName() + "." + executable.getName();
    if (!isStatic && target == null) {
      faults.add(name + ": there is nothing to call it on; needed in World");
      return;
    }
    if (executable.getName().equals("close")
        || List.of("enum", "valueOf", "values").contains(executable.getName())) {
      return;
    }
    Parameter[] parameters = executable.getParameters();
    @Nullable Object[] right = new Object[parameters.length];
    for (int i = 0; i < parameters.length; i++) {
      right[i] = world.right(owner, executable, i);
      if (right[i] == null && !mayBeNull(parameters[i])) {
        faults.add(name + ": no right value of " + parameters[i] + "; needed in World");
        return;
      }
    }
    for (int i = 0; i < parameters.length; i++) {
      for (Bad bad : bad(world, parameters[i], right[i] == null ? "" : right[i])) {
        @Nullable Object[] arguments = right.clone();
        arguments[i] = bad.value();
        Throwable thrown = call(executable, isStatic ? null : target(world, owner), arguments);
        calls++;
        String what = name + " with " + bad.name() + " as argument " + i + ": ";
        if (!isClear(thrown)) {
          faults.add(what + thrown);
        } else if (bad.value() == null && thrown == null && !mayBeNull(parameters[i])) {
          faults.add(what + "was taken");
        }
      }
    }
  }

  private static @Nullable Object target(World world, Class<?> owner) {
    return owner == Network.Builder.class
        ? Network.builder().tokens("x", 7).add("y", new Embedding(7, 3), "x")
        : world.byType.get(owner);
  }

  @Test
  void everyBadArgumentIsRefusedClearly() {
    try (World world = new World()) {
      for (Class<?> type : classes()) {
        for (Executable executable : executables(type)) {
          attack(world, type, executable);
        }
      }
    }
    assertEquals(Set.of(), faults, () -> String.join("\n", faults));
    assertTrue(calls > 500, calls + " calls");
  }

  @Test
  void aClosedPassSaysSo() {
    try (World world = new World()) {
      world.pass.close();
      world.pass.close();
      for (Runnable call :
          List.<Runnable>of(
              world.pass::forward,
              world.pass::backward,
              () -> world.pass.put("x", new int[6]),
              () -> world.pass.carry(null))) {
        assertEquals(
            "the pass is used after close",
            org.junit.jupiter.api.Assertions.assertThrows(IllegalStateException.class, call::run)
                .getMessage());
      }
    }
  }
}
