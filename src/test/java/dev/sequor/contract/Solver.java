package dev.sequor.contract;

import dev.sequor.backend.Backend;
import dev.sequor.reference.ReferenceRnn;
import dev.sequor.reference.ReferenceRnn.Variable;
import dev.sequor.reference.RnnProblem;
import java.util.Arrays;

/** Anything that can run a problem: the reference, or a backend. */
interface Solver {
  /** Outputs and gradients as doubles, whoever computed them. */
  @SuppressWarnings("ArrayRecordComponent") // handed over once and never compared
  record Solution(
      double[] y, double[] finalState, double[] dParameters, double[] dx, double[] dInitialState) {}

  /** Runs forward and backward. */
  Solution solve(RnnProblem problem);

  /** The normalised error this solver is allowed. */
  double bar();

  /**
   * What is left of {@code 1 − tanh²} in a saturated unit, whose true value may be as small as
   * 1e-199.
   */
  double saturation();

  /** The double precision reference, with gradients by complex steps. */
  Solver REFERENCE =
      new Solver() {
        @Override
        public Solution solve(RnnProblem problem) {
          ReferenceRnn.Outputs outputs = ReferenceRnn.forward(problem);
          return new Solution(
              outputs.y,
              outputs.finalState,
              gradient(problem, Variable.PARAMETERS),
              gradient(problem, Variable.INPUT),
              gradient(problem, Variable.INITIAL_STATE));
        }

        @Override
        public double bar() {
          return 1e-10;
        }

        @Override
        public double saturation() {
          return 0;
        }

        private double[] gradient(RnnProblem problem, Variable variable) {
          double[] gradient = new double[variable.elements(problem.shape)];
          Arrays.setAll(gradient, i -> ReferenceRnn.complexStep(problem, variable, i));
          return gradient;
        }
      };

  /** A backend, in float32. */
  static Solver of(Backend backend) {
    return new Solver() {
      @Override
      public Solution solve(RnnProblem problem) {
        BackendRun.Results r = BackendRun.run(backend, problem);
        return new Solution(
            RnnContract.toDoubles(r.y),
            RnnContract.toDoubles(r.finalState),
            RnnContract.toDoubles(r.dParameters),
            RnnContract.toDoubles(r.dx),
            RnnContract.toDoubles(r.dInitialState));
      }

      @Override
      public double bar() {
        return Closeness.FLOAT32.bound();
      }

      @Override
      public double saturation() {
        return 4 * Math.ulp(1f);
      }
    };
  }
}
