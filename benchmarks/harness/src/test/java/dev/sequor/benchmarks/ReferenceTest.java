package dev.sequor.benchmarks;

import static org.junit.jupiter.api.Assertions.assertSame;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Which results count as right. */
class ReferenceTest {
  private static final Map<String, Digest> RIGHT = Map.of("y", Digest.of(new float[] {1, 2, 3}));
  private static final Map<String, Digest> SAME =
      Map.of("y", Digest.of(new float[] {1.000001f, 2, 3}));
  private static final Map<String, Digest> WRONG = Map.of("y", Digest.of(new float[] {1, -2, 3}));

  private static Rounds.Computed of(String system, Map<String, Digest> digests) {
    return new Rounds.Computed(system, digests);
  }

  @Test
  void theFirstWhereAllAgree() {
    assertSame(RIGHT, Rounds.reference(List.of(of("a", RIGHT), of("b", SAME))));
  }

  @Test
  void theFirstWhereNobodyAgrees() {
    assertSame(WRONG, Rounds.reference(List.of(of("a", WRONG), of("b", RIGHT))));
  }

  @Test
  void notTheFirstWhereOthersAgreeAgainstItHoweverManySettingsItHas() {
    assertSame(
        RIGHT,
        Rounds.reference(
            List.of(
                of("a", WRONG), of("a", WRONG), of("a", WRONG), of("b", RIGHT), of("c", SAME))));
  }
}
