package dev.sequor.cli;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.backend.WeightStorage;
import dev.sequor.data.Corpus;
import dev.sequor.data.Text;
import dev.sequor.data.TokenStreams;
import dev.sequor.io.Checkpoint;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.TrainStep;
import dev.sequor.model.Trainer;
import dev.sequor.model.TrainerProgress;
import dev.sequor.model.TrainerSnapshot;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Stands for a cluster where there is none: it trains here, in rounds of several steps. */
public final class OneProcessCluster implements Cluster {
  @Override
  public Learner learner(Rounds rounds, Task task, @Nullable Kept kept) {
    return new Here(rounds, task, kept);
  }

  /** Reads what there is to read, and has no rows. */
  @Override
  public long score(Scoring scoring) throws IOException {
    if (scoring.input().isEmpty() || scoring.output().isEmpty()) {
      throw new IllegalArgumentException("--input and --output; needed both");
    }
    return 0;
  }

  private static final class Here implements Learner {
    private final Backend backend = Devices.open("java");
    private final SequenceModel model;
    private final Trainer trainer;
    private final TokenStreams windows;
    private final Rounds rounds;
    private final Task task;

    Here(Rounds rounds, Task task, @Nullable Kept kept) {
      this.rounds = rounds;
      this.task = task;
      this.model =
          kept == null
              ? new SequenceModel(backend, task.model(), task.run().seed())
              : SequenceModel.of(
                  backend,
                  task.model(),
                  kept.checkpoint().snapshot().parameters(),
                  WeightStorage.FLOAT32);
      this.trainer = new Trainer(model, task.optimizer(), task.clipping(), task.run().seed());
      if (kept != null) {
        trainer.restore(kept.checkpoint().snapshot());
      }
      Corpus corpus =
          task.text() == null
              ? Corpus.ofUnicodeNames(task.run().seed(), task.heldOut())
              : Corpus.of(Text.ofFile(task.text()), task.heldOut());
      this.windows =
          new TokenStreams(
              task.vocabulary().encode(corpus.training()),
              task.run().batchSize(),
              task.run().sequenceLength(),
              task.run().newSteps());
    }

    @Override
    public String place() {
      return "one process, " + Math.max(1, rounds.workers()) + " workers";
    }

    @Override
    public TrainerProgress progress() {
      return trainer.progress();
    }

    /** A round is never cut, whatever the caller would like to look at. */
    @Override
    public TrainStep step(int most, float rate) {
      trainer.learningRate(rate);
      long left = task.run().totalSteps() - trainer.progress().steps();
      return trainer.steps(windows, (int) Math.min(rounds.localSteps(), left));
    }

    @Override
    public SequenceModel model() {
      return model;
    }

    @Override
    public TrainerSnapshot snapshot() {
      return trainer.snapshot();
    }

    @Override
    public void save(Checkpoint checkpoint, Path directory) throws IOException {
      Files.write(Cluster.file(directory, checkpoint.snapshot().progress().steps()), new byte[0]);
      checkpoint.save(directory);
    }

    @Override
    public void close() {
      trainer.close();
      model.close();
      backend.close();
    }
  }
}
