package dev.sequor.model;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.DType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnSpec;
import dev.sequor.rnn.Rnn;

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
    RnnSpec spec = RnnSpec.of(CellType.GRU, 3, 5);
    Rnn rnn = new Rnn(backend, spec);
    rnn.prepare(4, 2, Mode.TRAINING);
    rnn.newStepper(rnn.newParameters(1).values(), 1);
    backend.plan(spec.shape(9, 1), Mode.INFERENCE);
    System.out.println("made: " + backend.openResources().size());
  }
}
