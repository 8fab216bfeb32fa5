package dev.sequor.io;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The directory of a model, held by one run at a time from here until {@link #close()}: by a lock
 * of the operating system on a file in it, which stays behind empty and which a process that is
 * killed loses. Whoever only reads needs no lock.
 */
public final class ModelDirectory implements AutoCloseable {
  /** Not deleted, ever: another process may be about to lock the same file. */
  static final String LOCK_FILE = ".sequor-lock";

  private static final Logger LOG = LoggerFactory.getLogger(ModelDirectory.class);

  /** What file systems themselves keep in the root of a volume. */
  private static final Set<String> OF_THE_VOLUME =
      Set.of(
          "lost+found",
          ".snapshot",
          ".zfs",
          ".Trashes",
          ".Spotlight-V100",
          ".fseventsd",
          "System Volume Information",
          "$RECYCLE.BIN");

  /**
   * Directories held by this process. Looked at first: where locks belong to processes, closing a
   * second channel to the file would give the lock up.
   */
  private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

  private final Path path;
  private final Path key;
  private final FileChannel channel;

  private ModelDirectory(Path path, Path key, FileChannel channel) {
    this.path = path;
    this.key = key;
    this.channel = channel;
  }

  /**
   * Holds {@code directory}, which is made if need be, for a new model.
   *
   * @throws IllegalArgumentException if it is not vacant, or another run holds it
   * @throws InaccessibleFileException if it cannot be made
   */
  public static ModelDirectory create(Path directory) throws IOException {
    requireVacant(directory);
    try {
      if (!Files.isDirectory(directory)) { // Which may be a link to one, unlike what is made.
        Files.createDirectories(directory);
      }
    } catch (IOException e) {
      throw new InaccessibleFileException(directory, e);
    }
    ModelDirectory held = hold(directory);
    try {
      requireVacant(directory); // Again: another run may have come and gone since.
      return held;
    } catch (IOException | RuntimeException | Error e) {
      held.close();
      throw e;
    }
  }

  /**
   * Makes and holds a new directory in {@code parent}: {@code name}, or {@code name-2} and so on
   * where that is taken.
   *
   * @throws InaccessibleFileException if it cannot be made
   */
  public static ModelDirectory createNew(Path parent, String name) throws IOException {
    try {
      if (!Files.isDirectory(parent)) {
        Files.createDirectories(parent);
      }
      for (int number = 1; ; number++) {
        Path directory = parent.resolve(number == 1 ? name : name + "-" + number);
        try {
          Files.createDirectory(directory);
        } catch (FileAlreadyExistsException e) {
          continue;
        }
        return create(directory);
      }
    } catch (InaccessibleFileException e) {
      throw e;
    } catch (IOException e) {
      throw new InaccessibleFileException(parent, e);
    }
  }

  /**
   * Holds {@code directory}, which has a checkpoint, to go on with its model.
   *
   * @throws MalformedFileException if it has none
   * @throws IllegalArgumentException if another run holds it
   * @throws InaccessibleFileException if nothing can be written there
   */
  public static ModelDirectory open(Path directory) throws IOException {
    if (!Checkpoint.existsIn(directory)) {
      ConfigFile.read(directory); // Says what is missing.
    }
    return hold(directory);
  }

  /**
   * Throws unless a new model may go to {@code directory}: it does not exist, is empty but for what
   * the file system keeps there, or holds nothing but what a first {@link Checkpoint#save} left
   * behind when it was stopped.
   *
   * @throws IllegalArgumentException if it holds something else; says what to do
   */
  public static void requireVacant(Path directory) throws IOException {
    if (Checkpoint.existsIn(directory)) {
      throw new IllegalArgumentException(
          directory + " holds a model already; go on with it by --resume " + directory);
    }
    String foreign = foreign(directory);
    if (foreign != null) {
      throw new IllegalArgumentException(
          directory
              + " is not empty and holds no model of this program, but "
              + foreign
              + "; needed a new or empty directory");
    }
  }

  /** Something that is not the program's own, or null. */
  private static @Nullable String foreign(Path directory) throws IOException {
    if (!Files.exists(directory)) {
      return null;
    }
    if (!Files.isDirectory(directory)) {
      return "is a file";
    }
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      for (Path entry : entries) {
        String name = String.valueOf(entry.getFileName());
        boolean expected =
            Files.isDirectory(entry)
                ? OF_THE_VOLUME.contains(name)
                : name.equals(LOCK_FILE) || Checkpoint.isOwnFile(name);
        if (!expected) {
          return "'" + name + "'";
        }
      }
      return null;
    } catch (IOException e) {
      throw new InaccessibleFileException(directory, e);
    }
  }

  private static ModelDirectory hold(Path directory) throws IOException {
    Path key;
    try {
      key = directory.toRealPath();
    } catch (IOException e) {
      throw new InaccessibleFileException(directory, e);
    }
    if (!HELD.add(key)) {
      throw held(directory);
    }
    @Nullable FileChannel channel = null;
    try {
      channel =
          FileChannel.open(
              directory.resolve(LOCK_FILE), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      if (!isLocked(directory, channel)) {
        throw held(directory);
      }
      return new ModelDirectory(directory, key, channel);
    } catch (IOException e) {
      release(key, channel);
      throw new InaccessibleFileException(directory, e);
    } catch (RuntimeException | Error e) {
      release(key, channel);
      throw e;
    }
  }

  private static void release(Path key, @Nullable FileChannel channel) throws IOException {
    HELD.remove(key);
    if (channel != null) {
      channel.close();
    }
  }

  /** Whether this process has the lock; true as well where there are no locks, with a warning. */
  private static boolean isLocked(Path directory, FileChannel channel) {
    try {
      @Nullable FileLock lock = channel.tryLock();
      return lock != null;
    } catch (OverlappingFileLockException e) {
      return false;
    } catch (IOException e) {
      LOG.warn(
          "{}: the file system has no locks ({}), so nothing keeps another run from writing there",
          directory,
          e.getMessage());
      return true;
    }
  }

  private static IllegalArgumentException held(Path directory) {
    return new IllegalArgumentException(
        directory + ": another run is writing there; needed a directory of its own, or to wait");
  }

  /** The directory. */
  public Path path() {
    return path;
  }

  /** Lets another run have it. */
  @Override
  public void close() throws InaccessibleFileException {
    try {
      channel.close();
    } catch (IOException e) {
      throw new InaccessibleFileException(path, e);
    } finally {
      HELD.remove(key);
    }
  }
}
