package dev.sequor.study;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendSettings;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.diagnose.Diagnosis;
import dev.sequor.study.AgreementStudy.Learner;
import dev.sequor.study.AgreementStudy.Outcome;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

class AgreementStudyTest {
  private static Outcome run(AgreementStudy study, int threads) {
    try (Backend backend =
        Devices.open("java", BackendSettings.builder().threads(threads).build())) {
      return study.run(backend, line -> {});
    }
  }

  @Test
  void theSameSeedGivesTheSameBitsWhateverTheThreads() {
    AgreementStudy study = new AgreementStudy(List.of(5, 9), 6, 20, 3);
    Outcome outcome = run(study, 1);
    assertEquals(outcome, run(study, 1));
    assertEquals(outcome, run(study, 2));
    Outcome other = run(new AgreementStudy(List.of(5, 9), 6, 20, 4), 1);
    assertNotEquals(outcome.learners(), other.learners());
  }

  @Test
  void whatIsNearIsLearnedByAllCells() {
    List<String> notes = new ArrayList<>();
    AgreementStudy study = new AgreementStudy(List.of(5), 16, 250, 1);
    Outcome outcome;
    try (Backend backend = Devices.open("java")) {
      outcome = study.run(backend, notes::add);
    }
    assertEquals(AgreementStudy.CELLS, outcome.learners().stream().map(Learner::cell).toList());
    for (Learner learner : outcome.learners()) {
      assertTrue(learner.solves(0), learner.cell() + " " + learner.accuracy());
      assertEquals(7, Learner.norms(learner.untrained()).size());
      // What a cell has learned it is sure of.
      assertTrue(learner.untrained().loss() > 0.5);
      assertTrue(learner.trained().get(0).loss() < 0.2);
    }
    assertEquals(OptionalInt.of(0), outcome.longestSolved());
    assertEquals(3, notes.size());
  }

  private static Learner learner(CellType cell, Double... accuracy) {
    Diagnosis nothing = new Diagnosis(0, List.of());
    return new Learner(cell, List.of(accuracy), nothing, List.of());
  }

  @Test
  void theLongestDistanceIsOneThatBothCellsWithGatesSolve() {
    AgreementStudy study = new AgreementStudy(List.of(5, 10, 20), 4, 1, 1);
    Outcome outcome =
        new Outcome(
            study,
            List.of(
                learner(CellType.RNN_TANH, 1.0, 0.5, 0.99),
                learner(CellType.GRU_RESET_BEFORE, 1.0, 0.95, 0.94),
                learner(CellType.LSTM, 0.9, 0.97, 1.0)));
    assertEquals(OptionalInt.of(1), outcome.longestSolved());
    assertEquals(0.45, outcome.lag(1), 1e-12);
    assertEquals(-0.05, outcome.lag(2), 1e-12);
    Outcome none =
        new Outcome(
            study,
            List.of(
                learner(CellType.RNN_TANH, 1.0, 1.0, 1.0),
                learner(CellType.GRU_RESET_BEFORE, 0.9, 1.0, 0.9),
                learner(CellType.LSTM, 1.0, 0.9, 0.9)));
    assertEquals(OptionalInt.empty(), none.longestSolved());
  }

  private static void refused(String message, List<Integer> distances, int hidden, long steps) {
    String said =
        assertThrows(
                IllegalArgumentException.class,
                () -> new AgreementStudy(distances, hidden, steps, 1))
            .getMessage();
    assertTrue(String.valueOf(said).contains(message), said);
  }

  @Test
  void whatCannotBeIsRefused() {
    refused("distances is empty", List.of(), 4, 1);
    refused("distances is [9, 9]; needed rising ones", List.of(9, 9), 4, 1);
    refused("is 4; needed 5 to", List.of(4), 4, 1);
    refused("hiddenSize is 0", List.of(5), 0, 1);
    refused("steps is 0", List.of(5), 4, 0);
  }
}
