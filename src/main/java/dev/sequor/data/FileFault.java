package dev.sequor.data;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.Locale;

/**
 * What kept a file from being read or written, in words: the exceptions of {@code java.nio.file}
 * often say no more than a path, and those of channels no more than a reason.
 */
public final class FileFault {
  private FileFault() {}

  /** {@code file: reason}; of the files that {@code e} and the caller know, that of {@code e}. */
  public static String describe(Path file, IOException e) {
    String path = e instanceof FileSystemException fault ? fault.getFile() : null;
    return (path == null || path.isEmpty() ? file.toString() : path) + ": " + reason(e);
  }

  /** The reason alone, for example {@code no space left on device}. */
  public static String reason(IOException e) {
    if (e instanceof NoSuchFileException) {
      return "no such file or folder";
    } else if (e instanceof AccessDeniedException) {
      return "permission denied";
    } else if (e instanceof FileAlreadyExistsException) {
      return "is there already";
    } else if (e instanceof NotDirectoryException) {
      return "is no folder";
    } else if (e instanceof DirectoryNotEmptyException) {
      return "the folder is not empty";
    } else if (e instanceof FileSystemLoopException) {
      return "the folders lead in a circle";
    }
    String words = e instanceof FileSystemException fault ? fault.getReason() : e.getMessage();
    if (words == null || words.isBlank()) {
      return "the system gives no reason";
    }
    // "No space left on device", but not "NFS server not responding".
    return words.length() > 1 && Character.isLowerCase(words.charAt(1))
        ? words.substring(0, 1).toLowerCase(Locale.ROOT) + words.substring(1)
        : words;
  }
}
