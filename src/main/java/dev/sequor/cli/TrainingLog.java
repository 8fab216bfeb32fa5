package dev.sequor.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sequor.data.FileFault;
import java.io.IOException;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What a run reports, one JSON object a line, each written at once. */
final class TrainingLog implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** No line of a log is longer. */
  private static final int MAX_LINE = 4096;

  private final RunOutput output;

  private TrainingLog(RunOutput output) {
    this.output = output;
  }

  /**
   * Refuses what can be no log, before anything else is done.
   *
   * @param directory of the model, which may have to be made first
   * @param resumed whether the log is to go on; otherwise what is there is never written to
   * @throws IllegalArgumentException naming the file and what was needed
   */
  static void check(Path file, @Nullable Path directory, boolean resumed) {
    if (file.toString().equals(Inputs.STANDARD_INPUT)) {
      throw refusal(file, "is no file; needed a name, such as log.jsonl or /dev/stderr");
    }
    if (Files.isDirectory(file)) {
      throw refusal(file, "is a folder; needed the name of a file");
    }
    Path folder = file.toAbsolutePath().normalize().getParent();
    boolean made = directory != null && directory.toAbsolutePath().normalize().equals(folder);
    if (folder != null && !Files.isDirectory(folder) && !made) {
      throw refusal(file, "is in no folder that there is; needed one");
    }
    try {
      if (Files.isRegularFile(file) && Files.size(file) > 0) {
        if (!resumed) {
          throw refusal(file, "is there already; needed a new file, or --resume to go on with it");
        }
        requireLog(file);
      }
    } catch (IOException e) {
      throw refusal(file, FileFault.reason(e));
    }
    boolean writable = Files.exists(file) ? Files.isWritable(file) : made || isWritable(folder);
    if (!writable) {
      throw refusal(file, "cannot be written here: permission denied");
    }
  }

  private static boolean isWritable(@Nullable Path folder) {
    return folder != null && Files.isWritable(folder);
  }

  private static IllegalArgumentException refusal(Path file, String reason) {
    return new IllegalArgumentException("--log " + file + " " + reason);
  }

  /** Lest a text or a part of the model be written to. */
  private static void requireLog(Path file) throws IOException {
    try (RandomAccessFile in = new RandomAccessFile(file.toFile(), "r")) {
      byte[] begin = new byte[(int) Math.min(MAX_LINE, in.length())];
      in.readFully(begin);
      String line = new String(begin, StandardCharsets.UTF_8).split("\n", 2)[0];
      JsonNode first = JSON.readTree(line);
      if (first != null && first.isObject() && first.has("step")) {
        return;
      }
    } catch (JsonProcessingException e) {
      // It is none.
    }
    throw refusal(file, "is something else than the log of a training; needed another file");
  }

  /**
   * Begins, or goes on.
   *
   * @throws IllegalArgumentException if it cannot be written
   */
  static TrainingLog open(Path file) {
    try {
      boolean cut = isCut(file);
      OutputStream out =
          Files.newOutputStream(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
      if (cut) {
        out.write('\n'); // A run was killed while it wrote.
      }
      return new TrainingLog(new RunOutput("--log", file, out));
    } catch (IOException e) {
      throw new IllegalArgumentException("--log " + FileFault.describe(file, e), e);
    }
  }

  private static boolean isCut(Path file) throws IOException {
    if (!Files.isRegularFile(file) || Files.size(file) == 0) {
      return false;
    }
    try (RandomAccessFile in = new RandomAccessFile(file.toFile(), "r")) {
      in.seek(in.length() - 1);
      return in.read() != '\n';
    }
  }

  /** Writes one line. */
  void add(Map<String, ?> report) {
    output.write(
        out ->
            out.write((JSON.writeValueAsString(report) + "\n").getBytes(StandardCharsets.UTF_8)));
  }

  /** What went wrong, in one line; null if nothing did. */
  @Nullable String complaint() {
    return output.complaint("the log is");
  }

  @Override
  public void close() {
    output.close();
  }
}
