package dev.sequor.backend.natives;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Arrays;
import java.util.Set;
import org.bytedeco.javacpp.Loader;

/**
 * A library of a jar that is too large to be unpacked for every process, as cuBLAS is: JavaCPP's
 * cache keeps it, and it is compared byte by byte with the jar's before each use. That takes about
 * as long as unpacking it, but no room.
 */
public final class CachedLibrary {
  private static final int BLOCK_BYTES = 1 << 20;

  private CachedLibrary() {}

  /**
   * The file, equal to what the jar has, in a folder that nobody else can write to.
   *
   * @throws IOException if it cannot be unpacked, or the cache is open to others; names the path
   */
  public static Path of(URL resource) throws IOException {
    Path file = cached(resource);
    if (!isEqual(resource, file)) {
      Files.delete(file);
      file = cached(resource);
      if (!isEqual(resource, file)) {
        throw new IOException(
            file + " differs from " + resource + ", and does so again once unpacked");
      }
    }
    return file;
  }

  private static Path cached(URL resource) throws IOException {
    Path file = Loader.cacheResource(resource).toPath().toRealPath();
    Path cache = Loader.getCacheDir().toPath().toRealPath();
    try (PrivateFolder ours = PrivateFolder.create()) {
      int user = Ownership.user(ours.path());
      for (Path each = file; each != null && each.startsWith(cache); each = each.getParent()) {
        closeToOthers(each, user);
      }
      String fault = Ownership.fault(file, user);
      if (fault != null) {
        throw new IOException("the cache cannot be trusted: " + fault);
      }
    }
    return file;
  }

  /** JavaCPP makes its folders as the umask says, which may let the group write. */
  private static void closeToOthers(Path path, int user) throws IOException {
    if (Ownership.user(path) == user) {
      Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(path);
      if (permissions.removeAll(
          Set.of(PosixFilePermission.GROUP_WRITE, PosixFilePermission.OTHERS_WRITE))) {
        Files.setPosixFilePermissions(path, permissions);
      }
    }
  }

  private static boolean isEqual(URL resource, Path file) throws IOException {
    try (InputStream shipped = resource.openStream();
        InputStream cached = new BufferedInputStream(Files.newInputStream(file))) {
      byte[] expected = new byte[BLOCK_BYTES];
      byte[] found = new byte[BLOCK_BYTES];
      int read;
      do {
        read = shipped.readNBytes(expected, 0, BLOCK_BYTES);
        int also = cached.readNBytes(found, 0, BLOCK_BYTES);
        if (!Arrays.equals(expected, 0, read, found, 0, also)) {
          return false;
        }
      } while (read > 0);
      return true;
    }
  }
}
