package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.BackendException;
import dev.sequor.backend.CellType;
import dev.sequor.backend.DeviceGroup;
import dev.sequor.backend.FaultyDevices;
import dev.sequor.data.TokenWindow;
import dev.sequor.data.Window;
import dev.sequor.module.NamedTensor;
import java.time.Duration;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A device that fails in the middle of a step of several. */
class FailingDeviceTest {
  private static final SequenceModelSpec SPEC =
      SequenceModelSpec.languageModel(9, 5).cell(CellType.LSTM).hiddenSize(7).build();

  private static Window window(int number) {
    SplittableRandom random = new SplittableRandom(number);
    return new TokenWindow(
        4, 6, random.ints(24, 0, 9).toArray(), random.ints(24, 0, 9).toArray(), null, number == 0);
  }

  @ParameterizedTest
  @CsvSource({
    "2,1,embeddingForward", "2,1,linearForward", "2,1,loss", "2,1,linearBackward", "2,1,onHost",
    "2,1,optimizerStep", "2,1,download", "2,0,linearForward", "2,0,onHost", "2,0,optimizerStep",
    "2,0,download", "4,2,linearBackward", "4,2,onHost", "4,3,optimizerStep", "4,1,download"
  })
  void aStepThatFailsOnOneChangesNothingOnAny(int devices, int faulty, String at) {
    Assertions.assertTimeoutPreemptively(
        Duration.ofMinutes(3), () -> fail(devices, faulty, at)); // Nobody waits for ever.
  }

  private static void fail(int devices, int faulty, String at) {
    TrainerSnapshot undisturbed = train(devices, new FaultyDevices(faulty), faulty, "");
    TrainerSnapshot disturbed = train(devices, new FaultyDevices(faulty), faulty, at);
    assertEquals(undisturbed.progress(), disturbed.progress());
    assertSame(undisturbed.parameters(), disturbed.parameters());
    assertSame(undisturbed.moments(), disturbed.moments());
    assertSame(undisturbed.carriedState(), disturbed.carriedState());
  }

  /** Six steps, and before the fifth one that fails. */
  private static TrainerSnapshot train(int devices, FaultyDevices faults, int faulty, String at) {
    try (DeviceGroup group = faults.open(devices);
        SequenceModel model = new SequenceModel(group.first(), SPEC, 3);
        Trainer trainer =
            new Trainer(group, model, Optimizer.adam(0.02f), Clipping.byGlobalNorm(1), 5)) {
      for (int step = 0; step < 4; step++) {
        trainer.step(window(step));
      }
      if (!at.isEmpty()) {
        List<float[]> before = weights(group, trainer);
        TrainerSnapshot known = trainer.snapshot();
        faults.failAt(at);
        BackendException failure =
            assertThrows(BackendException.class, () -> trainer.step(window(4)));
        assertTrue(faults.hasFailed(), at + " is not called in a step");
        String message = String.valueOf(failure.getMessage());
        assertEquals("java (device " + faulty + " of " + devices + "): planted in " + at, message);
        List<float[]> after = weights(group, trainer);
        for (int device = 0; device < devices; device++) {
          assertArrayEquals(before.get(device), after.get(device), "weights of " + device);
        }
        TrainerSnapshot now = trainer.snapshot();
        assertEquals(known.progress(), now.progress());
        assertSame(known.moments(), now.moments());
        assertSame(known.carriedState(), now.carriedState());
      }
      trainer.step(window(4));
      trainer.step(window(5));
      return trainer.snapshot();
    }
  }

  private static List<float[]> weights(DeviceGroup group, Trainer trainer) {
    return group.onEach(
        member -> trainer.replica(member.index()).model().parameters().readFloats());
  }

  private static void assertSame(List<NamedTensor> expected, List<NamedTensor> actual) {
    assertEquals(expected.size(), actual.size());
    for (int i = 0; i < expected.size(); i++) {
      assertArrayEquals(expected.get(i).values(), actual.get(i).values(), expected.get(i).name());
    }
  }
}
