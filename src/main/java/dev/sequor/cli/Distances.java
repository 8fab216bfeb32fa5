package dev.sequor.cli;

import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * Distances in words, rising: whole numbers with commas between.
 *
 * @param words at least one
 */
record Distances(List<Integer> words) {
  private static final int LEAST = 5;
  private static final int MOST = 500;

  /** Reads them. */
  static final class Reader implements ITypeConverter<Distances> {
    @Override
    public Distances convert(String given) {
      List<Integer> words = new ArrayList<>();
      int before = LEAST - 1;
      for (String number : given.split(",", -1)) {
        int distance;
        try {
          distance = Integer.parseInt(number.strip());
        } catch (NumberFormatException e) {
          throw refusal(given);
        }
        if (distance <= before || distance > MOST) {
          throw refusal(given);
        }
        words.add(distance);
        before = distance;
      }
      return new Distances(List.copyOf(words));
    }

    private static TypeConversionException refusal(String given) {
      return new TypeConversionException(
          "'"
              + given
              + "' was given; needed rising whole numbers, "
              + LEAST
              + " to "
              + MOST
              + ", such as 5,10,20");
    }
  }
}
