package dev.sequor.backend.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The mount that a folder lies on is found among all. */
class MountTableTest {
  private static final List<String> TABLE =
      List.of(
          "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw",
          "30 22 0:26 / /tmp rw,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw",
          "31 30 0:27 / /tmp/good rw - tmpfs tmpfs rw,noexec",
          "32 22 0:28 / /with\\040space rw,noexec - tmpfs tmpfs rw",
          "33 22 0:29 / /twice rw,noexec - tmpfs tmpfs rw",
          "34 22 0:30 / /twice rw - tmpfs tmpfs rw",
          "broken");

  @ParameterizedTest
  @CsvSource({
    "/home/a,false",
    "/tmp,true",
    "/tmp/a/b,true",
    "/tmpfolder,false",
    "/tmp/good/a,false",
    "/with space/a,true",
    "/twice,false"
  })
  void theInnermostMountCounts(String folder, boolean forbidden) {
    assertEquals(forbidden, MountTable.forbidsExecution(TABLE, Path.of(folder)));
  }
}
