package dev.sequor.spark;

import dev.sequor.data.Values;
import dev.sequor.model.ModelSpec;
import dev.sequor.module.Network;
import dev.sequor.module.ValueShape;
import java.io.Serializable;
import java.util.List;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;

/**
 * The column with the sequences that a model reads, of any lengths: tokens, or vectors as arrays of
 * arrays, or as one array of all their numbers.
 *
 * @param name of the column
 * @param tokens whether the model reads tokens
 * @param vocabularySize how many tokens there are
 * @param width numbers of a vector; 1 for tokens
 */
record InputColumn(String name, boolean tokens, int vocabularySize, int width)
    implements Serializable {

  /** A cell, for messages: nothing is put together while all is well. */
  private record CellName(Object row, String column) {
    @Override
    public String toString() {
      return row + ", column '" + column + "'";
    }
  }

  /** A sequence and its steps. */
  record Steps(Values values, int count) {}

  /**
   * What {@code model} reads from column {@code name}.
   *
   * @throws IllegalArgumentException if the model has several inputs, or one without steps
   */
  static InputColumn of(String name, ModelSpec model) {
    List<Network.Input> inputs = model.network().inputs();
    if (inputs.size() != 1) {
      throw new IllegalArgumentException(
          "the model has the inputs "
              + inputs.stream().map(Network.Input::name).toList()
              + "; a column can be given to a model of one input only");
    }
    ValueShape shape = inputs.get(0).shape();
    if (shape instanceof ValueShape.Tokens ids) {
      return new InputColumn(name, true, ids.vocabularySize(), 1);
    }
    if (shape instanceof ValueShape.Sequence vectors) {
      return new InputColumn(name, false, 0, vectors.width());
    }
    throw new IllegalArgumentException("the model's input is " + shape + "; needed sequences");
  }

  /**
   * Refuses a data frame that has no such column.
   *
   * @throws IllegalArgumentException naming the column, its type and what was needed
   */
  void requireIn(StructType schema) {
    DataType type = Cells.type(schema, name);
    boolean fits =
        type instanceof ArrayType array
            && (tokens
                ? Cells.isWhole(array.elementType())
                : Cells.isNumber(array.elementType())
                    || (array.elementType() instanceof ArrayType inner
                        && Cells.isNumber(inner.elementType())));
    if (!fits) {
      throw new IllegalArgumentException(
          "column '"
              + name
              + "' is "
              + type.catalogString()
              + "; the model reads "
              + (tokens
                  ? "tokens, which need array<int> or array<bigint>"
                  : "vectors of "
                      + width
                      + ", which need array<float>, array<double>, or arrays of these"));
    }
  }

  /**
   * The sequence in a cell.
   *
   * @param row which, for messages: what its {@code toString} says
   * @throws IllegalArgumentException naming row, column, and what does not fit
   */
  Steps read(Object row, @Nullable Object cell) {
    Object what = new CellName(row, name);
    List<?> elements = Cells.list(what, cell);
    if (elements.isEmpty()) {
      throw new IllegalArgumentException(what + ": has no steps; needed at least 1");
    }
    if (tokens) {
      int[] ids = Cells.ints(what, elements);
      for (int t = 0; t < ids.length; t++) {
        if (ids[t] < 0 || ids[t] >= vocabularySize) {
          throw new IllegalArgumentException(
              what + ": element " + t + " is " + ids[t] + "; needed 0 to " + (vocabularySize - 1));
        }
      }
      return new Steps(new Values.Tokens(ids), ids.length);
    }
    float[] values = Cells.vectors(what, elements, width);
    return new Steps(new Values.Reals(values), values.length / width);
  }

  /** The type of a column that holds vectors. */
  static DataType vectorType() {
    return DataTypes.createArrayType(DataTypes.FloatType, false);
  }
}
