package dev.sequor.spark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.Clipping;
import dev.sequor.model.InputSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.Readout;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.serve.Predictor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An executor with two GPUs, of which Spark gives each task one. The GPUs are simulated. */
class GpuSchedulingTest {
  private static final SequenceModelSpec CLASSIFIER =
      SequenceModelSpec.builder(InputSpec.dense(1), 2)
          .hiddenSize(24)
          .readout(Readout.LAST_STEP)
          .build();

  /** In the executor's process: where its two tasks wait for each other. */
  private static final CyclicBarrier BOTH = new CyclicBarrier(2);

  @TempDir Path folder;

  @BeforeEach
  void needTheSimulator() {
    assumeTrue(
        Files.exists(Sessions.SIMULATOR.resolve("libcuda.so.1")), "the simulator is not built");
  }

  /** What a task has been given, and what it finds there, while another task does the same. */
  private record Place() implements FlatMapFunction<Iterator<Integer>, String> {
    @Override
    public Iterator<String> call(Iterator<Integer> partition) throws Exception {
      String given = TaskPlace.device(TaskPlace.AUTO);
      try (Backend backend = Devices.open(given)) {
        BOTH.await(2, TimeUnit.MINUTES);
        return List.of(given + " is " + backend.name()).iterator();
      }
    }
  }

  /** What the executor keeps of a type. */
  private record Kept(Class<? extends AutoCloseable> type)
      implements FlatMapFunction<Iterator<Integer>, Long> {
    @Override
    public Iterator<Long> call(Iterator<Integer> partition) {
      return List.of(ExecutorCache.count(type)).iterator();
    }
  }

  private static Set<String> places(SparkSession spark) {
    return new TreeSet<>(
        context(spark).parallelize(List.of(1, 2), 2).mapPartitions(new Place()).collect());
  }

  private static long kept(SparkSession spark, Class<? extends AutoCloseable> type) {
    return context(spark).parallelize(List.of(1), 1).mapPartitions(new Kept(type)).first();
  }

  private static JavaSparkContext context(SparkSession spark) {
    return JavaSparkContext.fromSparkContext(spark.sparkContext());
  }

  private static TrainedModel model() {
    return new TrainedModel(CLASSIFIER, null, FirstWeights.of(CLASSIFIER, 6));
  }

  private static float[] trained(SparkSession spark, String device) throws Exception {
    return GradientAveragingTest.flat(
        SparkTrainer.builder(spark, CLASSIFIER, Optimizer.adam(1e-2f))
            .clipping(Clipping.byGlobalNorm(1))
            .seed(4)
            .device(device)
            .workers(4)
            .batchSize(24)
            .localSteps(2)
            .steps(8)
            .build()
            .train(TrainingData.rows(Rows.frame(spark, Rows.drawn(96, 20, 8)), "values", "class"))
            .parameters());
  }

  private static void assertScored(SparkSession spark, String host, float bar) {
    List<Row> rows = Rows.drawn(400, 30, 2);
    List<Row> scored =
        new SparkScorer(model())
            .setMaxBatch(16)
            .transform(Rows.frame(spark, rows).repartition(6))
            .collectAsList();
    assertEquals(rows.size(), scored.size());
    try (Predictor predictor = Predictor.builder(model()).device(host).build()) {
      for (Row row : scored) {
        int id = (int) row.getLong(0);
        float[] expected = predictor.predict(Rows.values(rows.get(id)));
        float[] outputs = new float[2];
        for (int i = 0; i < outputs.length; i++) {
          outputs[i] = (Float) row.getList(3).get(i);
        }
        assertArrayEquals(expected, outputs, bar, "row " + id);
      }
    }
  }

  @Test
  void tasksSideBySideComputeOnDifferentGpus() throws Exception {
    try (SparkSession spark = Sessions.clusterWithGpus(2, folder)) {
      assertEquals(
          Set.of("cuda:0 is cuda:0 Sequor simulator", "cuda:1 is cuda:1 Sequor simulator"),
          places(spark));

      assertScored(spark, "java", 1e-5f);
      assertEquals(2, kept(spark, Predictor.class), "predictors, one for each GPU");

      float[] gpus = trained(spark, "auto");
      assertEquals(2, kept(spark, Replica.class), "replicas, one for each GPU");
      float[] java = trained(spark, "java");
      assertArrayEquals(java, gpus, 1e-4f);
      assertFalse(Arrays.equals(java, gpus), "the host has computed it");
      assertFalse(Arrays.equals(trained(spark, "cpu"), gpus), "the host has computed it");
    }
  }

  /** The GPUs are there, and whoever names one has it; nobody takes one unasked. */
  @Test
  void withoutGpusFromSparkTasksComputeOnTheHost() throws Exception {
    String host = TaskPlace.host();
    try (SparkSession spark = Sessions.clusterWithGpus(0, folder)) {
      Set<String> places = places(spark);
      assertEquals(1, places.size(), places::toString);
      assertTrue(
          places.iterator().next().startsWith(host + " is " + host + " ("), places::toString);

      assertScored(spark, host, 0);
      assertEquals(1, kept(spark, Predictor.class), "predictors, one for the host");
      float[] unnamed = trained(spark, "auto");
      assertArrayEquals(trained(spark, host), unnamed);
      assertFalse(Arrays.equals(trained(spark, "cuda:1"), unnamed), "there is no GPU");
    }
  }
}
