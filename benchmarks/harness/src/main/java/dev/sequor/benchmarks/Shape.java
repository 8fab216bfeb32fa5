package dev.sequor.benchmarks;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.Arrays;
import java.util.Locale;

/**
 * The sizes of what is timed; the input is as wide as the hidden state. What is as in one layer of
 * one direction with sequences of one length is not written to JSON, so that builds from before
 * there was anything else can be told cases, too.
 *
 * @param timeSteps {@code T}
 * @param batchSize {@code B}
 * @param hiddenSize {@code H}, and {@code I}
 * @param layers {@code L}
 * @param directions {@code D}, 1 or 2
 * @param ragged whether the lengths of the sequences differ, see {@link #lengths()}
 */
public record Shape(
    int timeSteps,
    int batchSize,
    int hiddenSize,
    @JsonInclude(value = JsonInclude.Include.CUSTOM, valueFilter = One.class) int layers,
    @JsonInclude(value = JsonInclude.Include.CUSTOM, valueFilter = One.class) int directions,
    @JsonInclude(JsonInclude.Include.NON_DEFAULT) boolean ragged) {

  /** So that a tensor fits a Java array and a direct buffer. */
  private static final long MOST_ELEMENTS = Integer.MAX_VALUE / 8;

  private static final String NEEDED =
      "T,B,H and perhaps L2 (layers), D2 (both directions), ragged (lengths that differ),"
          + " for example 128,32,256,L2,D2";

  /** What of a shape differs from a layer alone: runs may be of one group only. */
  public enum Group {
    /** One layer, one direction, sequences of one length. */
    LAYERS("single layers"),
    /** More layers, or both directions. */
    WHOLES("more layers or directions"),
    /** Lengths that differ. */
    RAGGED("ragged lengths");

    private final String words;

    Group(String words) {
      this.words = words;
    }

    /** The group in words. */
    public String words() {
      return words;
    }
  }

  /** What Jackson compares a value with that it is to leave out. */
  private static final class One {
    @Override
    public boolean equals(Object value) {
      return value instanceof Integer number && number == 1;
    }

    @Override
    public int hashCode() {
      return 1;
    }
  }

  /** Absent from JSON, layers and directions are 0. */
  public Shape {
    layers = layers == 0 ? 1 : layers;
    directions = directions == 0 ? 1 : directions;
    if (timeSteps < 1 || batchSize < 1 || hiddenSize < 1 || layers < 1) {
      throw new IllegalArgumentException(
          "shape has T="
              + timeSteps
              + ", B="
              + batchSize
              + ", H="
              + hiddenSize
              + ", L="
              + layers
              + "; needed at least 1 each");
    }
    if (directions > 2 || directions < 1) {
      throw new IllegalArgumentException("shape has D=" + directions + "; needed 1 or 2");
    }
    double sequence = (double) timeSteps * batchSize * directions * hiddenSize;
    double weights = 4.0 * hiddenSize * directions * hiddenSize;
    if (Math.max(sequence, weights) > MOST_ELEMENTS) {
      throw new IllegalArgumentException(
          "shape has T="
              + timeSteps
              + ", B="
              + batchSize
              + ", H="
              + hiddenSize
              + "; the elements of a tensor needed to be at most "
              + MOST_ELEMENTS);
    }
  }

  /** One layer, one direction, sequences of {@code timeSteps}. */
  public Shape(int timeSteps, int batchSize, int hiddenSize) {
    this(timeSteps, batchSize, hiddenSize, 1, 1, false);
  }

  /**
   * The inverse of {@link #toString()}.
   *
   * @throws IllegalArgumentException if {@code text} is not a shape; the message says what is
   *     needed
   */
  public static Shape parse(String text) {
    String[] words = text.strip().toLowerCase(Locale.ROOT).split("\\s*,\\s*", -1);
    int layers = 1;
    int directions = 1;
    boolean ragged = false;
    try {
      for (String word : Arrays.asList(words).subList(Math.min(3, words.length), words.length)) {
        if (word.startsWith("l")) {
          layers = Integer.parseInt(word.substring(1));
        } else if (word.startsWith("d")) {
          directions = Integer.parseInt(word.substring(1));
        } else if (word.equals("ragged")) {
          ragged = true;
        } else {
          throw new IllegalArgumentException("'" + text + "' is no shape; needed " + NEEDED);
        }
      }
      return new Shape(
          Integer.parseInt(words[0]),
          Integer.parseInt(words[1]),
          Integer.parseInt(words[2]),
          least(layers),
          least(directions),
          ragged);
    } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
      throw new IllegalArgumentException("'" + text + "' is no shape; needed " + NEEDED, e);
    }
  }

  /** A 0 that somebody wrote is no absent value. */
  private static int least(int count) {
    return count == 0 ? -1 : count;
  }

  /** Which group this is of. */
  @JsonIgnore
  public Group group() {
    if (ragged) {
      return Group.RAGGED;
    }
    return layers == 1 && directions == 1 ? Group.LAYERS : Group.WHOLES;
  }

  /** The width of what a layer reads: {@code I}, above the first {@code D·H}. */
  public int inputSize(int layer) {
    return layer == 0 ? hiddenSize : directions * hiddenSize;
  }

  /** Elements of {@code x [T,B,I]}. */
  @JsonIgnore
  public int inputElements() {
    return timeSteps * batchSize * hiddenSize;
  }

  /** Elements of {@code y [T,B,D·H]}. */
  @JsonIgnore
  public int outputElements() {
    return directions * inputElements();
  }

  /**
   * The length of each sequence {@code [B]}: {@code T}, or if they are ragged drawn from 1…T, each
   * as likely, the same in every run and in no order; the first of the longest has {@code T}.
   */
  @JsonIgnore
  public int[] lengths() {
    int[] lengths = new int[batchSize];
    Arrays.fill(lengths, timeSteps);
    if (!ragged) {
      return lengths;
    }
    int longest = 0;
    for (int b = 0; b < batchSize; b++) {
      lengths[b] = 1 + (int) Long.remainderUnsigned(Problem.mix(b), timeSteps);
      longest = lengths[b] > lengths[longest] ? b : longest;
    }
    lengths[longest] = timeSteps;
    return lengths;
  }

  /** Time steps of all sequences together: {@code T·B} where no length differs. */
  @JsonIgnore
  public long rows() {
    return Arrays.stream(lengths()).asLongStream().sum();
  }

  /** How many sequences have a step {@code t}, for each {@code t} of {@code T}. */
  @JsonIgnore
  int[] rowsOfSteps() {
    int[] rows = new int[timeSteps];
    for (int length : lengths()) {
      for (int t = 0; t < length; t++) {
        rows[t]++;
      }
    }
    return rows;
  }

  /** {@code T,B,H} and whatever else differs from a layer alone, as options and tables write it. */
  @Override
  public String toString() {
    return timeSteps
        + ","
        + batchSize
        + ","
        + hiddenSize
        + (layers == 1 ? "" : ",L" + layers)
        + (directions == 1 ? "" : ",D" + directions)
        + (ragged ? ",ragged" : "");
  }
}
