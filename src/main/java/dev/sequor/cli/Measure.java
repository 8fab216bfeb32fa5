package dev.sequor.cli;

import dev.sequor.data.Vocabulary;
import dev.sequor.model.BatchLoss;
import java.util.Locale;

/**
 * What a run's losses are said in, and what its speed is.
 *
 * @param noun what one target belongs to, for example {@code character}
 * @param inBits whether losses are bits of each, and not just losses
 */
record Measure(String noun, boolean inBits) {
  /** Of rows of a table. */
  static final Measure ROWS = new Measure("row", false);

  /** Of examples of a task. */
  static final Measure SEQUENCES = new Measure("sequence", false);

  /** Of a text that is read so. */
  static Measure of(Vocabulary vocabulary) {
    return new Measure(vocabulary.unit(), true);
  }

  /** In full, for example {@code bits per character}. */
  String unit() {
    return inBits ? "bits per " + noun : "loss";
  }

  /** More than one of them. */
  String nouns() {
    return noun + "s";
  }

  /** One of them where there is little room. */
  String shortNoun() {
    return noun.equals("character") ? "char" : noun;
  }

  /** A mean loss in this unit. */
  double of(BatchLoss loss) {
    return inBits ? loss.meanBits() : loss.mean();
  }

  /** A loss. */
  String number(double loss) {
    return String.format(Locale.ROOT, inBits ? "%.3f" : "%.4f", loss);
  }

  /** A loss with its unit. */
  String words(double loss) {
    return inBits ? number(loss) + " " + unit() : unit() + " " + number(loss);
  }

  /** The name of a field of JSON that holds a loss, for example {@code trainBitsPerCharacter}. */
  String key(String prefix) {
    String key =
        inBits
            ? "BitsPer" + noun.substring(0, 1).toUpperCase(Locale.ROOT) + noun.substring(1)
            : "Loss";
    return prefix.isEmpty()
        ? key.substring(0, 1).toLowerCase(Locale.ROOT) + key.substring(1)
        : prefix + key;
  }
}
