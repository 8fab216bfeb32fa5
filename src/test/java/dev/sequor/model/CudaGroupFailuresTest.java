package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.BackendException;
import dev.sequor.backend.BackendSettings;
import dev.sequor.backend.CellType;
import dev.sequor.backend.DeviceGroup;
import dev.sequor.backend.DeviceMemoryException;
import dev.sequor.backend.cuda.simulator.SimulatorControl;
import dev.sequor.backend.cuda.simulator.SimulatorControl.Field;
import dev.sequor.data.TokenWindow;
import dev.sequor.data.Window;
import dev.sequor.module.NamedTensor;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What CUDA itself can fail with in the middle of a step of two GPUs, in every math mode. */
@Tag("gpu")
@Timeout(300)
@EnabledIf("dev.sequor.backend.cuda.simulator.RawCuda#simulated")
class CudaGroupFailuresTest {
  private static final SequenceModelSpec SPEC =
      SequenceModelSpec.languageModel(9, 5).cell(CellType.LSTM).hiddenSize(7).dropout(0.2f).build();
  private static final String DEVICES = "cuda:0,cuda:1";

  private static final int OUT_OF_MEMORY = 2;
  private static final int ILLEGAL_ADDRESS = 700;
  private static final int LAUNCH_OUT_OF_RESOURCES = 701;
  private static final int LAUNCH_FAILED = 719;

  /** The first is queued, the next two are recorded, the others replayed. */
  private static final int STEPS = 6;

  /** With which the first steps of fp16 are skipped. */
  private static final float OVERFLOWING = 1 << 23;

  /** More than a step does. */
  private static final int NEVER = 1 << 30;

  private final List<SimulatorControl> devices =
      List.of(SimulatorControl.of(0), SimulatorControl.of(1));

  static Stream<String> modes() {
    return Stream.of("fp32", "tf32", "bf16", "fp16");
  }

  static Stream<Arguments> modesAndDevices() {
    return modes().flatMap(mode -> Stream.of(Arguments.of(mode, 0), Arguments.of(mode, 1)));
  }

  @AfterEach
  void leaveNothing() {
    for (SimulatorControl device : devices) {
      for (Field field : List.of(Field.REFUSE_WORK, Field.FAIL_WORK, Field.FAIL_ALLOCATION)) {
        device.set(field, 0);
      }
      assertEquals(List.of(0L, 0L, 0L), device.held());
    }
  }

  /** Six streams that go on, then five others: the carried state gets memory of another size. */
  private static Window window(int number) {
    SplittableRandom random = new SplittableRandom(number);
    int batchSize = number < STEPS - 2 ? 6 : 5;
    int[] tokens = random.ints(4L * batchSize, 0, 9).toArray();
    int[] targets = random.ints(4L * batchSize, 0, 9).toArray();
    return new TokenWindow(4, batchSize, tokens, targets, null, number == 0 || number == STEPS - 2);
  }

  /** A trainer with all that it stands on. */
  private static final class Training implements AutoCloseable {
    final DeviceGroup group;
    final SequenceModel model;
    final Trainer trainer;

    Training(String devices, String mode) {
      group = DeviceGroup.open(devices, BackendSettings.builder().mathMode(mode).build());
      model = new SequenceModel(group.first(), SPEC, 3);
      trainer = new Trainer(group, model, Optimizer.adam(0.02f), Clipping.byGlobalNorm(1), 5);
      if (mode.equals("fp16")) {
        group.onEach(member -> scaled(trainer.replica(member.index())));
      }
    }

    private static boolean scaled(TrainerReplica replica) {
      replica.lossScale(new LossScale(OVERFLOWING, 0));
      return true;
    }

    /** What a step changes on a device, unless that is {@code lost}: weights, moments, states. */
    List<List<float[]>> all(int lost) {
      return group.onEach(
          member -> {
            List<float[]> found = new ArrayList<>();
            if (member.index() != lost) {
              TrainerReplica replica = trainer.replica(member.index());
              found.add(replica.model().parameters().readFloats());
              replica.moments().forEach(moment -> found.add(moment.values()));
              replica.carriedState().forEach(state -> found.add(state.values()));
              LossScale scale = replica.lossScale();
              found.add(new float[] {scale.scale(), scale.updates()});
            }
            return found;
          });
    }

    @Override
    public void close() {
      trainer.close();
      model.close();
      group.close();
    }
  }

  private static void assertSame(
      List<List<float[]>> expected, List<List<float[]>> actual, int lost, String when) {
    for (int device = 0; device < expected.size(); device++) {
      if (device != lost) {
        assertEquals(expected.get(device).size(), actual.get(device).size(), when);
        for (int i = 0; i < expected.get(device).size(); i++) {
          assertArrayEquals(
              expected.get(device).get(i),
              actual.get(device).get(i),
              "tensor " + i + " of cuda:" + device + " " + when);
        }
      }
    }
  }

  private static List<List<float[]>> undisturbed(String mode) {
    try (Training training = new Training(DEVICES, mode)) {
      for (int step = 0; step < STEPS; step++) {
        training.trainer.step(window(step));
      }
      long skipped = training.trainer.progress().skippedSteps();
      if (mode.equals("fp16")) {
        assertTrue(skipped > 0 && skipped < STEPS - 1, skipped + " steps are skipped");
      } else {
        assertEquals(0, skipped);
      }
      return training.all(-1);
    }
  }

  /**
   * Plants the failures that pass, one after the other, before each step, until one does not come
   * any more; the steps are repeated.
   *
   * @return what the steps have failed with
   */
  private List<BackendException> disturbed(String mode, int faulty, Field how, int code) {
    SimulatorControl control = devices.get(faulty);
    control.set(Field.FAILURE_CODE, code);
    List<BackendException> failures = new ArrayList<>();
    List<List<float[]>> expected = undisturbed(mode);
    try (Training training = new Training(DEVICES, mode)) {
      for (int step = 0; step < STEPS; step++) {
        Window window = window(step);
        boolean done = false;
        for (int at = 1; !done; at++) {
          List<List<float[]>> before = training.all(-1);
          TrainerProgress progress = training.trainer.progress();
          control.set(how, at);
          try {
            training.trainer.step(window);
            done = true; // the failure did not come, or was got over
          } catch (BackendException e) {
            failures.add(e);
          }
          control.set(how, 0);
          if (!done) {
            String when = "after failure " + at + " in step " + step;
            assertEquals(progress, training.trainer.progress(), when);
            assertSame(before, training.all(-1), -1, when);
          }
        }
      }
      assertSame(expected, training.all(-1), -1, "at the end");
    }
    return failures;
  }

  @ParameterizedTest(name = "{0}, cuda:{1}")
  @MethodSource("modesAndDevices")
  void aStepWhoseWorkIsRefusedChangesNothingAndIsRepeated(String mode, int faulty) {
    List<BackendException> failures =
        disturbed(mode, faulty, Field.REFUSE_WORK, LAUNCH_OUT_OF_RESOURCES);
    for (BackendException failure : failures) {
      String message = String.valueOf(failure.getMessage());
      assertTrue(message.startsWith("cuda:" + faulty), message);
    }
    for (String what :
        List.of("kernel ", "cublasGemm", "bytes from cuda:" + (1 - faulty), "cuGraphLaunch")) {
      assertTrue(
          failures.stream().anyMatch(e -> String.valueOf(e.getMessage()).contains(what)),
          "none of " + failures.size() + " failures was of '" + what + "'");
    }
  }

  @ParameterizedTest(name = "{0}, cuda:{1}")
  @MethodSource("modesAndDevices")
  void aStepWithoutMemoryChangesNothingAndIsRepeated(String mode, int faulty) {
    List<BackendException> failures = disturbed(mode, faulty, Field.FAIL_ALLOCATION, OUT_OF_MEMORY);
    assertTrue(!failures.isEmpty(), "all steps got over it");
    for (BackendException failure : failures) {
      String message = String.valueOf(failure.getMessage());
      assertTrue(message.startsWith("cuda:" + faulty), message);
      assertTrue(failure instanceof DeviceMemoryException, message);
    }
  }

  @ParameterizedTest(name = "{0}, cuda:{1}")
  @MethodSource("modesAndDevices")
  void aDeviceThatIsLostLeavesTheOtherAsItWas(String mode, int faulty) {
    List<List<float[]>> expected = undisturbed(mode);
    SimulatorControl control = devices.get(faulty);
    for (int step : new int[] {0, 1, 3, 4}) {
      double part = 0;
      for (int code : new int[] {ILLEGAL_ADDRESS, LAUNCH_FAILED, ILLEGAL_ADDRESS}) {
        loseInStep(mode, faulty, step, part, code, expected);
        part += 0.4;
        control.set(Field.FAIL_WORK, 0);
      }
    }
  }

  /** Loses a device after this part of the work of a step, and goes on with other devices. */
  private void loseInStep(
      String mode, int faulty, int step, double part, int code, List<List<float[]>> expected) {
    SimulatorControl control = devices.get(faulty);
    control.set(Field.FAILURE_CODE, code);
    long work = workOfStep(mode, faulty, step);
    String when = "lost in step " + step + " at " + part + " of " + work;
    TrainerSnapshot known;
    Training training = new Training(DEVICES, mode);
    try {
      for (int done = 0; done < step; done++) {
        training.trainer.step(window(done));
      }
      known = training.trainer.snapshot();
      List<List<float[]>> before = training.all(faulty);
      control.set(Field.FAIL_WORK, 1 + (long) (part * work));
      for (int attempt = 0; attempt < 2; attempt++) {
        BackendException failure =
            assertThrows(BackendException.class, () -> training.trainer.step(window(step)), when);
        String message = String.valueOf(failure.getMessage());
        assertTrue(message.startsWith("cuda:" + faulty), message);
        assertTrue(message.contains("(" + code + ")") || message.contains("CUBLAS"), message);
        assertEquals(known.progress(), training.trainer.progress(), when);
        assertSame(before, training.all(faulty), faulty, when);
      }
    } finally {
      closeAll(training);
    }
    try (Training next = new Training(DEVICES, mode)) { // on devices that have been given back
      next.trainer.restore(known);
      for (int left = step; left < STEPS; left++) {
        next.trainer.step(window(left));
      }
      assertSame(expected, next.all(-1), -1, "gone on with, " + when);
    }
  }

  /** Closing says that a device is lost, and closes the other and the group all the same. */
  private static void closeAll(Training training) {
    for (AutoCloseable each : List.of(training.trainer, training.model, training.group)) {
      try {
        each.close();
      } catch (BackendException e) {
        assertTrue(String.valueOf(e.getMessage()).contains("nothing more will work"), e::toString);
      } catch (Exception e) {
        throw new AssertionError(e);
      }
    }
    assertTrue(training.group.isClosed());
  }

  private long workOfStep(String mode, int faulty, int step) {
    try (Training training = new Training(DEVICES, mode)) {
      for (int done = 0; done < step; done++) {
        training.trainer.step(window(done));
      }
      devices.get(faulty).set(Field.FAIL_WORK, NEVER);
      training.trainer.step(window(step));
      long left = devices.get(faulty).get(Field.FAIL_WORK);
      devices.get(faulty).set(Field.FAIL_WORK, 0);
      return NEVER - left;
    }
  }

  @ParameterizedTest
  @MethodSource("modes")
  void weightsThatDidNotReachADeviceReachItInTheNextStep(String mode) {
    SimulatorControl control = devices.get(1);
    control.set(Field.FAILURE_CODE, LAUNCH_OUT_OF_RESOURCES);
    try (Training training = new Training(DEVICES, mode);
        SequenceModel other = new SequenceModel(training.group.first(), SPEC, 99)) {
      List<NamedTensor> weights = other.tensors();
      for (int at = 1; at <= 4; at++) {
        training.trainer.step(window(0));
        training.model.load(weights);
        control.set(Field.REFUSE_WORK, at);
        assertThrows(BackendException.class, () -> training.trainer.step(window(0)));
        training.trainer.step(window(0));
        List<List<float[]>> all = training.all(-1);
        assertArrayEquals(all.get(0).get(0), all.get(1).get(0), "weights after failure " + at);
      }
    }
  }
}
