package dev.sequor.spark;

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
 */
record SequenceColumns(InputColumn input, String target, TargetKind kind, int outputs)
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
    @Nullable TargetKind kind = null;
    if (model.loss().function().takesClasses() && Cells.isWhole(element)) {
      if (type instanceof ArrayType) {
        kind = each ? TargetKind.CLASSES : null;
      } else {
        kind = each ? null : TargetKind.CLASS;
      }
    } else if (model.loss().function() == dev.sequor.backend.LossFunction.CTC) {
      kind = type instanceof ArrayType && Cells.isWhole(element) ? TargetKind.LABELS : null;
    } else if (Cells.isNumber(element)
        || (element instanceof ArrayType inner && Cells.isNumber(inner.elementType()))) {
      kind = each ? TargetKind.VALUES_OF_STEPS : TargetKind.VALUES;
      if (each && !(type instanceof ArrayType)) {
        kind = null;
      }
    }
    if (kind == null) {
      throw new IllegalArgumentException(
          "column '"
              + target
              + "' is "
              + type.catalogString()
              + "; the model has "
              + (each ? "an output for each step" : "one output a sequence")
              + " and learns by "
              + model.loss().function());
    }
    return new SequenceColumns(inputs, target, kind, model.outputShape().width());
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
      case CLASS -> labels = new int[] {classOf(what, Cells.whole(what, cell))};
      case CLASSES -> {
        labels = Cells.ints(what, Cells.list(what, cell));
        for (int label : labels) {
          classOf(what, label);
        }
        requireCount(what, labels.length, steps.count(), "one for each step");
      }
      case LABELS -> labels = Cells.ints(what, Cells.list(what, cell));
      case VALUES -> {
        numbers = numbers(what, cell, outputs);
        requireCount(what, numbers.length, outputs, "one for each output");
      }
      case VALUES_OF_STEPS -> {
        numbers = numbers(what, cell, outputs);
        requireCount(what, numbers.length, steps.count() * outputs, "all outputs of each step");
      }
    }
    return RowSequence.of(index, steps.values(), steps.count(), kind, labels, numbers);
  }

  private int classOf(String what, int label) {
    if (label >= outputs) {
      throw new IllegalArgumentException(
          what
              + ": has class "
              + label
              + "; needed 0 to "
              + (outputs - 1)
              + ", or a negative number for none");
    }
    return label;
  }

  private static float[] numbers(String what, @Nullable Object cell, int width) {
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
