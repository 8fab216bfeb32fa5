package dev.sequor.backend.natives;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Who else could put another file in the place of one of ours: whoever owns, or may write to, its
 * folder or any folder above. Root may do as it likes anyway.
 */
final class Ownership {
  private static final int WRITABLE_BY_OTHERS = 0022;
  private static final int STICKY = 01000;
  private static final int PERMISSIONS = 07777;
  private static final int ROOT = 0;

  private Ownership() {}

  /**
   * What is wrong with a path, or null if nobody but {@code user} and root can change what it leads
   * to. In a folder that is writable for others but sticky, as {@code /tmp} is, they cannot touch
   * what is not theirs.
   *
   * @param folder a real path, without symbolic links
   * @param user the number of the user
   */
  static @Nullable String fault(Path folder, int user) throws IOException {
    for (Path each = folder; each != null; each = each.getParent()) {
      int owner = user(each);
      int mode = number(each, "unix:mode") & PERMISSIONS;
      if (owner != user && owner != ROOT && !isOutside(owner)) {
        return each + " belongs to another user (number " + owner + ")";
      }
      if ((mode & WRITABLE_BY_OTHERS) != 0 && (mode & STICKY) == 0) {
        return each + " can be written to by others (mode " + Integer.toOctalString(mode) + ")";
      }
    }
    return null;
  }

  /** The number of the user that owns a file. */
  static int user(Path file) throws IOException {
    return number(file, "unix:uid");
  }

  private static int number(Path file, String attribute) throws IOException {
    return (Integer) Files.getAttribute(file, attribute, LinkOption.NOFOLLOW_LINKS);
  }

  /**
   * Whether a number stands for all users outside of this process's user namespace. In a sandbox
   * that knows only this user, the system's own folders belong to it.
   */
  private static boolean isOutside(int owner) {
    try {
      String map = Files.readString(Path.of("/proc/self/uid_map"), StandardCharsets.US_ASCII);
      String overflow =
          Files.readString(Path.of("/proc/sys/kernel/overflowuid"), StandardCharsets.US_ASCII);
      boolean everybodyIsKnown = map.strip().split("\\s+", -1)[2].equals("4294967295");
      return !everybodyIsKnown && overflow.strip().equals(Integer.toString(owner));
    } catch (IOException | ArrayIndexOutOfBoundsException e) {
      return false;
    }
  }
}
