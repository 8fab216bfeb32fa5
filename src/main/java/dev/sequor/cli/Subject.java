package dev.sequor.cli;

import dev.sequor.data.DataSpec;
import dev.sequor.data.WindowSource;
import dev.sequor.io.DataSource;
import dev.sequor.model.BatchLoss;
import dev.sequor.model.SequenceModel;
import java.io.PrintWriter;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What a run learns, and what it is judged by; a class for each kind of data. */
interface Subject {
  /** How much of what is held out to judge by. */
  enum Effort {
    /** Enough to see that the weights were not driven off by the last update. */
    CHECK,
    /** Enough for a point of the curve. */
    WATCH,
    /** All of it. */
    ALL
  }

  /** What is learned, for messages. */
  String name();

  /** The same in a word, for the name of a directory. */
  String shortName();

  /** What is held out, for messages: {@code held-out text}. */
  String heldOutName();

  /** What the numbers of the model mean; null for a model of nothing but numbers. */
  @Nullable DataSpec data();

  /** Where it is from. */
  DataSource source();

  /** What to learn from. */
  WindowSource windows();

  /** What one step learns from, in the {@link Measure#nouns}. */
  long learnedInOneStep();

  /** What losses are said in. */
  Measure measure();

  /** The loss on what is held out. */
  BatchLoss judge(SequenceModel model, Effort effort);

  /** How much there is, in one line. */
  String size();

  /**
   * What the model can do now.
   *
   * @param words for people
   * @param result for programs
   */
  void show(SequenceModel model, PrintWriter words, Map<String, @Nullable Object> result);

  /**
   * What the model writes now, the same each time that its weights are the same; {@code ""} if it
   * writes nothing.
   */
  default String sample(SequenceModel model) {
    return "";
  }

  /** The command that uses the model. */
  String use();
}
