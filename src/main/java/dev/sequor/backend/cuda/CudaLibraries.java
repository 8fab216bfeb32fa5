package dev.sequor.backend.cuda;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
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

  private static final Map<String, Step> STEPS = new HashMap<>();

  private CudaLibraries() {}

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
        throw new CudaUnavailableException(
            String.valueOf(failure.getMessage()), failure.cure(), failure);
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
          loadLoader();
          try {
            Loader.loadGlobal(DRIVER);
          } catch (UnsatisfiedLinkError e) {
            throw new CudaUnavailableException(
                "NVIDIA's driver library does not load: " + words(e),
                "install NVIDIA's driver; in a container, pass the GPU through (--gpus all)",
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
          loadLoader();
          LOG.debug("cuBLAS: {}", new CublasLibrary().load());
          initialize("jcuda.jcublas.JCublas2");
        });
  }

  private static void loadLoader() {
    try {
      Loader.load(Loader.class);
    } catch (Throwable e) { // linkage errors among others
      throw new CudaUnavailableException(
          "JavaCPP's library, which loads CUDA's, does not load itself: " + words(e),
          "use linux-x86_64 with a writable home, or set org.bytedeco.javacpp.cachedir",
          e);
    }
  }

  /**
   * Has a class of JCuda load its native library.
   *
   * @throws CudaUnavailableException if it does not load
   */
  static synchronized void initialize(String className) {
    once(className, () -> initializeNow(className));
  }

  private static void initializeNow(String className) {
    try (PrivateFolder folder = new PrivateFolder()) {
      folder.asTemporaryFolder(
          () -> {
            try {
              Class.forName(className, true, CudaLibraries.class.getClassLoader());
            } catch (ClassNotFoundException e) {
              throw new NoClassDefFoundError(className);
            }
          });
    } catch (IOException | LinkageError e) {
      throw new CudaUnavailableException(
          "the native library of " + className + " does not load: " + words(e),
          "use linux-x86_64 and a java.io.tmpdir that is writable and not mounted noexec",
          e);
    }
  }

  /**
   * What an error says in one line. JCuda wraps the loader's words into stack traces, of which the
   * last named error is the one that counts.
   */
  static String words(Throwable e) {
    String message = String.valueOf(e.getMessage() == null ? e : e.getMessage());
    String marker = UnsatisfiedLinkError.class.getSimpleName() + ": ";
    int last = message.lastIndexOf(marker);
    String text = last < 0 ? message : message.substring(last + marker.length());
    return text.lines().findFirst().orElse("").strip();
  }
}
