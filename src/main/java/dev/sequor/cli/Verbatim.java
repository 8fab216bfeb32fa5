package dev.sequor.cli;

import java.util.Map;
import java.util.Stack;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.IParameterPreprocessor;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;

/**
 * Lets the argument after an option of free text, or of a file's name, be its value whatever it is:
 * the parser takes {@code --} for the end of the options even there, unless it looks different.
 */
final class Verbatim implements IParameterPreprocessor, ITypeConverter<String> {
  private static final String END_OF_OPTIONS = "--";

  /** No argument of a process has a NUL. */
  private static final String DISGUISED = "\0--";

  @Override
  @SuppressWarnings("JdkObsolete") // The parser hands its arguments over in a Stack.
  public boolean preprocess(
      Stack<String> args,
      CommandSpec command,
      @Nullable ArgSpec argument,
      Map<String, Object> info) {
    if (!args.isEmpty() && args.peek().equals(END_OF_OPTIONS)) {
      args.pop();
      args.push(DISGUISED);
    }
    return false;
  }

  @Override
  public String convert(String given) {
    return given.equals(DISGUISED) ? END_OF_OPTIONS : given;
  }
}
