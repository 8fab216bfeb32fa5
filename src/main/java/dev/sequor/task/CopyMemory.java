package dev.sequor.task;

import dev.sequor.backend.CellType;
import dev.sequor.data.TokenWindow;
import dev.sequor.data.Window;
import dev.sequor.model.Evaluator;
import dev.sequor.model.InputSpec;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Copy memory (Hochreiter and Schmidhuber 1997; sizes of Arjovsky, Shah and Bengio,
 * arXiv:1511.06464): {@code S} symbols of eight, {@code T} steps of which the last is a marker, and
 * then the symbols are to be written, in {@code S} more steps. Before that, blanks are. Who knows
 * when but not what has a cross-entropy of {@code S ln 8 / (T + 2S)}.
 *
 * @param length {@code T}
 * @param symbols {@code S}, usually ten
 */
record CopyMemory(int length, int symbols) implements DrawnTask<int[]> {
  private static final int ALPHABET = 8;
  private static final int BLANK = ALPHABET;
  private static final int MARKER = ALPHABET + 1;
  private static final double QUALITY = 0.05;

  CopyMemory {
    DrawnTask.requireLength("copy", length, 1, 100_000);
  }

  /** Of ten symbols. */
  CopyMemory(int length) {
    this(length, 10);
  }

  @Override
  public String name() {
    return "copy";
  }

  @Override
  public String description() {
    return symbols + " symbols, written again after " + length + " steps";
  }

  @Override
  public Architecture architecture() {
    return Architecture.MANY_TO_MANY;
  }

  @Override
  public Task withLength(int length) {
    return new CopyMemory(length, symbols);
  }

  @Override
  public TaskSettings defaults() {
    return TaskSettings.of(CellType.GRU_RESET_BEFORE, 128, 64, 2000, 1e-2f);
  }

  @Override
  public ModelSpec model(TaskSettings settings) {
    return SequenceModelSpec.builder(InputSpec.oneHot(ALPHABET + 2), ALPHABET + 1)
        .cell(settings.neededCell(name()))
        .options(settings.options())
        .hiddenSize(settings.hiddenSize())
        .layers(settings.layers())
        .build();
  }

  @Override
  public int[] draw(ExampleDraws draws) {
    return draws.below(ALPHABET, symbols);
  }

  @Override
  public IntStream question(int[] example) {
    return Arrays.stream(example);
  }

  private int steps() {
    return length + 2 * symbols;
  }

  @Override
  public Window window(List<int[]> examples) {
    int batch = examples.size();
    int[] tokens = new int[steps() * batch];
    int[] targets = new int[tokens.length];
    Arrays.fill(tokens, BLANK);
    Arrays.fill(targets, BLANK);
    for (int b = 0; b < batch; b++) {
      for (int i = 0; i < symbols; i++) {
        tokens[i * batch + b] = examples.get(b)[i];
        targets[(symbols + length + i) * batch + b] = examples.get(b)[i];
      }
      tokens[(symbols + length - 1) * batch + b] = MARKER;
    }
    return new TokenWindow(steps(), batch, tokens, targets, null, true);
  }

  /** What the model writes where the symbols are to be. */
  private List<int[]> written(SequenceModel model, List<int[]> examples) {
    List<int[]> written = new ArrayList<>();
    for (List<int[]> part : parts(examples)) {
      int batch = part.size();
      int[] said = Guesses.of(model, window(part));
      for (int b = 0; b < batch; b++) {
        int[] symbols = new int[this.symbols];
        for (int i = 0; i < symbols.length; i++) {
          symbols[i] = said[(symbols.length + length + i) * batch + b];
        }
        written.add(symbols);
      }
    }
    return written;
  }

  @Override
  public Score judge(SequenceModel model, int examples, long seed) {
    List<Window> windows = windows(heldOut(examples, seed));
    return Score.of(
        Figure.atMost(QUALITY, "crossEntropy", Evaluator.evaluate(model, windows).mean()),
        // The same of the symbols alone: at large T it drowns in that of the blanks.
        Figure.atMost(
            QUALITY,
            "symbolCrossEntropy",
            Evaluator.evaluate(model, windows.stream().map(this::symbolsAlone).toList()).mean()));
  }

  private Window symbolsAlone(Window window) {
    float[] weights = new float[steps() * window.batchSize()];
    Arrays.fill(weights, (symbols + length) * window.batchSize(), weights.length, 1f);
    return window.weighted(weights);
  }

  private static String words(int[] symbols) {
    return Arrays.stream(symbols)
        .mapToObj(s -> s == BLANK ? "_" : Integer.toString(s))
        .collect(Collectors.joining(" "));
  }

  @Override
  public List<String> examples(SequenceModel model, int count, long seed) {
    List<int[]> asked = heldOut(count, seed);
    List<int[]> written = written(model, asked);
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      lines.add(
          words(asked.get(i))
              + " → "
              + words(written.get(i))
              + Guesses.verdict(Arrays.equals(asked.get(i), written.get(i))));
    }
    return lines;
  }
}
