package dev.sequor.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.BackendException;
import dev.sequor.backend.DeviceMemoryException;
import dev.sequor.backend.cuda.simulator.SimulatorControl;
import dev.sequor.backend.cuda.simulator.SimulatorControl.Field;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The memory of recordings: how it is counted, what it gives way to, what is done without. */
@Tag("gpu")
@EnabledIf("dev.sequor.backend.cuda.simulator.RawCuda#simulated")
final class RecordingsTest {
  private static final long NODE = Recordings.NODE_BYTES;

  @SuppressWarnings("NullAway.Init")
  private CudaDevice device;

  @SuppressWarnings("NullAway.Init")
  private SimulatorControl control;

  @SuppressWarnings("NullAway.Init")
  private DeviceMemory.Block words;

  private long before;

  /** Recordings get a quarter of it: 102 nodes. */
  @BeforeEach
  void open() {
    open("4m");
  }

  private void open(String budget) {
    device = CudaDeviceTest.open(0, budget, "on");
    control = SimulatorControl.ofCurrentDevice();
    before = control.get(Field.LIVE_BYTES);
    words = device.memory().allocate(16, "words");
    fill(1).run();
    device.stream().synchronize();
  }

  @AfterEach
  void close() {
    device.makeCurrent();
    control.set(Field.FAIL_ALLOCATION, 0);
    control.set(Field.GRAPH_NODE_BYTES, NODE);
    words.close();
    device.memory().trim();
    assertEquals(before, control.get(Field.LIVE_BYTES));
    assertEquals(0, device.memory().liveBytes());
    assertEquals(0, device.memory().reservedBytes());
    device.close();
  }

  /** So many pieces of work. */
  private Runnable fill(int times) {
    return () -> {
      for (int i = 0; i < times; i++) {
        CudaErrors.check(
            jcuda.driver.JCudaDriver.cuMemsetD32Async(
                DevicePointer.of(words.address()), i, 4, device.stream().handle()),
            "cuMemsetD32Async");
      }
    };
  }

  /** Keeps a recording until it is dropped. */
  private final class Owner {
    @Nullable Recording recording;
    int dropped;

    boolean record(int nodes) {
      recording = device.recordings().record("test", this, this::drop, fill(nodes));
      return recording != null;
    }

    void drop() {
      dropped++;
      close();
    }

    void close() {
      if (recording != null) {
        recording.close();
        recording = null;
      }
    }
  }

  @Test
  void whatARecordingTakesIsCountedAndGivenBack() {
    Owner owner = new Owner();
    long live = control.get(Field.LIVE_BYTES);
    assertTrue(owner.record(7));
    assertEquals(7 * NODE, device.memory().reservedBytes());
    assertEquals(16 + 7 * NODE, device.memory().liveBytes());
    assertEquals(live + 7 * NODE, control.get(Field.LIVE_BYTES), "and the device has taken it");
    String message =
        String.valueOf(
            assertThrows(
                    BackendException.class, () -> device.memory().allocate(1L << 40, "too much"))
                .getMessage());
    // It gave way, and did not suffice.
    assertEquals(1, owner.dropped);
    assertTrue(message.contains("largest holders: words 16"), message);
    assertTrue(owner.record(7));
    message =
        String.valueOf(
            assertThrows(
                    BackendException.class, () -> device.memory().reserve(1L << 40, "too much"))
                .getMessage());
    assertTrue(message.contains("largest holders: recorded work " + 7 * NODE), message);
    owner.close();
    assertEquals(0, device.memory().reservedBytes());
    assertEquals(live, control.get(Field.LIVE_BYTES));
  }

  @Test
  void theLeastRecentlyUsedGivesWayToAnother() {
    Owner first = new Owner();
    Owner second = new Owner();
    Owner third = new Owner();
    assertTrue(first.record(40) && second.record(40));
    java.util.Objects.requireNonNull(first.recording).launch();
    assertTrue(third.record(60));
    assertEquals(List.of(0, 1, 0), List.of(first.dropped, second.dropped, third.dropped));
    assertTrue(second.record(102), "all that recordings get");
    assertEquals(List.of(1, 1, 1), List.of(first.dropped, second.dropped, third.dropped));
    second.close();
  }

  @Test
  void moreThanTheShareIsRefusedAndChangesNothingForTheStream() {
    Owner large = new Owner();
    assertFalse(large.record(103));
    assertEquals(0, device.memory().reservedBytes());
    assertFalse(device.stream().capturing());
    fill(3).run();
    assertTrue(large.record(102));
    large.close();
  }

  @Test
  void allocationsAreServedBeforeRecordings() {
    Owner first = new Owner();
    Owner second = new Owner();
    assertTrue(first.record(50) && second.record(50));
    long free = (4 << 20) - device.memory().liveBytes();
    try (DeviceMemory.Block most = device.memory().allocate(free, "most")) {
      assertEquals(List.of(0, 0), List.of(first.dropped, second.dropped));
      try (DeviceMemory.Block more = device.memory().allocate(1000, "more")) {
        assertEquals(List.of(1, 0), List.of(first.dropped, second.dropped));
        assertEquals(1000, more.bytes());
        assertEquals(free, most.bytes());
      }
    }
    // The driver has less than the budget says.
    control.set(Field.FAIL_ALLOCATION, 1);
    device.memory().trim();
    device.memory().allocate(77, "some").close();
    assertEquals(1, second.dropped);
  }

  @Test
  void whereTheDriverHasNoMemoryOthersGiveWayAndThenTheWorkIsRefused() {
    for (int lacking = 1; lacking <= 2; lacking++) { // ending the capture, making the graph
      Owner first = new Owner();
      Owner second = new Owner();
      assertTrue(first.record(5));
      control.set(Field.FAIL_ALLOCATION, lacking);
      boolean recorded = second.record(5);
      assertEquals(lacking == 2, recorded, "at the second try");
      assertEquals(lacking == 2 ? 1 : 0, first.dropped);
      first.close();
      second.close();
    }
    control.set(Field.GRAPH_NODE_BYTES, 1L << 40);
    Owner none = new Owner();
    assertFalse(none.record(1));
    assertFalse(device.stream().capturing());
  }

  /** An owner's own recordings are no room for its next. */
  @Test
  void recordingsOfOneOwnerDoNotDropEachOther() {
    Object owner = new Object();
    Recordings recordings = device.recordings();
    List<String> dropped = new ArrayList<>();
    Recording one = recordings.record("test", owner, () -> dropped.add("one"), fill(60));
    assertNotNull(one);
    assertNull(recordings.record("test", owner, () -> dropped.add("two"), fill(60)));
    assertEquals(List.of(), dropped);
    one.close();
  }

  @Test
  void whatIsTakenApartIsReplayedInItsOrderFromOneRecordingOfWhatRepeats() {
    int[] calls = new int[1];
    Recorder recorder = device.recordings().recorder();
    List<String> seen = new ArrayList<>();
    Runnable work =
        () -> {
          fill(2).run();
          recorder.apart(
              () -> {
                Runnable repeated = recorder.repeated(device.stream(), fill(5));
                for (int i = 0; i < 4; i++) {
                  int number = i;
                  recorder.calls(
                      () -> {
                        calls[0]++;
                        seen.add("call " + number);
                      });
                  repeated.run();
                }
              });
          fill(3).run();
        };
    work.run();
    assertEquals(4, calls[0]);
    seen.clear();
    Recording recording = device.recordings().record("test", new Object(), () -> {}, work);
    assertNotNull(recording);
    assertEquals(4, calls[0], "nothing has run");
    assertEquals((2 + 5 + 3) * NODE, device.memory().reservedBytes(), "what repeats counts once");
    device.stream().synchronize();
    long fills = control.get(Field.COPIES);
    long launches = control.get(Field.GRAPH_LAUNCHES);
    for (int i = 1; i <= 3; i++) {
      recording.launch();
      device.stream().synchronize();
      assertEquals(fills + i * 25L, control.get(Field.COPIES));
      assertEquals(launches + i * 6L, control.get(Field.GRAPH_LAUNCHES));
    }
    assertEquals(12, seen.size());
    assertEquals(List.of("call 0", "call 1", "call 2", "call 3"), seen.subList(8, 12));
    recording.close();
  }

  /** Wherever work that is taken apart fails, nothing stays open and nothing is left. */
  @Test
  void workThatFailsInAnyOfItsPartsLeavesNothing() {
    Recorder recorder = device.recordings().recorder();
    for (int failing = 0; failing < 5; failing++) {
      int place = failing;
      Runnable work =
          () -> {
            fill(2).run();
            failAt(place, 0);
            recorder.apart(
                () -> {
                  failAt(place, 1);
                  recorder
                      .repeated(
                          device.stream(),
                          () -> {
                            fill(2).run();
                            failAt(place, 2);
                          })
                      .run();
                  failAt(place, 3);
                });
            fill(2).run();
            failAt(place, 4);
          };
      IllegalArgumentException failure =
          assertThrows(
              IllegalArgumentException.class,
              () -> device.recordings().record("test", new Object(), () -> {}, work));
      assertEquals("at " + place, failure.getMessage());
      assertFalse(device.stream().capturing());
      assertFalse(recorder.recording());
      assertEquals(0, device.memory().reservedBytes());
      assertEquals(0, control.get(Field.GRAPH_BYTES));
    }
  }

  private static void failAt(int place, int here) {
    if (place == here) {
      throw new IllegalArgumentException("at " + place);
    }
  }

  @Test
  void callsOutsideOfApartAreRefused() {
    Recorder recorder = device.recordings().recorder();
    for (Runnable wrong :
        List.<Runnable>of(
            () -> recorder.calls(() -> {}),
            () -> recorder.repeated(device.stream(), () -> {}),
            () -> recorder.apart(() -> recorder.apart(() -> {})))) {
      assertThrows(
          IllegalStateException.class,
          () -> device.recordings().record("test", new Object(), () -> {}, wrong));
      assertFalse(device.stream().capturing());
    }
  }

  /** What a driver takes for a node is looked at once, and only so much of it is believed. */
  @ParameterizedTest
  @CsvSource({"20000, 20000", "10240, 10240", "100, 2048", "1000000, 65536"})
  void theBytesOfANodeAreMeasured(long taken, long believed) {
    words.close();
    device.close();
    open("4g");
    control.set(Field.GRAPH_NODE_BYTES, taken);
    Recordings recordings = device.recordings();
    Owner small = new Owner();
    assertTrue(small.record(999));
    assertEquals(NODE, recordings.nodeBytes(), "too few to tell");
    assertEquals(999 * NODE, device.memory().reservedBytes());
    small.close();
    Owner large = new Owner();
    assertTrue(large.record(1000));
    assertEquals(believed, recordings.nodeBytes());
    assertEquals(1000 * believed, device.memory().reservedBytes());
    large.close();
    control.set(Field.GRAPH_NODE_BYTES, 5000);
    assertTrue(large.record(2000));
    assertEquals(believed, recordings.nodeBytes(), "once");
    large.close();
  }

  @Test
  void lackOfMemoryHasItsOwnException() {
    control.set(Field.GRAPH_NODE_BYTES, 1L << 40);
    try (Capture capture = Capture.of(device.stream(), fill(1))) {
      assertThrows(
          DeviceMemoryException.class, () -> capture.instantiate(device.memory().reserve(0, "")));
    }
  }
}
