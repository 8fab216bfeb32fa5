package dev.sequor.cli;

import java.lang.reflect.AnnotatedElement;
import java.math.BigDecimal;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/**
 * What {@link Range} says of an option.
 *
 * @param whole whether only whole numbers count
 * @param least the lower end; null for none
 * @param withLeast whether the lower end itself is allowed
 * @param most the upper end; null for the largest finite number of the type
 * @param withMost whether the upper end itself is allowed
 */
record NumberRange(
    boolean whole,
    @Nullable BigDecimal least,
    boolean withLeast,
    @Nullable BigDecimal most,
    boolean withMost) {

  private static final List<Class<?>> WHOLE =
      List.of(int.class, Integer.class, long.class, Long.class);

  /** The range of {@code argument}, or null if it has none. */
  static @Nullable NumberRange of(@Nullable ArgSpec argument) {
    Range range =
        argument != null && argument.userObject() instanceof AnnotatedElement field
            ? field.getAnnotation(Range.class)
            : null;
    if (argument == null || range == null) {
      return null;
    }
    String text = range.value();
    int comma = text.indexOf(',');
    boolean whole = WHOLE.contains(argument.type());
    BigDecimal least = end(text.substring(1, comma));
    BigDecimal most = end(text.substring(comma + 1, text.length() - 1));
    if (!whole) {
      return new NumberRange(
          false, least, text.charAt(0) == '[', most, text.charAt(text.length() - 1) == ']');
    }
    boolean isInt = argument.type().equals(int.class) || argument.type().equals(Integer.class);
    return new NumberRange(
        true,
        least == null ? BigDecimal.valueOf(isInt ? Integer.MIN_VALUE : Long.MIN_VALUE) : least,
        true,
        most == null ? BigDecimal.valueOf(isInt ? Integer.MAX_VALUE : Long.MAX_VALUE) : most,
        true);
  }

  private static @Nullable BigDecimal end(String text) {
    return text.isEmpty() ? null : new BigDecimal(text);
  }

  /**
   * Checks every number that was given.
   *
   * @throws ParameterException naming the first option whose value is out of its range
   */
  static void check(ParseResult parsed) {
    for (OptionSpec option : parsed.matchedOptions()) {
      NumberRange range = of(option);
      if (range != null && option.getValue() instanceof Number number && !range.contains(number)) {
        CommandLine command = parsed.commandSpec().commandLine();
        String given = String.join(" ", option.originalStringValues());
        throw new ParameterException(command, range.refusal(option, given), option, given);
      }
    }
  }

  /** Whether {@code number} is one of them; NaN and the infinities never are. */
  boolean contains(Number number) {
    if (!Double.isFinite(number.doubleValue())) {
      return false;
    }
    BigDecimal value = new BigDecimal(number.toString());
    return (least == null || value.compareTo(least) >= (withLeast ? 0 : 1))
        && (most == null || value.compareTo(most) <= (withMost ? 0 : -1));
  }

  /** Why {@code given} is not a value of {@code option}. */
  String refusal(ArgSpec option, String given) {
    String name = option instanceof OptionSpec named ? named.longestName() : option.paramLabel();
    return name + " is " + (given.isEmpty() ? "''" : given) + "; needed " + this;
  }

  @Override
  public String toString() {
    String kind = whole ? "a whole number" : "a finite number";
    if (least != null && withLeast && most != null && withMost) {
      return kind + ", " + least.toPlainString() + " to " + most.toPlainString();
    }
    String lower =
        least == null
            ? ""
            : (withLeast ? " of at least " : " of more than ") + least.toPlainString();
    String upper =
        most == null ? "" : (withMost ? " and at most " : " and less than ") + most.toPlainString();
    return kind + lower + upper;
  }
}
