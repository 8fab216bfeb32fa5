package dev.sequor.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What somebody who mistyped a name may have meant. */
final class Suggestion {
  /** One slip of the pen for so many characters. */
  private static final int CHARACTERS_A_SLIP = 3;

  private static final int MAX_NAMES = 3;

  private Suggestion() {}

  /**
   * The known names that are nearest to {@code given}, for the end of a message: {@code ; did you
   * mean 'train'?}, or nothing if none is near.
   */
  static String of(String given, Iterable<String> known) {
    int letters = given.replaceFirst("^-+", "").length();
    int nearest = Math.max(1, (letters + 1) / CHARACTERS_A_SLIP);
    List<String> names = new ArrayList<>();
    for (String name : known) {
      int slips = slips(given.toLowerCase(Locale.ROOT), name.toLowerCase(Locale.ROOT));
      if (slips < nearest) {
        nearest = slips;
        names.clear();
      }
      if (slips == nearest && names.size() < MAX_NAMES && slips < name.length()) {
        names.add("'" + name + "'");
      }
    }
    return names.isEmpty() ? "" : "; did you mean " + String.join(" or ", names) + "?";
  }

  /**
   * The fewest characters to insert, leave out, replace or exchange with the next one (optimal
   * string alignment) that make {@code b} of {@code a}.
   */
  static int slips(String a, String b) {
    int[][] slips = new int[a.length() + 1][b.length() + 1];
    for (int i = 0; i <= a.length(); i++) {
      for (int j = 0; j <= b.length(); j++) {
        if (i == 0 || j == 0) {
          slips[i][j] = i + j;
          continue;
        }
        boolean same = a.charAt(i - 1) == b.charAt(j - 1);
        int fewest = slips[i - 1][j - 1] + (same ? 0 : 1);
        fewest = Math.min(fewest, 1 + Math.min(slips[i - 1][j], slips[i][j - 1]));
        boolean exchanged =
            i > 1
                && j > 1
                && a.charAt(i - 1) == b.charAt(j - 2)
                && a.charAt(i - 2) == b.charAt(j - 1);
        slips[i][j] = exchanged ? Math.min(fewest, 1 + slips[i - 2][j - 2]) : fewest;
      }
    }
    return slips[a.length()][b.length()];
  }
}
