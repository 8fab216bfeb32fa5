package dev.sequor.contract;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendOperationsContract;
import dev.sequor.backend.CellType;
import dev.sequor.backend.CtcContract;
import dev.sequor.backend.Devices;
import dev.sequor.backend.RnnShape;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

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

  private static Backend open(String mathMode) {
    BackendContract.requireUsable(BackendContract.status(PROVIDER));
    System.setProperty(MATH, mathMode);
    try {
      return Devices.open(PROVIDER);
    } finally {
      System.clearProperty(MATH);
    }
  }

  private static Closeness bars(String mathMode) {
    return mathMode.equals("bf16") ? ReducedPrecision.SEVEN_BITS : ReducedPrecision.TEN_BITS;
  }

  static Stream<Arguments> reducedModesAndCells() {
    return Stream.of("tf32", "bf16", "fp16")
        .flatMap(mode -> Arrays.stream(CellType.values()).map(cell -> Arguments.of(mode, cell)));
  }

  static Stream<Arguments> reducedModesAndIntegerCases() {
    return Stream.of("tf32", "bf16", "fp16")
        .flatMap(mode -> ReducedPrecision.integerCases().map(c -> Arguments.of(mode, c)));
  }

  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("reducedModesAndIntegerCases")
  void reducedPrecisionKeepsSmallIntegers(String mode, ContractCase c) {
    try (Backend backend = open(mode)) {
      ReducedPrecision.keepsSmallIntegers(backend, c);
    }
  }

  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("reducedModesAndCells")
  void reducedPrecisionStaysWithinItsBars(String mode, CellType cell) {
    try (Backend backend = open(mode)) {
      assertTrue(backend.name().contains(mode), backend.name());
      ReducedPrecision.staysWithin(bars(mode), backend, cell);
    }
  }

  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("reducedModesAndCells")
  void reducedPrecisionDropsTheReferencesElements(String mode, CellType cell) {
    try (Backend backend = open(mode)) {
      ReducedPrecision.dropsTheReferencesElements(bars(mode), backend, cell);
    }
  }

  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("reducedModesAndCells")
  void reducedPrecisionFailsTheBarsOfFp32(String mode, CellType cell) {
    try (Backend backend = open(mode)) {
      ReducedPrecision.failsTheBarsOfFloat32(backend, cell);
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
