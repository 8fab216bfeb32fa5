package dev.sequor.backend.natives;

/** A program: loads a library in the place of JavaCPP's, which does not load. */
final class BrokenJavaCpp {
  private BrokenJavaCpp() {}

  /**
   * Arguments: its name on the class path, its SHA-256, and perhaps the name of another that this
   * build has made.
   */
  public static void main(String[] arguments) {
    try {
      ShippedLibrary broken = ShippedLibrary.of(arguments[0], arguments[1], "broken.jar");
      JavaCpp.load(
          broken, ShippedLibrary.built(arguments.length > 2 ? arguments[2] : "nowhere/none.so"));
      System.out.println("loaded");
    } catch (LibraryUnavailableException e) {
      System.out.println(e.getMessage() + "; cure: " + e.cure());
    }
  }
}
