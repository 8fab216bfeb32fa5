package dev.sequor.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Trainings are replaced by a shell that prints what one would. */
class TrainingPeersTest {
  private final ByteArrayOutputStream console = new ByteArrayOutputStream();

  /** Twice as fast where glibc keeps its pages. */
  private static TrainingPeers.Contender contender(String name, int rate, double bits) {
    String line =
        "{\"device\":\"$*\",\"seconds\":1,\"charactersPerSecond\":$(("
            + rate
            + " * (1 + ${MALLOC_ARENA_MAX:-0}))),\"trainBitsPerCharacter\":2.5,"
            + "\"heldOutBitsPerCharacter\":"
            + bits
            + "}";
    List<String> command =
        List.of("sh", "-c", "echo loading >&2; echo first; cat <<E\n" + line + "\nE\n", "sh");
    return new TrainingPeers.Contender(name, () -> command, Map.of());
  }

  private List<TrainingPeers.Outcome> run(int steps, TrainingPeers.Contender... contenders)
      throws IOException, TrainingPeers.Refused {
    PrintStream out = new PrintStream(console, true, StandardCharsets.UTF_8);
    return new TrainingPeers(List.of(contenders), out).run(steps);
  }

  private String printed() {
    return console.toString(StandardCharsets.UTF_8);
  }

  @Test
  void bothAllocatorsStandSideBySideAndTheBetterCounts() throws Exception {
    List<TrainingPeers.Outcome> outcomes =
        run(500, contender("pytorch", 1000, 2.5), contender("sequor-cpu", 3000, 2.6));
    assertEquals(4, outcomes.size());
    assertEquals("--steps 500", outcomes.get(0).device());
    assertTrue(printed().contains("after 100 updates: 2.500 bits"), printed());
    assertTrue(
        printed().lines().anyMatch(line -> line.matches("pytorch +1000 +2000 +2000 +2.500 +2.500")),
        printed());
    assertTrue(
        printed()
            .lines()
            .anyMatch(line -> line.matches("sequor-cpu +3000 +6000 +6000 +2.500 +2.600")),
        printed());
  }

  @Test
  void nothingIsTimedIfLossesDiffer() {
    TrainingPeers.Refused refusal =
        assertThrows(
            TrainingPeers.Refused.class,
            () -> run(500, contender("pytorch", 1000, 2.5), contender("sequor-cpu", 3000, 3.5)));
    assertEquals(
        "sequor-cpu has 3.500 bits per character and pytorch 2.500; at most 0.3 apart was needed,"
            + " and nothing is timed",
        refusal.getMessage());
    assertFalse(printed().contains("characters/s"), printed());
  }

  @Test
  void aLossThatIsNoNumberIsNoAgreement() throws Exception {
    TrainingPeers.Outcome nan =
        new TrainingPeers.Outcome("a", "as it comes", "", 1, 1, 1, Double.NaN);
    assertThrows(TrainingPeers.Refused.class, () -> TrainingPeers.requireAlike(List.of(nan, nan)));
  }

  @Test
  void aProcessThatFailsSaysWhy() {
    TrainingPeers.Contender broken =
        new TrainingPeers.Contender(
            "pytorch-python",
            () -> List.of("sh", "-c", "echo No module named torch >&2; exit 3", "sh"),
            Map.of());
    assertEquals(
        "pytorch-python ended with status 3: No module named torch",
        assertThrows(TrainingPeers.Refused.class, () -> run(5, broken)).getMessage());
  }

  @Test
  void whatIsNoResultIsNamed() {
    String message =
        assertThrows(
                TrainingPeers.Refused.class,
                () -> TrainingPeers.outcome("a", Allocator.AS_IT_COMES, "ready\n{\"steps\":3}"))
            .getMessage();
    assertEquals("a printed '{\"steps\":3}'; needed a JSON object with its figures", message);
  }
}
