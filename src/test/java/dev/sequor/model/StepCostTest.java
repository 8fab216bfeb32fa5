package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Loss;
import dev.sequor.data.TokenWindow;
import dev.sequor.data.Window;
import dev.sequor.module.Network;
import dev.sequor.module.NetworkState;
import org.junit.jupiter.api.Test;

/** What is worked out once, when a model is made, is not worked out again at every step. */
class StepCostTest {
  /** Counts how often its network is asked for. */
  private static final class Counted implements ModelSpec {
    private final ModelSpec usual =
        SequenceModelSpec.languageModel(5, 3).hiddenSize(4).layers(2).build();
    private int asked;

    @Override
    public Network network() {
      asked++;
      return usual.network();
    }

    @Override
    public String output() {
      return usual.output();
    }

    @Override
    public Loss loss() {
      return usual.loss();
    }
  }

  @Test
  void noStepPutsTheNetworkTogether() {
    Counted spec = new Counted();
    int[] tokens = {0, 1, 2, 3, 4, 0, 1, 2};
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, spec, 1);
        Trainer trainer = new Trainer(model, Optimizer.adam(0.01f), Clipping.none(), 1);
        Sampler sampler = new Sampler(model);
        NetworkState state = model.newState(2)) {
      Window first = new TokenWindow(4, 2, tokens, tokens, null, true);
      Window next = new TokenWindow(4, 2, tokens, tokens, null, false);
      trainer.step(first);
      model.loss(first, state);
      sampler.sample(new int[] {1}, 2, Sampling.ofTemperature(1f, 1));
      int before = spec.asked;
      for (int step = 0; step < 3; step++) {
        trainer.step(next);
        model.loss(next, state);
        model.forward(4, 2, tokens, null, state);
        sampler.sample(new int[] {1}, 2, Sampling.ofTemperature(1f, 1));
      }
      assertEquals(before, spec.asked);
    }
  }
}
