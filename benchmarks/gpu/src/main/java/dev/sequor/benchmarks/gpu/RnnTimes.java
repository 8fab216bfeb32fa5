package dev.sequor.benchmarks.gpu;

import dev.sequor.backend.BackendException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Times Sequor on the first CUDA device, case by case, after its results have been compared with
 * the CPU's. Options: {@code --cases FILE} (what {@link Grid} prints), {@code --seconds N}, {@code
 * --out FILE.json}.
 */
public final class RnnTimes {
  private static final int LEAST_REPETITIONS = 50;
  private static final int MOST_REPETITIONS = 200;
  private static final long ENOUGH_NANOS = 400_000_000;

  /**
   * A repetition queues as many calls as fill this, so that waiting for the device costs little.
   */
  private static final long REPETITION_NANOS = 2_000_000;

  /** A larger case is compared with the CPU over fewer time steps. */
  private static final double CHECK_FLOPS = 60e9;

  private final CudaDevices devices;
  private final long deadline;
  private final List<Object> rows = new ArrayList<>();
  private final List<Object> skipped = new ArrayList<>();
  private String solvedCase = "";
  private Map<String, float[]> solution = Map.of();

  private RnnTimes(CudaDevices devices, double seconds) {
    this.devices = devices;
    this.deadline = System.nanoTime() + (long) (seconds * 1e9);
  }

  public static void main(String[] arguments) throws IOException {
    Options options = new Options(arguments);
    try (CudaDevices devices = new CudaDevices()) {
      RnnTimes times = new RnnTimes(devices, Double.parseDouble(options.or("--seconds", "100")));
      for (String line : Files.readAllLines(Path.of(options.required("--cases")))) {
        if (!line.isBlank()) {
          times.take(GridCase.parse(line));
          options.write(times.results());
        }
      }
    }
  }

  private Map<String, Object> results() {
    Map<String, Object> results = new LinkedHashMap<>();
    results.put("how", HOW);
    results.put("rows", rows);
    results.put("skipped", skipped);
    return results;
  }

  private static final String HOW =
      "RnnPlan.forward (inference), or RnnPlan.forward and RnnPlan.backward after gradients were"
          + " cleared and weights marked as changed; float32 inputs on the device before timing, copies of them"
          + " in turn; host clock over as many calls as fill 2 ms, then one wait for the device;"
          + " medians";

  private void take(GridCase what) throws IOException {
    if (System.nanoTime() > deadline) {
      skip(what, "out of time");
      return;
    }
    try {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("case", what.toString());
      check(what, row);
      time(what, row);
      rows.add(row);
      System.err.println("sequor " + what + " " + row.get("medianMillis") + " ms");
    } catch (BackendException e) {
      skip(what, String.valueOf(e.getMessage()));
    }
  }

  private void skip(GridCase what, String why) {
    skipped.add(Map.of("case", what.toString(), "why", why));
  }

  /** Compares with the CPU, over so few steps that it takes no longer than the timing. */
  private void check(GridCase what, Map<String, Object> row) {
    double stepFlops = what.flops() / what.timeSteps();
    int steps = (int) Math.max(2, Math.min(what.timeSteps(), CHECK_FLOPS / stepFlops));
    GridCase checked = what.withTimeSteps(steps);
    try (Passes passes = passes(checked, devices.cuda(what.mode()), 1)) {
      passes.run();
      Distance distance = Distance.worst(solve(checked), passes.results());
      row.put("checkedTimeSteps", steps);
      row.put("relativeL2", distance.l2());
      row.put("valid", distance.l2() <= Distance.bar(what.mode()));
    }
  }

  /** What the CPU finds; kept for the next case if that differs in the math mode only. */
  private Map<String, float[]> solve(GridCase what) {
    String key = what.toString().replace(" " + what.mode() + " ", " ");
    if (!key.equals(solvedCase)) {
      try (Passes passes = passes(what, devices.cpu(), 1)) {
        passes.run();
        solution = passes.results();
        solvedCase = key;
      }
    }
    return solution;
  }

  private static Passes passes(GridCase what, dev.sequor.backend.Backend backend, int copies) {
    return new Passes(
        backend,
        what.spec(),
        what.timeSteps(),
        what.batchSize(),
        what.lengths(),
        what.training(),
        copies);
  }

  private void time(GridCase what, Map<String, Object> row) {
    try (Passes passes = passes(what, devices.cuda(what.mode()), what.copies())) {
      // The first call with each copy runs as it is queued, the second is recorded.
      for (int call = 0; call < 2 * what.copies(); call++) {
        passes.run();
      }
      passes.synchronize();
      int calls = (int) Math.min(64, 1 + REPETITION_NANOS / nanos(passes, what.copies()));
      nanos(passes, calls);
      List<Double> millis = new ArrayList<>();
      long started = System.nanoTime();
      while (millis.size() < MOST_REPETITIONS
          && (millis.size() < LEAST_REPETITIONS || System.nanoTime() - started < ENOUGH_NANOS)
          && (millis.isEmpty() || System.nanoTime() < deadline)) {
        millis.add(nanos(passes, calls) / 1e6);
      }
      double[] sorted = millis.stream().mapToDouble(Double::doubleValue).sorted().toArray();
      row.put("medianMillis", sorted[sorted.length / 2]);
      row.put("minMillis", sorted[0]);
      row.put("maxMillis", sorted[sorted.length - 1]);
      row.put("repetitions", sorted.length);
      row.put("callsPerRepetition", calls);
      row.put("copies", what.copies());
      row.put("teraflops", what.flops() / sorted[sorted.length / 2] / 1e9);
      boolean finite = passes.results().values().stream().allMatch(RnnTimes::finite);
      if (!finite) {
        row.put("valid", false);
      }
    }
  }

  private static boolean finite(float[] values) {
    for (float value : values) {
      if (!Float.isFinite(value)) {
        return false;
      }
    }
    return true;
  }

  /** Nanoseconds of each of so many calls. */
  private static long nanos(Passes passes, int calls) {
    long started = System.nanoTime();
    for (int call = 0; call < calls; call++) {
      passes.run();
    }
    passes.synchronize();
    return Math.max(1, (System.nanoTime() - started) / calls);
  }
}
