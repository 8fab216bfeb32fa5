package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

/** The rules of a search, step by step. */
final class BeamTest {
  private static final int END = 9;

  @Test
  void theScoreIsThatOfWuAndOthers() {
    assertEquals(-6, new BeamSearch(1, 9, 0).score(-6, 7));
    assertEquals(-3, new BeamSearch(1, 9, 1).score(-6, 7), 1e-12);
    assertEquals(-6 / Math.sqrt(2), new BeamSearch(1, 9, 0.5).score(-6, 7), 1e-12);
    assertEquals(-6, new BeamSearch(1, 9, 3).score(-6, 1), 1e-12); // one token: no penalty
  }

  /** Two hypotheses, the shorter of −2 with two tokens, the longer of {@code last} with three. */
  private static List<Hypothesis> search(double penalty, float last) {
    Beam beam = new Beam(new BeamSearch(2, 5, penalty), END);
    beam.advance(new int[] {1, 2}, new float[] {-1, -1}, 0, 2);
    beam.advance(new int[] {END, 3, 4, 5}, new float[] {-1, -7, -1, -7}, 0, 2);
    assertEquals(4, beam.token(0, -1));
    assertEquals(1, beam.parent(0));
    beam.advance(new int[] {END, 3, 0, 0}, new float[] {last, -9, 0, 0}, 0, 2);
    assertTrue(beam.isOver());
    return beam.best();
  }

  @Test
  void theLengthPenaltyDecidesAtItsEdge() {
    // lp(2) = 7/6 and lp(3) = 8/6 with a penalty of 1: equal at −2 · 8/7.
    float edge = -2f * 8 / 7 + 2;
    assertEquals(1, search(1, edge - 1e-4f).get(0).tokens().length);
    assertEquals(2, search(1, edge + 1e-4f).get(0).tokens().length);
    assertEquals(1, search(0, edge + 1e-4f).get(0).tokens().length);
    assertEquals(1, search(0, 0f).get(0).tokens().length); // equal: what was found first
  }

  @Test
  void aHypothesisThatEndedLeavesTheBeamAndTheOthersGoOn() {
    List<Hypothesis> found = search(0, -0.5f);
    assertArrayEquals(new int[] {1}, found.get(0).tokens());
    assertArrayEquals(new int[] {2, 4}, found.get(1).tokens());
    assertEquals(-2, found.get(0).logProbability());
    assertEquals(-2.5, found.get(1).logProbability());
  }

  @Test
  void whatIsCutComesAfterWhatEnded() {
    Beam beam = new Beam(new BeamSearch(2, 2, 0), END);
    beam.advance(new int[] {1, END}, new float[] {-0.1f, -8}, 0, 2);
    beam.advance(new int[] {2, 3}, new float[] {-0.1f, -8}, 0, 2);
    assertTrue(beam.isOver());
    List<Hypothesis> found = beam.best();
    assertTrue(found.get(0).ended());
    assertEquals(0, found.get(0).tokens().length);
    assertArrayEquals(new int[] {1, 2}, found.get(1).tokens());
    assertEquals(-0.2, found.get(1).score(), 1e-6);
  }

  @Test
  void aLengthOfOneHoldsTheEndTokenAtMost() {
    Beam beam = new Beam(new BeamSearch(3, 1, 1), END);
    beam.advance(new int[] {1, END, 2, 0, 0, 0, 0, 0, 0}, new float[9], 0, 3);
    assertTrue(beam.isOver());
    assertEquals(3, beam.best().size());
    assertEquals(0, beam.best().get(0).tokens().length);
    assertArrayEquals(new int[] {1}, beam.best().get(1).tokens());
  }
}
