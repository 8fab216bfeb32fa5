package dev.sequor.spark;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** Sequences of any lengths: whether most numbers of each are more than 0. */
final class Rows {
  static final StructType SCHEMA =
      new StructType()
          .add("id", DataTypes.LongType)
          .add("values", DataTypes.createArrayType(DataTypes.DoubleType))
          .add("class", DataTypes.IntegerType);

  private Rows() {}

  static List<Row> drawn(int count, int longest, long seed) {
    Random random = new Random(seed);
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Double[] values = new Double[1 + random.nextInt(longest)];
      int above = 0;
      for (int t = 0; t < values.length; t++) {
        values[t] = (double) (float) random.nextGaussian();
        above += values[t] > 0 ? 1 : -1;
      }
      rows.add(RowFactory.create((long) i, values, above > 0 ? 1 : 0));
    }
    return rows;
  }

  static Dataset<Row> frame(SparkSession spark, List<Row> rows) {
    return spark.createDataFrame(rows, SCHEMA);
  }

  /** So many sequences of {@code steps} numbers each, which executors make. */
  static Dataset<Row> waves(SparkSession spark, int count, int steps) {
    return spark
        .range(0, count, 1, 8)
        .withColumn(
            "values",
            functions.transform(
                functions.sequence(functions.lit(1), functions.lit(steps)),
                t -> functions.sin(t.multiply(functions.col("id")).divide(1000))));
  }

  /** The numbers of a row. */
  static float[] values(Row row) {
    Double[] values = (Double[]) row.get(1);
    float[] floats = new float[values.length];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = values[i].floatValue();
    }
    return floats;
  }
}
