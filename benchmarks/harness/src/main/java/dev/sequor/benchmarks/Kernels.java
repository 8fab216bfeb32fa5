package dev.sequor.benchmarks;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Which kernels oneDNN and MKL take for a case, in their own words: a process of each of PyTorch's
 * systems that is never timed runs it once with {@code ONEDNN_VERBOSE} and {@code MKL_VERBOSE}.
 */
final class Kernels implements AutoCloseable {
  static final String UNKNOWN = "unknown";

  private static final Map<String, String> VERBOSE =
      Map.of("ONEDNN_VERBOSE", "1", "MKL_VERBOSE", "1");

  private static final Pattern ONEDNN =
      Pattern.compile("onednn_verbose,(?:v1,)?primitive,exec,cpu,(\\w+),([^,]+),(\\w+)");
  private static final Pattern MKL = Pattern.compile("MKL_VERBOSE ([A-Z][A-Z0-9_]*)\\(");

  /** With {@code OPENBLAS_VERBOSE=2}, once, when it is loaded. */
  private static final Pattern OPENBLAS = Pattern.compile(", OpenBLAS kernels for (\\w+)");

  private final List<ChildProcess> children = new ArrayList<>();

  /** Starts a process for each of PyTorch's systems that takes part. */
  static Kernels start(List<ChildProcess> timed, Path log) throws IOException {
    Kernels kernels = new Kernels();
    Set<String> started = new LinkedHashSet<>();
    for (ChildProcess child : timed) {
      Entrant entrant = child.entrant();
      boolean isPyTorch =
          Set.of(Entrant.PYTORCH, Entrant.PYTORCH_IN_PYTHON, Entrant.PYTORCH_BFLOAT16)
              .contains(entrant.system());
      if (isPyTorch && started.add(entrant.system())) {
        try {
          kernels.children.add(ChildProcess.start(entrant.withEnvironment(VERBOSE), log));
        } catch (ChildProcess.Refused e) {
          started.remove(entrant.system()); // another of its settings may start
        }
      }
    }
    return kernels;
  }

  /** By system, the kernels it took for {@code what}; {@link #UNKNOWN} where it does not say. */
  Map<String, String> of(Case what, long seed) {
    Map<String, String> kernels = new LinkedHashMap<>();
    for (ChildProcess child : children) {
      String words = UNKNOWN;
      try {
        child.said();
        child.prepare(what, seed);
        words = parse(child.said(), child.description());
        child.release();
      } catch (IOException | ChildProcess.Refused e) {
        // That it cannot run this is said of the processes that are timed.
      }
      kernels.put(child.entrant().system(), words);
    }
    return kernels;
  }

  /**
   * The distinct kernels in what a library logged, but for those that only reorder numbers.
   *
   * @param description of the system, which names OpenBLAS's kernels if it has OpenBLAS
   */
  static String parse(String log, String description) {
    Set<String> found = new LinkedHashSet<>();
    Matcher oneDnn = ONEDNN.matcher(log);
    while (oneDnn.find()) {
      if (!oneDnn.group(1).equals("reorder")) {
        String pass = oneDnn.group(3).startsWith("backward") ? " backward" : "";
        found.add("oneDNN " + oneDnn.group(1) + pass + " " + oneDnn.group(2));
      }
    }
    Matcher mkl = MKL.matcher(log);
    while (mkl.find()) {
      found.add("MKL " + mkl.group(1).toLowerCase(Locale.ROOT));
    }
    Matcher openBlas = OPENBLAS.matcher(description);
    if (found.isEmpty() && openBlas.find()) {
      found.add("OpenBLAS " + openBlas.group(1));
    }
    return found.isEmpty() ? UNKNOWN : String.join(", ", found);
  }

  @Override
  public void close() {
    children.forEach(ChildProcess::close);
  }
}
