package dev.sequor.backend.java;

import dev.sequor.backend.Availability;
import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendProvider;
import dev.sequor.backend.BackendSettings;
import dev.sequor.backend.BackendUnavailableException;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.CellType;
import dev.sequor.backend.DType;
import dev.sequor.backend.HostSettings;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnPlan;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.RnnTensors;
import dev.sequor.backend.UsableProbes;

/**
 * The device {@code java}: works wherever the JVM does. The number of threads is the system
 * property {@code sequor.threads}, else the environment variable {@code SEQUOR_THREADS}, else the
 * number of processors.
 */
public final class JavaBackendProvider implements BackendProvider {
  private static final UsableProbes USABLE = new UsableProbes();

  /** For {@link java.util.ServiceLoader}. */
  public JavaBackendProvider() {}

  @Override
  public String name() {
    return "java";
  }

  @Override
  public int priority() {
    return 10;
  }

  @Override
  public Availability probe(BackendSettings settings) {
    return USABLE.of(settings, this::tryOneLayer);
  }

  @Override
  public Backend open(int ordinal, BackendSettings settings) {
    if (ordinal != 0) {
      throw new BackendUnavailableException(
          "device 'java:" + ordinal + "' does not exist; there is only java:0");
    }
    return new Backend(
        new JavaEngine(
            settings.threads(), HostSettings.sharesEverything(), Products.ofThisProcess()));
  }

  // A broken JVM or class path shows as an Error; a probe reports whatever goes wrong.
  @SuppressWarnings("CatchThrowable")
  private Availability tryOneLayer(BackendSettings settings) {
    try (Backend backend = open(0, settings)) {
      runTinyLstm(backend);
      return Availability.usable(backend.name());
    } catch (Throwable e) {
      return Availability.unusable(
          String.valueOf(e.getMessage() == null ? e : e.getMessage()), cure(e), e);
    }
  }

  private static String cure(Throwable e) {
    if (e instanceof IllegalArgumentException) {
      return "correct that setting";
    }
    return e instanceof OutOfMemoryError
        ? "set SEQUOR_THREADS to fewer, or give Java more memory (-Xmx) and threads (ulimit -u)"
        : "use another release of Java (17 or newer), and report this one";
  }

  /** One step of an LSTM with one unit, against the same numbers in double precision. */
  private static void runTinyLstm(Backend backend) {
    float[] parameters = {
      0.5f, -0.25f, 1.5f, 0.75f, 0.3f, 0.2f, -0.7f, 0.4f, 0.1f, 1f, -0.2f, 0.05f, 0f, 0.1f, 0.2f, 0f
    };
    float x = 0.8f;
    float h = -0.3f;
    float c = 0.6f;
    RnnShape shape = new RnnShape(CellType.LSTM, 1, 1, 1, 1, 1, 1, 0f);
    try (RnnPlan plan = backend.plan(shape, Mode.INFERENCE);
        Buffer weights = backend.allocate(DType.FLOAT32, parameters.length);
        Buffer input = backend.allocate(DType.FLOAT32, 1);
        Buffer output = backend.allocate(DType.FLOAT32, 1);
        Buffer state = backend.allocate(DType.FLOAT32, 2)) {
      weights.write(parameters);
      input.write(x);
      state.write(h, c);
      plan.forward(
          RnnTensors.of(weights, input, output).withInitialState(state).withFinalState(state));
      double[] gates = new double[4];
      for (int gate = 0; gate < 4; gate++) {
        gates[gate] =
            parameters[gate] * x
                + parameters[4 + gate] * h
                + parameters[8 + gate]
                + parameters[12 + gate];
      }
      double cell = sigmoid(gates[1]) * c + sigmoid(gates[0]) * Math.tanh(gates[2]);
      double hidden = sigmoid(gates[3]) * Math.tanh(cell);
      float[] result = state.readFloats();
      check("h'", result[0], hidden);
      check("c'", result[1], cell);
      check("y", output.readFloats()[0], hidden);
    }
  }

  private static double sigmoid(double a) {
    return 1 / (1 + Math.exp(-a));
  }

  private static void check(String name, double value, double expected) {
    if (!(Math.abs(value - expected) <= 1e-6)) {
      throw new IllegalStateException(
          "a small LSTM layer gave " + name + " = " + value + "; needed " + expected);
    }
  }
}
