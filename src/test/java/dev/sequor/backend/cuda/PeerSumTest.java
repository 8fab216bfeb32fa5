package dev.sequor.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.Devices;
import dev.sequor.backend.GroupSums;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Sums over GPUs that reach each other's memory, and over GPUs that do not. */
@Tag("gpu")
class PeerSumTest {
  private static List<String> sums(boolean peers, String devices)
      throws IOException, InterruptedException {
    ChildJvm.Result result =
        ChildJvm.running(GroupSums.class.getName())
            .environment("LD_LIBRARY_PATH", String.valueOf(System.getenv("LD_LIBRARY_PATH")))
            .environment("SEQUOR_SIMULATOR_PEERS", peers ? 1 : 0)
            .run(devices);
    assertEquals(0, result.code(), result::toString);
    return result.out().lines().toList();
  }

  @Test
  void theWayOfASumChangesNoBit() throws IOException, InterruptedException {
    assumeTrue(
        Devices.survey().stream()
            .anyMatch(status -> status.availability().reason().contains("cuda:3 Sequor simulator")),
        "needed a simulator of four devices");
    for (String devices : List.of("cuda:0,cuda:1", "cuda:2,cuda:0,cuda:3,cuda:1")) {
      List<String> between = sums(true, devices);
      List<String> staged = sums(false, devices);
      int last = between.size() - 1;
      assertEquals(between.subList(0, last), staged.subList(0, last));
      String all = "true" + ", true".repeat(devices.split(",", -1).length - 1);
      assertEquals("between devices: [" + all + "]", between.get(last));
      assertEquals("between devices: [" + all.replace("true", "false") + "]", staged.get(last));
    }
  }
}
