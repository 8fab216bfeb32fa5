package dev.sequor.backend.natives;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Which file systems are mounted where, as Linux tells in {@code /proc/self/mountinfo}. */
final class MountTable {
  private static final Path FILE = Path.of("/proc/self/mountinfo");
  private static final int MOUNT_POINT = 4;
  private static final int OPTIONS = 5;
  private static final Pattern ESCAPED = Pattern.compile("\\\\([0-7]{3})");

  private MountTable() {}

  /**
   * Whether the file system of a folder is mounted {@code noexec}, so that no library can be loaded
   * from it. False where the system does not tell.
   *
   * @param folder a real path
   */
  static boolean forbidsExecution(Path folder) {
    try {
      // Bytes of paths may be of any encoding; Latin-1 keeps each one.
      return forbidsExecution(Files.readAllLines(FILE, StandardCharsets.ISO_8859_1), folder);
    } catch (IOException e) {
      return false;
    }
  }

  static boolean forbidsExecution(List<String> lines, Path folder) {
    String path =
        new String(folder.toString().getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
    int longest = -1;
    boolean forbids = false;
    for (String line : lines) {
      String[] fields = line.split(" ", OPTIONS + 2);
      if (fields.length <= OPTIONS) {
        continue;
      }
      String point = unescaped(fields[MOUNT_POINT]);
      // Of two mounts on one folder the later one is seen.
      if (point.length() >= longest && contains(point, path)) {
        longest = point.length();
        forbids = List.of(fields[OPTIONS].split(",", -1)).contains("noexec");
      }
    }
    return forbids;
  }

  private static boolean contains(String folder, String path) {
    return folder.equals("/") || path.equals(folder) || path.startsWith(folder + "/");
  }

  private static String unescaped(String field) {
    return ESCAPED
        .matcher(field)
        .replaceAll(
            m ->
                Matcher.quoteReplacement(
                    Character.toString((char) Integer.parseInt(m.group(1), 8))));
  }
}
