import dev.sequor.picture.TerminalPicture;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Draws the lines on standard input as a terminal: {@code Session FILE.svg}. */
public final class Session {
  private static final int COLUMNS = 88;

  private Session() {}

  public static void main(String[] args) throws IOException {
    List<String> lines =
        new String(System.in.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
    Files.write(Path.of(args[0]), TerminalPicture.of("sequor", lines, COLUMNS).bytes());
  }
}
