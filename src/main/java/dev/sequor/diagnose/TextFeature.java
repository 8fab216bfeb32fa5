package dev.sequor.diagnose;

import dev.sequor.backend.Required;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * What can be said of a place in a text that units of a network may keep track of: of a character
 * that was read, with all before it.
 */
public enum TextFeature {
  /** Characters since the line began. */
  LINE_POSITION("position in the line"),
  /** 1 from a quotation mark that opens to the one that closes, at most to the next empty line. */
  IN_QUOTES("inside quotation marks"),
  /** 1 from a bracket that opens to the one that closes, at most to the next empty line. */
  IN_BRACKETS("inside brackets"),
  /** 1 at letters and digits. */
  IN_WORD("inside a word"),
  /** Letters and digits since the word began. */
  WORD_POSITION("position in the word"),
  /** 1 at what follows white space and is none. */
  AFTER_SPACE("after a space"),
  /** 1 at upper-case letters. */
  UPPER_CASE("upper case"),
  /** 1 at digits. */
  DIGIT("digit"),
  /** 1 at the first character of a line. */
  LINE_START("start of a line"),
  /** Characters, words or bytes since the text began. */
  TEXT_POSITION("position in the text");

  private final String words;

  TextFeature(String words) {
    this.words = words;
  }

  /** What it is, in words. */
  public String words() {
    return words;
  }

  /**
   * All features of a text.
   *
   * @param pieces the text, one piece for each time step: a character or several, after which the
   *     step stands; an empty one stands where the one before does
   * @return {@code [pieces]} each, in the order of the constants
   */
  public static Map<TextFeature, double[]> of(List<String> pieces) {
    Required.present("pieces", pieces);
    Map<TextFeature, double[]> series = new EnumMap<>(TextFeature.class);
    for (TextFeature feature : values()) {
      series.put(feature, new double[pieces.size()]);
    }
    Place place = new Place();
    for (int t = 0; t < pieces.size(); t++) {
      place.read(pieces.get(t));
      for (Map.Entry<TextFeature, double[]> each : series.entrySet()) {
        each.getValue()[t] = each.getKey() == TEXT_POSITION ? t : place.value(each.getKey());
      }
    }
    return series;
  }

  /** A place in a text that is read from its beginning. */
  private static final class Place {
    private static final int NONE = '\n';
    private static final String OPENING = "([{";
    private static final String CLOSING = ")]}";

    private int before = NONE;
    private int linePosition;
    private int wordPosition;
    private boolean inQuotes;
    private int brackets;
    private boolean afterSpace;
    private boolean upperCase;
    private boolean digit;
    private boolean lineStart;

    /** A piece that has several characters is upper case, or a digit, if one of them is. */
    void read(String piece) {
      if (piece.isEmpty()) {
        return;
      }
      afterSpace = false;
      upperCase = false;
      digit = false;
      lineStart = false;
      piece.codePoints().forEach(this::read);
    }

    private void read(int character) {
      boolean newLine = character == '\n';
      if (newLine && before == '\n') {
        inQuotes = false;
        brackets = 0;
      }
      linePosition = newLine ? 0 : linePosition + 1;
      wordPosition = Character.isLetterOrDigit(character) ? wordPosition + 1 : 0;
      afterSpace |= Character.isWhitespace(before) && !Character.isWhitespace(character);
      upperCase |= Character.isUpperCase(character);
      digit |= Character.isDigit(character);
      lineStart |= before == '\n' && !newLine;
      switch (character) {
        case '"' -> inQuotes = !inQuotes;
        case '\u201C', '\u00AB' -> inQuotes = true;
        case '\u201D', '\u00BB' -> inQuotes = false;
        default -> {}
      }
      if (OPENING.indexOf(character) >= 0) {
        brackets++;
      } else if (CLOSING.indexOf(character) >= 0) {
        brackets = Math.max(0, brackets - 1);
      }
      before = character;
    }

    double value(TextFeature feature) {
      return switch (feature) {
        case LINE_POSITION -> linePosition;
        case IN_QUOTES -> one(inQuotes);
        case IN_BRACKETS -> one(brackets > 0);
        case IN_WORD -> one(wordPosition > 0);
        case WORD_POSITION -> wordPosition;
        case AFTER_SPACE -> one(afterSpace);
        case UPPER_CASE -> one(upperCase);
        case DIGIT -> one(digit);
        case LINE_START -> one(lineStart);
        case TEXT_POSITION -> throw new IllegalArgumentException("known without the text");
      };
    }

    private static double one(boolean yes) {
      return yes ? 1 : 0;
    }
  }
}
