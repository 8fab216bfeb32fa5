package dev.sequor.study;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.data.CharacterVocabulary;
import dev.sequor.data.TokenStreams;
import dev.sequor.data.Tokens;
import dev.sequor.model.Clipping;
import dev.sequor.model.Evaluator;
import dev.sequor.model.Optimizer;
import dev.sequor.model.RateSchedule;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.model.Trainer;
import dev.sequor.study.CellStudy.Learner;
import dev.sequor.study.CellStudy.Outcome;
import java.util.List;
import org.junit.jupiter.api.Test;

class CellStudyTest {
  private static final CharacterVocabulary VOCABULARY = CharacterVocabulary.of("abc. ");
  private static final Tokens TRAINING = tokens("abc. cab. ".repeat(420));
  private static final Tokens HELD_OUT = tokens("abc. cab. cab. ".repeat(9));

  private static Tokens tokens(String text) {
    return Tokens.of(VOCABULARY.encode("text", text));
  }

  private static CellStudy study(int hidden, int steps) {
    return new CellStudy(TRAINING, HELD_OUT, VOCABULARY.size(), hidden, steps, 5);
  }

  private static Outcome run(CellStudy study) {
    try (Backend backend = Devices.open("java")) {
      return study.run(backend, line -> {});
    }
  }

  /** An LSTM alone, over the end of an epoch, comes to the same as one that takes turns. */
  @Test
  void takingTurnsChangesNoModel() {
    CellStudy study = study(5, 5);
    Learner together = run(study).equalUnits().get(CellStudy.CELLS.indexOf(CellType.LSTM));
    SequenceModelSpec spec =
        SequenceModelSpec.languageModel(VOCABULARY.size(), 32).hiddenSize(5).build();
    TokenStreams streams = new TokenStreams(TRAINING, CellStudy.BATCH_SIZE, CellStudy.TIME_STEPS);
    assertEquals(2, streams.windowsPerEpoch());
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, spec, 5);
        Trainer trainer = new Trainer(model, Optimizer.adam(2e-3f), Clipping.byGlobalNorm(5), 5)) {
      for (int step = 0; step < 5; step++) {
        trainer.learningRate(RateSchedule.LINEAR.rate(2e-3f, step, 5));
        assertEquals(together.curve().get(step), trainer.step(streams).loss().meanBits());
      }
      assertEquals(
          together.heldOutBits(), Evaluator.evaluateText(model, HELD_OUT, 64, 32).meanBits());
      assertEquals(together.parameters(), model.layout().trainableElements());
    }
  }

  @Test
  void parametersAreAsNearAsUnitsCanMakeThem() {
    Outcome outcome = run(study(9, 1));
    long wanted = outcome.equalUnits().get(CellStudy.CELLS.indexOf(CellType.LSTM)).parameters();
    for (int i = 0; i < CellStudy.CELLS.size(); i++) {
      Learner learner = outcome.equalParameters().get(i);
      assertEquals(CellStudy.CELLS.get(i), learner.cell());
      assertEquals(9, outcome.equalUnits().get(i).hiddenSize());
      for (int other : new int[] {learner.hiddenSize() - 1, learner.hiddenSize() + 1}) {
        long parameters =
            SequenceModelSpec.languageModel(VOCABULARY.size(), 32)
                .cell(learner.cell())
                .hiddenSize(other)
                .build()
                .network()
                .layout()
                .trainableElements();
        assertTrue(
            Math.abs(parameters - wanted) >= Math.abs(learner.parameters() - wanted),
            learner.cell() + " " + learner.hiddenSize());
      }
      assertTrue(learner.stepSeconds() > 0);
    }
  }

  @Test
  void whatCannotBeIsRefused() {
    assertThrows(IllegalArgumentException.class, () -> study(0, 1));
    assertThrows(IllegalArgumentException.class, () -> study(1, 0));
    CellStudy few = new CellStudy(tokens("abc"), HELD_OUT, VOCABULARY.size(), 3, 1, 1);
    String said = assertThrows(IllegalArgumentException.class, () -> run(few)).getMessage();
    assertTrue(String.valueOf(said).contains("the text has 3 tokens"), said);
    List<Learner> all = run(study(3, 1)).equalUnits();
    assertEquals(CellStudy.CELLS, all.stream().map(Learner::cell).toList());
  }
}
