package dev.sequor.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Objects;

/**
 * Writes a file so that its name stands for either the old content or all of the new one, whenever
 * the process or the machine stops: to a temporary name in the same directory, forced to the disk,
 * renamed, and the directory forced to the disk.
 */
public final class DurableFile {
  static final String TEMPORARY_SUFFIX = ".partial";

  private DurableFile() {}

  /** Writes a file's content. */
  public interface Content {
    /** Writes all of it, from the start of {@code channel}. */
    void writeTo(FileChannel channel) throws IOException;
  }

  /**
   * Writes {@code target}, replacing what is there.
   *
   * @throws InaccessibleFileException if it cannot be written; names the file and the reason, and
   *     leaves nothing behind
   */
  public static void write(Path target, Content content) throws InaccessibleFileException {
    Path temporary = target.resolveSibling(target.getFileName() + TEMPORARY_SUFFIX);
    try {
      try {
        try (FileChannel channel =
            FileChannel.open(
                temporary,
                StandardOpenOption.CREATE,
                StandardOpenOption.TRUNCATE_EXISTING,
                StandardOpenOption.WRITE)) {
          content.writeTo(channel);
          channel.force(true);
        }
        Files.move(
            temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      } catch (IOException | RuntimeException | Error e) {
        deleteAfter(e, temporary);
        throw e;
      }
      forceDirectory(Objects.requireNonNull(target.toAbsolutePath().getParent()));
    } catch (IOException e) {
      throw new InaccessibleFileException(target, e);
    }
  }

  /** The same of bytes that are there. */
  public static void write(Path target, byte[] bytes) throws InaccessibleFileException {
    write(
        target,
        channel -> {
          ByteBuffer left = ByteBuffer.wrap(bytes);
          while (left.hasRemaining()) {
            channel.write(left);
          }
        });
  }

  private static void deleteAfter(Throwable failure, Path temporary) {
    try {
      Files.deleteIfExists(temporary);
    } catch (IOException e) {
      failure.addSuppressed(e);
    }
  }

  /** Makes renames in {@code directory} permanent. */
  private static void forceDirectory(Path directory) throws IOException {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }
}
