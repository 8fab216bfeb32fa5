package dev.sequor.picture;

import java.util.Locale;

/** Text within XML and HTML. */
final class Escape {
  private static final int REPLACEMENT = 0xFFFD;

  private Escape() {}

  /** For text and for attributes in double or single quotes. */
  static String xml(String words) {
    StringBuilder escaped = new StringBuilder(words.length());
    words
        .codePoints()
        .forEach(
            c -> {
              switch (c) {
                case '&' -> escaped.append("&amp;");
                case '<' -> escaped.append("&lt;");
                case '>' -> escaped.append("&gt;");
                case '"' -> escaped.append("&quot;");
                case '\'' -> escaped.append("&#39;");
                default -> escaped.appendCodePoint(isAllowed(c) ? c : REPLACEMENT);
              }
            });
    return escaped.toString();
  }

  /**
   * JSON that means the same and may stand in a {@code script} element of HTML that is XML, too: in
   * ASCII, without what ends the element or begins something. Other than in strings, JSON has none
   * of that.
   */
  static String json(String json) {
    StringBuilder escaped = new StringBuilder(json.length());
    for (int i = 0; i < json.length(); i++) {
      char c = json.charAt(i);
      boolean plain = c < 0x7F && c != '<' && c != '>' && c != '&';
      escaped.append(plain ? String.valueOf(c) : String.format(Locale.ROOT, "\\u%04x", (int) c));
    }
    return escaped.toString();
  }

  /**
   * What both XML 1.0 and HTML allow: no control characters but tab and line feed (a carriage
   * return would not come back as one), no lone surrogates, no noncharacters.
   */
  private static boolean isAllowed(int c) {
    boolean control = (c < 0x20 && c != '\t' && c != '\n') || (c >= 0x7F && c <= 0x9F);
    boolean surrogate = c >= 0xD800 && c <= 0xDFFF;
    boolean noncharacter = (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE;
    return !control && !surrogate && !noncharacter;
  }
}
