package dev.sequor.spark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.io.TrainedModel;
import dev.sequor.model.InputSpec;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.serve.Predictor;
import dev.sequor.serve.Session;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.api.java.function.VoidFunction2;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Streams of many keys, whose states Spark keeps from batch to batch. */
class StreamScorerTest {
  private static final List<Row> SCORED = new ArrayList<>();

  @TempDir Path folder;

  @Test
  void eachKeyGoesOnFromBatchToBatchAndAfterAStop() throws Exception {
    SequenceModelSpec spec = SequenceModelSpec.builder(InputSpec.dense(1), 2).hiddenSize(8).build();
    TrainedModel model = new TrainedModel(spec, null, FirstWeights.of(spec, 3));
    try (SparkSession spark = Sessions.local(2)) {
      Dataset<Row> stream =
          spark
              .readStream()
              .format("rate-micro-batch")
              .option("rowsPerBatch", "40")
              .option("numPartitions", "2")
              .load()
              .withColumn("key", functions.expr("value % 7"))
              .withColumn("values", functions.expr("array(sin(value))"));
      Dataset<Row> scored = new StreamScorer(model).transform(stream, "key", "value", "values");
      SCORED.clear();
      for (int start = 0; start < 2; start++) {
        int before = SCORED.size();
        StreamingQuery query =
            scored
                .writeStream()
                .option("checkpointLocation", folder.resolve("query").toUri().toString())
                .foreachBatch(
                    (VoidFunction2<Dataset<Row>, Long>)
                        (batch, number) -> SCORED.addAll(batch.collectAsList()))
                .start();
        long until = System.nanoTime() + 60_000_000_000L;
        while (SCORED.size() < before + (start == 0 ? 80 : 40) && System.nanoTime() < until) {
          if (query.exception().isDefined()) {
            throw query.exception().get();
          }
          Thread.sleep(20);
        }
        query.stop();
      }
      Map<String, List<Row>> byKey = new TreeMap<>();
      SCORED.forEach(
          row -> byKey.computeIfAbsent(row.getString(0), k -> new ArrayList<>()).add(row));
      assertEquals(7, byKey.size());
      assertTrue(SCORED.size() >= 120, SCORED.size() + " rows");
      try (Predictor predictor = Predictor.builder(model).device(TaskPlace.host()).build()) {
        for (List<Row> rows : byKey.values()) {
          rows.sort(Comparator.comparing(row -> row.getLong(1)));
          Session session = predictor.newSession();
          long expected = Long.parseLong(rows.get(0).getString(0));
          long last = -1;
          for (Row row : rows) {
            if (row.getLong(1) == last) {
              continue; // A batch that was stopped in the middle is done again, with the same bits.
            }
            last = row.getLong(1);
            assertEquals(expected, last, "a step of the stream is missing");
            expected += 7;
            float[] outputs = session.next((float) Math.sin((double) last));
            List<Object> own = row.getList(2);
            assertArrayEquals(new Object[] {outputs[0], outputs[1]}, own.toArray(), "step " + last);
          }
        }
      }
    }
    SequenceModelSpec whole =
        SequenceModelSpec.builder(InputSpec.dense(1), 2).hiddenSize(4).bidirectional(true).build();
    TrainedModel needsAll = new TrainedModel(whole, null, FirstWeights.of(whole, 3));
    assertThrows(IllegalArgumentException.class, () -> new StreamScorer(needsAll));
  }
}
