package dev.sequor.task;

import dev.sequor.backend.CellType;
import dev.sequor.data.TokenWindow;
import dev.sequor.data.Window;
import dev.sequor.model.Evaluator;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.SequenceModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Whether {@code was} or {@code were} comes after a relative clause of exactly so many words: “The
 * cat, which already ate the apples near the dogs, was full”. The sentences are those of {@link
 * Clause}.
 *
 * @param length words between the subject and its verb
 */
record RelativeClause(int length) implements DrawnTask<Clause> {
  private static final double QUALITY = 0.95;

  /** The article and the subject. */
  private static final int WORDS_BEFORE = 2;

  RelativeClause {
    DrawnTask.requireLength("relative-clause", length, Clause.LEAST_WORDS, 1000);
  }

  @Override
  public String name() {
    return "relative-clause";
  }

  @Override
  public String description() {
    return "was or were after a clause of " + length + " words with other nouns in it";
  }

  @Override
  public Architecture architecture() {
    return Architecture.MANY_TO_ONE;
  }

  @Override
  public Task withLength(int length) {
    return new RelativeClause(length);
  }

  @Override
  public TaskSettings defaults() {
    return TaskSettings.of(CellType.LSTM, 32, 32, 3000, 3e-3f);
  }

  @Override
  public ModelSpec model(TaskSettings settings) {
    return Agreement.model(name(), Clause.VOCABULARY, settings);
  }

  @Override
  public Clause draw(ExampleDraws draws) {
    return Clause.draw(draws, length);
  }

  @Override
  public IntStream question(Clause clause) {
    return Arrays.stream(clause.words());
  }

  @Override
  public Window window(List<Clause> clauses) {
    int batch = clauses.size();
    int timeSteps = WORDS_BEFORE + length;
    int[] tokens = new int[timeSteps * batch];
    int[] targets = new int[batch];
    for (int b = 0; b < batch; b++) {
      for (int t = 0; t < timeSteps; t++) {
        tokens[t * batch + b] = clauses.get(b).words()[t];
      }
      targets[b] = clauses.get(b).plural() ? 1 : 0;
    }
    return new TokenWindow(timeSteps, batch, tokens, targets, null, true);
  }

  @Override
  public Score judge(SequenceModel model, int examples, long seed) {
    return Score.of(
        Figure.atLeast(
            QUALITY,
            "accuracy",
            Evaluator.accuracy(model, windows(heldOut(examples, seed))).rate()));
  }

  @Override
  public List<String> examples(SequenceModel model, int count, long seed) {
    List<String> lines = new ArrayList<>();
    for (List<Clause> part : parts(heldOut(count, seed))) {
      int[] said = Guesses.of(model, window(part));
      for (int b = 0; b < said.length; b++) {
        boolean plural = said[b] == 1;
        Clause clause = part.get(b);
        lines.add(clause.spelled(plural) + Guesses.verdict(plural == clause.plural()));
      }
    }
    return lines;
  }
}
