package dev.sequor.backend.natives;

import dev.sequor.backend.HostSettings;
import java.io.File;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A new folder that only this user can enter, for libraries on their way from a jar into the
 * process. Once loaded they need no name any more, so the folder goes at once and nothing stays
 * behind, however the process ends.
 */
public final class PrivateFolder implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(PrivateFolder.class);
  private static final String TEMPORARY = "java.io.tmpdir";
  private static final String PREFIX = ".sequor-";

  private static final FileAttribute<?> FOR_OWNER_ONLY =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

  private final Path path;

  /** Why a place does not do. */
  private static final class Refused extends Exception {
    private static final long serialVersionUID = 1L;

    Refused(String message) {
      super(message);
    }
  }

  private PrivateFolder(Path path) {
    this.path = path;
  }

  /**
   * Makes one in the first place that does: the folder that {@code sequor.unpack.folder} names, or
   * if that is not set the temporary or else the home folder.
   *
   * @throws LibraryUnavailableException if there is none; names each and what is wrong with it
   * @throws IllegalArgumentException if the setting names a folder that does not do
   */
  public static PrivateFolder create() {
    List<String> refused = new ArrayList<>();
    for (Path place : Places.all()) {
      try {
        return inside(place);
      } catch (Refused e) {
        refused.add(e.getMessage());
      }
    }
    if (HostSettings.value(Places.SETTING) != null) {
      throw new IllegalArgumentException(
          HostSettings.source(Places.SETTING)
              + " does not do: "
              + String.join("; ", refused)
              + "; needed a folder that only you and root can write to, not mounted noexec");
    }
    throw new LibraryUnavailableException(
        "there is no folder to unpack native libraries in: " + String.join("; ", refused),
        Places.CURE,
        null);
  }

  private static PrivateFolder inside(Path place) throws Refused {
    Path made = null;
    try {
      Path real = place.toRealPath();
      if (MountTable.forbidsExecution(real)) {
        throw new Refused(real + " is mounted noexec");
      }
      made = Files.createTempDirectory(real, PREFIX, FOR_OWNER_ONLY);
      String fault = Ownership.fault(made, Ownership.user(made));
      if (fault != null) {
        throw new Refused(fault);
      }
      PrivateFolder folder = new PrivateFolder(made);
      made = null;
      return folder;
    } catch (IOException e) {
      throw new Refused(reason(place, e));
    } catch (UnsupportedOperationException e) {
      throw new Refused(place + " has no permissions that would keep others out");
    } finally {
      if (made != null) {
        delete(made);
      }
    }
  }

  private static String reason(Path place, IOException e) {
    if (e instanceof AccessDeniedException) {
      return place + " cannot be written to by this user";
    }
    if (e instanceof NoSuchFileException) {
      return place + " does not exist";
    }
    String reason = e instanceof FileSystemException f ? f.getReason() : e.getMessage();
    return place + ": " + (reason == null ? e.getClass().getSimpleName() : reason);
  }

  /** Where it is. */
  Path path() {
    return path;
  }

  /**
   * Runs {@code work} while the property {@code java.io.tmpdir} names this folder. JCuda looks for
   * its libraries under fixed names in there, and loads whatever lies there: here only what was
   * unpacked before.
   */
  public void asTemporaryFolder(Runnable work) {
    settleTemporaryFiles();
    String before = System.getProperty(TEMPORARY);
    System.setProperty(TEMPORARY, path.toString());
    try {
      work.run();
    } finally {
      System.setProperty(TEMPORARY, before);
    }
  }

  /** The JDK reads the property once, when it makes its first temporary file: be that now. */
  private static void settleTemporaryFiles() {
    try {
      Files.delete(File.createTempFile("sequor", null).toPath());
    } catch (IOException e) {
      LOG.debug("no temporary file can be made", e); // but the property has been read
    }
  }

  /** Deletes the folder and the files in it, as far as that can be done. */
  @Override
  public void close() {
    delete(path);
  }

  private static void delete(Path folder) {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
      for (Path file : files) {
        Files.delete(file);
      }
      Files.delete(folder);
    } catch (IOException e) {
      // A network file system keeps files that are in use. What was to be loaded is loaded.
      LOG.debug("{} stays behind", folder, e);
    }
  }
}
