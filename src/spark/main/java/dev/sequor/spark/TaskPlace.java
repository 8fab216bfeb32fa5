package dev.sequor.spark;

import dev.sequor.backend.BackendUnavailableException;
import dev.sequor.backend.Devices;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.resource.ResourceInformation;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Where a task runs: its executor, the device that Spark has given it, and how many cores. */
final class TaskPlace {
  private static final Logger LOG = LoggerFactory.getLogger(TaskPlace.class);

  static final String AUTO = "auto";

  /** What Spark's documentation calls GPUs, in {@code spark.task.resource.gpu.amount}. */
  private static final String GPU = "gpu";

  private TaskPlace() {}

  /**
   * The device of this task. A GPU is taken only if Spark has given the task one: others that the
   * machine has may be other tasks'.
   *
   * @param asked {@code auto} for the GPU that Spark has given, or else the host; or a device
   */
  static String device(String asked) {
    TaskContext task = TaskContext.get();
    return device(asked, task == null ? Map.of() : task.resourcesJMap());
  }

  static String device(String asked, Map<String, ResourceInformation> resources) {
    @Nullable ResourceInformation gpus = resources.get(GPU);
    boolean anyGpu = asked.equals("cuda") || asked.equals(AUTO);
    if (gpus != null && anyGpu) {
      String[] addresses = gpus.addresses();
      if (addresses.length != 1 || !addresses[0].matches("\\d{1,4}")) {
        throw new IllegalArgumentException(
            "Spark has given the task the GPUs "
                + Arrays.toString(addresses)
                + "; needed one, by its number, from spark.task.resource.gpu.amount=1");
      }
      return "cuda:" + addresses[0];
    }
    return asked.equals(AUTO) ? host() : asked;
  }

  /** What {@code auto} stands for where there is no GPU to take. */
  static String host() {
    Optional<String> named = Devices.namedForAuto();
    if (named.isPresent()) {
      return named.get();
    }
    try {
      Devices.open("cpu").close();
      return "cpu";
    } catch (BackendUnavailableException e) {
      LOG.warn("using java: {}", e.getMessage());
      return "java";
    }
  }

  /** The cores of this task: {@code spark.task.cpus}. */
  static int taskCores() {
    TaskContext task = TaskContext.get();
    return task == null ? 1 : task.cpus();
  }

  /** The cores of all tasks that this executor runs side by side. */
  static int executorCores() {
    int processors = Runtime.getRuntime().availableProcessors();
    SparkEnv environment = SparkEnv.get();
    if (environment == null) {
      return processors;
    }
    SparkConf conf = environment.conf();
    int cores =
        conf.contains("spark.executor.cores")
            ? Integer.parseInt(conf.get("spark.executor.cores"))
            : ofMaster(conf.get("spark.master", ""));
    return Math.max(1, cores > 0 ? Math.min(cores, 1024) : processors);
  }

  /**
   * Of {@code local}, {@code local[N]} and {@code local-cluster[executors,N,memory]}; 0 of others.
   */
  static int ofMaster(String master) {
    String[] parts = master.split("[\\[\\],]", -1);
    try {
      return switch (parts[0]) {
        case "local" -> parts.length < 2 ? 1 : Integer.parseInt(parts[1].strip());
        case "local-cluster" -> parts.length < 3 ? 0 : Integer.parseInt(parts[2].strip());
        default -> 0;
      };
    } catch (NumberFormatException e) {
      return 0; // local[*]
    }
  }

  /** {@code executor 1 on host}, for messages. */
  static String executor() {
    SparkEnv environment = SparkEnv.get();
    return environment == null
        ? "this process"
        : "executor "
            + environment.executorId()
            + " on "
            + environment.blockManager().blockManagerId().host();
  }
}
