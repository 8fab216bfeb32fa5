package dev.sequor.spark;

import dev.sequor.backend.CtcShape;
import dev.sequor.backend.Loss;
import dev.sequor.model.ModelSpec;
import dev.sequor.module.ValueShape;
import java.io.Serializable;
import java.util.List;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;

/**
 * The columns of a data frame that a model learns from. What a target's numbers are follows from
 * its type and the model: a whole number is the class of a sequence, an array of them the class of
 * each step (with a loss without alignment: labels in their order); a real number or an array of
 * them is what a model of one output a sequence shall say, or what one of an output a step shall
 * say step by step.
 *
 * @param input the sequences
 * @param target the column of the targets
 * @param kind of these
 * @param outputs of the model
 * @param blank the class that no label is; negative for none
 * @param skipsUnalignable whether labels may need more steps than there are
 */
record SequenceColumns(
    InputColumn input,
    String target,
    TargetKind kind,
    int outputs,
    int blank,
    boolean skipsUnalignable)
    implements Serializable {

  /** What a target is. */
  enum TargetKind {
    CLASS,
    CLASSES,
    LABELS,
    VALUES,
    VALUES_OF_STEPS
  }

  /**
   * Columns of a data frame for a model.
   *
   * @throws IllegalArgumentException naming the column, its type and what was needed
   */
  static SequenceColumns of(String input, String target, StructType schema, ModelSpec model) {
    InputColumn inputs = InputColumn.of(input, model);
    inputs.requireIn(schema);
    DataType type = Cells.type(schema, target);
    DataType element = type instanceof ArrayType array ? array.elementType() : type;
    boolean each = model.outputShape() instanceof ValueShape.Sequence;
    boolean array = type instanceof ArrayType;
    boolean fits;
    TargetKind kind;
    String needed;
    if (model.loss().function().takesClasses()) {
      kind = each ? TargetKind.CLASSES : TargetKind.CLASS;
      fits = Cells.isWhole(element) && array == each;
      needed = each ? "array<int> or array<bigint>" : "int or bigint";
    } else if (model.loss() instanceof Loss.Ctc) {
      kind = TargetKind.LABELS;
      fits = Cells.isWhole(element) && array;
      needed = "array<int> or array<bigint>";
    } else {
      kind = each ? TargetKind.VALUES_OF_STEPS : TargetKind.VALUES;
      fits =
          (Cells.isNumber(element) && (array || !each))
              || (element instanceof ArrayType inner && Cells.isNumber(inner.elementType()));
      needed = (each ? "" : "float, double, ") + "array<float> or array<double>";
    }
    if (!fits) {
      throw new IllegalArgumentException(
          "column '"
              + target
              + "' is "
              + type.catalogString()
              + "; the model has "
              + (each ? "an output for each step" : "one output a sequence")
              + " and learns by "
              + model.loss().function()
              + ", which needs "
              + needed);
    }
    return new SequenceColumns(
        inputs,
        target,
        kind,
        model.outputShape().width(),
        model.loss() instanceof Loss.Ctc ctc ? ctc.blank() : -1,
        model.loss() instanceof Loss.Ctc ctc && ctc.skipsUnalignable());
  }

  /**
   * What is in a row that has these two columns and no others.
   *
   * @throws IllegalArgumentException naming row, column, and what does not fit
   */
  RowSequence read(long index, Row row) {
    String name = "row " + index;
    InputColumn.Steps steps = input.read(name, row.get(0));
    String what = name + ", column '" + target + "'";
    @Nullable Object cell = row.get(1);
    int @Nullable [] labels = null;
    float @Nullable [] numbers = null;
    switch (kind) {
      case CLASS -> {
        labels = new int[] {Cells.whole(what, cell)};
        if (labels[0] >= outputs) {
          throw noClass(what, labels[0]);
        }
      }
      case CLASSES -> {
        labels = Cells.ints(what, Cells.list(what, cell));
        for (int t = 0; t < labels.length; t++) {
          if (labels[t] >= outputs) {
            throw noClass(what + ", step " + t, labels[t]);
          }
        }
        requireCount(what, labels.length, steps.count(), "one for each step");
      }
      case LABELS -> {
        labels = Cells.ints(what, Cells.list(what, cell));
        requireLabels(what, labels, steps.count());
      }
      case VALUES -> {
        numbers = numbers(what, cell, outputs, false);
        requireCount(what, numbers.length, outputs, "one for each output");
      }
      case VALUES_OF_STEPS -> {
        numbers = numbers(what, cell, outputs, true);
        requireCount(what, numbers.length, steps.count() * outputs, "all outputs of each step");
      }
    }
    return RowSequence.of(index, steps.values(), steps.count(), kind, labels, numbers);
  }

  private IllegalArgumentException noClass(String what, int label) {
    return new IllegalArgumentException(
        what
            + ": has class "
            + label
            + "; needed 0 to "
            + (outputs - 1)
            + ", or a negative number for none");
  }

  private void requireLabels(String what, int[] labels, int steps) {
    for (int i = 0; i < labels.length; i++) {
      if (labels[i] < 0 || labels[i] >= outputs || labels[i] == blank) {
        throw new IllegalArgumentException(
            what
                + ": element "
                + i
                + " is "
                + labels[i]
                + "; needed 0 to "
                + (outputs - 1)
                + " without the blank "
                + blank);
      }
    }
    int needed = CtcShape.stepsNeeded(labels, 1, 0, labels.length);
    if (needed > steps && !skipsUnalignable) {
      throw new IllegalArgumentException(
          what
              + ": has "
              + labels.length
              + " labels for "
              + steps
              + " steps; needed at least "
              + needed
              + " steps, one for each label and one between equal ones");
    }
  }

  private static float[] numbers(String what, @Nullable Object cell, int width, boolean ofSteps) {
    if (cell == null) {
      String vector = width == 1 ? "a number" : width + " numbers";
      throw new IllegalArgumentException(
          what + ": is null; needed " + vector + (ofSteps ? " for each step" : ""));
    }
    if (cell instanceof Number) {
      return Cells.floats(what, List.of(cell));
    }
    List<?> elements = Cells.list(what, cell);
    return elements.isEmpty() ? new float[0] : Cells.vectors(what, elements, width);
  }

  private static void requireCount(String what, int given, int needed, String why) {
    if (given != needed) {
      throw new IllegalArgumentException(
          what + ": has " + given + " numbers; needed " + needed + ", " + why);
    }
  }
}
