package dev.sequor.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Several devices that work together. */
class DeviceGroupTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "cuda:0,auto|has 'auto' in it",
        "cuda:0,cuda:0|has 'cuda:0' twice",
        "cuda,cuda:0|has 'cuda:0' twice",
        "java,,java|has an empty name",
        "java,|has an empty name",
        "cpu,java|has 'cpu' and 'java'",
        "cuda:1,cpu|has 'cuda:1' and 'cpu'"
      })
  void aListThatIsNoneIsRefused(String devices, String words) {
    String message =
        assertThrows(IllegalArgumentException.class, () -> DeviceGroup.open(devices).close())
            .getMessage();
    assertTrue(
        String.valueOf(message).contains(words)
            && String.valueOf(message).contains("'" + devices + "'"),
        message);
  }

  @Test
  void aDeviceThatIsNotThereIsNamed() {
    String message =
        assertThrows(
                BackendUnavailableException.class, () -> DeviceGroup.open("abacus,abacus").close())
            .getMessage();
    assertTrue(String.valueOf(message).contains("'abacus'"), message);
  }

  @Test
  void whereOneBackendIsNeededAListIsRefused() {
    String message =
        assertThrows(IllegalArgumentException.class, () -> Devices.open("java,java").close())
            .getMessage();
    assertTrue(
        String.valueOf(message).contains("'java,java'")
            && String.valueOf(message).contains("DeviceGroup.open"),
        message);
  }

  @Test
  void sumsAreOfTheOrderOfTheDevices() {
    float[][] values = {{1e8f, 1, 3, 0.1f, 5}, {1, 2, 4, 0.2f, 6}, {-1e8f, 7, 8, 0.3f, 9}};
    float[] expected = new float[5];
    for (float[] of : values) {
      for (int i = 0; i < 5; i++) {
        expected[i] += of[i];
      }
    }
    try (DeviceGroup group = DeviceGroup.open("java, java, java")) {
      List<float[]> sums =
          group.onEach(
              member -> {
                try (Buffer buffer = member.backend().allocate(DType.FLOAT32, 5)) {
                  buffer.write(values[member.index()]);
                  member.addUp(buffer);
                  return buffer.readFloats();
                }
              });
      sums.forEach(sum -> assertArrayEquals(expected, sum));
      List<float[]> spread =
          group.onEach(
              member -> {
                try (Buffer buffer = member.backend().allocate(DType.FLOAT32, 5)) {
                  buffer.write(values[member.index()]);
                  member.spread(buffer);
                  return buffer.readFloats();
                }
              });
      spread.forEach(each -> assertArrayEquals(values[0], each));
    }
  }

  @Test
  void whoWaitsForADeviceThatFailsIsReleased() {
    Assertions.assertTimeoutPreemptively(
        Duration.ofMinutes(2),
        () -> {
          for (int faulty = 0; faulty < 3; faulty++) {
            int failing = faulty;
            try (DeviceGroup group = DeviceGroup.open("java,java,java")) {
              String message =
                  assertThrows(
                          BackendException.class,
                          () ->
                              group.onEach(
                                  member -> {
                                    member.exchange(1);
                                    if (member.index() == failing) {
                                      throw new BackendException("out of order");
                                    }
                                    return member.exchange(2);
                                  }))
                      .getMessage();
              assertEquals("java (device " + failing + " of 3): out of order", message);
              assertEquals(List.of(0, 1, 2), group.onEach(DeviceGroup.Member::index));
            }
          }
        });
  }

  @Test
  void anotherThreadIsRefusedAndSoIsWorkWithinWork() throws InterruptedException {
    try (DeviceGroup group = DeviceGroup.open("java,java")) {
      Throwable[] thrown = new Throwable[1];
      Thread other =
          new Thread(
              () -> {
                try {
                  group.onEach(DeviceGroup.Member::index);
                } catch (RuntimeException e) {
                  thrown[0] = e;
                }
              });
      other.start();
      other.join();
      assertTrue(thrown[0] instanceof IllegalStateException, String.valueOf(thrown[0]));
      assertThrows(
          IllegalStateException.class,
          () -> group.onEach(member -> group.onEach(DeviceGroup.Member::index)));
    }
  }

  @Test
  void aClosedGroupIsRefused() {
    DeviceGroup group = DeviceGroup.open("java,java");
    group.close();
    group.close();
    assertTrue(group.first().isClosed());
    assertThrows(IllegalStateException.class, () -> group.onEach(DeviceGroup.Member::index));
  }
}
