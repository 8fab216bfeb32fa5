package dev.sequor.spark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;

/** Whichever worker ends first, and wherever it ran, the sum has the same bits. */
class PartialSumTest {
  private static ShareResult result(int worker, int elements) {
    Random random = new Random(worker);
    float[] values = new float[elements];
    for (int i = 0; i < elements; i++) {
      values[i] = (float) (random.nextGaussian() * Math.pow(10, random.nextInt(12) - 6));
    }
    return new ShareResult(
        worker, new float[][] {values}, worker, 3, 1 + worker % 3, 0, List.of(), 5, null);
  }

  @Test
  void theOrderOfArrivalChangesNoBit() throws Exception {
    try (SparkSession spark = Sessions.local(2)) {
      JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
      for (int workers : new int[] {1, 2, 8, 9, 17}) {
        List<ShareResult> results = new ArrayList<>();
        for (int worker = 0; worker < workers; worker++) {
          results.add(result(worker, 50));
        }
        float[] expected = null;
        for (int attempt = 0; attempt < 4; attempt++) {
          JavaRDD<ShareResult> arrived = context.parallelize(new ArrayList<>(results), 3);
          PartialSum sum = PartialSum.of(arrived, workers);
          float[] mean = sum.mean(0);
          if (expected == null) {
            expected = mean;
            double exact = 0;
            double weight = 0;
            for (ShareResult each : results) {
              exact += each.weight() * each.vectors()[0][7];
              weight += each.weight();
            }
            assertEquals(exact / weight, mean[7], 1e-6 * Math.abs(exact / weight) + 1e-12);
            assertEquals(3L * workers, sum.loss().predictions());
          }
          assertArrayEquals(expected, mean, "attempt " + attempt + " of " + workers);
          Collections.shuffle(results, new Random(attempt));
        }
      }
    }
  }
}
