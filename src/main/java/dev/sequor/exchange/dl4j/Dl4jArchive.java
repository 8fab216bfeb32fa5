package dev.sequor.exchange.dl4j;

import dev.sequor.exchange.files.JsonObject;
import dev.sequor.exchange.files.ZipMembers;
import dev.sequor.io.MalformedFileException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;

/**
 * A network in a file of Deeplearning4j's {@code ModelSerializer}: what the file says of it, and
 * its parameters. The state of its updater is not read.
 *
 * @param path the file
 * @param kind of network
 * @param configuration as Deeplearning4j serialises it
 * @param parameters of all layers, one after the other
 * @param members the names of all that is in the file, such as {@code normalizer.bin}
 */
@SuppressWarnings("ArrayRecordComponent") // Weights are large: handed over, not copied.
record Dl4jArchive(
    Path path, Kind kind, JsonObject configuration, float[] parameters, Set<String> members) {
  /** Of which networks there are. */
  enum Kind {
    /** {@code MultiLayerNetwork}: {@code confs} is a list of layers. */
    LAYERS,
    /** {@code ComputationGraph}: {@code vertices} and {@code vertexInputs} are objects by name. */
    GRAPH
  }

  private static final String CONFIGURATION = "configuration.json";
  private static final String COEFFICIENTS = "coefficients.bin";

  Dl4jArchive {
    members = Set.copyOf(members);
  }

  /**
   * Reads a file.
   *
   * @throws MalformedFileException if it is no such file, or not as it should be; names the file
   *     and what is wrong
   * @throws IOException if it cannot be read
   */
  static Dl4jArchive read(Path path) throws IOException {
    if (!ZipMembers.isZip(path)) {
      throw new MalformedFileException(path, "is no zip; needed what ModelSerializer writes");
    }
    try (ZipMembers zip = ZipMembers.open(path)) {
      JsonObject configuration =
          JsonObject.parse(path, CONFIGURATION, zip.bytes(CONFIGURATION, JsonObject.MOST_BYTES));
      Nd4jArray coefficients =
          Nd4jArray.read(path, COEFFICIENTS, zip.bytes(COEFFICIENTS, Integer.MAX_VALUE - 16));
      if (!coefficients.isFlat()) {
        throw new MalformedFileException(
            path,
            "its member '"
                + COEFFICIENTS
                + "' has the sizes "
                + coefficients.shape()
                + "; needed one row");
      }
      return new Dl4jArchive(
          path, kind(configuration), configuration, coefficients.values(), zip.names());
    }
  }

  private static Kind kind(JsonObject configuration) throws MalformedFileException {
    if (configuration.has("vertices") && configuration.has("vertexInputs")) {
      configuration.object("vertices");
      configuration.object("vertexInputs");
      return Kind.GRAPH;
    }
    configuration.objects("confs");
    return Kind.LAYERS;
  }
}
