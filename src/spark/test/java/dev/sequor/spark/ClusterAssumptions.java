package dev.sequor.spark;

/**
 * What predictions of a cluster start from. Each is said with its source beside the tables of
 * {@link ScalingTables}.
 *
 * @param peakFlops of a GPU, floating-point operations a second
 * @param utilisation of that peak, 0 to 1
 * @param floorSeconds of a time step of one layer, forward and backward, however small
 * @param networkBytes that a machine sends a second, and receives
 * @param stageSeconds Spark's own time for a stage of a job, with one task
 * @param taskSeconds of the driver's for each task
 * @param resultThreads of the driver that read results
 * @param blockBytes of a broadcast
 * @param rates of one thread
 * @param spread of the times that equal work takes on equal machines: the standard deviation of
 *     their logarithm
 */
record ClusterAssumptions(
    double peakFlops,
    double utilisation,
    double floorSeconds,
    double networkBytes,
    double stageSeconds,
    double taskSeconds,
    int resultThreads,
    int blockBytes,
    Rates rates,
    double spread) {

  /**
   * What one thread does, in bytes a second; {@link ThreadRates} measures them.
   *
   * @param write serialising
   * @param read the inverse
   * @param pack serialising and compressing, as broadcasts and shuffles are
   * @param unpack the inverse
   * @param addFloats adding floats to doubles, bytes of floats
   * @param addDoubles adding doubles to doubles, bytes of one side
   */
  record Rates(
      double write, double read, double pack, double unpack, double addFloats, double addDoubles) {}
}
