package dev.sequor.backend.natives;

import dev.sequor.backend.Sha256;
import dev.sequor.backend.natives.LoadFailure.Origin;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A native library that lies on the class path, and the SHA-256 that it must have.
 *
 * @param resource its name on the class path, without a slash before it
 * @param sha256 in hexadecimal; null if there is no such library in this build
 * @param origin where it comes from
 */
public record ShippedLibrary(String resource, @Nullable String sha256, Origin origin) {
  /**
   * What {@code ci/hash-libraries}, the last step of every build, adds to a library's name for the
   * file with its SHA-256, which then is in the same jar.
   */
  private static final String HASH = ".sha256";

  /**
   * One that this build has made, if there was a compiler.
   *
   * @param resource its name on the class path
   */
  public static ShippedLibrary built(String resource) {
    URL classFile = ShippedLibrary.class.getResource("ShippedLibrary.class");
    boolean inAFolder = classFile != null && classFile.getProtocol().equals("file");
    return new ShippedLibrary(
        resource, recordedHash(resource), inAFolder ? Origin.BUILT : Origin.PACKED);
  }

  /**
   * One of another project.
   *
   * @param resource its name on the class path
   * @param sha256 that of the version that this build was made for
   * @param jar the jar that has it
   */
  public static ShippedLibrary of(String resource, String sha256, String jar) {
    return new ShippedLibrary(resource, sha256, Origin.unpacked(jar));
  }

  private static @Nullable String recordedHash(String resource) {
    URL recorded = find(resource + HASH);
    if (recorded == null) {
      return null;
    }
    try (InputStream in = recorded.openStream()) {
      String hash = new String(in.readAllBytes(), StandardCharsets.UTF_8).strip();
      return hash.isEmpty() ? null : hash;
    } catch (IOException e) {
      throw new LibraryUnavailableException(
          "the resource " + resource + HASH + " cannot be read: " + e.getMessage(),
          "have a jar of Sequor that can be read",
          e);
    }
  }

  /** Asks the loader, as a class sees nothing but its own module, and libraries are in others. */
  private static @Nullable URL find(String resource) {
    return ShippedLibrary.class.getClassLoader().getResource(resource);
  }

  /** Whether it lies on the class path, and its hash is known. */
  boolean isPresent() {
    return sha256 != null && ShippedLibrary.class.getResource("/" + resource) != null;
  }

  /**
   * Unpacks it, verifies it and loads it.
   *
   * @throws LibraryUnavailableException if one of that fails; names the cause and its cure
   */
  public void load() {
    try (PrivateFolder folder = PrivateFolder.create()) {
      Path file = unpackInto(folder);
      try {
        System.load(file.toString());
      } catch (LinkageError | IllegalCallerException e) {
        throw LoadFailure.explain(fileName(), origin, e);
      }
    }
  }

  /**
   * Unpacks it into a folder, and verifies what now lies there.
   *
   * @return the file
   * @throws LibraryUnavailableException if it is not on the class path, is another than it must be,
   *     or cannot be written
   */
  public Path unpackInto(PrivateFolder folder) {
    requirePlatform();
    URL source = find(resource);
    if (sha256 == null || source == null) {
      throw new LibraryUnavailableException(
          fileName()
              + " is not "
              + (source == null
                  ? "on the class path"
                  : "one that this build has made, " + place(source)),
          origin.anew(),
          null);
    }
    Path file = folder.path().resolve(fileName());
    try (InputStream in = source.openStream()) {
      Files.copy(in, file, StandardCopyOption.REPLACE_EXISTING);
      String found = Sha256.of(file);
      if (!found.equals(sha256)) {
        throw new LibraryUnavailableException(
            place(source)
                + " is not the library that was shipped: its SHA-256 is "
                + found
                + ", needed "
                + sha256,
            origin.anew(),
            null);
      }
      return file;
    } catch (IOException e) {
      String reason =
          e instanceof FileSystemException f && f.getReason() != null
              ? f.getReason()
              : e.getMessage();
      throw new LibraryUnavailableException(
          place(source) + " cannot be unpacked to " + file + ": " + reason,
          Places.CURE + ", with room for it",
          e);
    }
  }

  private void requirePlatform() {
    String os = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
    String architecture = System.getProperty("os.arch", "");
    if (!os.equals("linux") || !architecture.equals("amd64")) {
      throw new LibraryUnavailableException(
          fileName()
              + " is for 64-bit Java on Linux on x86-64, this is "
              + os
              + " on "
              + architecture,
          "use such a machine, or the device java",
          null);
    }
  }

  String fileName() {
    return resource.substring(resource.lastIndexOf('/') + 1);
  }

  private static String place(URL source) {
    return source.getProtocol().equals("file") ? source.getPath() : source.toString();
  }
}
