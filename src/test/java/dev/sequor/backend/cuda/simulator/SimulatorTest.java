package dev.sequor.backend.cuda.simulator;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;

/** Gives each test a context of its own on device 0, and puts the controls back as they were. */
@Tag("gpu")
abstract class SimulatorTest {
  static final int SUCCESS = 0;

  @SuppressWarnings("NullAway.Init")
  RawCuda cuda;

  @SuppressWarnings("NullAway.Init")
  SimulatorControl control;

  private long seed;
  private long interpret;

  /** Not an annotation of this class: those below it would not have it. */
  @BeforeAll
  static void requireSimulator() {
    assumeTrue(RawCuda.simulated(), "the simulator is not in this build");
  }

  @BeforeEach
  void open() {
    cuda = new RawCuda(0);
    control = SimulatorControl.ofCurrentDevice();
    seed = control.get(SimulatorControl.Field.SEED);
    interpret = control.get(SimulatorControl.Field.INTERPRET);
    control.set(SimulatorControl.Field.INTERPRET, 0); // whatever the environment says
  }

  @AfterEach
  void close() {
    control.set(SimulatorControl.Field.FAIL_ALLOCATION, 0);
    control.set(SimulatorControl.Field.SEED, seed);
    control.set(SimulatorControl.Field.INTERPRET, interpret);
    cuda.close();
  }
}
