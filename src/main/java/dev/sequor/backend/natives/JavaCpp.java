package dev.sequor.backend.natives;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import org.bytedeco.javacpp.Loader;

/**
 * JavaCPP's own native library, which its class {@code Loader} wants before it does anything, and
 * which is also asked for by every library that JavaCPP has bound. Left to itself it unpacks it
 * into a cache below the home folder, or without one below the temporary folder under a name that
 * others can foresee, and loads whatever lies there with the right size and time.
 */
public final class JavaCpp {
  private static final String NAME = "jnijavacpp";

  /** The one that this build has made, which runs on older systems. */
  private static final ShippedLibrary OWN =
      ShippedLibrary.built("dev/sequor/backend/natives/linux-x86_64/libjnijavacpp.so");

  /** JavaCPP's own, which other libraries that JavaCPP has bound may want more of. */
  private static final ShippedLibrary PUBLISHED =
      ShippedLibrary.of(
          "org/bytedeco/javacpp/linux-x86_64/libjnijavacpp.so",
          "0d477d2164adf4a13a8e3c2417aa0f0263da748e79206fbac2599963ef11872f",
          "javacpp-1.5.13-linux-x86_64.jar");

  private JavaCpp() {}

  /**
   * Loads it, once; does nothing if the program has had JavaCPP do so already.
   *
   * @throws LibraryUnavailableException if that cannot be done
   */
  public static synchronized void load() {
    load(PUBLISHED, OWN);
  }

  /** The first if it is there and this system can load it, else the second if that is there. */
  static void load(ShippedLibrary published, ShippedLibrary own) {
    if (!own.isPresent()) {
      load(List.of(published));
    } else if (published.isPresent()) {
      load(List.of(published, own));
    } else {
      load(List.of(own));
    }
  }

  /**
   * Loads the first that this system can load.
   *
   * @throws LibraryUnavailableException if that is none of them; why the last does not load
   */
  private static void load(List<ShippedLibrary> choices) {
    if (Loader.getLoadedLibraries().containsKey(NAME)) {
      return;
    }
    // JavaCPP remembers the first place that it looked at, so all are put there.
    try (PrivateFolder folder = PrivateFolder.create()) {
      List<LibraryUnavailableException> failures = new ArrayList<>();
      for (ShippedLibrary library : choices) {
        try {
          load(library.unpackInto(folder), folder);
          return;
        } catch (LinkageError | IllegalCallerException e) {
          failures.add(LoadFailure.explain(library.fileName(), library.origin(), e));
        }
      }
      LibraryUnavailableException last = failures.remove(failures.size() - 1);
      failures.forEach(last::addSuppressed);
      throw last;
    }
  }

  private static void load(Path file, PrivateFolder folder) {
    Properties properties = new Properties();
    properties.putAll(Loader.loadProperties());
    properties.setProperty("platform.preloadpath", folder.path().toString());
    // There are no libraries for this one, so that the folder is the only place to find it in: if
    // it did not load from there, JavaCPP would go on to its cache. It remembers the place, and so
    // do its other classes, which ask for this library too.
    properties.setProperty("platform", "none");
    String loaded = Loader.load(Loader.class, properties, true);
    if (!file.toString().equals(loaded)) {
      throw new LibraryUnavailableException(
          "JavaCPP has loaded " + loaded + " instead of " + file,
          "unset the properties org.bytedeco.javacpp.* where they are set",
          null);
    }
  }
}
