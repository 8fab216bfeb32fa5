package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Pictures in the texts are there, can be made again by what stands beside them, and are used. */
class PicturesTest {
  private static final Path IMAGES = Path.of("docs", "images");
  private static final Pattern IMAGE = Pattern.compile("!\\[([^\\]]*)\\]\\(([^)]*)\\)");
  private static final Pattern MADE =
      Pattern.compile("^(?:draw (\\S+)|take (\\S+) \\S+|session (\\S+)) (.*)$", Pattern.MULTILINE);
  private static final int LEAST_WORDS = 5;

  @TempDir private Path folder;

  /** A picture in a text. */
  private record Image(Path text, String alt, Path file) {}

  private static List<Path> texts() throws IOException {
    List<Path> texts = new ArrayList<>();
    for (Path top : List.of(Path.of("docs"), Path.of("examples"), Path.of("benchmarks"))) {
      try (Stream<Path> files = Files.walk(top)) {
        files.filter(file -> file.toString().endsWith(".md")).forEach(texts::add);
      }
    }
    try (Stream<Path> files = Files.list(Path.of(""))) {
      files.filter(file -> file.toString().endsWith(".md")).forEach(texts::add);
    }
    return texts;
  }

  private static List<Image> images() throws IOException {
    List<Image> images = new ArrayList<>();
    for (Path text : texts()) {
      Matcher found = IMAGE.matcher(Files.readString(text));
      while (found.find()) {
        images.add(
            new Image(text, found.group(1), text.resolveSibling(found.group(2)).normalize()));
      }
    }
    return images;
  }

  /** What {@code ci/pictures} makes, and by what. */
  private static Map<String, String> made() throws IOException {
    Map<String, String> made = new LinkedHashMap<>();
    Matcher found = MADE.matcher(Files.readString(Path.of("ci", "pictures")));
    while (found.find()) {
      String name =
          Stream.of(found.group(1), found.group(2), found.group(3))
              .filter(each -> each != null)
              .collect(Collectors.joining());
      String command = found.group(4);
      made.put(name, found.group(1) == null ? command : command.replaceAll("^'|'$", ""));
    }
    return made;
  }

  @Test
  void allPicturesAreThereAndSaidInWords() throws IOException {
    List<Image> images = images();
    assertTrue(images.size() > 5);
    for (Image image : images) {
      assertTrue(Files.size(image.file()) > 0, image::toString);
      assertTrue(image.alt().split(" ", -1).length >= LEAST_WORDS, image::toString);
    }
  }

  @Test
  void noPictureIsMadeInVainOrByHand() throws IOException {
    Set<String> used = new TreeSet<>();
    images().forEach(image -> used.add(IMAGES.relativize(image.file()).toString()));
    Set<String> there = new TreeSet<>();
    try (Stream<Path> files = Files.list(IMAGES)) {
      files.forEach(file -> there.add(file.getFileName().toString()));
    }
    assertEquals(used, there);
    assertEquals(used, new TreeSet<>(made().keySet()));
  }

  @Test
  void theCommandStandsBesideThePicture() throws IOException {
    Map<String, String> made = made();
    for (Image image : images()) {
      String command = made.get(String.valueOf(image.file().getFileName()));
      String text = Files.readString(image.text());
      // Of a session, the commands are in the picture itself.
      assertTrue(
          command == null || command.startsWith("'") || text.contains(command),
          () -> image.text() + " has " + image.file() + " without '" + command + "'");
    }
  }

  /** They have no scripts, ask for nothing and say what they are. */
  @Test
  void drawingsAreWholeAndHarmless() throws IOException {
    try (Stream<Path> files = Files.list(IMAGES)) {
      for (Path file : files.filter(each -> each.toString().endsWith(".svg")).toList()) {
        String svg = Files.readString(file);
        assertTrue(svg.strip().endsWith("</svg>"), file::toString);
        assertTrue(svg.contains("<title>") && svg.contains("aria-label="), file::toString);
        assertTrue(!Pattern.compile("<script|href|url\\(|@import| on\\w+=").matcher(svg).find());
      }
    }
  }

  /** What the code draws now is what lies there: {@code ci/pictures} makes it again. */
  @TestFactory
  Stream<DynamicTest> figuresAreThoseThatAreDrawnNow() throws IOException {
    Map<String, String> figures = new TreeMap<>(made());
    figures.values().removeIf(command -> !command.startsWith("sequor inspect "));
    assertTrue(figures.size() > 5);
    return figures.entrySet().stream()
        .map(
            each ->
                DynamicTest.dynamicTest(
                    each.getKey(), () -> requireSame(each.getKey(), each.getValue())));
  }

  private void requireSame(String name, String command) throws IOException {
    Path drawn = folder.resolve(name);
    List<Object> words = new ArrayList<>(List.of(command.split(" ", -1)));
    words.remove(0);
    words.set(words.indexOf(name), drawn);
    CommandLineRun.of(words.toArray()).succeeds();
    assertArrayEquals(Files.readAllBytes(IMAGES.resolve(name)), Files.readAllBytes(drawn));
  }
}
