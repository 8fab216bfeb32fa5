package dev.sequor.picture;

import dev.sequor.backend.Required;
import java.util.ArrayList;
import java.util.List;

/**
 * A text on colours, a number for each of its pieces, and below each line rows of colours for
 * further numbers. Lines are broken where the text has line breaks, and where there is no more
 * room. A number that is NaN is left blank.
 *
 * <pre>{@code
 * Svg picture = AnnotatedText.of("Surprise", pieces)
 *     .colours(ColourScale.SEQUENTIAL, 0, 8, "bits", bits)
 *     .row("unit 7", activation)
 *     .draw();
 * }</pre>
 */
public final class AnnotatedText {
  /** More pieces than this make a large file that nobody reads. */
  public static final int MOST_PIECES = 5000;

  /** How wide it is at most, unless that is said: lines of 75 letters have room. */
  public static final double WIDTH = 880;

  private static final double LEAST_WIDTH = 300;

  private final String title;
  private final List<String> pieces;
  private final List<AnnotatedTextDrawing.Row> rows = new ArrayList<>();
  private List<String> titles = List.of();
  private AnnotatedTextDrawing.Colours colours = AnnotatedTextDrawing.Colours.NONE;
  private AnnotatedTextDrawing.Colours ofRows =
      new AnnotatedTextDrawing.Colours(ColourScale.DIVERGING, -1, 1, "", new double[0]);
  private double width = WIDTH;

  private AnnotatedText(String title, List<String> pieces) {
    this.title = title;
    this.pieces = pieces;
  }

  /**
   * A text without colours.
   *
   * @param pieces of it, in their order: characters, or words with the blanks beside them
   * @throws IllegalArgumentException if there is none, or more than {@value #MOST_PIECES}
   */
  public static AnnotatedText of(String title, List<String> pieces) {
    Required.present("title", title);
    List<String> copy = List.copyOf(Required.present("pieces", pieces));
    if (copy.isEmpty() || copy.size() > MOST_PIECES) {
      throw new IllegalArgumentException(
          "there are " + copy.size() + " pieces of text; needed 1 to " + MOST_PIECES);
    }
    return new AnnotatedText(title, copy);
  }

  /**
   * The colours that the pieces stand on.
   *
   * @param least what one end of the colours stands for
   * @param most the other
   * @param unit what the numbers are; stands at the legend
   * @param values one a piece, copied
   * @throws IllegalArgumentException if there are not as many, or the ends do not rise
   */
  public AnnotatedText colours(
      ColourScale scale, double least, double most, String unit, double[] values) {
    colours = new AnnotatedTextDrawing.Colours(scale, least, most, unit, count(values));
    return this;
  }

  /**
   * What the colours of all rows stand for; {@link ColourScale#DIVERGING} from −1 to 1 unless said.
   *
   * @param unit what the numbers are; stands at the legend
   * @throws IllegalArgumentException if the ends do not rise
   */
  public AnnotatedText rowColours(ColourScale scale, double least, double most, String unit) {
    ofRows = new AnnotatedTextDrawing.Colours(scale, least, most, unit, new double[0]);
    return this;
  }

  /**
   * Adds a row of colours below those that are there.
   *
   * @param values one a piece, copied
   * @throws IllegalArgumentException if there are not as many
   */
  public AnnotatedText row(String name, double[] values) {
    rows.add(new AnnotatedTextDrawing.Row(Required.present("name", name), count(values)));
    return this;
  }

  /**
   * What shows under the pointer of each piece.
   *
   * @throws IllegalArgumentException if there are not as many as pieces
   */
  public AnnotatedText titles(List<String> words) {
    if (Required.present("words", words).size() != pieces.size()) {
      throw new IllegalArgumentException(
          "there are " + words.size() + " titles; needed " + pieces.size());
    }
    titles = List.copyOf(words);
    return this;
  }

  /**
   * How wide it is at most, {@value #WIDTH} if not said; the height follows.
   *
   * @throws IllegalArgumentException if that is less than 300
   */
  public AnnotatedText width(double units) {
    if (!(units >= LEAST_WIDTH)) {
      throw new IllegalArgumentException("width is " + units + "; needed at least 300");
    }
    width = units;
    return this;
  }

  /** A piece as it is drawn: line breaks, tabs and control characters can be seen. */
  public static String visible(String piece) {
    StringBuilder shown = new StringBuilder();
    piece
        .codePoints()
        .map(
            character ->
                switch (character) {
                  case '\n' -> '\u21B5';
                  case '\t' -> '\u2192';
                  default -> Character.isISOControl(character) ? '\u00B7' : character;
                })
        .forEach(shown::appendCodePoint);
    return shown.toString();
  }

  private double[] count(double[] values) {
    if (Required.present("values", values).length != pieces.size()) {
      throw new IllegalArgumentException(
          "there are " + values.length + " numbers; needed " + pieces.size());
    }
    return values.clone();
  }

  /** The picture. */
  public Svg draw() {
    return new AnnotatedTextDrawing(title, pieces, titles, colours, ofRows, rows, width).svg();
  }
}
