package dev.sequor.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.Activation;
import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.LinearShape;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A thread of the engine's team wakes where none of the others works, and no thread stays pinned:
 * read from what the kernel says of each thread.
 */
class ThreadPlacementTest {
  private static final String OWN_STATUS = "/proc/thread-self/status";

  @BeforeAll
  static void check() {
    NativeBuild.assumePresent();
    assumeTrue(Files.exists(Path.of(OWN_STATUS)), "only Linux tells where a thread may run");
  }

  @Test
  @Timeout(value = 60, unit = TimeUnit.SECONDS)
  void aSleepingThreadMayWakeAnywhereButWhereTheCallerRan() throws Exception {
    int processors = allowed(Path.of(OWN_STATUS));
    assumeTrue(processors >= 2, "a thread that may run on one processor only cannot move");
    try (Backend backend = open()) {
      work(backend);
      List<Integer> asleep = awaitTeam(counts -> counts.equals(List.of(processors - 1)));
      assertEquals(List.of(processors - 1), asleep);
      // Its next work begins and ends in the same way.
      work(backend);
      assertEquals(asleep, awaitTeam(asleep::equals));
    }
    assertEquals(List.of(), awaitTeam(List::isEmpty));
  }

  @Test
  void theCallerMayRunWhereItCouldBefore() throws IOException {
    int before = allowed(Path.of(OWN_STATUS));
    try (Backend backend = open()) {
      for (int call = 0; call < 200; call++) {
        work(backend);
        assertEquals(before, allowed(Path.of(OWN_STATUS)));
      }
    }
  }

  private static Backend open() {
    return new Backend(new CpuEngine(NativeEngine.sequor_best_instruction_set(), 2, true));
  }

  /** Enough for both threads, with a barrier between the product and the activation. */
  private static void work(Backend backend) {
    int size = 128;
    try (Buffer x = backend.allocate(DType.FLOAT32, (long) size * size);
        Buffer weight = backend.allocate(DType.FLOAT32, (long) size * size);
        Buffer y = backend.allocate(DType.FLOAT32, (long) size * size)) {
      backend.fill(x, 1f);
      backend.fill(weight, 1f / size);
      backend.linearForward(new LinearShape(size, size, size, Activation.RELU), x, weight, null, y);
      float[] result = y.readFloats();
      assertTrue(Math.abs(result[result.length - 1] - 1f) < 1e-5f);
    }
  }

  /** On how many processors each thread of a team may run, once that is as expected or never is. */
  private static List<Integer> awaitTeam(Predicate<List<Integer>> expected) throws Exception {
    List<Integer> counts = team();
    for (int attempt = 0; attempt < 500 && !expected.test(counts); attempt++) {
      Thread.sleep(10);
      counts = team();
    }
    return counts;
  }

  private static List<Integer> team() throws IOException {
    List<Integer> counts = new ArrayList<>();
    try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
      for (Path task : tasks.toList()) {
        try {
          if (Files.readString(task.resolve("comm")).strip().equals("sequor-team")) {
            counts.add(allowed(task.resolve("status")));
          }
        } catch (IOException ended) {
          // the thread has ended since
        }
      }
    }
    return counts;
  }

  private static int allowed(Path status) throws IOException {
    for (String line : Files.readAllLines(status)) {
      if (line.startsWith("Cpus_allowed:")) {
        String mask = line.substring(line.indexOf(':') + 1).replace(",", "").strip();
        return new BigInteger(mask, 16).bitCount();
      }
    }
    throw new IOException(status + " has no Cpus_allowed");
  }
}
