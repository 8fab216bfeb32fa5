package dev.sequor.spark;

import dev.sequor.data.Vocabulary;
import dev.sequor.io.TrainedModel;
import dev.sequor.module.NamedTensor;
import dev.sequor.spark.ShareResult.Failure;
import dev.sequor.spark.ShareResult.Kind;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.HashPartitioner;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.api.java.function.PairFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.storage.StorageLevel;
import org.jspecify.annotations.Nullable;
import scala.Tuple2;

/** The rows of a data frame, spread over the workers and kept where they are learned from. */
final class RowData extends TrainingData {
  private final Dataset<Row> rows;
  private final String input;
  private final String target;

  RowData(Dataset<Row> rows, String input, String target) {
    this.rows = rows;
    this.input = input;
    this.target = target;
  }

  @Override
  @Nullable Vocabulary vocabulary() {
    return null;
  }

  /** A row and its number, or why it is of no use. */
  private record Read(@Nullable RowSequence row, @Nullable Failure failure)
      implements java.io.Serializable {}

  /** A row's worker is its number's remainder: Spark's partitioner takes a number as its hash. */
  private record ReadRow(SequenceColumns columns)
      implements PairFunction<Tuple2<Row, Long>, Long, Read> {
    @Override
    public Tuple2<Long, Read> call(Tuple2<Row, Long> numbered) {
      long index = numbered._2();
      try {
        return new Tuple2<>(index, new Read(columns.read(index, numbered._1()), null));
      } catch (IllegalArgumentException e) {
        Failure failure = new Failure(Kind.BAD_INPUT, String.valueOf(e.getMessage()), 0);
        return new Tuple2<>(index, new Read(null, failure));
      }
    }
  }

  /** The order in which rows arrive depends on the network; that of their numbers does not. */
  private record MakeShare() implements FlatMapFunction<Iterator<Tuple2<Long, Read>>, Share> {
    @Override
    public Iterator<Share> call(Iterator<Tuple2<Long, Read>> own) {
      List<Tuple2<Long, Read>> all = new ArrayList<>();
      own.forEachRemaining(all::add);
      all.sort(Comparator.comparing(Tuple2::_1));
      List<RowSequence> sequences = new ArrayList<>();
      for (Tuple2<Long, Read> each : all) {
        Failure failure = each._2().failure();
        if (failure != null) {
          return List.<Share>of(RowShare.failed(failure)).iterator();
        }
        RowSequence row = each._2().row();
        if (row != null) {
          sequences.add(row);
        }
      }
      return List.<Share>of(RowShare.of(sequences)).iterator();
    }
  }

  @Override
  Prepared prepare(JavaSparkContext context, TrainedModel model, int workers, int batchSize) {
    SequenceColumns columns = SequenceColumns.of(input, target, rows.schema(), model.model());
    JavaRDD<Share> shares =
        rows.select(rows.col(input), rows.col(target))
            .javaRDD()
            .zipWithIndex()
            .mapToPair(new ReadRow(columns))
            .partitionBy(new HashPartitioner(workers))
            .mapPartitions(new MakeShare())
            .persist(StorageLevel.MEMORY_AND_DISK());
    List<RowShare.Summary> summaries;
    try {
      summaries = shares.map(share -> ((RowShare) share).summary()).collect();
      for (RowShare.Summary summary : summaries) {
        if (summary.failure() != null) {
          throw summary.failure().exception();
        }
      }
      long count = summaries.stream().mapToLong(RowShare.Summary::rows).sum();
      if (count < workers) {
        throw new IllegalArgumentException(
            "the data has " + count + " rows; " + workers + " workers need at least one each");
      }
    } catch (Exception | Error e) {
      shares.unpersist(false);
      throw e;
    }
    long windows = 0;
    for (int worker = 0; worker < workers; worker++) {
      int own = new Share.ShareContext("", model, 0, worker, workers, batchSize).count();
      windows = Math.max(windows, (summaries.get(worker).rows() + own - 1) / own);
    }
    long most = windows;
    long[] hashes = summaries.stream().mapToLong(RowShare.Summary::hash).toArray();
    return new Prepared() {
      @Override
      public long windowsPerEpoch() {
        return most;
      }

      @Override
      public boolean continues() {
        return false;
      }

      @Override
      public long[] hashes() {
        return hashes.clone();
      }

      @Override
      public String fingerprint() {
        return Arrays.toString(hashes);
      }

      @Override
      public JavaRDD<Share> shares(List<NamedTensor> carried) {
        return shares;
      }

      @Override
      public void close() {
        shares.unpersist(false);
      }
    };
  }
}
