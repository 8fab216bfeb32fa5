package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.cuda.ChildJvm;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Things may be closed in any order, used when they should not be, or forgotten. */
@Tag("gpu")
final class LifetimesTest {
  private static final int ORDERS = Integer.getInteger("lifetimes.orders", 200);

  static Stream<String> devices() {
    return UsableBackends.names();
  }

  private static ChildJvm child(Class<?> program) {
    // All of the heap is resident from the start, so that whatever the process grows by is native
    // memory; what is lost on the heap ends in an OutOfMemoryError.
    ChildJvm child =
        ChildJvm.running(program.getName())
            .option("-Xms512m")
            .option("-Xmx512m")
            .option("-XX:+UseSerialGC")
            .option("-XX:+AlwaysPreTouch")
            .environment("MALLOC_ARENA_MAX", 1) // else memory is kept for each thread there was
            .environment("MALLOC_MMAP_THRESHOLD_", 65536); // else between blocks of any size
    for (String name : new String[] {"LD_LIBRARY_PATH", "SEQUOR_SIMULATOR_SEED"}) {
      String value = System.getenv(name);
      if (value != null) {
        child.environment(name, value);
      }
    }
    return child;
  }

  @ParameterizedTest
  @MethodSource("devices")
  void anyOrderOfClosingAndUseEndsInWordsAndLeavesNothing(String device) throws Exception {
    ChildJvm.Result result =
        child(RandomLifetimes.class).run(device, String.valueOf(ORDERS)).says(ORDERS + " orders");
    assertEquals(0, result.code(), result::toString);
  }

  /** Freed memory goes to the driver at once, whichever thread closes what had it. */
  @Test
  void anyOrderOfClosingWithoutKeptMemory() throws Exception {
    assumeTrue(UsableBackends.names().anyMatch("cuda"::equals));
    ChildJvm.Result result =
        child(RandomLifetimes.class)
            .option("-Dsequor.cuda.cache=off")
            .run("cuda", String.valueOf(ORDERS / 2))
            .says(ORDERS / 2 + " orders");
    assertEquals(0, result.code(), result::toString);
  }

  @ParameterizedTest
  @MethodSource("devices")
  void whatIsDroppedWithoutBeingClosedIsReportedAndFreed(String device) throws Exception {
    ChildJvm.Result result = child(DroppedThings.class).run(device).says("open: []");
    assertEquals(0, result.code(), result::toString);
    for (String lost :
        new String[] {
          "Buffer of 123 FLOAT32 on " + device,
          "Buffer of 45 INT32 on " + device,
          "Buffer of 67 FLOAT32 on " + device,
          "Buffer of 89 FLOAT32 on " + device,
          "Plan of GRU_RESET_BEFORE training with T=4 B=2 I=3 H=5 on " + device,
          "Plan of GRU_RESET_BEFORE inference with T=1 B=1 I=3 H=5 on " + device,
          "Plan of GRU_RESET_BEFORE inference with T=9 B=1 I=3 H=5 on " + device
        }) {
      assertTrue(
          result.err().lines().anyMatch(l -> l.contains(lost) && l.contains("was never closed")),
          () -> "no word of '" + lost + "' in: " + result);
    }
    assertTrue(
        result.err().contains("was never closed; what it holds is lost"),
        () -> "no word of the dropped backend in: " + result);
  }
}
