package dev.sequor.backend.cuda;

import dev.sequor.backend.natives.JavaCpp;
import dev.sequor.backend.natives.LibraryUnavailableException;
import dev.sequor.backend.natives.LoadFailure;
import dev.sequor.backend.natives.LoadFailure.Origin;
import dev.sequor.backend.natives.PrivateFolder;
import dev.sequor.backend.natives.ShippedLibrary;
import java.nio.file.Path;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.bytedeco.javacpp.Loader;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Loads NVIDIA's driver, cuBLAS and JCuda's bindings to them, once per process. The first failure
 * is kept and repeated: Java names the cause of a class that does not load only the first time.
 */
final class CudaLibraries {
  private static final Logger LOG = LoggerFactory.getLogger(CudaLibraries.class);
  private static final String DRIVER = "libcuda.so.1";

  /** JCuda's classes and their libraries. */
  private static final Map<String, ShippedLibrary> LIBRARIES =
      Map.of(
          "jcuda.driver.JCudaDriver",
          jcuda(
              "JCudaDriver",
              "jcuda",
              "fdc3b4b4fca4f0fab54ff12c0b4d6ad1c5e8d55015b4950834c705e5db301255"),
          "jcuda.jcublas.JCublas2",
          jcuda(
              "JCublas2",
              "jcublas",
              "990b2129e540a7f93d0776799d48659dc85e4f7f5bfb6473d0c8369ef8126c32"),
          "jcuda.nvptxcompiler.JNvPTXCompiler",
          jcuda(
              "JNvPTXCompiler",
              "jcuda",
              "6bce6925256b2456ab9521372a3a6ae76438488d0394dd467e32f3c0a32efa18"));

  private static final Map<String, Step> STEPS = new HashMap<>();

  private CudaLibraries() {}

  private static ShippedLibrary jcuda(String library, String artifact, String sha256) {
    return ShippedLibrary.of(
        "lib/lib" + library + "-12.6.0-linux-x86_64.so",
        sha256,
        artifact + "-natives-12.6.0-linux-x86_64.jar");
  }

  /** Something done once, and how it ended. */
  private static final class Step {
    private @Nullable CudaUnavailableException failure;

    Step(Runnable work) {
      try {
        work.run();
      } catch (CudaUnavailableException e) {
        failure = e;
      }
    }

    void requireSuccess() {
      if (failure != null) {
        throw failure.again();
      }
    }
  }

  private static void once(String name, Runnable work) {
    Step step = STEPS.get(name);
    if (step == null) {
      step = new Step(work);
      STEPS.put(name, step);
    }
    step.requireSuccess();
  }

  /**
   * Loads the driver and JCuda's binding to it.
   *
   * @throws CudaUnavailableException if that cannot be done
   */
  static synchronized void loadDriver() {
    once(
        DRIVER,
        () -> {
          try {
            JavaCpp.load();
          } catch (LibraryUnavailableException e) {
            throw CudaUnavailableException.withoutDevice(
                String.valueOf(e.getMessage()), e.cure(), e);
          }
          try {
            Loader.loadGlobal(DRIVER);
          } catch (UnsatisfiedLinkError e) {
            throw CudaUnavailableException.withoutDevice(
                "NVIDIA's driver library does not load: " + LoadFailure.words(e),
                driverCure(LoadFailure.words(e)),
                e);
          }
          initialize("jcuda.driver.JCudaDriver");
        });
  }

  /**
   * Loads cuBLAS and JCuda's binding to it.
   *
   * @throws CudaUnavailableException if that cannot be done; names what was looked for, and where
   */
  static synchronized void loadBlas() {
    once(
        "cuBLAS",
        () -> {
          CublasLibrary blas = new CublasLibrary();
          LOG.debug("cuBLAS: {}", blas.load());
          initialize("jcuda.jcublas.JCublas2", blas::prepare);
        });
  }

  private static CudaUnavailableException unavailable(LibraryUnavailableException e) {
    return new CudaUnavailableException(String.valueOf(e.getMessage()), e.cure(), e);
  }

  /** JCuda's libraries. */
  static Collection<ShippedLibrary> libraries() {
    return LIBRARIES.values();
  }

  /** What helps if the loader says this of NVIDIA's driver. */
  static String driverCure(String words) {
    if (words.startsWith(DRIVER + ": cannot open shared object file")) {
      return "install NVIDIA's driver; in a container, pass the GPU through (--gpus all)";
    }
    if (words.contains("cannot open shared object file")) {
      return "install NVIDIA's driver anew, whole; in a container, pass all of it through"
          + " (NVIDIA_DRIVER_CAPABILITIES=compute,utility)";
    }
    return LoadFailure.cure(words, Origin.installed("NVIDIA's driver"));
  }

  /**
   * Has a class of JCuda load its native library.
   *
   * @throws CudaUnavailableException if it does not load
   */
  static synchronized void initialize(String className) {
    initialize(className, file -> {});
  }

  /**
   * The same.
   *
   * @param prepare is given the library's file before it is loaded
   */
  private static void initialize(String className, Consumer<Path> prepare) {
    once(className, () -> initializeNow(className, prepare));
  }

  private static void initializeNow(String className, Consumer<Path> prepare) {
    ShippedLibrary library = Objects.requireNonNull(LIBRARIES.get(className), className);
    try (PrivateFolder folder = PrivateFolder.create()) {
      prepare.accept(library.unpackInto(folder));
      folder.asTemporaryFolder(
          () -> {
            try {
              Class.forName(className, true, CudaLibraries.class.getClassLoader());
            } catch (ClassNotFoundException e) {
              throw new NoClassDefFoundError(className);
            }
          });
    } catch (LibraryUnavailableException e) {
      throw unavailable(e);
    } catch (LinkageError | IllegalCallerException e) {
      throw unavailable(
          LoadFailure.explain("the native library of " + className, library.origin(), e));
    }
  }
}
