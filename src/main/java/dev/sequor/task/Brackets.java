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
import java.util.stream.IntStream;

/**
 * Which brackets of a string have no partner. Round and square ones pair up by nesting alone; one
 * whose partner is of the other kind has none, and neither has what is left over. A closing bracket
 * is told by what stands before it, an opening one by what stands after it, so the network reads in
 * both directions. Strings have 1 to {@code T} brackets: nested up to six deep, some not closed,
 * and every tenth bracket replaced by any.
 *
 * @param length {@code T}
 */
record Brackets(int length) implements DrawnTask<int[]> {
  /** Token {@code 2·kind + closes}. */
  private static final String BRACKETS = "()[]";

  private static final int DEEPEST = 6;
  private static final double QUALITY = 0.99;

  Brackets {
    DrawnTask.requireLength("brackets", length, 1, 10_000);
  }

  @Override
  public String name() {
    return "brackets";
  }

  @Override
  public String description() {
    return "which of up to " + length + " brackets have no partner";
  }

  @Override
  public Architecture architecture() {
    return Architecture.MANY_TO_MANY;
  }

  @Override
  public Task withLength(int length) {
    return new Brackets(length);
  }

  @Override
  public TaskSettings defaults() {
    return TaskSettings.of(CellType.LSTM, 64, 64, 2000, 1e-2f);
  }

  @Override
  public ModelSpec model(TaskSettings settings) {
    return SequenceModelSpec.builder(InputSpec.oneHot(BRACKETS.length()), 2)
        .cell(settings.neededCell(name()))
        .options(settings.options())
        .hiddenSize(settings.hiddenSize())
        .layers(settings.layers())
        .bidirectional(true)
        .build();
  }

  @Override
  public int[] draw(ExampleDraws draws) {
    int[] string = new int[1 + draws.below(length)];
    int[] open = new int[DEEPEST];
    int depth = 0;
    for (int t = 0; t < string.length; t++) {
      boolean opens = depth == 0 || (depth < DEEPEST && draws.chance(0.5));
      if (opens) {
        open[depth] = draws.below(2);
        string[t] = 2 * open[depth++];
      } else {
        string[t] = 2 * open[--depth] + 1;
      }
      if (draws.chance(0.1)) {
        string[t] = draws.below(BRACKETS.length());
      }
    }
    return string;
  }

  @Override
  public IntStream question(int[] string) {
    return Arrays.stream(string);
  }

  /** 1 for a bracket without partner, 0 for one with, {@code [T]}. */
  static int[] tags(int[] string) {
    int[] tags = new int[string.length];
    Arrays.fill(tags, 1);
    int[] open = new int[string.length];
    int depth = 0;
    for (int t = 0; t < string.length; t++) {
      if (string[t] % 2 == 0) {
        open[depth++] = t;
      } else if (depth > 0) {
        int partner = open[--depth];
        boolean fits = string[partner] + 1 == string[t];
        tags[partner] = fits ? 0 : 1;
        tags[t] = tags[partner];
      }
    }
    return tags;
  }

  @Override
  public Window window(List<int[]> strings) {
    int batch = strings.size();
    int[] tokens = new int[length * batch];
    int[] targets = new int[tokens.length];
    int[] lengths = new int[batch];
    for (int b = 0; b < batch; b++) {
      int[] string = strings.get(b);
      int[] tags = tags(string);
      lengths[b] = string.length;
      for (int t = 0; t < string.length; t++) {
        tokens[t * batch + b] = string[t];
        targets[t * batch + b] = tags[t];
      }
    }
    return new TokenWindow(length, batch, tokens, targets, lengths, true);
  }

  private List<int[]> said(SequenceModel model, List<int[]> strings) {
    List<int[]> said = new ArrayList<>();
    for (List<int[]> part : parts(strings)) {
      int[] guesses = Guesses.of(model, window(part));
      for (int b = 0; b < part.size(); b++) {
        int[] tags = new int[part.get(b).length];
        for (int t = 0; t < tags.length; t++) {
          tags[t] = guesses[t * part.size() + b];
        }
        said.add(tags);
      }
    }
    return said;
  }

  @Override
  public Score judge(SequenceModel model, int examples, long seed) {
    double accuracy = Evaluator.accuracy(model, heldOutWindows(examples, seed)).rate();
    return Score.of(Figure.atLeast(QUALITY, "tagAccuracy", accuracy));
  }

  @Override
  public List<String> examples(SequenceModel model, int count, long seed) {
    List<int[]> strings = heldOut(count, seed);
    List<int[]> said = said(model, strings);
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      StringBuilder brackets = new StringBuilder();
      StringBuilder marks = new StringBuilder();
      for (int t = 0; t < strings.get(i).length; t++) {
        brackets.append(BRACKETS.charAt(strings.get(i)[t]));
        marks.append(said.get(i)[t] == 1 ? 'x' : '.');
      }
      boolean right = Arrays.equals(tags(strings.get(i)), said.get(i));
      lines.add(brackets + " → " + marks + Guesses.verdict(right));
    }
    return lines;
  }
}
