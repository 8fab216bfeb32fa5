package dev.sequor.cli;

import java.util.Map;
import java.util.Stack;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.IParameterPreprocessor;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;

/**
 * Lets an option go without its number: what follows belongs to it only if it begins with a digit.
 */
final class LivePort implements IParameterPreprocessor {
  /** What the option has without a number. */
  static final String ANY = "0";

  @Override
  @SuppressWarnings("JdkObsolete") // The parser hands its arguments over in a Stack.
  public boolean preprocess(
      Stack<String> args,
      CommandSpec command,
      @Nullable ArgSpec argument,
      Map<String, Object> info) {
    boolean isAttached = info.get("separator") instanceof String separator && !separator.isBlank();
    if (!isAttached && (args.isEmpty() || !args.peek().matches("[0-9].*"))) {
      args.push(ANY);
    }
    return false;
  }
}
