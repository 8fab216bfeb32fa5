package dev.sequor.backend.natives;

import dev.sequor.backend.HostSettings;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Where libraries may be unpacked. */
final class Places {
  /** Folder to unpack in; unless set, the temporary folder, or else the home folder. */
  static final String SETTING = "sequor.unpack.folder";

  static final String CURE =
      "set SEQUOR_UNPACK_FOLDER to a folder that only you and root can write to, not mounted noexec";

  private Places() {}

  /** The folders to try, best first. */
  static List<Path> all() {
    String set = HostSettings.value(SETTING);
    if (set != null) {
      try {
        return List.of(Path.of(set));
      } catch (InvalidPathException e) {
        throw new IllegalArgumentException(
            HostSettings.source(SETTING) + " is '" + set + "'; needed the path of a folder", e);
      }
    }
    List<Path> places = new ArrayList<>();
    for (String property : List.of("java.io.tmpdir", "user.home")) {
      String path = System.getProperty(property);
      // Java's word for a home that the system does not know.
      if (path != null && !path.isBlank() && !path.equals("?")) {
        try {
          places.add(Path.of(path));
        } catch (InvalidPathException e) {
          // Nothing can be unpacked there; the other may serve.
        }
      }
    }
    return places;
  }
}
