package dev.sequor.spark;

import dev.sequor.data.ByteVocabulary;
import dev.sequor.data.Corpus;
import dev.sequor.data.TokenStreams;
import dev.sequor.data.Tokens;
import dev.sequor.data.Vocabulary;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.CarriedStates;
import dev.sequor.module.NamedTensor;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;

/** A text that every executor has. */
final class TextData extends TrainingData {
  /** A scheme of one letter would be a drive. */
  private static final Pattern ELSEWHERE = Pattern.compile("[A-Za-z][A-Za-z0-9+.-]+:");

  private final String file;
  private final Vocabulary vocabulary;
  private final double heldOut;
  private final int timeSteps;
  private final int newSteps;
  private final long seed;

  /**
   * A text.
   *
   * @param file its name or address; empty for the names of the Unicode characters
   * @param newSteps from one window to the next
   * @param seed of the order of the Unicode names
   */
  TextData(
      String file, Vocabulary vocabulary, double heldOut, int timeSteps, int newSteps, long seed) {
    this.file = file;
    this.vocabulary = vocabulary;
    this.heldOut = heldOut;
    this.timeSteps = timeSteps;
    this.newSteps = newSteps;
    this.seed = seed;
  }

  /** As Spark names the copy: in an address, letters may stand as numbers. */
  private static String lastName(String address) {
    String path = address;
    try {
      path = String.valueOf(new URI(address).getPath());
    } catch (URISyntaxException e) {
      // Spark says what it makes of it.
    }
    return path.substring(path.lastIndexOf('/') + 1);
  }

  @Override
  Vocabulary vocabulary() {
    return vocabulary;
  }

  @Override
  Prepared prepare(JavaSparkContext context, TrainedModel model, int workers, int batchSize) {
    boolean added = ELSEWHERE.matcher(file).lookingAt();
    if (added) {
      context.addFile(file);
    }
    TextPlace place =
        new TextPlace(
            added ? lastName(file) : file,
            added,
            vocabulary instanceof ByteVocabulary,
            heldOut,
            seed);
    Corpus corpus = place.corpus();
    Tokens tokens = vocabulary.encode(corpus.training());
    TokenStreams all = new TokenStreams(tokens, batchSize, timeSteps, newSteps);
    if (!model.model().carriesState()) {
      throw new IllegalArgumentException(
          "the model carries no state from window to window; a text needs one that does");
    }
    String fingerprint = corpus.fingerprint();
    return new Prepared() {
      @Override
      public long windowsPerEpoch() {
        return all.windowsPerEpoch();
      }

      @Override
      public boolean continues() {
        return true;
      }

      @Override
      public long[] hashes() {
        return new long[workers]; // Each executor compares the fingerprint.
      }

      @Override
      public String fingerprint() {
        return fingerprint;
      }

      @Override
      public JavaRDD<Share> shares(List<NamedTensor> carried) {
        List<Share> shares = new ArrayList<>();
        for (int worker = 0; worker < workers; worker++) {
          Share.ShareContext own = new Share.ShareContext("", model, 0, worker, workers, batchSize);
          shares.add(
              new TextShare(
                  place,
                  timeSteps,
                  newSteps,
                  fingerprint,
                  carried.isEmpty() ? 0 : own.count(),
                  WorkerTensor.of(CarriedStates.ofStreams(carried, own.first(), own.count()))));
        }
        return context.parallelize(shares, workers);
      }

      @Override
      public void close() {}
    };
  }
}
