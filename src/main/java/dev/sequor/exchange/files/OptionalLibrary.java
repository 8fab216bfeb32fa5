package dev.sequor.exchange.files;

import java.util.List;

/**
 * A library that is needed for files of one kind alone, and that whoever has those adds.
 *
 * @param coordinates in Maven's form, {@code group:artifact:version}
 * @param modules what has to be required of a program that is a module: jars that are none do not
 *     say what they need
 */
public record OptionalLibrary(String coordinates, List<String> modules) {
  /** Keeps a copy. */
  public OptionalLibrary {
    modules = List.copyOf(modules);
  }

  /** One of these modules. */
  public OptionalLibrary(String coordinates, String... modules) {
    this(coordinates, List.of(modules));
  }

  /**
   * What to throw where it is missing.
   *
   * @param what needs it, for example {@code "reading a.onnx"}
   * @param missing the class that was not found; named, since it may be one of a library that this
   *     one needs
   */
  public IllegalStateException missing(String what, NoClassDefFoundError missing) {
    return new IllegalStateException(
        what
            + " needs "
            + coordinates
            + (OptionalLibrary.class.getModule().isNamed()
                ? ", which is not among the modules; needed 'requires "
                    + String.join("; requires ", modules)
                    + "'"
                : ", which is not on the class path")
            + " ("
            + String.valueOf(missing.getMessage()).replace('/', '.')
            + ")");
  }
}
