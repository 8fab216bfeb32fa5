package dev.sequor.backend.cuda;

import dev.sequor.backend.BackendException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;

/**
 * What {@code ci/build-kernels} put into this build, see there.
 *
 * @param compilerMajor the major version of the CUDA compiler
 * @param targets what there is machine code for: "80", "90a" …
 * @param files by kernel, the file that holds it, without extension
 * @param signatures by kernel, its parameters
 */
record KernelCatalog(
    int compilerMajor,
    List<String> targets,
    Map<String, String> files,
    Map<String, KernelSignature> signatures) {
  private static final String RESOURCE = "kernels.properties";
  private static final String KERNEL = "kernel.";
  private static final String PARAMETERS = "parameters.";

  /**
   * Reads it.
   *
   * @throws BackendException if this build holds no kernels
   */
  static KernelCatalog read() {
    Properties properties = new Properties();
    try (InputStream in = open(RESOURCE)) {
      properties.load(in);
    } catch (IOException e) {
      throw unreadable(RESOURCE, e);
    }
    Map<String, String> files = new HashMap<>();
    Map<String, KernelSignature> signatures = new HashMap<>();
    for (String key : properties.stringPropertyNames()) {
      if (key.startsWith(KERNEL)) {
        String kernel = key.substring(KERNEL.length());
        files.put(kernel, value(properties, key));
        signatures.put(kernel, KernelSignature.parse(value(properties, PARAMETERS + kernel)));
      }
    }
    String compiler = value(properties, "nvcc");
    return new KernelCatalog(
        Integer.parseInt(compiler.substring(0, compiler.indexOf('.'))),
        List.of(value(properties, "targets").split(",")),
        Map.copyOf(files),
        Map.copyOf(signatures));
  }

  private static String value(Properties properties, String key) {
    String value = properties.getProperty(key);
    if (value == null) {
      throw new BackendException(RESOURCE + " of this build has no line '" + key + "'");
    }
    return value;
  }

  private static InputStream open(String resource) {
    InputStream in = KernelCatalog.class.getResourceAsStream(resource);
    if (in == null) {
      throw new BackendException(
          "this build holds no CUDA kernels: resource dev/sequor/backend/cuda/"
              + resource
              + " is missing");
    }
    return in;
  }

  private static BackendException unreadable(String resource, IOException e) {
    return new BackendException(resource + " of this build cannot be read: " + e.getMessage(), e);
  }

  private static byte[] bytes(String resource) {
    try (InputStream in = open(resource)) {
      return in.readAllBytes();
    } catch (IOException e) {
      throw unreadable(resource, e);
    }
  }

  /** The parameters of one of {@link #files}' kernels. */
  KernelSignature signature(String kernel) {
    return Objects.requireNonNull(signatures.get(kernel), kernel);
  }

  /** The machine code of a file for all targets. */
  byte[] machineCode(String file) {
    return bytes(file + ".fatbin");
  }

  /** A file's PTX. */
  String ptx(String file) {
    return new String(bytes(file + ".ptx"), StandardCharsets.US_ASCII);
  }

  /**
   * Whether there is machine code that a device runs. Code for 8.0 runs on all 8.x that are not
   * older, and so on; code whose target ends in a letter on that very device only.
   *
   * @param computeCapability ten times the major plus the minor number
   */
  boolean fits(int computeCapability) {
    return targets.stream().anyMatch(target -> runs(target, computeCapability));
  }

  private static boolean runs(String target, int computeCapability) {
    boolean exact = Character.isLetter(target.charAt(target.length() - 1));
    int built = Integer.parseInt(exact ? target.substring(0, target.length() - 1) : target);
    return exact
        ? built == computeCapability
        : built / 10 == computeCapability / 10 && built <= computeCapability;
  }
}
