package dev.sequor.data;

import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** What is to be predicted from the rows of a table. */
public sealed interface TableGoal {
  /** The name of the column to predict. */
  String targetName();

  /** Numbers, or classes, that a model has to put out. */
  int outputs();

  /**
   * The next values of a column, all of them at once: after row {@code t} a model says those of
   * rows {@code t+1} to {@code t+K}, and none of its own predictions is ever fed back to it.
   *
   * @param target the column, with its scale
   * @param horizon {@code K}
   */
  record Forecast(TableColumn target, int horizon) implements TableGoal {
    /**
     * Checks both.
     *
     * @throws IllegalArgumentException if the target is constant or the horizon less than 1
     */
    public Forecast {
      if (target.wasConstant()) {
        throw new IllegalArgumentException(
            "column '"
                + target.name()
                + "' is constant in the training part; needed values that differ, to predict");
      }
      requireHorizon(horizon);
    }

    static void requireHorizon(int horizon) {
      if (horizon < 1) {
        throw new IllegalArgumentException("horizon is " + horizon + "; needed at least 1");
      }
    }

    @Override
    public String targetName() {
      return target.name();
    }

    @Override
    public int outputs() {
      return horizon;
    }
  }

  /**
   * The label of every row (many-to-many).
   *
   * @param targetName the column
   * @param labels its values in the training part, ascending; class {@code i} is the {@code i}th
   */
  record RowLabels(String targetName, List<String> labels) implements TableGoal {
    /**
     * Checks the labels.
     *
     * @throws IllegalArgumentException if there are fewer than two, or one is empty or there twice
     */
    public RowLabels {
      labels = List.copyOf(labels);
      requireLabels(targetName, labels);
    }

    @Override
    public int outputs() {
      return labels.size();
    }
  }

  /**
   * The label of every sequence, said after its last row (many-to-one); all rows of a sequence have
   * the same.
   *
   * @param targetName the column
   * @param labels its values in the training part, ascending; class {@code i} is the {@code i}th
   */
  record SequenceLabels(String targetName, List<String> labels) implements TableGoal {
    /**
     * Checks the labels.
     *
     * @throws IllegalArgumentException if there are fewer than two, or one is empty or there twice
     */
    public SequenceLabels {
      labels = List.copyOf(labels);
      requireLabels(targetName, labels);
    }

    @Override
    public int outputs() {
      return labels.size();
    }
  }

  private static void requireLabels(String column, List<String> labels) {
    if (column.isBlank()) {
      throw new IllegalArgumentException("the column of labels has no name; needed one");
    }
    if (labels.size() < 2) {
      throw new IllegalArgumentException(
          "column '"
              + column
              + "' has "
              + (labels.isEmpty()
                  ? "no label"
                  : "the label " + Table.quoted(labels.get(0)) + " only")
              + " in the training part; needed at least 2 labels, to tell apart");
    }
    Set<String> seen = new HashSet<>();
    for (String label : labels) {
      if (label.isEmpty() || !seen.add(label)) {
        throw new IllegalArgumentException(
            "the labels of column '"
                + column
                + "' hold "
                + (label.isEmpty() ? "an empty one" : Table.quoted(label) + " twice")
                + "; needed texts that differ");
      }
    }
  }
}
