package dev.sequor.backend.cuda;

import dev.sequor.backend.HostSettings;
import dev.sequor.backend.natives.CachedLibrary;
import dev.sequor.backend.natives.LibraryName;
import dev.sequor.backend.natives.LibraryUnavailableException;
import dev.sequor.backend.natives.LoadFailure;
import dev.sequor.backend.natives.LoadFailure.Origin;
import dev.sequor.backend.natives.ShippedLibrary;
import java.io.IOException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.bytedeco.javacpp.Loader;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds cuBLAS. JCublas2 asks for {@code libcublas.so.12}; where there is only a {@code
 * libcublas.so.13}, it is made to ask for a small library of ours instead, which hands all calls
 * on.
 *
 * <p>Looked at, in this order, first for 12 and then for 13: the folders in {@code
 * sequor.cublas.path} ({@code SEQUOR_CUBLAS_PATH}) and those below them in which Python's packages
 * and NVIDIA's toolkits keep it; JavaCPP's package of CUDA 12, if it is on the class path; where
 * the system's loader looks; the folders in which toolkits and Python's packages are usually
 * installed.
 */
final class CublasLibrary {
  private static final Logger LOG = LoggerFactory.getLogger(CublasLibrary.class);

  static final String PATH = "sequor.cublas.path";

  private static final String CUBLAS_12 = "libcublas.so.12";
  private static final String CUBLAS_13 = "libcublas.so.13";

  /**
   * The name of the library that forwards, and the version of its symbols. As long as the name of
   * cuBLAS 12, and with the same hash, by which the loader compares versions: so it takes the
   * other's place in JCublas2 without a further change.
   */
  private static final String FORWARDING = "libdeblas.so.12";

  /** What cuBLAS itself needs; beside it, and found there only if it is loaded first. */
  private static final String LT = "libcublasLt.so.";

  private static final String JAVACPP_FOLDER = "org/bytedeco/cuda/linux-x86_64/";
  private static final String FORWARDER = "dev/sequor/backend/cuda/linux-x86_64/libcublas12.so";
  private static final Origin INSTALLED = Origin.installed("cuBLAS");

  private static final String NONE_CURE =
      "set SEQUOR_CUBLAS_PATH to the folder of libcublas.so.12 or .13 (or to Python's"
          + " site-packages), or build with the Maven profile cuda-redist";

  private final @Nullable String setting = HostSettings.value(PATH);
  private final List<Path> named = CublasFolders.named(setting);
  private final List<String> attempts = new ArrayList<>();
  private boolean forwarderLoaded;

  /** Whether cuBLAS 13 was found, and is reached by the library that forwards. */
  private boolean forwards;

  /**
   * What helps against the first attempt that failed with a library in hand; later ones keep it.
   */
  private @Nullable String cure;

  /** What helps against what keeps the library that forwards from loading. */
  private @Nullable String forwarderCure;

  /** Loads one of a name, by its path or by its name alone. */
  private interface Opener {
    /** What went wrong, empty if nothing did. */
    String open(String library);
  }

  /**
   * Loads it, such that JCublas2 will find it.
   *
   * @return what was loaded, in words
   * @throws CudaUnavailableException if there is none that works; says what was looked for, where,
   *     and what the loader said
   */
  String load() {
    // All of 12 before any of 13, which takes a detour.
    String found = inNamedFolders(CUBLAS_12, CublasLibrary::openGlobally);
    if (found == null) {
      found = onClassPath();
    }
    if (found == null) {
      found = byLoader(CUBLAS_12, CublasLibrary::openGlobally);
    }
    if (found == null) {
      found = inUsualFolders(CUBLAS_12, CublasLibrary::openGlobally);
    }
    if (found == null) {
      found = inNamedFolders(CUBLAS_13, this::openByForwarder);
    }
    if (found == null) {
      found = byLoader(CUBLAS_13, this::openByForwarder);
    }
    if (found == null) {
      found = inUsualFolders(CUBLAS_13, this::openByForwarder);
    }
    if (found == null) {
      throw new CudaUnavailableException(
          "cuBLAS is missing: " + String.join("; ", attempts), cure == null ? NONE_CURE : cure);
    }
    return found;
  }

  /** Prepares the native library of JCublas2, before it is loaded, for what was found. */
  void prepare(Path jcublas) {
    if (forwards) {
      LibraryName.replace(jcublas, CUBLAS_12, FORWARDING);
    }
  }

  private @Nullable String inNamedFolders(String soname, Opener opener) {
    String found = inFolders(named, soname, opener);
    if (found == null && !named.isEmpty() && named.stream().noneMatch(has(soname))) {
      attempts.add(soname + " is in none of the folders of " + setting);
    }
    return found;
  }

  private @Nullable String inUsualFolders(String soname, Opener opener) {
    List<Path> usual = CublasFolders.usual(System.getenv(), Path.of("/"));
    String found = inFolders(usual, soname, opener);
    if (found == null && usual.stream().noneMatch(has(soname))) {
      LOG.debug("{} is in none of {}", soname, usual);
      attempts.add("nor is " + soname + " where toolkits and Python's packages usually are");
    }
    return found;
  }

  private static Predicate<Path> has(String soname) {
    return folder -> Files.exists(folder.resolve(soname));
  }

  private @Nullable String inFolders(List<Path> folders, String soname, Opener opener) {
    for (Path folder : folders) {
      Path file = folder.resolve(soname);
      if (Files.exists(file)) {
        loadBeside(file);
        String error = opener.open(file.toString());
        if (error.isEmpty()) {
          return file.toString();
        }
        failed(file + " does not load: " + error, error);
      }
    }
    return null;
  }

  private @Nullable String byLoader(String soname, Opener opener) {
    String error = opener.open(soname);
    if (error.isEmpty()) {
      return soname + " as the loader finds it";
    }
    if (error.startsWith(soname + ": cannot open shared object file")) {
      attempts.add("the loader: " + error);
    } else {
      failed("the loader: " + error, error);
    }
    return null;
  }

  private void failed(String attempt, String words) {
    attempts.add(attempt);
    if (cure == null) {
      cure = forwarderCure == null ? LoadFailure.cure(words, INSTALLED) : forwarderCure;
    }
  }

  private @Nullable String onClassPath() {
    ClassLoader classes = CublasLibrary.class.getClassLoader();
    URL blas = classes.getResource(JAVACPP_FOLDER + CUBLAS_12);
    if (blas == null) {
      return null;
    }
    try {
      URL lt = classes.getResource(JAVACPP_FOLDER + LT + "12");
      if (lt != null) {
        openGlobally(CachedLibrary.of(lt).toString());
      }
      String file = CachedLibrary.of(blas).toString();
      String error = openGlobally(file);
      if (error.isEmpty()) {
        return file;
      }
      failed(file + " (from the class path) does not load: " + error, error);
    } catch (IOException e) {
      attempts.add(blas + " cannot be unpacked: " + e.getMessage());
      if (cure == null) {
        cure =
            "set org.bytedeco.javacpp.cachedir to a folder that only you can write to, with 1 GB of"
                + " room";
      }
    }
    return null;
  }

  private static void loadBeside(Path blas) {
    String name = String.valueOf(blas.getFileName());
    Path lt = blas.resolveSibling(LT + name.substring(name.lastIndexOf('.') + 1));
    if (Files.exists(lt)) {
      // If this fails, cuBLAS fails too, and tells why.
      openGlobally(lt.toString());
    }
  }

  private static String openGlobally(String library) {
    try {
      Loader.loadGlobal(library);
      return "";
    } catch (UnsatisfiedLinkError e) {
      return LoadFailure.words(e);
    }
  }

  private String openByForwarder(String library) {
    if (!forwarderLoaded) {
      try {
        ShippedLibrary.built(FORWARDER).load();
      } catch (LibraryUnavailableException e) {
        forwarderCure = "install cuBLAS 12; for cuBLAS 13, " + e.cure();
        return library + " is not tried, as what forwards to it is missing: " + e.getMessage();
      }
      forwarderLoaded = true;
    }
    String error = CublasForwarder.open(library);
    forwards = error.isEmpty();
    return error;
  }
}
