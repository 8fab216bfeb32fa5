package dev.sequor.backend.cuda;

/** The entrance of {@code native/cublas12}; {@link CublasLibrary} loads that library. */
final class CublasForwarder {
  private CublasForwarder() {}

  /**
   * Loads a {@code libcublas.so.13} and sends all calls there.
   *
   * @param library its path, or its name for the loader to find
   * @return what went wrong, empty if nothing did
   */
  static native String open(String library);
}
