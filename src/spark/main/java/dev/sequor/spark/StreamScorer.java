package dev.sequor.spark;

import dev.sequor.backend.Required;
import dev.sequor.data.Values;
import dev.sequor.io.TrainedModel;
import dev.sequor.module.ValueShape;
import dev.sequor.serve.Predictor;
import dev.sequor.serve.Session;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.function.FlatMapGroupsWithStateFunction;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.streaming.GroupState;
import org.apache.spark.sql.streaming.GroupStateTimeout;
import org.apache.spark.sql.streaming.OutputMode;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;

/**
 * Runs a model along the streams of many keys, in Structured Streaming: a row has the next steps of
 * one key, and gets the outputs after the last of them. The state of each key (that of a {@link
 * Session}) is Spark's to keep, so that a query that is started again from its checkpoint goes on
 * where it was. Rows of a key that come in one micro-batch are taken in the order of a column; one
 * that comes in a later batch continues, whatever that column says.
 *
 * <pre>{@code
 * Dataset<Row> scored =
 *     new StreamScorer(model).transform(spark.readStream()..., "device", "timestamp", "values");
 * }</pre>
 */
public final class StreamScorer {
  private static final int MAX_BATCH = 64;

  private final TrainedModel model;
  private final String device;

  /**
   * A scorer on the GPU that Spark gives tasks, or the host.
   *
   * @throws IllegalArgumentException if the model carries no state from step to step
   */
  public StreamScorer(TrainedModel model) {
    this(model, TaskPlace.AUTO);
  }

  /**
   * The same on a device, see {@link SparkScorer#setDevice}.
   *
   * @throws IllegalArgumentException if the model carries no state from step to step
   */
  public StreamScorer(TrainedModel model, String device) {
    this.model = Required.present("model", model);
    this.device = Required.present("device", device);
    if (!model.model().carriesState()) {
      throw new IllegalArgumentException(
          "this model carries no state from one part of a sequence to the next, so it needs whole"
              + " sequences");
    }
  }

  /**
   * The columns {@code key}, {@code order} and {@code outputs array<float>} of each row.
   *
   * @param rows of a stream, or of a table
   * @param key the column that says whose row it is
   * @param order the column that the rows of a key follow each other by
   * @param input the column with the next steps, as for {@link SparkScorer}
   * @throws IllegalArgumentException if a column is missing, or of a type that does not do
   */
  public Dataset<Row> transform(Dataset<Row> rows, String key, String order, String input) {
    InputColumn column = InputColumn.of(input, model.model());
    column.requireIn(rows.schema());
    Cells.type(rows.schema(), key);
    DataType ordered = Cells.type(rows.schema(), order);
    StructType after =
        new StructType()
            .add(key, DataTypes.StringType)
            .add(order, ordered)
            .add("outputs", InputColumn.vectorType());
    return rows.select(
            functions.col(key).cast(DataTypes.StringType), functions.col(order), rows.col(input))
        .groupByKey(new KeyOf(), Encoders.STRING())
        .flatMapGroupsWithState(
            new NextSteps(
                SharedPredictor.of(
                    rows.sparkSession().sparkContext(), ModelBytes.of(model), device, MAX_BATCH),
                column,
                model.model().outputShape() instanceof ValueShape.Sequence shape
                    ? shape.width()
                    : 0),
            OutputMode.Append(),
            Encoders.BINARY(),
            Encoders.row(after),
            GroupStateTimeout.NoTimeout());
  }

  private record KeyOf() implements MapFunction<Row, String> {
    @Override
    public String call(Row row) {
      if (row.isNullAt(0)) {
        throw new IllegalArgumentException("a row has no key; needed one");
      }
      return row.getString(0);
    }
  }

  /**
   * The rows of a key in one micro-batch.
   *
   * @param predictor of the model
   * @param input the column with the steps
   * @param stepWidth outputs of a step; 0 if the model has one output a sequence
   */
  private record NextSteps(SharedPredictor predictor, InputColumn input, int stepWidth)
      implements FlatMapGroupsWithStateFunction<String, Row, byte[], Row> {
    @Override
    public Iterator<Row> call(String key, Iterator<Row> rows, GroupState<byte[]> state)
        throws Exception {
      List<Row> ordered = new ArrayList<>();
      rows.forEachRemaining(ordered::add);
      ordered.sort(Comparator.comparing(NextSteps::place));
      try (ExecutorCache.Loan<Predictor> loan = predictor.borrow()) {
        Session session =
            state.exists() ? loan.get().newSession(floats(state.get())) : loan.get().newSession();
        List<Row> scored = new ArrayList<>();
        for (Row row : ordered) {
          Values steps = input.read("key '" + key + "'", row.get(2)).values();
          float[] outputs =
              steps instanceof Values.Tokens tokens
                  ? session.next(tokens.ids())
                  : session.next(((Values.Reals) steps).values());
          int from = stepWidth > 0 ? outputs.length - stepWidth : 0;
          Float[] last = new Float[outputs.length - from];
          Arrays.setAll(last, i -> outputs[from + i]);
          scored.add(RowFactory.create(key, row.get(1), last));
        }
        float @Nullable [] now = session.state();
        if (now != null) {
          state.update(bytes(now));
        }
        return scored.iterator();
      }
    }

    @SuppressWarnings("unchecked") // Whatever Spark orders by is comparable.
    private static Comparable<Object> place(Row row) {
      if (row.get(1) instanceof Comparable<?> place) {
        return (Comparable<Object>) place;
      }
      throw new IllegalArgumentException(
          "the order of a row is " + row.get(1) + "; needed a number or a time");
    }

    private static byte[] bytes(float[] values) {
      ByteBuffer bytes =
          ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
      bytes.asFloatBuffer().put(values);
      return bytes.array();
    }

    private static float[] floats(byte[] bytes) {
      float[] values = new float[bytes.length / Float.BYTES];
      ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
      return values;
    }
  }
}
