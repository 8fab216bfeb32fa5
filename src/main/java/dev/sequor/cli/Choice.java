package dev.sequor.cli;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.Function;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** The values of an option that takes one of a few names, in any case. Iterates over the names. */
abstract class Choice<E> implements ITypeConverter<E>, Iterable<String> {
  private final List<E> values;
  private final List<String> names = new ArrayList<>();

  /** Takes each of {@code values} by its name. */
  Choice(List<E> values, Function<E, String> name) {
    this.values = values;
    values.forEach(value -> names.add(name.apply(value)));
  }

  @Override
  public E convert(String given) {
    for (int i = 0; i < values.size(); i++) {
      if (names.get(i).equalsIgnoreCase(given)) {
        return values.get(i);
      }
    }
    throw new TypeConversionException(
        "'" + given + "' is unknown; known: " + this + Suggestion.of(given, names));
  }

  @Override
  public Iterator<String> iterator() {
    return names.iterator();
  }

  @Override
  public String toString() {
    return String.join(", ", names);
  }
}
