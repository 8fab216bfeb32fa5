package dev.sequor.spark;

import dev.sequor.data.Sequence;
import dev.sequor.data.Values;
import dev.sequor.spark.SequenceColumns.TargetKind;
import java.io.Serializable;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A row to learn from: a {@link Sequence} that can be kept and sent by Spark.
 *
 * @param index of the row
 * @param tokens of its steps, or null
 * @param vectors of its steps, or null
 * @param steps how many
 * @param kind of its target
 * @param labels the target, or null
 * @param numbers the target, or null
 */
@SuppressWarnings("ArrayRecordComponent") // Handed over, not copied.
record RowSequence(
    long index,
    int @Nullable [] tokens,
    float @Nullable [] vectors,
    int steps,
    TargetKind kind,
    int @Nullable [] labels,
    float @Nullable [] numbers)
    implements Serializable {

  static RowSequence of(
      long index,
      Values inputs,
      int steps,
      TargetKind kind,
      int @Nullable [] labels,
      float @Nullable [] numbers) {
    return new RowSequence(
        index,
        inputs instanceof Values.Tokens tokens ? tokens.ids() : null,
        inputs instanceof Values.Reals reals ? reals.values() : null,
        steps,
        kind,
        labels,
        numbers);
  }

  Sequence sequence() {
    Values inputs =
        tokens != null
            ? new Values.Tokens(tokens)
            : new Values.Reals(Objects.requireNonNull(vectors));
    Sequence.Target target =
        switch (kind) {
          case CLASS -> new Sequence.OfWhole(Objects.requireNonNull(labels)[0]);
          case CLASSES -> new Sequence.OfSteps(Objects.requireNonNull(labels));
          case LABELS -> new Sequence.Unaligned(Objects.requireNonNull(labels));
          case VALUES -> new Sequence.ValuesOfWhole(Objects.requireNonNull(numbers));
          case VALUES_OF_STEPS -> new Sequence.ValuesOfSteps(Objects.requireNonNull(numbers));
        };
    return new Sequence(inputs, steps, target);
  }

  /** Of all of it; the same for the same row. */
  long hash() {
    long hash = index;
    hash = 31 * hash + Arrays.hashCode(tokens);
    hash = 31 * hash + Arrays.hashCode(vectors);
    hash = 31 * hash + Arrays.hashCode(labels);
    return 31 * hash + Arrays.hashCode(numbers);
  }
}
