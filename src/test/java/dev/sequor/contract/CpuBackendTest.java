package dev.sequor.contract;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendException;
import dev.sequor.backend.BackendOperationsContract;
import dev.sequor.backend.CellType;
import dev.sequor.backend.CtcContract;
import dev.sequor.backend.Devices;
import dev.sequor.backend.RnnShape;
import dev.sequor.reference.ReferenceRnn;
import dev.sequor.reference.RnnProblem;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

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
  class CtcOfAvx2 extends Ctc {
    @Override
    protected Backend open() {
      return openVariant("AVX2", "3");
    }
  }

  @Nested
  class CtcOfNoInstructionSet extends Ctc {
    @Override
    protected Backend open() {
      return openVariant("baseline", "3");
    }
  }

  /** Of threads that share even what one alone does faster. */
  private static Backend openVariant(String instructionSet, String threads) {
    System.setProperty("sequor.cpu.isa", instructionSet);
    System.setProperty("sequor.threads", threads);
    System.setProperty("sequor.threads.always", "true");
    try {
      return openVariant();
    } finally {
      System.clearProperty("sequor.cpu.isa");
      System.clearProperty("sequor.threads");
      System.clearProperty("sequor.threads.always");
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

  /**
   * Deep stacks of few units with most inputs dropped amplify every rounding, so that single
   * problems say nothing; the mean of many does.
   */
  @ParameterizedTest
  @EnumSource(
      value = CellType.class,
      names = {"RNN_TANH", "GRU_RESET_AFTER", "LSTM"})
  void noInstructionSetIsLessAccurateThanAnother(CellType cell) {
    BackendContract.requireUsable(BackendContract.status(PROVIDER));
    int problems = 12;
    Map<String, double[]> logarithms = new LinkedHashMap<>();
    for (int seed = 0; seed < problems; seed++) {
      RnnProblem problem =
          RnnProblem.random(new RnnShape(cell, 4, 2, 20, 16, 51, 4, 0.9f), null, seed);
      double[] y = ReferenceRnn.forward(problem).y;
      double[] dx = ReferenceRnn.gradients(problem).x;
      for (String instructionSet : List.of("AVX-512", "AVX2", "baseline")) {
        System.setProperty("sequor.cpu.isa", instructionSet);
        try (Backend backend = Devices.open(PROVIDER)) {
          BackendRun.Results actual = BackendRun.run(backend, problem);
          double[] sums = logarithms.computeIfAbsent(instructionSet, s -> new double[2]);
          sums[0] += Math.log(distance(y, actual.y)) / problems;
          sums[1] += Math.log(distance(dx, actual.dx)) / problems;
        } catch (BackendException e) {
          // an instruction set of another processor
        } finally {
          System.clearProperty("sequor.cpu.isa");
        }
      }
    }
    double[] plain = Objects.requireNonNull(logarithms.get("baseline"));
    logarithms.forEach(
        (instructionSet, sums) -> {
          for (int i = 0; i < 2; i++) {
            double ratio = Math.exp(sums[i] - plain[i]);
            String what = (i == 0 ? "y" : "dx") + " of " + instructionSet + " and baseline";
            assertTrue(ratio < 2 && ratio > 0.5, what + ": ratio of errors " + ratio);
          }
        });
  }

  private static double distance(double[] expected, float[] actual) {
    double sum = 0;
    for (int i = 0; i < expected.length; i++) {
      sum += (actual[i] - expected[i]) * (actual[i] - expected[i]);
    }
    return Math.sqrt(sum);
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
