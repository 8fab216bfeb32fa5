package dev.sequor.spark;

import dev.sequor.backend.BackendSettings;
import dev.sequor.backend.BackendUnavailableException;
import dev.sequor.serve.Predictor;
import java.io.Serializable;
import org.apache.spark.SparkContext;
import org.apache.spark.TaskContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.util.TaskCompletionListener;

/**
 * A model that all tasks of an executor ask: one copy for each device, with the threads of all of
 * them.
 *
 * @param model in the form of its file
 * @param sha256 of that
 * @param device that was asked for
 * @param maxBatch sequences computed together, at most
 */
record SharedPredictor(Broadcast<byte[]> model, String sha256, String device, int maxBatch)
    implements Serializable {

  /** Predictors are the same if these are. */
  private record Key(String sha256, String device, int threads, int maxBatch) {}

  static SharedPredictor of(SparkContext context, byte[] model, String device, int maxBatch) {
    SessionEnd.watch(context);
    return new SharedPredictor(
        context.broadcast(model, scala.reflect.ClassTag$.MODULE$.apply(byte[].class)),
        ModelBytes.sha256(model),
        device,
        maxBatch);
  }

  /**
   * The predictor, for this task until it ends, or gives it back.
   *
   * @throws IllegalArgumentException if the executor's library cannot read the model; names it
   * @throws BackendUnavailableException if the executor has no such device; names both
   */
  ExecutorCache.Loan<Predictor> borrow() throws Exception {
    ExecutorCache.Loan<Predictor> loan;
    try {
      String place = TaskPlace.device(device);
      int threads = TaskPlace.executorCores();
      loan =
          ExecutorCache.shared(
              new Key(sha256, place, threads, maxBatch),
              Predictor.class,
              () ->
                  Predictor.builder(ModelBytes.read(model.value()))
                      .device(place)
                      .settings(BackendSettings.builder().threads(threads).build())
                      .maxBatch(maxBatch)
                      .build());
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(TaskPlace.executor() + ": " + e.getMessage());
    } catch (BackendUnavailableException e) {
      throw new BackendUnavailableException(TaskPlace.executor() + ": " + e.getMessage());
    }
    TaskContext task = TaskContext.get();
    if (task != null) {
      task.addTaskCompletionListener(
          new TaskCompletionListener() {
            @Override
            public void onTaskCompletion(TaskContext context) {
              loan.close();
            }
          });
    }
    return loan;
  }
}
