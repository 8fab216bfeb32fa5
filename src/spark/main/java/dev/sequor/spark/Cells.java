package dev.sequor.spark;

import java.util.Arrays;
import java.util.List;
import org.apache.spark.sql.types.ByteType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DoubleType;
import org.apache.spark.sql.types.FloatType;
import org.apache.spark.sql.types.IntegerType;
import org.apache.spark.sql.types.LongType;
import org.apache.spark.sql.types.ShortType;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Numbers in the cells of a data frame; what does not fit is refused by row, column and element.
 * What a cell is called is an object that says so, for names are made of refusals alone.
 */
final class Cells {
  private Cells() {}

  /** A step of a sequence, for messages: nothing is put together while all is well. */
  private record StepName(Object sequence, int step) {
    @Override
    public String toString() {
      return sequence + ", step " + step;
    }
  }

  /**
   * The type of a column.
   *
   * @throws IllegalArgumentException if there is none of this name; lists all
   */
  static DataType type(StructType schema, String column) {
    if (!Arrays.asList(schema.fieldNames()).contains(column)) {
      throw new IllegalArgumentException(
          "the data has no column '"
              + column
              + "'; it has "
              + String.join(", ", schema.fieldNames()));
    }
    return schema.apply(column).dataType();
  }

  static boolean isWhole(DataType type) {
    return type instanceof IntegerType
        || type instanceof LongType
        || type instanceof ShortType
        || type instanceof ByteType;
  }

  static boolean isReal(DataType type) {
    return type instanceof FloatType || type instanceof DoubleType;
  }

  static boolean isNumber(DataType type) {
    return isWhole(type) || isReal(type);
  }

  /** The elements of an array. */
  static List<?> list(Object what, @Nullable Object cell) {
    if (cell == null) {
      throw new IllegalArgumentException(what + ": is null; needed an array");
    }
    if (cell instanceof List<?> list) {
      return list;
    }
    if (cell instanceof scala.collection.Seq<?> seq) {
      return CollectionConverters.asJava(seq);
    }
    throw new IllegalArgumentException(
        what + ": is a " + cell.getClass().getSimpleName() + "; needed an array");
  }

  private static Number number(Object what, int i, @Nullable Object element) {
    if (element instanceof Number number) {
      return number;
    }
    throw new IllegalArgumentException(
        what + ": element " + i + " is " + element + "; needed a number");
  }

  static int whole(Object what, @Nullable Object cell) {
    if (cell instanceof Number number) {
      return toInt(what, -1, number);
    }
    throw new IllegalArgumentException(what + ": is " + cell + "; needed a number");
  }

  private static int toInt(Object what, int i, Number number) {
    long value = number.longValue();
    if (value < Integer.MIN_VALUE || value > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          what
              + ": "
              + (i < 0 ? "" : "element " + i + " ")
              + "is "
              + value
              + "; needed a number of 32 bits");
    }
    return (int) value;
  }

  static int[] ints(Object what, List<?> elements) {
    int[] values = new int[elements.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = toInt(what, i, number(what, i, elements.get(i)));
    }
    return values;
  }

  static float[] floats(Object what, List<?> elements) {
    float[] values = new float[elements.size()];
    copy(what, elements, values, 0);
    return values;
  }

  private static void copy(Object what, List<?> elements, float[] into, int offset) {
    for (int i = 0; i < elements.size(); i++) {
      Number number = number(what, i, elements.get(i));
      float value = number.floatValue();
      if (!Float.isFinite(value)) {
        throw new IllegalArgumentException(
            what
                + ": element "
                + i
                + " is "
                + number
                + "; needed a finite number"
                + (Double.isFinite(number.doubleValue()) ? " of float32" : ""));
      }
      into[offset + i] = value;
    }
  }

  /** Vectors of {@code width} as arrays, or one array of all their numbers; flat. */
  static float[] vectors(Object what, List<?> elements, int width) {
    int known = 0;
    while (known < elements.size() - 1 && elements.get(known) == null) {
      known++;
    }
    @Nullable Object first = elements.get(known);
    if (first == null) {
      throw new IllegalArgumentException(
          what + ": element 0 is null; needed a number or a vector of " + width);
    }
    if (!(first instanceof List<?> || first instanceof scala.collection.Seq<?>)) {
      if (elements.size() % width != 0) {
        throw new IllegalArgumentException(
            what
                + ": has "
                + elements.size()
                + " numbers; vectors of "
                + width
                + " need a multiple of that");
      }
      return floats(what, elements);
    }
    float[] values = new float[Math.multiplyExact(elements.size(), width)];
    for (int t = 0; t < elements.size(); t++) {
      Object where = new StepName(what, t);
      List<?> vector = list(where, elements.get(t));
      if (vector.size() != width) {
        throw new IllegalArgumentException(
            where + ": has " + vector.size() + " numbers; the model needs vectors of " + width);
      }
      copy(where, vector, values, t * width);
    }
    return values;
  }
}
