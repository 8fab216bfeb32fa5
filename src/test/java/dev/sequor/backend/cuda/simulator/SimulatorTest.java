package dev.sequor.backend.cuda.simulator;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;

/** Gives each test a context of its own on device 0, and puts the controls back as they were. */
@Tag("gpu")
@EnabledIf("dev.sequor.backend.cuda.simulator.RawCuda#simulated")
abstract class SimulatorTest {
  static final int SUCCESS = 0;

  @SuppressWarnings("NullAway.Init")
  RawCuda cuda;

  @SuppressWarnings("NullAway.Init")
  SimulatorControl control;

  private long seed;

  @BeforeEach
  void open() {
    cuda = new RawCuda(0);
    control = SimulatorControl.ofCurrentDevice();
    seed = control.get(SimulatorControl.Field.SEED);
  }

  @AfterEach
  void close() {
    control.set(SimulatorControl.Field.FAIL_ALLOCATION, 0);
    control.set(SimulatorControl.Field.SEED, seed);
    cuda.close();
  }
}
