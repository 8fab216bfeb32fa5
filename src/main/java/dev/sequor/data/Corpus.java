package dev.sequor.data;

import dev.sequor.backend.Philox;
import dev.sequor.backend.Sha256;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;

/**
 * A text to learn from, and a part of it that training never sees.
 *
 * <p>The parts are those of characters whatever the unit of the model is, so that models of
 * characters and of words learn from the same text and are judged by the same; what was opened as
 * bytes is cut by bytes.
 */
public final class Corpus {
  private final String name;
  private final Text training;
  private final Text heldOut;

  private Corpus(String name, Text whole, long length, long cut) {
    this.name = name;
    String unit = whole.hasCharacters() ? " characters" : " bytes";
    requireTwo("training", cut, unit);
    requireTwo("held-out", length - cut, unit);
    this.training = whole.part(0, cut);
    this.heldOut = whole.part(cut, length);
  }

  private void requireTwo(String part, long length, String unit) {
    if (length < 2) {
      throw new IllegalArgumentException(
          name + ": the " + part + " part has " + length + unit + "; needed at least 2");
    }
  }

  /**
   * The first characters of {@code text} for training, the last for judging: of {@code n}
   * characters, {@code ⌊n·(1 − heldOut)⌋} train. Of what was opened as bytes, the same of bytes.
   *
   * @param heldOut the fraction to hold out, more than 0 and less than 1
   * @throws IllegalArgumentException if the fraction is out of range or a part gets too short
   */
  public static Corpus of(Text text, double heldOut) {
    requireFraction(heldOut);
    long length = text.hasCharacters() ? text.characters() : text.bytes();
    // The small addend undoes the rounding of 1 − 0.1 and the like, so that 10 characters split 9 +
    // 1.
    return new Corpus(text.name(), text, length, (long) Math.floor(length * (1 - heldOut) + 1e-6));
  }

  /** The same of a text in memory. */
  public static Corpus ofText(String name, String text, double heldOut) {
    requireFraction(heldOut);
    return of(Text.of(name, text), heldOut);
  }

  /**
   * The names of the Unicode characters, in an order drawn from {@code seed}, each followed by a
   * line feed; the last {@code round(n·heldOut)} names of that order are held out.
   *
   * @param heldOut the fraction to hold out, more than 0 and less than 1
   * @throws IllegalArgumentException if the fraction is out of range or a part gets too short
   */
  public static Corpus ofUnicodeNames(long seed, double heldOut) {
    requireFraction(heldOut);
    List<String> names = new ArrayList<>(unicodeNames());
    // Fisher–Yates. The multiply-shift draw favours no name by more than one part in 2³² / n.
    for (int i = names.size() - 1; i > 0; i--) {
      long word = Integer.toUnsignedLong(Philox.word(seed, Philox.Stream.SHUFFLE.number(), 0, i));
      Collections.swap(names, i, (int) ((word * (i + 1)) >>> 32));
    }
    int training = names.size() - (int) Math.round(names.size() * heldOut);
    String first = lines(names.subList(0, training)); // Names are ASCII.
    String last = lines(names.subList(training, names.size()));
    String name = "Unicode character names";
    return new Corpus(
        name, Text.of(name, first + last), first.length() + last.length(), first.length());
  }

  /** What the text is, for messages. */
  public String name() {
    return name;
  }

  /** The part to learn from. */
  public Text training() {
    return training;
  }

  /** The part to judge by. */
  public Text heldOut() {
    return heldOut;
  }

  /**
   * The names that {@link Character#getName} gives, in the order of their code points, without
   * those of control characters, which Unicode leaves nameless, and without those that end in their
   * own code in hexadecimal ({@code CJK UNIFIED IDEOGRAPHS 4E00}), which hold nothing to learn.
   *
   * <p>On Java 17 (Unicode 13) these are 31,818 names of 811,351 characters, 843,169 with a line
   * feed after each. A newer Java knows more characters.
   */
  public static List<String> unicodeNames() {
    List<String> names = new ArrayList<>();
    for (int c = 0; c <= Character.MAX_CODE_POINT; c++) {
      String name = Character.isISOControl(c) ? null : Character.getName(c);
      if (name != null && !name.endsWith(Integer.toHexString(c).toUpperCase(Locale.ROOT))) {
        names.add(name);
      }
    }
    return Collections.unmodifiableList(names);
  }

  private static String lines(List<String> names) {
    StringBuilder text = new StringBuilder();
    names.forEach(name -> text.append(name).append('\n'));
    return text.toString();
  }

  private static void requireFraction(double heldOut) {
    if (!(heldOut > 0 && heldOut < 1)) {
      throw new IllegalArgumentException(
          "the fraction to hold out is " + heldOut + "; needed more than 0 and less than 1");
    }
  }

  /**
   * The characters of both parts. A model that is judged on the held-out part must be able to give
   * each of its characters a probability.
   *
   * @throws IllegalArgumentException if the text was opened as bytes
   */
  public CharacterVocabulary vocabulary() {
    return CharacterVocabulary.of(training);
  }

  /**
   * SHA-256 of both parts, in hexadecimal: a resumed run uses it to make sure that it continues on
   * the same text. Reads all of it.
   */
  public String fingerprint() {
    MessageDigest digest = Sha256.digest();
    digest(training, digest);
    digest.update((byte) 0);
    digest(heldOut, digest);
    return Sha256.hex(digest);
  }

  private static void digest(Text text, MessageDigest digest) {
    TextReader in = text.reader();
    while (in.fill(1)) {
      digest.update(in.buffer, in.at, in.limit - in.at);
      in.at = in.limit;
    }
  }
}
