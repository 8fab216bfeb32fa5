package dev.sequor.spark;

import dev.sequor.data.Corpus;
import dev.sequor.data.TokenStreams;
import dev.sequor.data.Tokens;
import dev.sequor.data.Vocabulary;
import dev.sequor.data.WindowSource;
import dev.sequor.io.TrainedModel;
import dev.sequor.module.NamedTensor;
import java.util.List;
import java.util.Objects;

/**
 * Some of the streams of a text. All streams of a batch are pieces of equal length of one run, so
 * those of a worker, which lie side by side, are a run as well.
 *
 * @param place where the executor finds the text
 * @param timeSteps of a window
 * @param newSteps from one window to the next
 * @param fingerprint of the driver's text
 * @param streams of this worker, or 0 if nothing is carried
 * @param state what they carry
 */
record TextShare(
    TextPlace place,
    int timeSteps,
    int newSteps,
    String fingerprint,
    int streams,
    List<WorkerTensor> state)
    implements Share {

  /** A text as one executor knows it. */
  private record Encoded(Tokens tokens) implements AutoCloseable {
    @Override
    public void close() {}
  }

  private record Key(String runId, TextPlace place) {}

  @Override
  public WindowSource windows(ShareContext context) throws Exception {
    // A text that goes while it is used is opened anew, so nobody need hold on to it.
    try (ExecutorCache.Loan<Encoded> text =
        ExecutorCache.shared(
            new Key(context.runId(), place), Encoded.class, () -> encode(context.model()))) {
      Tokens tokens = text.get().tokens();
      long steps = (tokens.size() - 1) / context.batchSize();
      Tokens own = tokens.slice(context.first() * steps, context.count() * steps + 1);
      return new TokenStreams(own, context.count(), timeSteps, newSteps);
    }
  }

  private Encoded encode(TrainedModel model) {
    Corpus corpus = place.corpus();
    String found = corpus.fingerprint();
    if (!found.equals(fingerprint)) {
      throw new IllegalArgumentException(
          place.name() + " has SHA-256 " + found + " here; the driver's has " + fingerprint);
    }
    Vocabulary vocabulary = (Vocabulary) Objects.requireNonNull(model.data());
    return new Encoded(vocabulary.encode(corpus.training()));
  }

  @Override
  public List<NamedTensor> carriedState() {
    return state.stream().map(WorkerTensor::named).toList();
  }

  @Override
  public int carriedBatchSize() {
    return streams;
  }
}
