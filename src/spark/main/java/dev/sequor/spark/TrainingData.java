package dev.sequor.spark;

import dev.sequor.backend.Required;
import dev.sequor.data.Vocabulary;
import dev.sequor.io.TrainedModel;
import dev.sequor.module.NamedTensor;
import java.util.List;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;

/**
 * What workers learn from. Each has a share: some of the streams of a text, or some of the rows of
 * a data frame. Which share is whose depends on the number of workers alone.
 */
public abstract sealed class TrainingData permits TextData, RowData {
  TrainingData() {}

  /**
   * A text in UTF-8, read as {@link dev.sequor.data.TokenStreams} does: of a batch of B sequences
   * each worker has its part of the B streams, so that a batch is the one that a single machine
   * would learn from.
   *
   * @param file that every executor finds under this name; or an address such as {@code
   *     hdfs://host/file}, of which Spark brings each executor a copy ({@code
   *     SparkContext.addFile})
   * @param vocabulary the units of the model
   * @param heldOut the fraction at its end that is not learned from, more than 0 and less than 1
   * @param timeSteps of a window
   */
  public static TrainingData text(
      String file, Vocabulary vocabulary, double heldOut, int timeSteps) {
    return new TextData(
        Required.present("file", file),
        Required.present("vocabulary", vocabulary),
        heldOut,
        timeSteps,
        timeSteps,
        0);
  }

  /**
   * Sequences of any lengths, a row each. Row {@code i} is worker {@code i mod workers}'s; each
   * worker batches and shuffles its own, by length, as {@link dev.sequor.data.SequenceBatches}
   * does.
   *
   * @param rows the same ones in the same order whenever they are read, as files have them; that
   *     they are is checked
   * @param input the column with the sequences: {@code array<int>} or {@code array<bigint>} of
   *     tokens; {@code array<float>}, {@code array<double>}, or arrays of these, of vectors
   * @param target the column with what is to be learned: a class or real number of each sequence,
   *     or an array of one for each step
   */
  public static TrainingData rows(Dataset<Row> rows, String input, String target) {
    return new RowData(
        Required.present("rows", rows),
        Required.present("input", input),
        Required.present("target", target));
  }

  /** What the numbers of the model mean outside of it; null if whoever uses it knows. */
  abstract @Nullable Vocabulary vocabulary();

  /**
   * Gets the data ready.
   *
   * @throws IllegalArgumentException if it does not fit; names what
   */
  abstract Prepared prepare(
      JavaSparkContext context, TrainedModel model, int workers, int batchSize);

  /** Data that is ready. */
  interface Prepared extends AutoCloseable {
    /** Windows of an epoch, of the worker that has most. */
    long windowsPerEpoch();

    /** Whether windows continue the sequences of those before. */
    boolean continues();

    /** {@link Share#hash()} of each. */
    long[] hashes();

    /** Of all of it, to tell whether a training goes on with the same. */
    String fingerprint();

    /**
     * One share a partition.
     *
     * @param carried the state of all streams; none if they begin
     */
    JavaRDD<Share> shares(List<NamedTensor> carried);

    @Override
    void close();
  }
}
