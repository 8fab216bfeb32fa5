package dev.sequor.spark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.io.TrainedModel;
import dev.sequor.model.InputSpec;
import dev.sequor.model.Readout;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.serve.Predictor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.ml.Pipeline;
import org.apache.spark.ml.PipelineModel;
import org.apache.spark.ml.PipelineStage;
import org.apache.spark.ml.feature.SQLTransformer;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A model as a transformer of Spark ML. */
class SparkScorerTest {
  private static SparkSession spark;

  @BeforeAll
  static void open() {
    spark = Sessions.local(2);
  }

  /** What was borrowed goes with the session. */
  @AfterAll
  static void close() throws Exception {
    assertTrue(ExecutorCache.count(Predictor.class) > 0, "nothing was kept");
    spark.close();
    assertEquals(0, ExecutorCache.count(AutoCloseable.class));
    long until = System.nanoTime() + 10_000_000_000L;
    while (ours() > 0 && System.nanoTime() < until) {
      Thread.sleep(20);
    }
    assertEquals(0, ours(), "threads of the library are left");
  }

  private static long ours() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(each -> each.getName().startsWith("sequor"))
        .count();
  }

  static TrainedModel classifier(long seed) {
    SequenceModelSpec spec =
        SequenceModelSpec.builder(InputSpec.dense(1), 2)
            .hiddenSize(12)
            .readout(Readout.LAST_STEP)
            .build();
    return new TrainedModel(spec, null, FirstWeights.of(spec, seed));
  }

  private static float[] floats(List<Object> values) {
    float[] floats = new float[values.size()];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (Float) values.get(i);
    }
    return floats;
  }

  @Test
  void raggedRowsHaveThePredictorsBitsInTheirOrder() {
    List<Row> rows = Rows.drawn(700, 40, 1);
    TrainedModel model = classifier(2);
    TrainedModel other = classifier(3);
    SparkScorer scorer = new SparkScorer(model).setPredictionCol("prediction");
    List<Row> scored =
        new SparkScorer(other)
            .setOutputCol("others")
            .setMaxBatch(8)
            .transform(scorer.transform(Rows.frame(spark, rows).repartition(3)))
            .collectAsList();
    assertEquals(rows.size(), scored.size());
    boolean[] seen = new boolean[rows.size()];
    try (Predictor one = Predictor.builder(model).device(TaskPlace.host()).build();
        Predictor two = Predictor.builder(other).device(TaskPlace.host()).build()) {
      for (Row row : scored) {
        int id = (int) row.getLong(0);
        assertTrue(!seen[id], "row " + id + " is there twice");
        seen[id] = true;
        float[] values = Rows.values(rows.get(id));
        float[] expected = one.predict(values);
        assertArrayEquals(expected, floats(row.getList(3)), "row " + id);
        assertEquals(expected[1] > expected[0] ? 1.0 : 0.0, row.getDouble(4));
        assertArrayEquals(two.predict(values), floats(row.getList(5)), "row " + id);
      }
    }
  }

  @Test
  void tokensWithAnOutputForEachStep() {
    SequenceModelSpec spec =
        SequenceModelSpec.builder(InputSpec.embedding(5, 4), 3).hiddenSize(8).build();
    TrainedModel model = new TrainedModel(spec, null, FirstWeights.of(spec, 1));
    StructType schema =
        new StructType().add("tokens", DataTypes.createArrayType(DataTypes.LongType));
    List<Row> rows =
        List.of(
            RowFactory.create((Object) new Long[] {0L, 4L, 2L}),
            RowFactory.create((Object) new Long[] {1L}));
    List<Row> scored =
        new SparkScorer(model)
            .setInputCol("tokens")
            .transform(spark.createDataFrame(rows, schema).coalesce(1))
            .collectAsList();
    try (Predictor predictor = Predictor.builder(model).device(TaskPlace.host()).build()) {
      float[] expected = predictor.predict(0, 4, 2);
      List<Object> steps = scored.get(0).getList(1);
      assertEquals(3, steps.size());
      for (int t = 0; t < 3; t++) {
        for (int n = 0; n < 3; n++) {
          Object value = ((scala.collection.Seq<?>) steps.get(t)).apply(n);
          assertEquals(expected[3 * t + n], value);
        }
      }
      assertEquals(1, scored.get(1).getList(1).size());
    }
  }

  @Test
  void aPipelineIsStoredAndLoadedWithItsModel(@TempDir Path folder) throws Exception {
    SparkScorer scorer =
        new SparkScorer(classifier(4)).setInputCol("x").setPredictionCol("said").setMaxBatch(16);
    Pipeline pipeline =
        new Pipeline()
            .setStages(
                new PipelineStage[] {
                  new SQLTransformer().setStatement("SELECT id, `values` AS x FROM __THIS__"),
                  scorer
                });
    Dataset<Row> frame = Rows.frame(spark, Rows.drawn(50, 9, 5));
    PipelineModel fitted = pipeline.fit(frame);
    String stored = folder.resolve("pipeline").toUri().toString();
    fitted.write().overwrite().save(stored);
    PipelineModel loaded = PipelineModel.load(stored);
    assertEquals(fitted.transform(frame).collectAsList(), loaded.transform(frame).collectAsList());
    SparkScorer again = (SparkScorer) loaded.stages()[1];
    assertEquals(scorer.uid(), again.uid());
    assertEquals("16", again.$(again.maxBatch()));
  }

  @Test
  void rowsThatCannotBeReadAreNamed() {
    List<Row> rows = new ArrayList<>(Rows.drawn(20, 9, 6));
    rows.set(7, RowFactory.create(7L, null, 0));
    rows.set(8, RowFactory.create(8L, new Double[] {1.0, Double.NaN}, 0));
    Dataset<Row> frame = Rows.frame(spark, rows).coalesce(1);
    assertMessage(
        frame,
        new SparkScorer(classifier(1)),
        "row 7 of partition 0, column 'values': is null; needed an array");
    assertMessage(
        frame.filter("id > 7"),
        new SparkScorer(classifier(1)).setIdCol("id"),
        "row with id 8, column 'values': element 1 is NaN; needed a finite number");
    SparkScorer kept = new SparkScorer(classifier(1)).setHandleInvalid("keep");
    List<Row> all = kept.transform(frame).collectAsList();
    assertEquals(20, all.size());
    assertNull(all.get(7).get(3));
    assertEquals(
        18, new SparkScorer(classifier(1)).setHandleInvalid("skip").transform(frame).count());
  }

  private static void assertMessage(Dataset<Row> frame, SparkScorer scorer, String message) {
    assertEquals(message, RootCause.ofCollecting(scorer.transform(frame)).getMessage());
  }

  @Test
  void columnsThatDoNotFitAreRefusedAtOnce() {
    Dataset<Row> frame = Rows.frame(spark, Rows.drawn(5, 9, 6));
    SparkScorer scorer = new SparkScorer(classifier(1));
    assertRefused(
        () ->
            scorer.copy(new org.apache.spark.ml.param.ParamMap()).setInputCol("x").transform(frame),
        "the data has no column 'x'; it has id, values, class");
    assertRefused(
        () -> new SparkScorer(classifier(1)).setInputCol("id").transform(frame),
        "column 'id' is bigint; the model reads vectors of 1, which need array<float>,"
            + " array<double>, or arrays of these");
    assertRefused(
        () -> new SparkScorer(classifier(1)).setOutputCol("class").transform(frame),
        "the data has a column 'class' already; needed another name for it");
    assertRefused(
        () -> scorer.setHandleInvalid("drop"),
        "handleInvalid is 'drop'; needed error, skip or keep");
    assertRefused(
        () -> scorer.setMaxBatch(0), "maxBatch is 0; needed a whole number from 1 to 4096");
  }

  @Test
  void aModelOfALaterVersionNamesTheExecutorAndBothVersions() {
    byte[] model = ModelBytes.of(classifier(1));
    String text = new String(model, java.nio.charset.StandardCharsets.ISO_8859_1);
    String later = text.replace("version\\\" : 1", "version\\\" : 2");
    assertTrue(!later.equals(text), "the version was not found");
    byte[] bytes = later.getBytes(java.nio.charset.StandardCharsets.ISO_8859_1);
    ScoringTask task =
        new ScoringTask(
            SharedPredictor.of(spark.sparkContext(), bytes, "auto", 8),
            new InputColumn("values", false, 0, 1),
            1,
            -1,
            "error",
            0,
            false);
    Dataset<Row> scored =
        Rows.frame(spark, Rows.drawn(3, 3, 1))
            .mapPartitions(task, org.apache.spark.sql.Encoders.row(Rows.SCHEMA));
    Throwable cause = RootCause.ofCollecting(scored);
    assertEquals(
        "executor driver on 127.0.0.1: the model: has a model of version 2; this program reads"
            + " version 1",
        cause.getMessage());
  }

  private static void assertRefused(Runnable call, String message) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call::run).getMessage());
  }
}
