package dev.sequor.data;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class FileFaultTest {
  private static void described(String expected, IOException e) {
    assertEquals(expected, FileFault.describe(Path.of("model"), e));
  }

  @Test
  void everyReasonIsInWords() {
    described("a/b: no such file or folder", new NoSuchFileException("a/b"));
    described("a/b: permission denied", new AccessDeniedException("a/b"));
    described("a/b: not a directory", new FileSystemException("a/b", null, "Not a directory"));
    described("model: no space left on device", new IOException("No space left on device"));
    described("model: NFS does not answer", new IOException("NFS does not answer"));
    described("model: the system gives no reason", new IOException());
  }
}
