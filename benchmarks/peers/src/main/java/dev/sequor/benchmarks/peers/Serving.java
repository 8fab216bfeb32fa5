package dev.sequor.benchmarks.peers;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.sequor.backend.BackendSettings;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Loss;
import dev.sequor.benchmarks.Case;
import dev.sequor.benchmarks.Checkout;
import dev.sequor.benchmarks.Machine;
import dev.sequor.benchmarks.Problem;
import dev.sequor.benchmarks.Statistics;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.NetworkModelSpec;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import dev.sequor.module.Recurrent;
import dev.sequor.serve.Predictor;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Many threads that each ask one LSTM layer for the outputs of one sequence after the other: one
 * {@link Predictor}, and one session of ONNX Runtime used in three ways, by turns in one process.
 */
@Command(
    name = "serving",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    showDefaultValues = true,
    description = {
      "Throughput and latency of one model that many threads ask at once, beside ONNX Runtime.",
      "Prints a table, and writes JSON with --out."
    })
public final class Serving implements Callable<Integer> {
  @Option(names = "--hidden", description = "H, and I")
  private int hidden = 256;

  @Option(names = "--seq-length", description = "T")
  private int timeSteps = 32;

  @Option(names = "--callers", description = "threads that ask")
  private int callers = 64;

  @Option(names = "--requests", description = "requests of each thread in a round")
  private int requests = 1000;

  @Option(names = "--rounds", description = "rounds, in each of which every system has its turn")
  private int rounds = 5;

  @Option(names = "--threads", description = "to compute with; default: all cores")
  private int threads = Runtime.getRuntime().availableProcessors();

  @Option(names = "--out", description = "JSON file")
  private Path out;

  /** Answers one request of {@code [T,I]} with {@code [T,H]}. */
  private interface Service extends AutoCloseable {
    float[] answer(float[] x) throws Exception;

    @Override
    void close() throws Exception;
  }

  /**
   * What came of one system's turn.
   *
   * @param requestsPerSecond of all callers together
   * @param p50Micros half of the requests took no longer
   * @param p99Micros all but a hundredth took no longer
   */
  private record Turn(double requestsPerSecond, double p50Micros, double p99Micros) {}

  /** Memory of this process after a garbage collection. */
  private record MemoryUse(int callers, long heapBytes, long residentBytes) {}

  /** Runs the command line. */
  public static void main(String[] arguments) {
    System.exit(new CommandLine(new Serving()).execute(arguments));
  }

  @Override
  public Integer call() throws Exception {
    Case what = new Case(Case.Cell.LSTM, Case.Pass.FORWARD, timeSteps, 1, hidden);
    Problem numbers = new Problem(what, 1);
    float[][] questions = questions();
    Map<String, Service> services = new LinkedHashMap<>();
    Predictor predictor =
        Predictor.builder(model(numbers))
            .device("cpu")
            .settings(BackendSettings.builder().threads(threads).build())
            .maxBatch(callers)
            .build();
    services.put("sequor", new SequorService(predictor));
    services.put("onnx, callers, 1 thread a run", new OnnxService(what, numbers, 1));
    services.put(
        "onnx, callers, " + threads + " threads a run", new OnnxService(what, numbers, threads));
    services.put(
        "onnx, a pool of " + threads,
        new PooledService(new OnnxService(what, numbers, 1), threads));
    float[][] expected = new float[callers][];
    for (int i = 0; i < callers; i++) {
      expected[i] = predictor.predict(questions[i]);
    }
    check(services, questions, expected);

    List<MemoryUse> memory = new ArrayList<>();
    for (int asking : new int[] {1, callers}) {
      turn(services.get("sequor"), questions, expected, asking, requests, true);
      memory.add(memory(asking));
    }
    Map<String, Turn> alone = new LinkedHashMap<>();
    Map<String, List<Turn>> turns = new LinkedHashMap<>();
    for (Map.Entry<String, Service> service : services.entrySet()) {
      // A first turn for the compiler, which is not counted.
      turn(service.getValue(), questions, expected, callers, requests / 5 + 1, false);
      turn(service.getValue(), questions, expected, 1, requests, false);
      alone.put(
          service.getKey(), turn(service.getValue(), questions, expected, 1, requests, false));
      turns.put(service.getKey(), new ArrayList<>());
    }
    for (int round = 0; round < rounds; round++) {
      for (Map.Entry<String, Service> service : services.entrySet()) {
        boolean exact = service.getKey().equals("sequor");
        turns
            .get(service.getKey())
            .add(turn(service.getValue(), questions, expected, callers, requests, exact));
      }
    }
    report(turns, alone, memory, predictor);
    for (Service service : services.values()) {
      service.close();
    }
    return 0;
  }

  private float[][] questions() {
    float[][] questions = new float[callers][timeSteps * hidden];
    Random random = new Random(3);
    for (float[] question : questions) {
      for (int i = 0; i < question.length; i++) {
        question[i] = random.nextFloat() * 2 - 1;
      }
    }
    return questions;
  }

  private TrainedModel model(Problem numbers) {
    Network network =
        Network.builder()
            .vectors("x", hidden)
            .add("y", Recurrent.of(CellType.LSTM, hidden, hidden), "x")
            .build();
    List<float[]> values =
        List.of(
            numbers.inputWeights(0, 0),
            numbers.recurrentWeights(0, 0),
            numbers.inputBias(0, 0),
            numbers.recurrentBias(0, 0));
    List<NamedTensor> tensors = new ArrayList<>();
    var regions = network.layout().regions();
    for (int i = 0; i < regions.size(); i++) {
      tensors.add(new NamedTensor(regions.get(i).name(), regions.get(i).shape(), values.get(i)));
    }
    return new TrainedModel(new NetworkModelSpec(network, Loss.meanSquaredError()), null, tensors);
  }

  private static void check(Map<String, Service> services, float[][] questions, float[][] expected)
      throws Exception {
    for (Map.Entry<String, Service> service : services.entrySet()) {
      for (int i = 0; i < questions.length; i++) {
        float[] answer = service.getValue().answer(questions[i]);
        for (int j = 0; j < answer.length; j++) {
          if (!(Math.abs(answer[j] - expected[i][j]) <= 1e-5f)) {
            throw new IllegalStateException(
                service.getKey() + " answers " + answer[j] + " where sequor has " + expected[i][j]);
          }
        }
      }
    }
  }

  private Turn turn(
      Service service,
      float[][] questions,
      float[][] expected,
      int asking,
      int requestsEach,
      boolean exact)
      throws Exception {
    long[][] nanos = new long[asking][requestsEach];
    CountDownLatch start = new CountDownLatch(1);
    List<Throwable> failures = new ArrayList<>();
    Thread[] all = new Thread[asking];
    for (int caller = 0; caller < asking; caller++) {
      int number = caller;
      all[caller] =
          new Thread(
              () -> {
                try {
                  start.await();
                  for (int i = 0; i < requestsEach; i++) {
                    long begun = System.nanoTime();
                    float[] answer = service.answer(questions[number]);
                    nanos[number][i] = System.nanoTime() - begun;
                    if (exact && !Arrays.equals(answer, expected[number])) {
                      throw new IllegalStateException("an answer has other bits than alone");
                    }
                  }
                } catch (Throwable e) {
                  synchronized (failures) {
                    failures.add(e);
                  }
                }
              });
      all[caller].start();
    }
    long begun = System.nanoTime();
    start.countDown();
    for (Thread thread : all) {
      thread.join();
    }
    double seconds = (System.nanoTime() - begun) / 1e9;
    if (!failures.isEmpty()) {
      throw new IllegalStateException(failures.get(0));
    }
    long[] sorted = Arrays.stream(nanos).flatMapToLong(Arrays::stream).sorted().toArray();
    return new Turn(
        sorted.length / seconds,
        sorted[sorted.length / 2] / 1e3,
        sorted[(int) (sorted.length * 0.99)] / 1e3);
  }

  private static MemoryUse memory(int callers) throws IOException {
    for (int i = 0; i < 3; i++) {
      System.gc();
    }
    Runtime runtime = Runtime.getRuntime();
    long resident =
        Files.readAllLines(Path.of("/proc/self/status")).stream()
            .filter(line -> line.startsWith("VmRSS:"))
            .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
            .findFirst()
            .orElse(0);
    return new MemoryUse(callers, runtime.totalMemory() - runtime.freeMemory(), resident);
  }

  private void report(
      Map<String, List<Turn>> turns,
      Map<String, Turn> alone,
      List<MemoryUse> memory,
      Predictor predictor)
      throws IOException {
    Machine machine = Machine.current();
    System.out.println(machine);
    System.out.printf(
        "LSTM, H=I=%d, T=%d, %d threads; %d callers, %d requests each, %d rounds%n",
        hidden, timeSteps, threads, callers, requests, rounds);
    System.out.printf(
        "%-34s %14s %10s %10s %12s%n", "medians", "requests/s", "p50 us", "p99 us", "alone, p50");
    Map<String, Turn> medians = new LinkedHashMap<>();
    turns.forEach(
        (name, all) -> {
          Turn median =
              new Turn(
                  Statistics.median(all.stream().map(Turn::requestsPerSecond).toList()),
                  Statistics.median(all.stream().map(Turn::p50Micros).toList()),
                  Statistics.median(all.stream().map(Turn::p99Micros).toList()));
          medians.put(name, median);
          System.out.printf(
              "%-34s %14.0f %10.0f %10.0f %12.0f%n",
              name,
              median.requestsPerSecond(),
              median.p50Micros(),
              median.p99Micros(),
              alone.get(name).p50Micros());
        });
    System.out.println(memory);
    System.out.println(predictor.stats());
    if (out != null) {
      Map<String, Object> json = new LinkedHashMap<>();
      json.put("machine", machine);
      json.put("commit", Checkout.commit(Path.of(System.getProperty("benchmarks.home"))));
      json.put("hidden", hidden);
      json.put("timeSteps", timeSteps);
      json.put("threads", threads);
      json.put("callers", callers);
      json.put("requests", requests);
      json.put("medians", medians);
      json.put("turns", turns);
      json.put("oneCaller", alone);
      json.put("memory", memory);
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT).writeValue(out.toFile(), json);
    }
  }

  private record SequorService(Predictor predictor) implements Service {
    @Override
    public float[] answer(float[] x) {
      return predictor.predict(x);
    }

    @Override
    public void close() {
      predictor.close();
    }
  }

  /** A session, which any number of threads may use at once. */
  private final class OnnxService implements Service {
    private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
    private final OrtSession session;

    OnnxService(Case what, Problem numbers, int threadsOfRun) throws OrtException {
      try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
        options.setIntraOpNumThreads(threadsOfRun);
        options.setInterOpNumThreads(1);
        options.addConfigEntry("session.force_spinning_stop", "1");
        session =
            environment.createSession(
                OnnxRuntimeContender.model(what, numbers).toByteArray(), options);
      }
    }

    @Override
    public float[] answer(float[] x) throws OrtException {
      long[] dims = {timeSteps, 1, hidden};
      try (OnnxTensor input = OnnxTensor.createTensor(environment, FloatBuffer.wrap(x), dims);
          OrtSession.Result result = session.run(Map.of("x", input))) {
        FloatBuffer buffer = ((OnnxTensor) result.get(0)).getFloatBuffer();
        float[] y = new float[buffer.remaining()];
        buffer.get(y);
        return y;
      }
    }

    @Override
    public void close() throws OrtException {
      session.close();
    }
  }

  /** Another service behind as many threads as there are to compute with. */
  private static final class PooledService implements Service {
    private final Service inner;
    private final ExecutorService pool;

    PooledService(Service inner, int threads) {
      this.inner = inner;
      this.pool = Executors.newFixedThreadPool(threads);
    }

    @Override
    public float[] answer(float[] x) throws Exception {
      return pool.submit(() -> inner.answer(x)).get();
    }

    @Override
    public void close() throws Exception {
      pool.shutdown();
      inner.close();
    }
  }
}
