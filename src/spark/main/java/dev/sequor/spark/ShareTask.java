package dev.sequor.spark;

import dev.sequor.backend.BackendUnavailableException;
import dev.sequor.model.DivergedException;
import dev.sequor.spark.ShareResult.Failure;
import dev.sequor.spark.ShareResult.Kind;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.function.Function2;
import org.apache.spark.broadcast.Broadcast;

/** A task of a round: a worker's share of it. A partition of the data is a share. */
final class ShareTask implements Function2<Integer, Iterator<Share>, Iterator<ShareResult>> {
  private static final long serialVersionUID = 1L;

  private final Broadcast<RunDescription> run;
  private final Broadcast<Round> round;

  ShareTask(Broadcast<RunDescription> run, Broadcast<Round> round) {
    this.run = run;
    this.round = round;
  }

  /** Replicas are interchangeable if these are the same. */
  private record ReplicaKey(String runId, String device, int threads) {}

  @Override
  public Iterator<ShareResult> call(Integer worker, Iterator<Share> shares) throws Exception {
    Share share = shares.next();
    try {
      return List.of(learn(worker, share)).iterator();
    } catch (IllegalArgumentException e) {
      return failed(worker, Kind.BAD_INPUT, e, 0);
    } catch (BackendUnavailableException e) {
      return failed(worker, Kind.NO_DEVICE, e, 0);
    } catch (DivergedException e) {
      return failed(worker, Kind.DIVERGED, e, e.step());
    }
  }

  private static Iterator<ShareResult> failed(int worker, Kind kind, Exception e, long step) {
    String message = TaskPlace.executor() + ", worker " + worker + ": " + e.getMessage();
    return List.of(ShareResult.failed(worker, new Failure(kind, message, step))).iterator();
  }

  private ShareResult learn(int worker, Share share) throws Exception {
    RunDescription known = run.value();
    if (share.hash() != known.dataHashes()[worker]) {
      throw new IllegalArgumentException(
          "the rows of its share are others than when the training began; needed data that is the"
              + " same, in the same order, whenever it is read");
    }
    String device = TaskPlace.device(known.device());
    int threads = TaskPlace.taskCores();
    try (ExecutorCache.Loan<Replica> replica =
        ExecutorCache.alone(
            new ReplicaKey(known.runId(), device, threads),
            Replica.class,
            () -> Replica.open(known, device, threads))) {
      Share.ShareContext context =
          new Share.ShareContext(
              known.runId(),
              replica.get().trained(),
              known.seed(),
              worker,
              known.workers(),
              known.batchSize());
      try {
        return replica.get().learn(round.value(), share, share.windows(context), context);
      } catch (RuntimeException | Error e) {
        replica.dismiss();
        throw e;
      }
    }
  }
}
