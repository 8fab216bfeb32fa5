package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.backend.cuda.simulator.SimulatorControl;
import dev.sequor.backend.cuda.simulator.SimulatorControl.Field;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What models, trainers, samplers and evaluations take of a device, they give back. */
@Tag("gpu")
class CudaLeakTest {
  private static final SequenceModelSpec SPEC =
      SequenceModelSpec.languageModel(5, 3).hiddenSize(4).layers(2).build();

  @BeforeEach
  void requireUsable() {
    var cuda =
        Devices.survey().stream().filter(d -> d.name().equals("cuda")).findFirst().orElseThrow();
    assumeTrue(cuda.availability().usable(), cuda.availability().reason());
  }

  @Test
  void nothingIsLeftWhenAllAreClosed() {
    try (Backend cuda = Devices.open("cuda")) {
      assumeTrue(SimulatorControl.isThere(), "a real device does not tell");
      cuda.synchronize(); // makes the device current
      SimulatorControl simulator = SimulatorControl.ofCurrentDevice();
      long empty = 0;
      // The first time, kernels are loaded and libraries take what they keep.
      for (int round = 0; round < 2; round++) {
        empty = simulator.get(Field.LIVE_BYTES);
        useEverything(cuda);
        cuda.synchronize();
      }
      assertEquals(empty, simulator.get(Field.LIVE_BYTES));
    }
  }

  private static void useEverything(Backend cuda) {
    int[] text = new int[200];
    for (int i = 0; i < text.length; i++) {
      text[i] = i * i % 5;
    }
    try (SequenceModel model = new SequenceModel(cuda, SPEC, 1)) {
      TrainerSnapshot snapshot;
      try (Trainer trainer = new Trainer(model, Optimizer.adam(0.01f), Clipping.none(), 1)) {
        // Other numbers of streams replace what is carried, and what is kept in case of a skip.
        for (int streams : new int[] {3, 2, 4}) {
          RandomStreams data = new RandomStreams(5, 6, streams, 3);
          for (int i = 0; i < 3; i++) {
            trainer.step(data.window(0, i));
          }
        }
        snapshot = trainer.snapshot();
        trainer.restore(snapshot);
      }
      Evaluator.evaluateText(model, text, 7, 3);
      Evaluator.evaluateText(model, text, 9, 2);
      try (Sampler sampler = new Sampler(model)) {
        assertEquals(40, sampler.sample(new int[] {1, 2}, 40, Sampling.greedy()).length);
      }
      SequenceModel.of(cuda, SPEC, snapshot.parameters(), dev.sequor.backend.WeightStorage.FLOAT32)
          .close();
    }
  }

  @Test
  void shapesThatAreNoLongerUsedGiveWay() {
    try (Backend cuda = Devices.open("cuda");
        SequenceModel model = new SequenceModel(cuda, SPEC, 1)) {
      assumeTrue(SimulatorControl.isThere(), "a real device does not tell");
      long most = 0;
      long last = 0;
      for (int steps = 40; steps > 8; steps--) {
        model.forward(steps, 4, new int[steps * 4], null, null);
        cuda.synchronize();
        last = SimulatorControl.ofCurrentDevice().get(Field.LIVE_BYTES);
        most = Math.max(most, last);
      }
      // Ever smaller batches cannot take more than the first few did, unless those are still there.
      assertTrue(last < most, last + " bytes of at most " + most);
      long few = SimulatorControl.ofCurrentDevice().get(Field.LIVE_BYTES);
      for (int i = 0; i < 20; i++) {
        model.forward(8 - i % 8, 4, new int[(8 - i % 8) * 4], null, null);
      }
      cuda.synchronize();
      assertTrue(SimulatorControl.ofCurrentDevice().get(Field.LIVE_BYTES) <= few);
    }
  }
}
