package dev.sequor.backend.natives;

import java.nio.file.Path;
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

  private static final ShippedLibrary LIBRARY =
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
    load(LIBRARY);
  }

  static void load(ShippedLibrary library) {
    if (Loader.getLoadedLibraries().containsKey(NAME)) {
      return;
    }
    try (PrivateFolder folder = PrivateFolder.create()) {
      Path file = library.unpackInto(folder);
      Properties properties = new Properties();
      properties.putAll(Loader.loadProperties());
      properties.setProperty("platform.preloadpath", folder.path().toString());
      // There are no libraries for this one, so that the folder is the only place to find it in: if
      // it did not load from there, JavaCPP would go on to its cache. It remembers the place, and
      // so
      // do its other classes, which ask for this library too.
      properties.setProperty("platform", "none");
      String loaded = Loader.load(Loader.class, properties, true);
      if (!file.toString().equals(loaded)) {
        throw new LibraryUnavailableException(
            "JavaCPP has loaded " + loaded + " instead of " + file,
            "unset the properties org.bytedeco.javacpp.* where they are set",
            null);
      }
    } catch (LinkageError | IllegalCallerException e) {
      throw LoadFailure.explain(library.fileName(), library.origin(), e);
    }
  }
}
