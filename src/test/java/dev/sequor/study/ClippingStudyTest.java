package dev.sequor.study;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.study.ClippingStudy.Course;
import dev.sequor.study.ClippingStudy.Outcome;
import java.util.List;
import org.junit.jupiter.api.Test;

class ClippingStudyTest {
  private static Outcome run(ClippingStudy study) {
    try (Backend backend = Devices.open("java")) {
      return study.run(backend);
    }
  }

  /** With a seed whose gradients are not finite after a few steps. */
  @Test
  void whatExplodesIsLearnedIfItIsClipped() {
    ClippingStudy study = new ClippingStudy(10, 32, 300, 2);
    Outcome outcome = run(study);
    assertTrue(outcome.unclipped().diverged());
    assertTrue(outcome.unclipped().losses().size() < 20);
    assertTrue(outcome.unclipped().largestNorm() > 100 * ClippingStudy.CLIP);
    Course clipped = outcome.clipped();
    assertFalse(clipped.diverged());
    assertEquals(300, clipped.losses().size());
    assertTrue(clipped.lastLoss() < 0.1, clipped.lastLoss() + " at the end");
    // The norms are those before clipping, and the first step is the same in both.
    assertTrue(clipped.largestNorm() > 10 * ClippingStudy.CLIP);
    assertEquals(outcome.unclipped().losses().get(0), clipped.losses().get(0));
    assertEquals(outcome.unclipped().gradientNorms().get(0), clipped.gradientNorms().get(0));
    ClippingStudy shorter = new ClippingStudy(10, 32, 5, 2);
    assertEquals(clipped.losses().subList(0, 5), run(shorter).clipped().losses());
  }

  @Test
  void aCourseOfNoStepsHasNoLoss() {
    Course none = new Course(List.of(), List.of(), true);
    assertEquals(Double.POSITIVE_INFINITY, none.lastLoss());
    assertEquals(0, none.largestNorm());
    assertEquals(2.5, new Course(List.of(1.0, 2.5), List.of(3.0, 1.0), false).lastLoss());
  }

  @Test
  void whatCannotBeIsRefused() {
    assertThrows(IllegalArgumentException.class, () -> new ClippingStudy(4, 3, 1, 1));
    assertThrows(IllegalArgumentException.class, () -> new ClippingStudy(5, 0, 1, 1));
    assertThrows(IllegalArgumentException.class, () -> new ClippingStudy(5, 3, 0, 1));
  }
}
