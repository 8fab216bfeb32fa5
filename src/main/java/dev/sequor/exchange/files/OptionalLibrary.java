package dev.sequor.exchange.files;

/**
 * A library that is needed for files of one kind alone, and that whoever has those adds.
 *
 * @param coordinates in Maven's form, {@code group:artifact:version}
 * @param module what it is called as a module, which no module of Sequor makes the program have
 */
public record OptionalLibrary(String coordinates, String module) {
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
                ? ", which is not among the modules; needed 'requires " + module + "'"
                : ", which is not on the class path")
            + " ("
            + String.valueOf(missing.getMessage()).replace('/', '.')
            + ")");
  }
}
