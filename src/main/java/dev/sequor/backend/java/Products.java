package dev.sequor.backend.java;

import dev.sequor.backend.HostSettings;
import java.lang.reflect.Constructor;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which products this process computes with: the Vector API's where the running Java has its module
 * and compiles it, else plain loops'. {@code sequor.java.vectors} or {@code SEQUOR_JAVA_VECTORS} is
 * {@code on} (for the smallest layers too; refused where there are none), {@code off}, or not set.
 */
final class Products {
  private static final Logger LOG = LoggerFactory.getLogger(Products.class);
  private static final String SETTING = "sequor.java.vectors";
  private static final String MODULE = "jdk.incubator.vector";
  private static final String FLAG = "--add-modules " + MODULE;

  /** x86 with narrower vectors has no fused operation, for which the Vector API then calls out. */
  private static final int LEAST_BITS =
      System.getProperty("os.arch", "").equals("amd64") ? 256 : 128;

  /**
   * Until it is compiled each vector is an object, and a layer with fewer weights than this is
   * slower for its first thousand passes than it gains in the next thousand.
   */
  private static final long LEAST_WEIGHTS = 16_384;

  private static final AtomicBoolean TOLD = new AtomicBoolean();

  private final @Nullable Constructor<? extends Product> vectors;
  private final long leastWeights;
  private final String words;

  private Products(
      @Nullable Constructor<? extends Product> vectors, long leastWeights, String words) {
    this.vectors = vectors;
    this.leastWeights = leastWeights;
    this.words = words;
  }

  /**
   * Those of this process.
   *
   * @throws IllegalArgumentException if the setting is something else, or {@code on} where there
   *     are none
   */
  static Products ofThisProcess() {
    String setting = HostSettings.value(SETTING);
    if (setting != null) {
      switch (setting.toLowerCase(Locale.ROOT)) {
        case "off" -> {
          return loops();
        }
        case "on" -> {
          String obstacle = obstacle();
          if (!obstacle.isEmpty()) {
            throw new IllegalArgumentException(
                HostSettings.source(SETTING) + " is 'on', but " + obstacle);
          }
          return vectors(0);
        }
        default ->
            throw new IllegalArgumentException(
                HostSettings.source(SETTING) + " is '" + setting + "'; needed on or off");
      }
    }
    String obstacle = obstacle();
    if (obstacle.isEmpty()) {
      return vectors(LEAST_WEIGHTS);
    }
    if (!TOLD.getAndSet(true)) {
      LOG.info("the java device computes by plain loops, several times slower: {}", obstacle);
    }
    return loops();
  }

  static Products loops() {
    return new Products(null, 0, "loops");
  }

  /** What keeps this process from the Vector API, with the cure; empty if nothing does. */
  private static String obstacle() {
    Module vector = ModuleLayer.boot().findModule(MODULE).orElse(null);
    if (vector == null) {
      return "Java was started without " + FLAG;
    }
    // Interpreted, each vector is an object.
    String compiler = System.getProperty("java.vm.info", "");
    if (compiler.contains("interpreted")) {
      return "this Java does not compile (" + compiler + ")";
    }
    return "";
  }

  private static Products vectors(long leastWeights) {
    try {
      // No descriptor requires it, since javac would warn whoever compiles against that.
      Products.class.getModule().addReads(ModuleLayer.boot().findModule(MODULE).orElseThrow());
      Class<? extends Product> type =
          Class.forName("dev.sequor.backend.java.VectorProduct").asSubclass(Product.class);
      int bits = (int) type.getDeclaredMethod("bits").invoke(null);
      if (bits < LEAST_BITS) {
        return loops();
      }
      return new Products(
          type.getDeclaredConstructor(), leastWeights, "vectors of " + bits + " bits");
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("this build has no products for " + MODULE, e);
    }
  }

  /** Whether a layer with a matrix of so many weights is better off with these than with loops. */
  boolean areWorthWhile(long weights) {
    return weights >= leastWeights;
  }

  /** For the name of the device. */
  @Override
  public String toString() {
    return words;
  }

  /** One more, for a thread of its own. */
  Product make() {
    if (vectors == null) {
      return new LoopProduct();
    }
    try {
      return vectors.newInstance();
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("products by " + words + " cannot be made", e);
    }
  }
}
