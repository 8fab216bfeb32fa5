package dev.sequor.task;

import dev.sequor.data.Window;
import dev.sequor.data.WindowSource;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.SequenceModel;
import java.util.List;

/**
 * A problem with a model that suits it, data to learn from, and a way to judge. A value: {@link
 * #name()} and {@link #length()} say all of it.
 *
 * <p>An eighth of all questions that there can be, chosen by a hash of the question alone, is only
 * judged by: no window of {@link #training} ever holds one, whatever the seeds are.
 */
public interface Task {
  /** What {@link Tasks#named} finds it by. */
  String name();

  /** One line for people. */
  String description();

  /** What its network reads and writes. */
  Architecture architecture();

  /** How long its sequences are, in the task's own unit; 0 for one that has no length. */
  int length();

  /**
   * The same of another length.
   *
   * @throws IllegalArgumentException if it is out of the task's range, or it has no length
   */
  Task withLength(int length);

  /** Settings that reach the stated quality. */
  TaskSettings defaults();

  /**
   * The model.
   *
   * @throws IllegalArgumentException naming the setting that does not fit
   */
  ModelSpec model(TaskSettings settings);

  /**
   * What to learn from: a pure function of {@code seed}, epoch and index. Its epochs have any
   * length; new examples come as long as there are some.
   *
   * @throws IllegalArgumentException if {@code batchSize} is less than 1, or a window would be too
   *     large
   */
  WindowSource training(int batchSize, long seed);

  /**
   * Judges a model by examples that {@link #training} never yields.
   *
   * @param model of {@link #model}, with any settings
   * @param examples how many, at least 1
   * @param seed which of them
   * @throws IllegalArgumentException if {@code examples} is less than 1, or the model does not fit
   */
  Score judge(SequenceModel model, int examples, long seed);

  /**
   * Windows of such examples, for a loss.
   *
   * @param examples how many, at least 1
   * @param seed which of them
   */
  List<Window> heldOutWindows(int examples, long seed);

  /**
   * A few of such examples for people: what was asked, what the model said, and whether it is
   * right.
   *
   * @param count lines, at least 1
   */
  List<String> examples(SequenceModel model, int count, long seed);

  /**
   * SHA-256 of what the data depend on beyond name, length and seed; empty for most. A run that was
   * begun with another one goes on with other data.
   */
  default String fingerprint() {
    return "";
  }
}
