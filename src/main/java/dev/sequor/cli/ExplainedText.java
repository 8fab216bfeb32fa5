package dev.sequor.cli;

import dev.sequor.data.TextDecoder;
import dev.sequor.data.TokenWindow;
import dev.sequor.data.Tokens;
import dev.sequor.data.Vocabulary;
import dev.sequor.diagnose.Activations;
import dev.sequor.diagnose.LayerName;
import dev.sequor.diagnose.TellingUnits;
import dev.sequor.model.NextToken;
import dev.sequor.model.SequenceModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A text as a model reads it.
 *
 * @param unit what its pieces are, for example {@code character}
 * @param pieces the text that each token makes certain
 * @param foretold all tokens but the first
 * @param layers those of the model
 * @param units what its units tell, in this text or another
 * @param rows the activations of units that clearly tell something, the most telling first
 */
record ExplainedText(
    String unit,
    List<String> pieces,
    List<Foretold> foretold,
    List<LayerName> layers,
    TellingUnits units,
    List<Row> rows) {
  /** The likeliest tokens that are told of each place. */
  private static final int LIKELIEST = 3;

  /** More units than these are not told apart in a picture. */
  private static final int MOST_ROWS = 8;

  /** A weaker correlation, even if it is no chance, is not seen in a picture. */
  private static final double LEAST_CORRELATION = 0.2;

  /** A token that came, and what might have come. */
  record Foretold(NextToken token, List<String> likeliest) {}

  /** A unit that tells something: what, and its activation {@code [T]}. */
  record Row(TellingUnits.Found found, List<Double> activation) {}

  ExplainedText {
    pieces = List.copyOf(pieces);
    foretold = List.copyOf(foretold);
    layers = List.copyOf(layers);
    rows = List.copyOf(rows);
  }

  /**
   * Runs a model.
   *
   * @param tokens at least two
   * @param searched the text in which telling units are looked for
   */
  static ExplainedText of(
      SequenceModel model, Vocabulary vocabulary, int[] tokens, int[] searched) {
    List<Foretold> foretold = new ArrayList<>();
    for (NextToken token : NextToken.of(model, Tokens.of(tokens), LIKELIEST)) {
      foretold.add(
          new Foretold(
              token,
              token.likeliest().stream()
                  .map(candidate -> vocabulary.decode(candidate.token()))
                  .toList()));
    }
    TellingUnits units =
        TellingUnits.in(activations(model, searched), pieces(vocabulary, searched));
    Activations activations = activations(model, tokens);
    Map<TellingUnits.Unit, Row> rows = new LinkedHashMap<>();
    for (TellingUnits.Found found : units.telling()) {
      if (rows.size() < MOST_ROWS && Math.abs(found.match().correlation()) >= LEAST_CORRELATION) {
        rows.computeIfAbsent(
            found.unit(),
            unit -> new Row(found, Arrays.stream(unit.in(activations, 0)).boxed().toList()));
      }
    }
    return new ExplainedText(
        vocabulary.unit(),
        pieces(vocabulary, tokens),
        foretold,
        activations.layers().stream().map(Activations.Layer::name).toList(),
        units,
        List.copyOf(rows.values()));
  }

  private static Activations activations(SequenceModel model, int[] tokens) {
    return Activations.of(model, new TokenWindow(tokens.length, 1, tokens, tokens, null, true));
  }

  private static List<String> pieces(Vocabulary vocabulary, int[] tokens) {
    TextDecoder decoder = vocabulary.decoder();
    List<String> pieces = new ArrayList<>();
    for (int token : tokens) {
      pieces.add(decoder.next(token));
    }
    return pieces;
  }

  /** The mean surprise of all tokens but the first. */
  double meanBits() {
    return foretold.stream().mapToDouble(each -> each.token().bits()).average().orElse(0);
  }
}
