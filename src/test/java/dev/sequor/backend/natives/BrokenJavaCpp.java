package dev.sequor.backend.natives;

/** A program: loads a library in the place of JavaCPP's, which does not load. */
final class BrokenJavaCpp {
  private BrokenJavaCpp() {}

  /** Arguments: its name on the class path, and its SHA-256. */
  public static void main(String[] arguments) {
    try {
      JavaCpp.load(ShippedLibrary.of(arguments[0], arguments[1], "broken.jar"));
      System.out.println("loaded");
    } catch (LibraryUnavailableException e) {
      System.out.println(e.getMessage() + "; cure: " + e.cure());
    }
  }
}
