package dev.sequor.task;

import dev.sequor.backend.CellType;
import dev.sequor.backend.RnnSpec;
import dev.sequor.data.Window;
import dev.sequor.model.EncoderDecoderSpec;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.Translator;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Strings of {@code length} digits, to be read and then written in another order: an encoder and a
 * decoder that starts from the encoder's last state.
 *
 * @param order which
 */
record Rewriting(Order order, int length) implements DrawnTask<int[]> {
  private static final int DIGITS = 10;
  private static final int BEGIN = 10;
  private static final int END = 11;
  private static final double QUALITY = 0.95;

  /** Orders to write digits in. */
  enum Order {
    /** From the last to the first. */
    REVERSE("reverse", "backwards"),
    /** From the least to the greatest. */
    SORT("sort", "in ascending order");

    private final String task;
    private final String words;

    Order(String task, String words) {
      this.task = task;
      this.words = words;
    }

    /** The digits in this order. */
    int[] of(int[] digits) {
      int[] ordered = digits.clone();
      if (this == SORT) {
        Arrays.sort(ordered);
      } else {
        for (int i = 0; i < digits.length; i++) {
          ordered[i] = digits[digits.length - 1 - i];
        }
      }
      return ordered;
    }
  }

  Rewriting {
    DrawnTask.requireLength(order.task, length, 1, 10_000);
  }

  static Task reverse(int length) {
    return new Rewriting(Order.REVERSE, length);
  }

  static Task sort(int length) {
    return new Rewriting(Order.SORT, length);
  }

  @Override
  public String name() {
    return order.task;
  }

  @Override
  public String description() {
    return length + " digits, written " + order.words;
  }

  @Override
  public Architecture architecture() {
    return Architecture.ENCODER_DECODER;
  }

  @Override
  public Task withLength(int length) {
    return new Rewriting(order, length);
  }

  @Override
  public TaskSettings defaults() {
    return TaskSettings.of(CellType.GRU_RESET_BEFORE, 128, 64, 6000, 5e-3f);
  }

  @Override
  public ModelSpec model(TaskSettings settings) {
    return spec(settings);
  }

  private EncoderDecoderSpec spec(TaskSettings settings) {
    RnnSpec stack =
        RnnSpec.of(
                settings.neededCell(name()),
                Math.max(4, settings.hiddenSize() / 4),
                settings.hiddenSize())
            .withLayers(settings.layers())
            .withOptions(settings.options());
    return EncoderDecoderSpec.of(DIGITS, DIGITS + 2, BEGIN, END, stack, stack);
  }

  @Override
  public int[] draw(ExampleDraws draws) {
    return draws.below(DIGITS, length);
  }

  @Override
  public IntStream question(int[] digits) {
    return Arrays.stream(digits);
  }

  @Override
  public Window window(List<int[]> examples) {
    return spec(defaults()).window(examples, examples.stream().map(order::of).toList());
  }

  private static List<int[]> written(SequenceModel model, List<int[]> asked, int length) {
    try (Translator translator = new Translator(model, JUDGED_AT_ONCE)) {
      // Twice as long as it is to be: who never ends is cut.
      return translator.greedy(asked, 2 * length + 1);
    }
  }

  @Override
  public Score judge(SequenceModel model, int examples, long seed) {
    List<int[]> asked = heldOut(examples, seed);
    try (Translator translator = new Translator(model, JUDGED_AT_ONCE)) {
      double exact = translator.errors(asked, asked.stream().map(order::of).toList()).exactMatch();
      return Score.of(Figure.atLeast(QUALITY, "exactMatch", exact));
    }
  }

  private static String words(int[] digits) {
    return Arrays.stream(digits)
        .mapToObj(d -> d == BEGIN ? "^" : Integer.toString(d))
        .collect(Collectors.joining());
  }

  @Override
  public List<String> examples(SequenceModel model, int count, long seed) {
    List<int[]> asked = heldOut(count, seed);
    List<int[]> written = written(model, asked, length);
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      lines.add(
          words(asked.get(i))
              + " → "
              + words(written.get(i))
              + Guesses.verdict(Arrays.equals(order.of(asked.get(i)), written.get(i))));
    }
    return lines;
  }
}
