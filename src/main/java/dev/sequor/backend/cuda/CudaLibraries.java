package dev.sequor.backend.cuda;

import org.bytedeco.javacpp.Loader;

/** Finds and loads the libraries that this backend needs. */
final class CudaLibraries {
  private CudaLibraries() {}

  /** Loads the driver. */
  static synchronized void load() {
    Loader.load(Loader.class);
    Loader.loadGlobal("libcuda.so.1");
  }
}
