package dev.sequor.spark;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;

/** Texts to learn from. */
final class Texts {
  private Texts() {}

  /** Words of a small language, the same ones for the same seed. */
  static Path invented(Path folder, int characters, long seed) throws IOException {
    Random random = new Random(seed);
    String[] words = {"the", "whale", "sea", "a", "ship", "sailed", "on", "white", "and", "deep"};
    StringBuilder text = new StringBuilder();
    while (text.length() < characters) {
      text.append(words[random.nextInt(words.length)]).append(random.nextInt(9) == 0 ? ".\n" : " ");
    }
    Path file = folder.resolve("invented.txt");
    Files.writeString(file, text.substring(0, characters), StandardCharsets.UTF_8);
    return file;
  }
}
