package dev.sequor.spark;

import java.util.HashMap;
import java.util.Map;
import java.util.Random;

/**
 * Predicts what a round of {@link SparkTrainer} takes on a cluster of one GPU an executor: {@link
 * RoundTime} with F and c made of their parts. It goes the way of {@link SparkTraining#next} and
 * {@link PartialSum}.
 */
final class ClusterCost {
  private static final int MOMENTS = 2; // Adam
  private static final int DRAWS = 2000;
  private static final long SEED = 1;

  /**
   * A model that is to be trained.
   *
   * @param name for people
   * @param parameters all of them
   * @param layers that a time step goes through one after the other
   * @param timeSteps of a sequence
   */
  record Model(String name, long parameters, int layers, int timeSteps) {}

  /**
   * A round, in seconds.
   *
   * @param computing K·t(B/W) of a worker on average
   * @param waiting for the slowest
   * @param spark F: stages and tasks
   * @param broadcast of the weights, until the executors have read them
   * @param groups executors that add up groups; none up to {@link PartialSum#MOST_DIRECT} workers
   * @param driver what the driver receives, reads and adds up
   * @param bytes S + R
   * @param driverBytes memory that results take at the driver, as arrays
   */
  record Parts(
      double computing,
      double waiting,
      double spark,
      double broadcast,
      double groups,
      double driver,
      long bytes,
      long driverBytes) {
    RoundTime time() {
      return new RoundTime(
          computing + waiting, spark, (broadcast + groups + driver) / bytes, bytes);
    }

    double overheadShare() {
      return time().overheadSeconds() / time().seconds();
    }
  }

  private record Swarm(int executors, long bytes) {}

  private final ClusterAssumptions given;
  private final Map<Swarm, Integer> slots = new HashMap<>();
  private final Map<Integer, Double> slowest = new HashMap<>();

  ClusterCost(ClusterAssumptions given) {
    this.given = given;
  }

  /**
   * t(b): a training step of b sequences, by a roofline. A weight is used in a multiplication and
   * an addition forward and in two of each backward, so that there are 6·P·b·T operations; and no
   * time step of a layer takes less than its launches.
   */
  double stepSeconds(Model model, int sequences) {
    double operations = 6.0 * model.parameters() * sequences * model.timeSteps();
    return Math.max(
        operations / (given.peakFlops() * given.utilisation()),
        given.floorSeconds() * model.layers() * model.timeSteps());
  }

  /**
   * How much longer than the mean the slowest of the workers takes, of times whose logarithm is
   * normal: the mean of many rounds, drawn.
   */
  double slowest(int workers) {
    return slowest.computeIfAbsent(workers, count -> slowest(count, given.spread()));
  }

  static double slowest(int workers, double spread) {
    Random random = new Random(SEED);
    double sum = 0;
    for (int draw = 0; draw < DRAWS; draw++) {
      double most = Double.NEGATIVE_INFINITY;
      for (int worker = 0; worker < workers; worker++) {
        most = Math.max(most, random.nextGaussian());
      }
      sum += StrictMath.exp(spread * most - spread * spread / 2);
    }
    return sum / DRAWS;
  }

  /** A round of K local steps in which each worker has as many sequences. */
  Parts round(Model model, int workers, int localSteps, int sequences) {
    long oneWay = RoundTime.bytesOneWay(model.parameters(), MOMENTS, localSteps);
    double computing = localSteps * stepSeconds(model, sequences);
    boolean direct = workers <= PartialSum.MOST_DIRECT;
    int groups = direct ? 0 : PartialSum.groups(workers);
    return new Parts(
        computing,
        computing * (slowest(workers) - 1),
        (direct ? 1 : 2) * given.stageSeconds() + (workers + groups) * given.taskSeconds(),
        broadcast(workers, oneWay),
        direct ? 0 : group(workers, oneWay),
        direct ? ofWorkers(workers, oneWay) : ofGroups(groups, oneWay),
        2 * oneWay,
        direct ? (workers + 2) * oneWay : (groups + 1) * 2L * oneWay);
  }

  private double broadcast(int workers, long bytes) {
    int blocks = blocks(bytes);
    double slot = bytes / (double) blocks / given.networkBytes();
    int many =
        slots.computeIfAbsent(
            new Swarm(workers, bytes),
            swarm -> Torrent.slots(swarm.executors(), blocks, slot / given.taskSeconds(), SEED));
    return bytes / given.rates().pack() + many * slot + bytes / given.rates().unpack();
  }

  int blocks(long bytes) {
    return Math.toIntExact((bytes + given.blockBytes() - 1) / given.blockBytes());
  }

  /** An executor writes what its worker returns, reads a group of it, adds, and writes doubles. */
  private double group(int workers, long bytes) {
    double read = (double) PartialSum.groupSize(workers) * bytes;
    return bytes / given.rates().pack()
        + Math.max(read / given.networkBytes(), read / given.rates().unpack())
        + read / given.rates().addFloats()
        + 2 * bytes / given.rates().write();
  }

  private double ofWorkers(int workers, long bytes) {
    return bytes / given.rates().write()
        + received(workers, bytes)
        + workers * bytes / given.rates().addFloats();
  }

  private double ofGroups(int groups, long bytes) {
    return received(groups, 2 * bytes) + groups * 2L * bytes / given.rates().addDoubles();
  }

  /** While one result is read by a thread, another comes over the network. */
  private double received(int results, long bytes) {
    int turns = (results + given.resultThreads() - 1) / given.resultThreads();
    return Math.max(results * bytes / given.networkBytes(), turns * bytes / given.rates().read());
  }

  /** The least K at which all that is not computing is at most a share of the round. */
  int localStepsFor(Model model, int workers, int sequences, double share) {
    if (round(model, workers, 1, sequences).overheadShare() <= share) {
      return 1;
    }
    double overhead = round(model, workers, 2, sequences).time().overheadSeconds();
    double one = stepSeconds(model, sequences) * slowest(workers);
    return (int) Math.max(2, Math.ceil(overhead * (1 - share) / share / one));
  }
}
