package dev.sequor.benchmarks.gpu;

import dev.sequor.backend.Backend;
import dev.sequor.data.CharacterVocabulary;
import dev.sequor.data.Corpus;
import dev.sequor.data.TokenStreams;
import dev.sequor.data.Tokens;
import dev.sequor.model.Clipping;
import dev.sequor.model.Optimizer;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.model.Trainer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Trains the README's example on CPU and GPU and compares the losses step by step; then times a
 * larger model of the same text on the GPU. Options: {@code --out FILE.json}, {@code --tiny}.
 */
public final class TrainingCurves {
  private static final double BAR = 1e-3;
  private static final long SEED = 1;

  private final Corpus corpus = Corpus.ofUnicodeNames(SEED, 0.05);
  private final CharacterVocabulary vocabulary = corpus.vocabulary();
  private final Tokens text = vocabulary.encode(corpus.training());
  private final boolean tiny;

  private TrainingCurves(boolean tiny) {
    this.tiny = tiny;
  }

  public static void main(String[] arguments) throws IOException {
    Options options = new Options(arguments);
    TrainingCurves curves = new TrainingCurves(options.tiny());
    Map<String, Object> results = new LinkedHashMap<>();
    try (CudaDevices devices = new CudaDevices()) {
      results.putAll(curves.compare(devices));
      options.write(results);
      List<Object> speeds = new ArrayList<>();
      results.put("speed", speeds);
      for (String mode : List.of("bf16", "tf32", "fp32")) {
        speeds.add(curves.speed(devices.cuda(mode), mode));
        options.write(results);
      }
    }
    if (!Boolean.TRUE.equals(results.get("within"))) {
      System.err.println("training: the losses of CPU and GPU part: " + results);
      System.exit(1);
    }
  }

  private Map<String, Object> compare(CudaDevices devices) {
    List<Double> expected = losses(devices.cpu());
    List<Double> actual = losses(devices.cuda("fp32"));
    double worst = 0;
    int worstStep = 0;
    for (int step = 0; step < expected.size(); step++) {
      double difference = Math.abs(actual.get(step) - expected.get(step)) / expected.get(step);
      if (!(difference <= worst)) {
        worst = Double.isNaN(difference) ? Double.MAX_VALUE : difference;
        worstStep = step;
      }
    }
    Map<String, Object> results = new LinkedHashMap<>();
    results.put("cpu", devices.cpu().name());
    results.put("gpu", devices.cuda("fp32").name());
    results.put("steps", expected.size());
    results.put("worstRelativeDifference", worst);
    results.put("worstStep", worstStep);
    results.put("bar", BAR);
    results.put("within", worst <= BAR);
    results.put("cpuLosses", expected);
    results.put("gpuLosses", actual);
    return results;
  }

  /** The README's example: its losses, in nats a character, step by step. */
  private List<Double> losses(Backend backend) {
    TokenStreams streams = tiny ? new TokenStreams(text, 4, 8) : new TokenStreams(text, 32, 64);
    SequenceModelSpec spec =
        SequenceModelSpec.languageModel(vocabulary.size(), tiny ? 8 : 64)
            .hiddenSize(tiny ? 16 : 128)
            .build();
    List<Double> losses = new ArrayList<>();
    try (SequenceModel model = new SequenceModel(backend, spec, SEED);
        Trainer trainer =
            new Trainer(model, Optimizer.adam(2e-3f), Clipping.byGlobalNorm(5), SEED)) {
      for (int step = 0; step < (tiny ? 20 : 100); step++) {
        losses.add(trainer.step(streams).loss().mean());
      }
    }
    return losses;
  }

  /** Two layers of 512 units, 128 streams, 128 characters a step. */
  private Map<String, Object> speed(Backend backend, String mode) {
    int batchSize = tiny ? 4 : 128;
    int timeSteps = tiny ? 6 : 128;
    int hiddenSize = tiny ? 16 : 512;
    int steps = tiny ? 4 : 100;
    TokenStreams streams = new TokenStreams(text, batchSize, timeSteps);
    SequenceModelSpec spec =
        SequenceModelSpec.languageModel(vocabulary.size(), hiddenSize / 2)
            .layers(2)
            .hiddenSize(hiddenSize)
            .build();
    try (SequenceModel model = new SequenceModel(backend, spec, SEED);
        Trainer trainer =
            new Trainer(model, Optimizer.adam(1e-3f), Clipping.byGlobalNorm(5), SEED)) {
      trainer.steps(streams, tiny ? 3 : 30);
      backend.synchronize();
      long started = System.nanoTime();
      trainer.steps(streams, steps);
      backend.synchronize();
      double seconds = (System.nanoTime() - started) / 1e9;
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("mode", mode);
      row.put("layers", 2);
      row.put("hiddenSize", hiddenSize);
      row.put("batchSize", batchSize);
      row.put("timeSteps", timeSteps);
      row.put("steps", steps);
      row.put("millisPerStep", 1e3 * seconds / steps);
      row.put("charactersPerSecond", (double) steps * batchSize * timeSteps / seconds);
      return row;
    }
  }
}
