package dev.sequor.spark;

import dev.sequor.model.BatchLoss;
import dev.sequor.spark.ShareResult.Failure;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.Partitioner;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.api.java.function.PairFunction;
import org.jspecify.annotations.Nullable;
import scala.Tuple2;

/**
 * The sum of what some workers have returned, each counting by the weight of its predictions, in
 * double precision and in the order of the workers. Sums of floats depend on their order, and
 * Spark's own reduce and aggregate add in the order in which tasks end; here the same workers give
 * the same bits whichever ends first.
 */
final class PartialSum implements Serializable {
  private static final long serialVersionUID = 1L;

  /** With more workers than this, executors add up groups of them for the driver. */
  static final int MOST_DIRECT = 8;

  private double[][] vectors = new double[0][];
  private double weight;
  private double lossSum;
  private long predictions;
  private long fewestSkipped = Long.MAX_VALUE;
  private long nanos;
  private long returnedBytes;
  private final List<List<WorkerTensor>> carried = new ArrayList<>();
  private @Nullable Failure failure;

  private PartialSum() {}

  private void add(ShareResult result) {
    if (failure == null) {
      failure = result.failure();
    }
    carried.add(result.carriedState());
    if (result.weight() > 0) {
      add(result.vectors(), result.weight());
      lossSum += result.lossSum();
      predictions += result.predictions();
      fewestSkipped = Math.min(fewestSkipped, result.skipped());
      nanos = Math.max(nanos, result.nanos());
    }
  }

  private void add(float[][] values, double by) {
    if (vectors.length == 0) {
      vectors = new double[values.length][values[0].length];
    }
    weight += by;
    returnedBytes = (long) values.length * values[0].length * Float.BYTES;
    for (int v = 0; v < values.length; v++) {
      double[] sum = vectors[v];
      float[] more = values[v];
      for (int i = 0; i < more.length; i++) {
        sum[i] += by * more[i];
      }
    }
  }

  private void add(PartialSum later) {
    if (failure == null) {
      failure = later.failure;
    }
    carried.addAll(later.carried);
    if (later.weight > 0) {
      if (vectors.length == 0) {
        vectors = new double[later.vectors.length][later.vectors[0].length];
      }
      for (int v = 0; v < vectors.length; v++) {
        for (int i = 0; i < vectors[v].length; i++) {
          vectors[v][i] += later.vectors[v][i];
        }
      }
      weight += later.weight;
      lossSum += later.lossSum;
      predictions += later.predictions;
      fewestSkipped = Math.min(fewestSkipped, later.fewestSkipped);
      nanos = Math.max(nanos, later.nanos);
      returnedBytes = later.returnedBytes;
    }
  }

  /** Workers of a group, the last one's perhaps fewer: about the root of all. */
  static int groupSize(int workers) {
    return (int) Math.ceil(Math.sqrt(workers));
  }

  /** Groups that executors add up where there are more workers than the driver takes. */
  static int groups(int workers) {
    int size = groupSize(workers);
    return (workers + size - 1) / size;
  }

  /** The same group as others of about the root of all workers. */
  private static final class Groups extends Partitioner {
    private static final long serialVersionUID = 1L;
    private final int size;
    private final int groups;

    Groups(int workers) {
      this.size = groupSize(workers);
      this.groups = groups(workers);
    }

    @Override
    public int numPartitions() {
      return groups;
    }

    @Override
    public int getPartition(Object worker) {
      return (Integer) worker / size;
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Groups one && one.size == size && one.groups == groups;
    }

    @Override
    public int hashCode() {
      return 31 * size + groups;
    }
  }

  private record ByWorker() implements PairFunction<ShareResult, Integer, ShareResult> {
    @Override
    public Tuple2<Integer, ShareResult> call(ShareResult result) {
      return new Tuple2<>(result.worker(), result);
    }
  }

  private record AddGroup()
      implements FlatMapFunction<Iterator<Tuple2<Integer, ShareResult>>, PartialSum> {
    @Override
    public Iterator<PartialSum> call(Iterator<Tuple2<Integer, ShareResult>> group) {
      List<ShareResult> results = new ArrayList<>();
      group.forEachRemaining(each -> results.add(each._2()));
      return List.of(of(results)).iterator();
    }
  }

  private static PartialSum of(List<ShareResult> results) {
    List<ShareResult> ordered = new ArrayList<>(results);
    ordered.sort(Comparator.comparingInt(ShareResult::worker));
    PartialSum sum = new PartialSum();
    ordered.forEach(sum::add);
    return sum;
  }

  /**
   * Has all workers do their shares, and adds up what they return.
   *
   * @throws IllegalArgumentException if one refuses its data or the model
   * @throws dev.sequor.backend.BackendUnavailableException if one has no device that works
   * @throws dev.sequor.model.DivergedException if the training of one diverged
   */
  static PartialSum of(JavaRDD<ShareResult> results, int workers) {
    PartialSum all;
    if (workers <= MOST_DIRECT) {
      all = of(results.collect());
    } else {
      all = new PartialSum();
      // What is collected comes in the order of the partitions.
      results
          .mapToPair(new ByWorker())
          .partitionBy(new Groups(workers))
          .mapPartitions(new AddGroup())
          .collect()
          .forEach(all::add);
    }
    if (all.failure != null) {
      throw all.failure.exception();
    }
    return all;
  }

  /** The weighted mean of vector {@code v} of all workers. */
  float[] mean(int v) {
    float[] mean = new float[vectors[v].length];
    for (int i = 0; i < mean.length; i++) {
      mean[i] = (float) (vectors[v][i] / weight);
    }
    return mean;
  }

  BatchLoss loss() {
    return new BatchLoss(lossSum, predictions, weight);
  }

  /** Steps that every worker skipped. */
  long skipped() {
    return fewestSkipped == Long.MAX_VALUE ? 0 : fewestSkipped;
  }

  double computeSeconds() {
    return nanos / 1e9;
  }

  /** Of one worker. */
  long returnedBytes() {
    return returnedBytes;
  }

  /** Of each worker, in their order. */
  List<List<WorkerTensor>> carried() {
    return carried;
  }
}
