package dev.sequor.cli;

import java.nio.file.Path;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** The name of a file or directory, taken as it is given. */
final class PathArgument implements ITypeConverter<Path> {
  @Override
  public Path convert(String given) {
    if (given.isEmpty()) {
      throw new TypeConversionException("is empty; needed a name"); // Java takes "" for "."
    }
    try {
      return JavaLocale.path(new Verbatim().convert(given));
    } catch (IllegalArgumentException e) {
      throw new TypeConversionException(e.getMessage());
    }
  }
}
