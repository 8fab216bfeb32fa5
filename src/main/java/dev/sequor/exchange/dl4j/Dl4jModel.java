package dev.sequor.exchange.dl4j;

import dev.sequor.exchange.ExchangedModel;
import dev.sequor.io.MalformedFileException;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Recurrent networks of Deeplearning4j, from the zips of its {@code ModelSerializer}: a {@code
 * MultiLayerNetwork} or a {@code ComputationGraph} becomes a network of modules, which runs as any
 * other does, on every device, in training too.
 *
 * <p>The input of a {@code MultiLayerNetwork} is called {@code input}; those of a graph have their
 * own names. A single output is called {@code output}, of several each has its own name. Sequences
 * are {@code [batch, features, time]}, or {@code [batch, time, features]} if the layers' format is
 * {@code NWC}, vectors {@code [batch, features]}, and tokens {@code [batch, time]}, or {@code
 * [batch, 1]} for an {@code EmbeddingLayer}. What is computed is what {@code network.output} gives
 * without masks. Dropout in front of a layer goes on in training; noise of weights, regularisation
 * and updaters are not read, nor is a normaliser that the file may have.
 *
 * <p>A file does not say how many features inputs have, or whether they are sequences: what reads
 * them does. So two inputs that are only put side by side are refused.
 */
public final class Dl4jModel {
  private Dl4jModel() {}

  /**
   * Reads a network.
   *
   * @throws MalformedFileException if it is no such file, or has something that is not supported;
   *     names the layer or vertex
   * @throws IOException if it cannot be read
   */
  public static ExchangedModel read(Path path) throws IOException {
    Dl4jArchive archive = Dl4jArchive.read(path);
    try {
      return new Dl4jTranslation(archive).model();
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new MalformedFileException(path, String.valueOf(e.getMessage()), e);
    }
  }
}
