package dev.sequor.task;

import dev.sequor.backend.CellType;
import dev.sequor.backend.Loss;
import dev.sequor.data.SeriesWindow;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.model.Evaluator;
import dev.sequor.model.InputSpec;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.Readout;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/**
 * The adding problem (Hochreiter and Schmidhuber, "Long short-term memory", 1997, experiment 4), as
 * usual today: of {@code T} numbers in [0,1) two are marked, one in each half; their sum is asked
 * for at the end. Who always says 1 has a mean squared error of 1/6.
 */
record Adding(int length) implements DrawnTask<Adding.Numbers> {
  private static final double QUALITY = 0.01;

  /** What counts as right in examples for people. */
  private static final float NEAR = 0.1f;

  /**
   * A sequence.
   *
   * @param values {@code [T]}
   * @param first the step of the first mark, in the first half
   * @param second that of the second, in the second half
   */
  @SuppressWarnings("ArrayRecordComponent") // short-lived
  record Numbers(float[] values, int first, int second) {
    float sum() {
      return values[first] + values[second];
    }
  }

  Adding {
    DrawnTask.requireLength("adding", length, 2, 100_000);
  }

  @Override
  public String name() {
    return "adding";
  }

  @Override
  public String description() {
    return "the sum of the two marked ones of " + length + " numbers";
  }

  @Override
  public Architecture architecture() {
    return Architecture.MANY_TO_ONE;
  }

  @Override
  public Task withLength(int length) {
    return new Adding(length);
  }

  @Override
  public TaskSettings defaults() {
    return TaskSettings.of(CellType.GRU_RESET_BEFORE, 64, 32, 4000, 5e-3f);
  }

  @Override
  public ModelSpec model(TaskSettings settings) {
    return SequenceModelSpec.builder(InputSpec.dense(2), 1)
        .cell(settings.neededCell(name()))
        .options(settings.options())
        .hiddenSize(settings.hiddenSize())
        .layers(settings.layers())
        .readout(Readout.LAST_STEP)
        .loss(Loss.meanSquaredError())
        .build();
  }

  @Override
  public Numbers draw(ExampleDraws draws) {
    int half = length / 2;
    int first = draws.below(half);
    int second = half + draws.below(length - half);
    float[] values = new float[length];
    for (int t = 0; t < length; t++) {
      values[t] = draws.uniform();
    }
    return new Numbers(values, first, second);
  }

  @Override
  public IntStream question(Numbers numbers) {
    return IntStream.concat(
        IntStream.of(numbers.first(), numbers.second()),
        IntStream.range(0, length).map(t -> Float.floatToIntBits(numbers.values()[t])));
  }

  @Override
  public Window window(List<Numbers> examples) {
    int batch = examples.size();
    float[] inputs = new float[2 * length * batch];
    float[] targets = new float[batch];
    for (int b = 0; b < batch; b++) {
      Numbers numbers = examples.get(b);
      for (int t = 0; t < length; t++) {
        inputs[2 * (t * batch + b)] = numbers.values()[t];
      }
      inputs[2 * (numbers.first() * batch + b) + 1] = 1;
      inputs[2 * (numbers.second() * batch + b) + 1] = 1;
      targets[b] = numbers.sum();
    }
    return new SeriesWindow(
        length, batch, new Values.Reals(inputs), new Values.Reals(targets), null, true);
  }

  @Override
  public Score judge(SequenceModel model, int examples, long seed) {
    double error = Evaluator.evaluate(model, windows(heldOut(examples, seed))).mean();
    return Score.of(Figure.atMost(QUALITY, "meanSquaredError", error));
  }

  @Override
  public List<String> examples(SequenceModel model, int count, long seed) {
    List<String> lines = new ArrayList<>();
    for (List<Numbers> part : parts(heldOut(count, seed))) {
      float[] said = model.forward(window(part), null).readFloats();
      for (int b = 0; b < part.size(); b++) {
        Numbers numbers = part.get(b);
        lines.add(
            String.format(
                    Locale.ROOT,
                    "%.2f at %d and %.2f at %d of %d → %.2f, is %.2f",
                    numbers.values()[numbers.first()],
                    numbers.first() + 1,
                    numbers.values()[numbers.second()],
                    numbers.second() + 1,
                    length,
                    said[b],
                    numbers.sum())
                + Guesses.verdict(Math.abs(said[b] - numbers.sum()) <= NEAR));
      }
    }
    return lines;
  }
}
