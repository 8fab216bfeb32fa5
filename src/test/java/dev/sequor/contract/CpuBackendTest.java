package dev.sequor.contract;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendException;
import dev.sequor.backend.BackendOperationsContract;
import dev.sequor.backend.Devices;
import dev.sequor.reference.RnnProblem;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The {@code cpu} backend under every contract. */
class CpuBackendTest {
  private static final String PROVIDER = "cpu";

  @Nested
  class Rnns extends RnnContract {
    Rnns() {
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
    @BeforeAll
    static void requireUsable() {
      BackendContract.requireUsable(BackendContract.status(PROVIDER));
    }

    @Override
    protected Backend open() {
      return Devices.open(PROVIDER);
    }
  }

  /** Every instruction set this processor has, and teams that do not divide the work evenly. */
  @ParameterizedTest(name = "{0}, {1} threads")
  @CsvSource({"AVX-512,1", "AVX-512,3", "AVX2,1", "AVX2,3", "baseline,1", "baseline,3"})
  void instructionSetsAndTeamsMatchTheReference(String instructionSet, String threads) {
    BackendContract.requireUsable(BackendContract.status(PROVIDER));
    System.setProperty("sequor.cpu.isa", instructionSet);
    System.setProperty("sequor.threads", threads);
    System.setProperty("sequor.threads.always", "true");
    try (Backend backend = openVariant()) {
      assertTrue(backend.name().contains(instructionSet), backend.name());
      assertTrue(backend.name().contains(threads + " thread"), backend.name());
      for (ContractCase c : ContractCase.all()) {
        if (c.T() * c.B() * c.I() * c.H() < 100_000) {
          RnnProblem problem = c.problem();
          BackendRun.Results actual = BackendRun.run(backend, problem);
          Closeness bars = Closeness.FLOAT32.in(backend.name() + " " + c);
          bars.checkOutputs(c.expected(problem).outputs(), actual);
          bars.checkGradients(problem.shape, c.expected(problem).gradients(), actual);
        }
      }
    } finally {
      System.clearProperty("sequor.cpu.isa");
      System.clearProperty("sequor.threads");
      System.clearProperty("sequor.threads.always");
    }
  }

  private static Backend openVariant() {
    try {
      return Devices.open(PROVIDER);
    } catch (BackendException e) { // an instruction set of another processor
      assumeTrue(false, e.getMessage());
      throw e;
    }
  }
}
