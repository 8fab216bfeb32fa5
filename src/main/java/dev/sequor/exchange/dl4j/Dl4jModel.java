package dev.sequor.exchange.dl4j;

import dev.sequor.exchange.ExchangedModel;
import dev.sequor.io.MalformedFileException;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Recurrent networks of Deeplearning4j, from the zips of its {@code ModelSerializer}: a {@code
 * MultiLayerNetwork} becomes a network of modules, which runs as any other does, on every device,
 * in training too.
 *
 * <p>The input is called {@code input}, the output {@code output}; sequences are {@code [batch,
 * features, time]}, or {@code [batch, time, features]} if the layers' format is {@code NWC}, and
 * tokens {@code [batch, time]}. What is computed is what {@code network.output} gives. Dropout in
 * front of a layer goes on in training; noise of weights, regularisation and updaters are not read,
 * nor is a normaliser that the file may have.
 */
public final class Dl4jModel {
  private Dl4jModel() {}

  /**
   * Reads a network.
   *
   * @throws MalformedFileException if it is no such file, or has something that is not supported;
   *     names the layer
   * @throws IOException if it cannot be read
   */
  public static ExchangedModel read(Path path) throws IOException {
    Dl4jArchive archive = Dl4jArchive.read(path);
    if (archive.kind() == Dl4jArchive.Kind.GRAPH) {
      throw new MalformedFileException(
          path, "holds a ComputationGraph, which is not supported; needed a MultiLayerNetwork");
    }
    try {
      return new Dl4jTranslation(archive).model();
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new MalformedFileException(path, String.valueOf(e.getMessage()), e);
    }
  }
}
