package dev.sequor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The Java programs in a document: one for each section that has one, and the imports of all.
 *
 * @param imports the block that is marked as such
 * @param bodies what stands in {@code main}, by the section's heading, in the order of the document
 */
record DocumentedPrograms(String imports, Map<String, String> bodies) {
  private static final Pattern IMPORTS =
      Pattern.compile("```java imports\n(.*?)```", Pattern.DOTALL);
  private static final Pattern SECTION =
      Pattern.compile("^## (.*?)\n(.*?)(?=^## |\\z)", Pattern.DOTALL | Pattern.MULTILINE);
  private static final Pattern BODY = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);
  private static final Pattern FIGURE = Pattern.compile("\\d+\\.\\d+(E-?\\d+)?");

  /** What the last figure that a program prints has to be within: it has learned. */
  record Bound(double low, double high) {
    boolean holds(double figure) {
      return figure >= low && figure <= high;
    }
  }

  static DocumentedPrograms of(Path document) throws IOException {
    String text = Files.readString(document);
    Matcher imports = IMPORTS.matcher(text);
    assertTrue(imports.find(), document + " has no imports");
    Map<String, String> bodies = new LinkedHashMap<>();
    Matcher sections = SECTION.matcher(text);
    while (sections.find()) {
      Matcher body = BODY.matcher(sections.group(2));
      if (body.find()) {
        bodies.put(sections.group(1), body.group(1));
      }
    }
    return new DocumentedPrograms(imports.group(1), bodies);
  }

  /** Requires a bound for each and none for others, and that none has grown longer than that. */
  void requireKnownAndShort(Set<String> known, int mostLines) {
    assertEquals(known, bodies.keySet());
    bodies.forEach(
        (title, text) -> assertTrue(text.lines().count() <= mostLines, () -> title + " has grown"));
  }

  /** What a program printed last; NaN if that is no figure. */
  static double lastFigure(String printed) {
    Matcher figures = FIGURE.matcher(printed);
    double last = Double.NaN;
    while (figures.find()) {
      last = Double.parseDouble(figures.group());
    }
    return last;
  }
}
