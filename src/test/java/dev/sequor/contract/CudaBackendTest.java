package dev.sequor.contract;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendOperationsContract;
import dev.sequor.backend.CtcContract;
import dev.sequor.backend.Devices;
import dev.sequor.backend.RnnShape;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The {@code cuda} backend under every contract: on a GPU where there is one, else on the simulator
 * that the build puts on the library path. The first, where time may not suffice for all.
 */
@Tag("gpu")
@Order(1)
class CudaBackendTest {
  private static final String PROVIDER = "cuda";
  private static final String MATH = "sequor.cuda.math";

  @Nested
  class Rnns extends RnnContract {
    Rnns() {
      super(PROVIDER);
    }

    /** cuBLAS chooses in which parts and order the rows of a weight's gradient are added. */
    @Override
    Closeness ofParameters(Closeness bars, RnnShape shape) {
      return bars.afterSumsOf((long) shape.timeSteps() * shape.batchSize());
    }
  }

  @Nested
  class Options extends CellOptionsContract {
    Options() {
      super(PROVIDER);
    }
  }

  @Nested
  class Conformance extends ConformanceContract {
    Conformance() {
      super(PROVIDER);
    }
  }

  @Nested
  class Oracles extends OracleContract {
    Oracles() {
      super(PROVIDER);
    }
  }

  @Nested
  class Operations extends BackendOperationsContract {
    /** cuBLAS adds float32 in parts and an order of its own. */
    @Override
    protected boolean sumsAreOurs() {
      return false;
    }

    @BeforeAll
    static void requireUsable() {
      BackendContract.requireUsable(BackendContract.status(PROVIDER));
    }

    @Override
    protected Backend open() {
      return Devices.open(PROVIDER);
    }
  }

  @Nested
  class Ctc extends CtcContract {
    @BeforeAll
    static void requireUsable() {
      BackendContract.requireUsable(BackendContract.status(PROVIDER));
    }

    @Override
    protected Backend open() {
      return Devices.open(PROVIDER);
    }
  }

  @Nested
  class Reduced extends ReducedPrecisionContract {
    @Override
    Stream<String> ways() {
      return Stream.of("tf32", "bf16", "fp16");
    }

    @Override
    Backend open(String mathMode) {
      Backend opened = CudaBackendTest.open(mathMode);
      assertTrue(opened.name().contains(mathMode), opened.name());
      return opened;
    }

    @Override
    Closeness bars(String mathMode) {
      return Closeness.of(mathMode);
    }
  }

  private static Backend open(String mathMode) {
    BackendContract.requireUsable(BackendContract.status(PROVIDER));
    System.setProperty(MATH, mathMode);
    try {
      return Devices.open(PROVIDER);
    } finally {
      System.clearProperty(MATH);
    }
  }

  @Test
  void anUnknownMathModeIsRefused() {
    BackendContract.requireUsable(BackendContract.status(PROVIDER));
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> open("fp8").close());
    String text = String.valueOf(refused.getMessage()).toLowerCase(Locale.ROOT);
    assertTrue(text.contains("'fp8'") && text.contains("fp32, tf32, bf16, fp16"), text);
  }
}
