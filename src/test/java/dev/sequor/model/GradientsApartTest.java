package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.data.TokenStreams;
import dev.sequor.data.Window;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A gradient that one trainer works out and another makes an update of is a step. */
class GradientsApartTest {
  private static final int CLASSES = 7;
  private static final int STEPS = 5;

  private static SequenceModelSpec spec() {
    return SequenceModelSpec.languageModel(CLASSES, 5)
        .cell(CellType.LSTM)
        .hiddenSize(9)
        .layers(2)
        .build();
  }

  private static TokenStreams streams() {
    return new TokenStreams(new Random(3).ints(4 * 6 * STEPS + 9, 0, CLASSES).toArray(), 4, 6);
  }

  @ParameterizedTest
  @MethodSource("dev.sequor.model.UsableBackends#names")
  void gradientAndUpdateAreAStep(String device) {
    Clipping clipping = Clipping.byGlobalNorm(0.3f);
    try (Backend backend = Devices.open(device);
        SequenceModel one = new SequenceModel(backend, spec(), 5);
        SequenceModel worker = new SequenceModel(backend, spec(), 5);
        SequenceModel updated = new SequenceModel(backend, spec(), 5);
        Trainer whole = new Trainer(one, Optimizer.adam(0.01f), clipping, 1);
        // Its own rule is never used.
        Trainer gradients = new Trainer(worker, Optimizer.sgd(1f), Clipping.none(), 1);
        Trainer updates = new Trainer(updated, Optimizer.adam(0.01f), clipping, 1)) {
      for (int step = 0; step < STEPS; step++) { // streams go on from window to window
        Window window = streams().window(0, step);
        TrainStep expected = whole.step(window);
        worker.load(updated.tensors());
        float[] before = worker.parameters().readFloats();
        BatchLoss loss = gradients.gradient(window);
        assertArrayEquals(before, worker.parameters().readFloats(), "it has updated");
        TrainStep actual = updates.update(worker.weights().gradients().readFloats(), loss);
        assertEquals(expected, actual);
        assertArrayEquals(
            one.parameters().readFloats(), updated.parameters().readFloats(), "step " + step);
      }
      assertEquals(STEPS, updates.progress().updates());
      assertEquals(0, gradients.progress().steps());
      assertEquals(whole.snapshot().moments().size(), updates.snapshot().moments().size());
    }
  }

  @Test
  void whatDoesNotFitIsRefusedAndWhatIsNotFiniteSkipped() {
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, spec(), 5);
        Trainer trainer = new Trainer(model, Optimizer.adam(0.01f), Clipping.none(), 1)) {
      int elements = (int) model.layout().totalElements();
      BatchLoss loss = new BatchLoss(1, 1);
      assertEquals(
          "gradient holds 3 floats; the layout needs " + elements,
          assertThrows(IllegalArgumentException.class, () -> trainer.update(new float[3], loss))
              .getMessage());
      float[] before = model.parameters().readFloats();
      float[] gradient = new float[elements];
      gradient[0] = Float.NaN;
      assertTrue(trainer.update(gradient, loss).skipped());
      assertArrayEquals(before, model.parameters().readFloats());
      assertEquals(1, trainer.progress().skippedSteps());
    }
  }
}
