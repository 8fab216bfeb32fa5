package dev.sequor.picture;

import java.util.ArrayList;
import java.util.List;

/**
 * How wide text is at most. A picture is shown with fonts that nobody knows when it is made, so
 * room is kept for DejaVu Sans, which is wider than what systems use for their own words.
 */
final class TextWidth {
  /** Of the characters from blank to tilde, in hundredths of the font's size. */
  private static final int[] HUNDREDTHS = {
    32, 40, 46, 84, 64, 95, 78, 28, 39, 39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 34, 34, 84, 84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 78, 75, 30, 30, 66, 56, 86, 75, 79,
    60, 79, 70, 64, 61, 73, 68, 99, 69, 61, 69, 39, 34, 39, 84, 50, 50, 61, 64, 55, 64, 62, 35, 64,
    63, 28, 28, 58, 28, 97, 63, 61, 64, 64, 41, 52, 39, 63, 59, 82, 59, 59, 53, 64, 34, 64, 84
  };

  private static final double OTHER = 0.84;
  private static final double WIDE = 1.0;
  private static final int FIRST_WIDE = 0x1100;
  private static final String ELLIPSIS = "…";

  /** How much wider bold letters are. */
  static final double BOLD = 1.12;

  private TextWidth() {}

  /** Of {@code words} in one line, in the units of {@code size}, the font's. */
  static double of(String words, double size) {
    return words.codePoints().mapToDouble(TextWidth::ems).sum() * size;
  }

  private static double ems(int character) {
    if (character >= ' ' && character <= '~') {
      return HUNDREDTHS[character - ' '] / 100.0;
    }
    return isWide(character) ? WIDE : OTHER;
  }

  private static boolean isWide(int character) {
    return character >= FIRST_WIDE && !isPunctuation(character);
  }

  /** How many columns a character takes where most take one. */
  static int columns(int character) {
    return isWide(character) ? 2 : 1;
  }

  private static boolean isPunctuation(int character) {
    return character >= 0x2000 && character < 0x2E00;
  }

  /** As much of the beginning as has room in {@code width}, with an ellipsis if that is not all. */
  static String cut(String words, double size, double width) {
    if (of(words, size) <= width) {
      return words;
    }
    int end = words.length();
    while (end > 0 && of(words.substring(0, end) + ELLIPSIS, size) > width) {
      end = words.offsetByCodePoints(end, -1);
    }
    return words.substring(0, end).stripTrailing() + ELLIPSIS;
  }

  /** In lines of at most {@code width}, broken at blanks; the last of {@code most} is cut. */
  static List<String> wrap(String words, double size, double width, int most) {
    List<String> lines = new ArrayList<>();
    String line = "";
    String left = words.strip();
    while (!left.isEmpty() && lines.size() < most - 1) {
      int blank = left.indexOf(' ');
      String word = blank < 0 ? left : left.substring(0, blank);
      String longer = line.isEmpty() ? word : line + " " + word;
      if (!line.isEmpty() && of(longer, size) > width) {
        lines.add(cut(line, size, width));
        line = "";
      } else {
        line = longer;
        left = left.substring(word.length()).stripLeading();
      }
    }
    String rest = (line + " " + left).strip();
    if (!rest.isEmpty()) {
      lines.add(cut(rest, size, width));
    }
    return lines;
  }
}
