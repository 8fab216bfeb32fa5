package dev.sequor.model;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.CellType;
import dev.sequor.backend.DType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnSpec;
import dev.sequor.backend.StepInput;
import dev.sequor.data.TokenWindow;
import dev.sequor.rnn.Rnn;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * A program of its own for {@link LifetimesTest}: makes things and drops them without closing them.
 * The log must tell, and the backend that is left must have freed them.
 */
public final class DroppedThings {
  private DroppedThings() {}

  /** Argument: device. */
  public static void main(String[] arguments) throws Exception {
    Devices.open(arguments[0]); // dropped itself
    Backend backend = Devices.open(arguments[0]);
    drop(backend);
    for (int attempt = 0; attempt < 200; attempt++) {
      System.gc();
      Thread.sleep(20);
      backend.allocate(DType.FLOAT32, 1).close();
      if (backend.openResources().isEmpty()) {
        break;
      }
    }
    System.out.println("open: " + backend.openResources());
    backend.close();
  }

  private static void drop(Backend backend) {
    backend.allocate(DType.FLOAT32, 123).slice(0, 1);
    RnnSpec spec = RnnSpec.of(CellType.GRU_RESET_BEFORE, 3, 5);
    Rnn rnn = new Rnn(backend, spec);
    rnn.prepare(4, 2, Mode.TRAINING);
    rnn.newStepper(rnn.newParameters(1).values(), 1);
    backend.plan(spec.shape(9, 1), Mode.INFERENCE);
    dropSteps(backend);
    dropTraining(backend);
    System.out.println("made: " + backend.openResources().size());
  }

  /** Recorded and replayed, where there are recordings. */
  private static void dropSteps(Backend backend) {
    Buffer input = backend.allocate(DType.INT32, 45);
    Buffer table = backend.allocate(DType.FLOAT32, 67);
    Buffer y = backend.allocate(DType.FLOAT32, 89);
    ByteBuffer source = Backend.hostMemory(DType.INT32, 1);
    for (int call = 0; call < 4; call++) {
      backend.step(
          "a step that is dropped",
          List.of(new StepInput(source, input)),
          () -> backend.embeddingForward(45, 1, input, table, y));
    }
  }

  private static void dropTraining(Backend backend) {
    SequenceModelSpec spec = SequenceModelSpec.languageModel(5, 3).hiddenSize(4).build();
    SequenceModel model = new SequenceModel(backend, spec, 1);
    Trainer trainer = new Trainer(model, Optimizer.sgd(0.1f), Clipping.none(), 1);
    for (int step = 0; step < 4; step++) {
      int[] tokens = {0, 1, 2, 3, 4, 0, 1, step};
      trainer.step(new TokenWindow(4, 2, tokens, tokens, null, step == 0));
    }
    Sampler sampler = new Sampler(model);
    for (int round = 0; round < 4; round++) {
      sampler.sample(new int[] {1, 2}, 40, Sampling.greedy());
    }
  }
}
