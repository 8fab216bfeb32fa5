package dev.sequor.benchmarks.accuracy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sequor.backend.Backend;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Loss;
import dev.sequor.data.SeriesWindow;
import dev.sequor.data.Values;
import dev.sequor.data.WindowSource;
import dev.sequor.model.Clipping;
import dev.sequor.model.Evaluator;
import dev.sequor.model.InputSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.model.Trainer;
import dev.sequor.module.NamedTensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Chorales of J. S. Bach: which of 88 keys sound in the next step (Boulanger-Lewandowski, Bengio
 * and Vincent, ICML 2012), with the sizes of Chung et al., arXiv:1412.3555: a GRU of 46 units and
 * an LSTM of 36; with dropout of the same inputs and states in all steps, without which both learn
 * 229 chorales by heart (8.69 and 8.59). The weights that were best on the chorales for validation
 * are judged on those for the test; the figure is the negative log-likelihood of a step, the sum
 * over the keys, a mean over all steps.
 */
final class JsbChorales implements Experiment {
  private static final int KEYS = 88;
  private static final int BATCH = 32;

  /** Passes over the training chorales without a better validation before a run ends. */
  private static final int PATIENCE = 20;

  private static final int MOST_EPOCHS = 300;

  private final Path file;

  /**
   * The file has {@code traindata}, {@code validdata} and {@code testdata}: lists of lists of keys.
   */
  JsbChorales(Path file) {
    this.file = file;
  }

  @Override
  public String name() {
    return "jsb";
  }

  @Override
  public List<String> variants() {
    return List.of("gru-46", "lstm-36");
  }

  @Override
  public String variantIs() {
    return "cell";
  }

  @Override
  public String figure() {
    return "testNegativeLogLikelihood";
  }

  @Override
  public String bar() {
    return "at most 8.6 (published: GRU 8.54, LSTM 8.67)";
  }

  @Override
  public Optional<String> missing() {
    return Files.exists(file)
        ? Optional.empty()
        : Optional.of("there is no file " + file + "; needed one with the chorales (--data)");
  }

  @Override
  public double run(Backend backend, String variant, long seed) throws IOException {
    JsonNode all = new ObjectMapper().readTree(Files.readAllBytes(file));
    List<List<int[]>> training = chorales(all, "traindata");
    List<SeriesWindow> validation = batches(chorales(all, "validdata"));
    List<SeriesWindow> test = batches(chorales(all, "testdata"));
    boolean gru = variant.startsWith("gru");
    SequenceModelSpec spec =
        SequenceModelSpec.builder(InputSpec.dense(KEYS), KEYS)
            .cell(gru ? CellType.GRU_RESET_BEFORE : CellType.LSTM)
            .hiddenSize(gru ? 46 : 36)
            .options(CellOptions.builder().inputDropout(0.1f).recurrentDropout(0.1f).build())
            .loss(Loss.binaryCrossEntropy())
            .build();
    float rate = 5e-3f;
    try (SequenceModel model = new SequenceModel(backend, spec, seed);
        Trainer trainer =
            new Trainer(model, Optimizer.adam(rate), Clipping.byGlobalNorm(1), seed)) {
      Shuffled source = new Shuffled(training, seed);
      double best = Double.POSITIVE_INFINITY;
      List<NamedTensor> bestWeights = model.tensors();
      int since = 0;
      for (int epoch = 0; epoch < MOST_EPOCHS && since < 2 * PATIENCE; epoch++) {
        trainer.steps(source, (int) source.windowsPerEpoch());
        double loss = Evaluator.evaluate(model, validation).mean();
        if (loss < best) {
          best = loss;
          bestWeights = model.tensors();
          since = 0;
        } else if (++since % PATIENCE == 0) {
          rate /= 4;
          trainer.learningRate(rate);
        }
      }
      model.load(bestWeights);
      return Evaluator.evaluate(model, test).mean();
    }
  }

  private static List<List<int[]>> chorales(JsonNode all, String part) {
    List<List<int[]>> chorales = new ArrayList<>();
    for (JsonNode chorale : all.get(part)) {
      List<int[]> steps = new ArrayList<>();
      for (JsonNode step : chorale) {
        int[] keys = new int[step.size()];
        for (int i = 0; i < keys.length; i++) {
          keys[i] = step.get(i).intValue();
        }
        steps.add(keys);
      }
      chorales.add(steps);
    }
    return chorales;
  }

  private static List<SeriesWindow> batches(List<List<int[]>> chorales) {
    List<SeriesWindow> windows = new ArrayList<>();
    for (int first = 0; first < chorales.size(); first += BATCH) {
      windows.add(window(chorales.subList(first, Math.min(chorales.size(), first + BATCH))));
    }
    return windows;
  }

  /** Whole chorales side by side; step t is there to predict step t + 1. */
  private static SeriesWindow window(List<List<int[]>> chorales) {
    int batch = chorales.size();
    int[] lengths = new int[batch];
    int steps = 0;
    for (int b = 0; b < batch; b++) {
      lengths[b] = chorales.get(b).size() - 1;
      steps = Math.max(steps, lengths[b]);
    }
    float[] x = new float[steps * batch * KEYS];
    float[] targets = new float[x.length];
    for (int b = 0; b < batch; b++) {
      for (int t = 0; t < lengths[b]; t++) {
        int at = (t * batch + b) * KEYS;
        for (int key : chorales.get(b).get(t)) {
          x[at + key] = 1;
        }
        for (int key : chorales.get(b).get(t + 1)) {
          targets[at + key] = 1;
        }
      }
    }
    return new SeriesWindow(
        steps, batch, new Values.Reals(x), new Values.Reals(targets), lengths, true);
  }

  /** The chorales in another order each epoch. */
  private record Shuffled(List<List<int[]>> chorales, long seed) implements WindowSource {
    @Override
    public long windowsPerEpoch() {
      return (chorales.size() + BATCH - 1) / BATCH;
    }

    @Override
    public SeriesWindow window(long epoch, long index) {
      int[] order = Shuffle.order(chorales.size(), seed, epoch);
      List<List<int[]>> chosen = new ArrayList<>();
      int end = (int) Math.min(order.length, (index + 1) * BATCH);
      for (int i = (int) index * BATCH; i < end; i++) {
        chosen.add(chorales.get(order[i]));
      }
      return JsbChorales.window(chosen);
    }
  }
}
