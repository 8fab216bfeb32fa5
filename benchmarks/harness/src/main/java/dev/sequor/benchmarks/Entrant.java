package dev.sequor.benchmarks;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * A system with one setting of its threads: one child process.
 *
 * @param system the name in tables and files; of several entrants with one name the fastest counts
 * @param setting of its threads, in words
 * @param allocator of its process
 * @param threads how many it may use
 * @param program of the child
 * @param environment variables to set
 * @param takesPart which cases it can run
 * @param tolerance how far its results may be from the reference's, see {@link Digest#errorAgainst}
 * @param maxRoundsIfShort no more repetitions than this where a repetition takes long and time is
 *     short
 */
record Entrant(
    String system,
    String setting,
    Allocator allocator,
    int threads,
    Program program,
    Map<String, String> environment,
    Predicate<Case> takesPart,
    double tolerance,
    int maxRoundsIfShort) {

  static final String CPU = "sequor-cpu";
  static final String CPU_ONE_THREAD = "sequor-cpu-one-thread";
  static final String CPU_BFLOAT16 = "sequor-cpu-bfloat16";
  static final String CPU_INT8 = "sequor-cpu-int8";
  static final String CPU_BFLOAT16_PRODUCTS = "sequor-cpu-bf16-products";
  static final String JAVA = "sequor-java";
  static final String PYTORCH = "pytorch";
  static final String PYTORCH_IN_PYTHON = "pytorch-python";
  static final String PYTORCH_BFLOAT16 = "pytorch-python-bf16";
  static final String ONNX_RUNTIME = "onnxruntime";
  static final String DL4J = "dl4j";

  // Whole models, named tensors in and out. Only if they are asked for by name.
  static final String CPU_MODEL = "sequor-cpu-model";
  static final String CPU_IMPORTED = "sequor-cpu-imported";
  static final String ONNX_RUNTIME_IMPORTED = "onnxruntime-imported";

  /** What float32 arithmetic in another order stays below. */
  private static final double FLOAT32_TOLERANCE = 1e-4;

  /**
   * Weights of 8 bits' precision, or 7: wrong results are of the size of the results themselves.
   */
  private static final double SMALL_WEIGHTS_TOLERANCE = 2e-2;

  /**
   * What products of bfloat16 stay below over hundreds of steps, forward and back; PyTorch keeps
   * what goes from step to step in bfloat16, too.
   */
  private static final double BFLOAT16_TOLERANCE = 5e-2;

  private static final String PEERS = "dev.sequor.benchmarks.peers.";

  /** The shape at which one thread is compared with all. */
  private static final String SCALING_SHAPE = "64,64,512";

  /** Deeplearning4j is slow enough that the larger shapes would take most of the run. */
  private static final Set<String> DL4J_SHAPES =
      Set.of("128,1,128", "128,32,128", "128,32,256", "128,32,512");

  private static final int SLOW_ROUNDS = 2;

  private static final Predicate<Case> FORWARD = c -> c.pass() == Case.Pass.FORWARD;

  private static final Predicate<Case> FORWARD_OF_A_LAYER =
      FORWARD.and(c -> c.shape().group() == Shape.Group.LAYERS);

  /**
   * Where PyTorch's sequences may all run to the end of the longest instead of being packed. Not
   * backward in time: there what lies past the end would come first.
   */
  private static final Predicate<Case> PADDED = c -> c.shape().ragged() && c.directions() == 1;

  /**
   * A Python to run peers in.
   *
   * @param program the interpreter
   * @param scripts folder of the contenders' scripts
   */
  record Python(Path program, Path scripts) {}

  /**
   * Whether this runs in every comparison, and not only in those that name it.
   *
   * @param bfloat16 whether the processor multiplies such numbers
   */
  boolean always(boolean bfloat16) {
    return (bfloat16 || !multipliesInBfloat16(system))
        && !Set.of(CPU_MODEL, CPU_IMPORTED, ONNX_RUNTIME_IMPORTED).contains(system);
  }

  /** Whether this is Sequor rather than a peer. */
  boolean ours() {
    return isOurs(system);
  }

  static boolean isOurs(String system) {
    return system.startsWith("sequor");
  }

  /** Whether its products are of bfloat16: such systems are each other's peers only. */
  static boolean multipliesInBfloat16(String system) {
    return Set.of(CPU_BFLOAT16_PRODUCTS, PYTORCH_BFLOAT16).contains(system);
  }

  /**
   * Every entrant, PyTorch first since its results are the reference.
   *
   * @param peersClassPath of Sequor, PyTorch and ONNX Runtime
   * @param dl4jClassPath of Deeplearning4j; null to leave it out
   * @param python with PyTorch and NumPy; null to leave it out
   */
  static List<Entrant> all(int cores, String peersClassPath, String dl4jClassPath, Python python) {
    List<Entrant> all = new ArrayList<>();
    Set<Integer> threadCounts = new TreeSet<>(List.of(cores, 1));
    // PyTorch's own threads and OpenBLAS's are two pools; which combination is best differs by
    // case.
    for (boolean padded : new boolean[] {false, true}) {
      for (int threads : threadCounts) {
        for (int blasThreads : threadCounts) {
          all.add(
              new Entrant(
                  PYTORCH,
                  "threads "
                      + threads
                      + ", OPENBLAS_NUM_THREADS="
                      + blasThreads
                      + (padded ? ", padded" : ""),
                  Allocator.KEEPING_PAGES,
                  Math.max(threads, blasThreads),
                  Program.java(
                      peersClassPath,
                      PEERS + "PyTorchContender",
                      List.of(Integer.toString(threads), Boolean.toString(padded))),
                  Map.of("OPENBLAS_NUM_THREADS", Integer.toString(blasThreads)),
                  padded ? PADDED : c -> true,
                  FLOAT32_TOLERANCE,
                  Integer.MAX_VALUE));
        }
      }
      for (int threads : python == null ? Set.<Integer>of() : threadCounts) {
        all.add(pytorchInPython(PYTORCH_IN_PYTHON, "float32", threads, padded, python));
        all.add(pytorchInPython(PYTORCH_BFLOAT16, "bfloat16", threads, padded, python));
      }
    }
    for (int threads : threadCounts) {
      all.add(
          new Entrant(
              ONNX_RUNTIME,
              "threads " + threads,
              Allocator.KEEPING_PAGES,
              threads,
              onnxRuntime(peersClassPath, threads, false),
              Map.of(),
              FORWARD,
              FLOAT32_TOLERANCE,
              Integer.MAX_VALUE));
      all.add(
          new Entrant(
              ONNX_RUNTIME_IMPORTED,
              "threads " + threads,
              Allocator.KEEPING_PAGES,
              threads,
              onnxRuntime(peersClassPath, threads, true),
              Map.of(),
              FORWARD_OF_A_LAYER,
              FLOAT32_TOLERANCE,
              Integer.MAX_VALUE));
    }
    for (boolean imported : new boolean[] {false, true}) {
      all.add(
          new Entrant(
              imported ? CPU_IMPORTED : CPU_MODEL,
              "threads " + cores,
              Allocator.KEEPING_PAGES,
              cores,
              Program.java(
                  peersClassPath, PEERS + "FileContender", List.of(Boolean.toString(imported))),
              Map.of("SEQUOR_THREADS", Integer.toString(cores)),
              FORWARD_OF_A_LAYER,
              FLOAT32_TOLERANCE,
              Integer.MAX_VALUE));
    }
    // Its own threads slow Deeplearning4j down wherever anything else wants a core, twenty times in
    // the
    // worst case seen.
    for (int threads : dl4jClassPath == null ? Set.<Integer>of() : threadCounts) {
      all.add(
          new Entrant(
              DL4J,
              "OMP_NUM_THREADS=" + threads,
              Allocator.KEEPING_PAGES,
              threads,
              Program.java(dl4jClassPath, "dev.sequor.benchmarks.dl4j.Dl4jContender", List.of()),
              Map.of("OMP_NUM_THREADS", Integer.toString(threads)),
              c -> c.cell() == Case.Cell.LSTM && DL4J_SHAPES.contains(c.shape().toString()),
              FLOAT32_TOLERANCE,
              SLOW_ROUNDS));
    }
    Predicate<Case> streaming = FORWARD_OF_A_LAYER.and(c -> c.batchSize() == 1);
    all.add(sequor(CPU, "cpu", "FLOAT32", cores, peersClassPath, c -> true));
    all.add(sequor(CPU_BFLOAT16, "cpu", "BFLOAT16", cores, peersClassPath, streaming));
    all.add(sequor(CPU_INT8, "cpu", "INT8", cores, peersClassPath, streaming));
    all.add(
        sequor(CPU_BFLOAT16_PRODUCTS, "cpu", "FLOAT32", cores, peersClassPath, c -> true)
            .withEnvironment(Map.of("SEQUOR_CPU_MATH", "bf16")));
    if (cores > 1) {
      all.add(
          sequor(
              CPU_ONE_THREAD,
              "cpu",
              "FLOAT32",
              1,
              peersClassPath,
              c -> c.shape().toString().equals(SCALING_SHAPE)));
    }
    all.add(sequor(JAVA, "java", "FLOAT32", cores, peersClassPath, c -> true));
    return all.stream().flatMap(each -> Stream.of(each, each.with(Allocator.AS_IT_COMES))).toList();
  }

  private static double tolerance(String system) {
    return multipliesInBfloat16(system) ? BFLOAT16_TOLERANCE : FLOAT32_TOLERANCE;
  }

  private static Entrant pytorchInPython(
      String system, String numbers, int threads, boolean padded, Python python) {
    return new Entrant(
        system,
        "threads " + threads + (padded ? ", padded" : ""),
        Allocator.KEEPING_PAGES,
        threads,
        Program.python(
            python.program(),
            python.scripts().resolve("torch_contender.py"),
            List.of(Integer.toString(threads), padded ? "padded" : "packed", numbers)),
        Map.of(),
        padded ? PADDED : c -> true,
        tolerance(system),
        Integer.MAX_VALUE);
  }

  private static Program onnxRuntime(String classPath, int threads, boolean imported) {
    return Program.java(
        classPath,
        PEERS + "OnnxRuntimeContender",
        List.of(Integer.toString(threads), Boolean.toString(imported)));
  }

  private Entrant with(Allocator other) {
    return copy(other, environment);
  }

  /** The same with more variables. */
  Entrant withEnvironment(Map<String, String> more) {
    Map<String, String> all = new TreeMap<>(environment);
    all.putAll(more);
    return copy(allocator, all);
  }

  private Entrant copy(Allocator itsAllocator, Map<String, String> itsEnvironment) {
    return new Entrant(
        system,
        setting,
        itsAllocator,
        threads,
        program,
        itsEnvironment,
        takesPart,
        tolerance,
        maxRoundsIfShort);
  }

  /** What distinguishes it from others of its system, in words. */
  String words() {
    return setting + ", allocator " + allocator;
  }

  /** One of Sequor's own: {@code weights} is how inference keeps them. */
  static Entrant sequor(
      String system,
      String device,
      String weights,
      int threads,
      String classPath,
      Predicate<Case> takesPart) {
    return new Entrant(
        system,
        "threads " + threads,
        Allocator.KEEPING_PAGES,
        threads,
        Program.java(classPath, PEERS + "SequorContender", List.of(device, weights)),
        Map.of("SEQUOR_THREADS", Integer.toString(threads)),
        takesPart,
        weights.equals("FLOAT32") ? tolerance(system) : SMALL_WEIGHTS_TOLERANCE,
        device.equals("java") ? SLOW_ROUNDS : Integer.MAX_VALUE);
  }

  @Override
  public String toString() {
    return system + " (" + words() + ")";
  }
}
