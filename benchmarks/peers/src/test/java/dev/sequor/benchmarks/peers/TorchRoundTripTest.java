package dev.sequor.benchmarks.peers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Loss;
import dev.sequor.data.SeriesWindow;
import dev.sequor.data.Values;
import dev.sequor.exchange.StateDict;
import dev.sequor.exchange.TorchLayers;
import dev.sequor.exchange.TorchModel;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.NetworkModelSpec;
import dev.sequor.model.SequenceModel;
import dev.sequor.module.Embedding;
import dev.sequor.module.Linear;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import dev.sequor.module.Recurrent;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.EmbeddingImpl;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.StringTensorDict;
import org.bytedeco.pytorch.StringTensorDictItem;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Weights go from PyTorch to Sequor and back without a bit lost, and all three say the same: the
 * module that they come from, Sequor's model, and a module that gets what Sequor has written.
 */
class TorchRoundTripTest {
  private static final int TIME_STEPS = 6;
  private static final int BATCH_SIZE = 3;
  private static final int INPUT_SIZE = 5;
  private static final int HIDDEN_SIZE = 7;
  private static final int VOCABULARY = 11;
  private static final int CLASSES = 4;

  private static Backend cpu;

  @TempDir Path folder;

  /**
   * Before anything of LibTorch: this class path has JavaCPP's own native library from Sequor
   * alone, and JavaCPP looks for it once.
   */
  @BeforeAll
  static void open() {
    cpu = Devices.open("cpu");
  }

  @AfterAll
  static void close() {
    cpu.close();
  }

  static Stream<TorchStack> stacks() {
    List<TorchStack> stacks = new ArrayList<>();
    for (CellType cell :
        List.of(CellType.RNN_TANH, CellType.RNN_RELU, CellType.GRU_RESET_AFTER, CellType.LSTM)) {
      for (int projection : cell == CellType.LSTM ? new int[] {0, 3} : new int[] {0}) {
        for (int layers = 1; layers <= 3; layers++) {
          for (int options = 0; options < 8; options++) {
            stacks.add(
                new TorchStack(
                    cell,
                    INPUT_SIZE,
                    HIDDEN_SIZE,
                    projection,
                    layers,
                    (options & 1) != 0,
                    (options & 2) != 0,
                    (options & 4) != 0));
          }
        }
      }
    }
    return stacks.stream();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("stacks")
  void recurrentLayers(TorchStack stack) throws Exception {
    SplittableRandom random = new SplittableRandom(stack.hashCode());
    float[] x = new float[TIME_STEPS * BATCH_SIZE * INPUT_SIZE];
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) random.nextDouble(-2, 2);
    }
    try (PointerScope scope = new PointerScope();
        NoGradGuard guard = new NoGradGuard()) {
      torch.manual_seed(1);
      TorchStack.Layers first = stack.make();
      TorchStack.Layers second = stack.make();
      Tensor input = turned(Tensor.create(x, TIME_STEPS, BATCH_SIZE, INPUT_SIZE), stack);
      Map<String, Module> from = Map.of("lstm.", first.module());
      Map<String, Module> to = Map.of("lstm.", second.module());
      Network network =
          Network.builder()
              .vectors("x", INPUT_SIZE)
              .add("recurrent", new Recurrent(stack.spec()), "x")
              .output("recurrent")
              .build();
      float[] said =
          roundTrip(network, Map.of("recurrent", "lstm."), from, to, new Values.Reals(x));
      assertArrayEquals(values(turned(first.forward(input), stack)), said, 1e-5f);
      assertArrayEquals(values(turned(second.forward(input), stack)), said, 1e-5f);
    }
  }

  @Test
  void embeddingLstmAndLinear() throws Exception {
    TorchStack stack =
        new TorchStack(CellType.LSTM, INPUT_SIZE, HIDDEN_SIZE, 0, 2, true, true, true);
    int[] tokens = new SplittableRandom(3).ints(TIME_STEPS * BATCH_SIZE, 0, VOCABULARY).toArray();
    long[] longs = new long[tokens.length];
    for (int i = 0; i < tokens.length; i++) {
      longs[i] = tokens[i];
    }
    try (PointerScope scope = new PointerScope();
        NoGradGuard guard = new NoGradGuard()) {
      torch.manual_seed(2);
      Tensor input = turned(Tensor.create(longs, TIME_STEPS, BATCH_SIZE), stack);
      Tagger first = new Tagger(stack);
      Tagger second = new Tagger(stack);
      Network network =
          Network.builder()
              .tokens("x", VOCABULARY)
              .add("embedding", new Embedding(VOCABULARY, INPUT_SIZE), "x")
              .add("recurrent", new Recurrent(stack.spec()), "embedding")
              .add("output", new Linear(stack.spec().outputSize(), CLASSES), "recurrent")
              .output("output")
              .build();
      Map<String, String> prefixes =
          Map.of("embedding", "embed.", "recurrent", "lstm.", "output", "head.");
      float[] said =
          roundTrip(
              network, prefixes, first.modules(), second.modules(), new Values.Tokens(tokens));
      assertArrayEquals(values(turned(first.forward(input), stack)), said, 1e-5f);
      assertArrayEquals(values(turned(second.forward(input), stack)), said, 1e-5f);
    }
  }

  /** The usual model of tokens. */
  private record Tagger(EmbeddingImpl embedding, TorchStack.Layers layers, LinearImpl head) {
    Tagger(TorchStack stack) {
      this(
          new EmbeddingImpl(VOCABULARY, INPUT_SIZE),
          stack.make(),
          new LinearImpl(stack.spec().outputSize(), CLASSES));
    }

    Map<String, Module> modules() {
      return Map.of("embed.", embedding, "lstm.", layers.module(), "head.", head);
    }

    Tensor forward(Tensor tokens) {
      return head.forward(layers.forward(embedding.forward(tokens)));
    }
  }

  /**
   * Takes the weights of one set of modules through Sequor into another, which had others.
   *
   * @param from by what their tensors' names begin with
   * @return the outputs of Sequor's model for {@code x}, time first
   */
  private float[] roundTrip(
      Network network,
      Map<String, String> prefixes,
      Map<String, Module> from,
      Map<String, Module> to,
      Values x)
      throws IOException {
    Path given = folder.resolve("given.safetensors");
    Path written = folder.resolve("written.safetensors");
    Map<String, NamedTensor> weights = weights(from);
    StateDict.write(given, List.copyOf(weights.values()));
    TrainedModel model;
    try (StateDict dict = StateDict.open(given)) {
      TorchLayers.stack(dict, "lstm."); // what the shapes say is a stack
      NetworkModelSpec spec = new NetworkModelSpec(network, Loss.meanSquaredError());
      model = TorchModel.read(spec, dict, prefixes);
    }
    float[] said;
    try (SequenceModel open = model.open(cpu)) {
      said =
          open.forward(new SeriesWindow(TIME_STEPS, BATCH_SIZE, x, x, null, true), null)
              .readFloats();
      TorchModel.write(TrainedModel.of(open), prefixes, written);
    }
    load(written, to);
    Map<String, NamedTensor> loaded = weights(to);
    assertEquals(weights.keySet(), loaded.keySet());
    weights.forEach(
        (name, tensor) -> {
          assertEquals(tensor.shape(), loaded.get(name).shape(), name);
          assertArrayEquals(bits(tensor.values()), bits(loaded.get(name).values()), name);
        });
    return said;
  }

  /** The parameters of modules as a state dict has them. */
  private static Map<String, NamedTensor> weights(Map<String, Module> modules) {
    Map<String, NamedTensor> weights = new LinkedHashMap<>();
    modules.forEach(
        (prefix, module) -> {
          StringTensorDict all = module.named_parameters();
          for (long i = 0; i < all.size(); i++) {
            StringTensorDictItem item = all.get(i);
            String name = prefix + item.key().getString();
            List<Integer> shape = new ArrayList<>();
            for (long axis = 0; axis < item.value().dim(); axis++) {
              shape.add(Math.toIntExact(item.value().size(axis)));
            }
            weights.put(name, new NamedTensor(name, shape, values(item.value())));
          }
        });
    return weights;
  }

  /**
   * What {@code load_state_dict(…, strict=False)} does: a module without biases leaves those of
   * zeros in the file.
   */
  private static void load(Path file, Map<String, Module> modules) throws IOException {
    try (StateDict dict = StateDict.open(file)) {
      List<String> rest = new ArrayList<>(dict.names());
      for (Map.Entry<String, Module> each : modules.entrySet()) {
        StringTensorDict all = each.getValue().named_parameters();
        for (long i = 0; i < all.size(); i++) {
          String name = each.getKey() + all.get(i).key().getString();
          NamedTensor tensor = dict.tensor(name);
          long[] sizes = tensor.shape().stream().mapToLong(Integer::longValue).toArray();
          all.get(i).value().copy_(Tensor.create(tensor.values(), sizes));
          rest.remove(name);
        }
      }
      for (String name : rest) {
        assertTrue(name.contains("bias"), name);
        assertArrayEquals(new float[dict.floats(name).length], dict.floats(name), name);
      }
    }
  }

  private static int[] bits(float[] values) {
    int[] bits = new int[values.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToRawIntBits(values[i]);
    }
    return bits;
  }

  /** A tensor that is time first in the stack's order, or the other way about. */
  private static Tensor turned(Tensor tensor, TorchStack stack) {
    return stack.batchFirst() ? tensor.transpose(0, 1) : tensor;
  }

  private static float[] values(Tensor tensor) {
    float[] values = new float[Math.toIntExact(tensor.numel())];
    FloatBuffer buffer = tensor.detach().contiguous().createBuffer();
    buffer.get(values);
    return values;
  }
}
