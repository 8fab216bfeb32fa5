package dev.sequor.backend.cuda;

import java.io.File;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A folder that only this user can write to, for libraries on their way from a jar into the
 * process. Once loaded they need no name any more, so the folder goes at once and nothing stays
 * behind, however the process ends.
 */
final class PrivateFolder implements AutoCloseable {
  private static final String TEMPORARY = "java.io.tmpdir";

  private final Path path;

  PrivateFolder() throws IOException {
    path = Files.createTempDirectory("sequor-cuda-");
  }

  Path path() {
    return path;
  }

  /**
   * Runs {@code work} while the property {@code java.io.tmpdir} names this folder. JCuda extracts
   * its libraries to fixed names in there, and loads whatever lies there under such a name already:
   * in a folder that all users share, that could be anybody's.
   */
  void asTemporaryFolder(Runnable work) throws IOException {
    // The JDK reads the property once, when it makes its first temporary file: be that now.
    Files.delete(File.createTempFile("sequor", null).toPath());
    String before = System.getProperty(TEMPORARY);
    System.setProperty(TEMPORARY, path.toString());
    try {
      work.run();
    } finally {
      System.setProperty(TEMPORARY, before);
    }
  }

  /** Deletes the folder and the files in it. */
  @Override
  public void close() throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(path)) {
      for (Path file : files) {
        Files.delete(file);
      }
    }
    Files.delete(path);
  }
}
