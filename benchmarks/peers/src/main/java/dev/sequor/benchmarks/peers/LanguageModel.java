package dev.sequor.benchmarks.peers;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sequor.benchmarks.TrainingPeers;
import dev.sequor.model.RateSchedule;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Adam;
import org.bytedeco.pytorch.AdamOptions;
import org.bytedeco.pytorch.EmbeddingImpl;
import org.bytedeco.pytorch.LSTMImpl;
import org.bytedeco.pytorch.LSTMOptions;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.T_TensorT_TensorTensor_T_T;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * The character model that {@code sequor train --text} trains, in PyTorch: embedding, LSTM layers,
 * a dense layer; contiguous streams with carried state, Adam, clipping by global norm.
 */
@Command(
    name = "language-model",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    showDefaultValues = true,
    description = {
      "Trains a character model with PyTorch, for comparison with sequor train --text.",
      "Prints one JSON object. With --compare or --python PATH it trains it with PyTorch, that",
      "Python's PyTorch and Sequor, each with two settings of the allocator, and prints a table."
    })
public final class LanguageModel implements Callable<Integer> {
  private static final double NATS_PER_BIT = Math.log(2);

  /** Held-out text is read as one stream, so every prediction sees all that came before. */
  private static final int EVALUATION_STEPS = 1024;

  @Option(names = "--text", description = "UTF-8 text; default: ../shared/data/moby-dick.txt")
  private Path text;

  @Option(names = "--held-out", description = "fraction of the characters, at the end")
  private double heldOut = 0.1;

  @Option(names = "--hidden", description = "H")
  private int hidden = 128;

  @Option(names = "--layers", description = "LSTM layers")
  private int layers = 1;

  @Option(names = "--dropout", description = "probability of dropping a value between layers")
  private double dropout;

  @Option(names = "--embedding", description = "width of the characters' vectors")
  private int embedding = 64;

  @Option(names = "--seq-length", description = "T")
  private int timeSteps = 64;

  @Option(names = "--batch", description = "B, the streams")
  private int batchSize = 32;

  @Option(names = "--epochs", description = "passes over the training text")
  private int epochs = 3;

  @Option(names = "--steps", description = "stop after so many updates; 0 for no limit")
  private int maxSteps;

  @Option(names = "--lr", description = "Adam's learning rate")
  private double learningRate = 2e-3;

  @Option(names = "--schedule", description = "constant, linear, cosine, as sequor train has them")
  private RateSchedule schedule = RateSchedule.CONSTANT;

  @Option(names = "--clip", description = "largest global norm of the gradient")
  private double clip = 5;

  @Option(names = "--seed", description = "of the initial weights")
  private long seed = 1;

  @Option(names = "--threads", description = "PyTorch's intra-op threads; default: all cores")
  private int threads = Runtime.getRuntime().availableProcessors();

  @Option(names = "--compare", description = "train with Sequor as well, side by side")
  private boolean compare;

  @Option(
      names = "--python",
      paramLabel = "PATH",
      description = "a Python with PyTorch; implies --compare")
  private Path python;

  @Option(
      names = "--out",
      paramLabel = "FILE.json",
      description = "with --compare: write the results here")
  private Path out;

  private EmbeddingImpl characters;
  private LSTMImpl lstm;
  private LinearImpl dense;

  /** State carried from window to window, {@code [L,B,H]} each. */
  private final Tensor h = new Tensor();

  private final Tensor c = new Tensor();

  /** Runs the command line. */
  public static void main(String[] arguments) {
    System.exit(
        new CommandLine(new LanguageModel())
            .setCaseInsensitiveEnumValuesAllowed(true)
            .execute(arguments));
  }

  @Override
  public Integer call() throws IOException {
    if (text == null) {
      Path checkout = Path.of(System.getProperty("benchmarks.home")).getParent();
      text = checkout.resolveSibling("shared/data/moby-dick.txt");
    }
    if (!Files.isReadable(text)) {
      throw new CommandLine.ParameterException(
          new CommandLine(this), "cannot read " + text + "; name a text with --text FILE");
    }
    if (compare || python != null) {
      return compare();
    }
    int[] points = Files.readString(text).codePoints().toArray();
    int[] vocabulary = Arrays.stream(points).sorted().distinct().toArray();
    long[] tokens =
        Arrays.stream(points).mapToLong(p -> Arrays.binarySearch(vocabulary, p)).toArray();
    int cut = (int) Math.floor(tokens.length * (1 - heldOut) + 1e-6);
    int streamSteps = (cut - 1) / batchSize;
    int windows = streamSteps / timeSteps;
    if (cut < 1 || tokens.length - cut < 2 || windows < 1) {
      throw new CommandLine.ParameterException(
          new CommandLine(this),
          text + " has " + tokens.length + " characters; too few for these options");
    }
    torch.set_num_threads(threads);
    torch.manual_seed(seed);
    build(vocabulary.length);

    int steps = maxSteps > 0 ? Math.min(maxSteps, epochs * windows) : epochs * windows;
    long start = System.nanoTime();
    double trainBits = train(tokens, streamSteps, windows, steps);
    double seconds = (System.nanoTime() - start) * 1e-9;

    Map<String, Object> result = new LinkedHashMap<>();
    result.put("device", "PyTorch, " + threads + " threads");
    result.put("steps", steps);
    result.put("seconds", seconds);
    result.put("charactersPerSecond", (double) steps * timeSteps * batchSize / seconds);
    result.put("trainBitsPerCharacter", trainBits);
    result.put("heldOutBitsPerCharacter", evaluate(Arrays.copyOfRange(tokens, cut, tokens.length)));
    System.out.println(new ObjectMapper().writeValueAsString(result));
    return 0;
  }

  private int compare() throws IOException {
    Path home = Path.of(System.getProperty("benchmarks.home"));
    Path models = Files.createTempDirectory("language-model");
    try {
      List<TrainingPeers.Outcome> outcomes =
          new TrainingPeers(contenders(home, models), System.out).run(maxSteps);
      if (out != null) {
        new ObjectMapper().writerWithDefaultPrettyPrinter().writeValue(out.toFile(), outcomes);
      }
      return 0;
    } catch (TrainingPeers.Refused e) {
      System.err.println("language-model: " + e.getMessage());
      return 1;
    } finally {
      deleteAll(models);
    }
  }

  private List<TrainingPeers.Contender> contenders(Path home, Path models) {
    List<String> options = new ArrayList<>(List.of("--text", text.toAbsolutePath().toString()));
    Map<String, Object> common = new LinkedHashMap<>();
    common.put("--held-out", heldOut);
    common.put("--hidden", hidden);
    common.put("--layers", layers);
    common.put("--dropout", dropout);
    common.put("--embedding", embedding);
    common.put("--seq-length", timeSteps);
    common.put("--batch", batchSize);
    common.put("--epochs", epochs);
    common.put("--lr", learningRate);
    common.put("--schedule", schedule.name().toLowerCase(Locale.ROOT));
    common.put("--clip", clip);
    common.put("--seed", seed);
    common.forEach((name, value) -> options.addAll(List.of(name, value.toString())));
    String own = Integer.toString(threads);
    List<TrainingPeers.Contender> contenders = new ArrayList<>();
    List<String> java =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Dbenchmarks.home=" + home,
                "-cp",
                System.getProperty("java.class.path"),
                LanguageModel.class.getName(),
                "--threads",
                own));
    java.addAll(options);
    contenders.add(new TrainingPeers.Contender("pytorch", () -> java, Map.of()));
    if (python != null) {
      List<String> script =
          new ArrayList<>(
              List.of(
                  python.toString(),
                  home.resolve("peers/language_model.py").toString(),
                  "--threads",
                  own));
      script.addAll(options);
      contenders.add(new TrainingPeers.Contender("pytorch-python", () -> script, Map.of()));
    }
    contenders.add(
        new TrainingPeers.Contender(
            "sequor-cpu",
            () -> {
              List<String> ours =
                  new ArrayList<>(
                      List.of(
                          home.resolveSibling("sequor").toString(),
                          "train",
                          "--device",
                          "cpu",
                          "--json",
                          "--out",
                          newFolder(models)));
              ours.addAll(options);
              return ours;
            },
            Map.of("SEQUOR_THREADS", own)));
    return contenders;
  }

  private static String newFolder(Path in) {
    try {
      return Files.createTempDirectory(in, "model").toString();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void deleteAll(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  private void build(int vocabularySize) {
    characters = new EmbeddingImpl(vocabularySize, embedding);
    LSTMOptions options = new LSTMOptions(embedding, hidden);
    options.num_layers().put(layers);
    options.dropout().put(dropout);
    lstm = new LSTMImpl(options);
    dense = new LinearImpl(hidden, vocabularySize);
  }

  /** Returns the mean training loss of the last tenth of the steps, in bits. */
  private double train(long[] tokens, int streamSteps, int windows, int steps) {
    TensorVector parameters = new TensorVector();
    for (Module module : List.of(characters, lstm, dense)) {
      TensorVector own = module.parameters();
      for (long i = 0; i < own.size(); i++) {
        parameters.push_back(own.get(i));
      }
    }
    Adam adam = new Adam(parameters, new AdamOptions(learningRate));
    int counted = Math.max(1, steps / 10);
    double sum = 0;
    for (int step = 0; step < steps; step++) {
      int window = step % windows;
      if (window == 0) {
        resetState(batchSize);
      }
      try (PointerScope scope = new PointerScope()) {
        long[] inputs = new long[timeSteps * batchSize];
        long[] targets = new long[timeSteps * batchSize];
        for (int b = 0; b < batchSize; b++) {
          int from = b * streamSteps + window * timeSteps;
          for (int t = 0; t < timeSteps; t++) {
            inputs[t * batchSize + b] = tokens[from + t];
            targets[t * batchSize + b] = tokens[from + t + 1];
          }
        }
        adam.param_groups()
            .get(0)
            .options()
            .set_lr(schedule.rate((float) learningRate, step, steps));
        adam.zero_grad();
        Tensor loss = loss(inputs, targets, batchSize);
        loss.backward();
        torch.clip_grad_norm_(parameters, clip);
        adam.step();
        if (step >= steps - counted) {
          sum += loss.item_double();
        }
        if (step % 100 == 0) {
          System.err.printf(
              Locale.ROOT, "step %d of %d: %.3f bits%n", step, steps, bits(loss.item_double()));
        }
      }
    }
    return bits(sum / counted);
  }

  /** Bits per character of the held-out text. */
  private double evaluate(long[] tokens) {
    resetState(1);
    lstm.eval();
    double nats = 0;
    int predictions = tokens.length - 1;
    for (int first = 0; first < predictions; first += EVALUATION_STEPS) {
      int n = Math.min(EVALUATION_STEPS, predictions - first);
      try (PointerScope scope = new PointerScope();
          NoGradGuard guard = new NoGradGuard()) {
        long[] inputs = Arrays.copyOfRange(tokens, first, first + n);
        long[] targets = Arrays.copyOfRange(tokens, first + 1, first + 1 + n);
        nats += loss(inputs, targets, 1).item_double() * n;
      }
    }
    return bits(nats / predictions);
  }

  private static double bits(double nats) {
    return nats / NATS_PER_BIT;
  }

  private void resetState(int batch) {
    try (PointerScope scope = new PointerScope()) {
      float[] zeros = new float[layers * batch * hidden];
      h.put(Tensor.create(zeros, layers, batch, hidden));
      c.put(Tensor.create(zeros, layers, batch, hidden));
    }
  }

  /** Mean negative log-likelihood of a window {@code [T,B]}; carries the state on, detached. */
  private Tensor loss(long[] inputs, long[] targets, int batch) {
    Tensor x = characters.forward(Tensor.create(inputs, inputs.length / batch, batch));
    T_TensorT_TensorTensor_T_T out = lstm.forward(x, new T_TensorTensor_T(h, c));
    h.put(out.get1().get0().detach());
    c.put(out.get1().get1().detach());
    Tensor logits = dense.forward(out.get0()).reshape(inputs.length, -1);
    return torch.cross_entropy_loss(logits, Tensor.create(targets));
  }
}
