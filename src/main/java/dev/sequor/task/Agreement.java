package dev.sequor.task;

import dev.sequor.backend.CellType;
import dev.sequor.data.TokenWindow;
import dev.sequor.data.Window;
import dev.sequor.model.Evaluator;
import dev.sequor.model.InputSpec;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.Readout;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The number of the verb that comes next: that of its subject, whatever other nouns stand in
 * between (the task of Linzen, Dupoux and Goldberg, "Assessing the ability of LSTMs to learn
 * syntax-sensitive dependencies", 2016, on sentences of {@link Sentences}). Judged a second time
 * where all nouns in between have the other number, so that the last one misleads.
 *
 * @param length words at most before the verb
 */
record Agreement(int length) implements DrawnTask<Sentences.Beginning> {
  private static final double QUALITY = 0.99;
  private static final int WIDTH = 16;

  Agreement {
    DrawnTask.requireLength("agreement", length, 5, 1000); // the N P the N: an attractor
  }

  @Override
  public String name() {
    return "agreement";
  }

  @Override
  public String description() {
    return "the number of the verb after up to " + length + " words with other nouns in between";
  }

  @Override
  public Architecture architecture() {
    return Architecture.MANY_TO_ONE;
  }

  @Override
  public Task withLength(int length) {
    return new Agreement(length);
  }

  @Override
  public TaskSettings defaults() {
    return TaskSettings.of(CellType.LSTM, 64, 64, 2500, 1e-2f);
  }

  @Override
  public ModelSpec model(TaskSettings settings) {
    return model(name(), Sentences.VOCABULARY, settings);
  }

  /** A model that reads words and says one of two numbers at the end. */
  static ModelSpec model(String task, int vocabulary, TaskSettings settings) {
    return SequenceModelSpec.builder(InputSpec.embedding(vocabulary, WIDTH), 2)
        .cell(settings.neededCell(task))
        .options(settings.options())
        .hiddenSize(settings.hiddenSize())
        .layers(settings.layers())
        .readout(Readout.LAST_STEP)
        .build();
  }

  @Override
  public Sentences.Beginning draw(ExampleDraws draws) {
    return Sentences.draw(draws, length);
  }

  @Override
  public IntStream question(Sentences.Beginning beginning) {
    return Arrays.stream(beginning.words());
  }

  @Override
  public Window window(List<Sentences.Beginning> beginnings) {
    int batch = beginnings.size();
    int[] tokens = new int[length * batch];
    int[] targets = new int[batch];
    int[] lengths = new int[batch];
    for (int b = 0; b < batch; b++) {
      int[] words = beginnings.get(b).words();
      lengths[b] = words.length;
      for (int t = 0; t < words.length; t++) {
        tokens[t * batch + b] = words[t];
      }
      targets[b] = beginnings.get(b).plural() ? 1 : 0;
    }
    return new TokenWindow(length, batch, tokens, targets, lengths, true);
  }

  private List<Boolean> right(SequenceModel model, List<Sentences.Beginning> beginnings) {
    List<Boolean> right = new ArrayList<>();
    for (List<Sentences.Beginning> part : parts(beginnings)) {
      int[] said = Guesses.of(model, window(part));
      for (int b = 0; b < said.length; b++) {
        right.add((said[b] == 1) == part.get(b).plural());
      }
    }
    return right;
  }

  @Override
  public Score judge(SequenceModel model, int examples, long seed) {
    List<Sentences.Beginning> any = heldOut(examples, seed);
    List<Sentences.Beginning> hard = heldOut(examples, seed, Sentences.Beginning::allMislead);
    return Score.of(
        Figure.atLeast(QUALITY, "accuracy", Evaluator.accuracy(model, windows(any)).rate()),
        Figure.atLeast(
            QUALITY, "accuracyIfAllMislead", Evaluator.accuracy(model, windows(hard)).rate()));
  }

  @Override
  public List<String> examples(SequenceModel model, int count, long seed) {
    List<Sentences.Beginning> beginnings = heldOut(count, seed);
    List<Boolean> right = right(model, beginnings);
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Sentences.Beginning beginning = beginnings.get(i);
      lines.add(
          Sentences.spelled(beginning.words())
              + " → "
              + Sentences.verb(beginning.verb(), beginning.plural() == right.get(i))
              + Guesses.verdict(right.get(i)));
    }
    return lines;
  }
}
