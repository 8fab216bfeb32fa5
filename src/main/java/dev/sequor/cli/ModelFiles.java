package dev.sequor.cli;

import dev.sequor.exchange.ExchangedModel;
import dev.sequor.exchange.StateDict;
import dev.sequor.exchange.dl4j.Dl4jModel;
import dev.sequor.exchange.keras.KerasModel;
import dev.sequor.exchange.onnx.OnnxModel;
import dev.sequor.io.MalformedFileException;
import dev.sequor.io.TrainedModel;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;

/** Models in files of any kind that can be read, which is told by what is in the file. */
final class ModelFiles {
  /** Kinds of files. */
  enum Kind {
    /** Of this library. */
    SEQUOR("sequor", "model"),
    /** Weights without a graph. */
    STATE_DICT("pytorch", "state dict"),
    /** ONNX. */
    ONNX("onnx", "ONNX model"),
    /** Keras. */
    KERAS("keras", "Keras model"),
    /** Deeplearning4j. */
    DL4J("dl4j", "Deeplearning4j model");

    private final String id;
    private final String words;

    Kind(String id, String words) {
      this.id = id;
      this.words = words;
    }

    /** As options have it. */
    String id() {
      return id;
    }

    @Override
    public String toString() {
      return words;
    }
  }

  private ModelFiles() {}

  /**
   * What a file is, or is most likely to be.
   *
   * @throws IllegalArgumentException if there is no such file
   */
  static Kind kind(Path path) throws IOException {
    if (!Files.exists(path)) {
      throw new IllegalArgumentException(
          path + " does not exist; needed a model or a file of weights");
    }
    if (Files.isDirectory(path) || isOfThisLibrary(path)) {
      return Kind.SEQUOR;
    }
    byte[] begin;
    try (InputStream in = Files.newInputStream(path)) {
      begin = in.readNBytes(4);
    }
    if (Arrays.equals(begin, "\u0089HDF".getBytes(StandardCharsets.ISO_8859_1))) {
      return Kind.KERAS;
    } else if (begin.length > 1 && begin[0] == 'P' && begin[1] == 'K') {
      return inZip(path);
    }
    return StateDict.isSafetensors(path) ? Kind.STATE_DICT : Kind.ONNX;
  }

  private static Kind inZip(Path path) throws IOException {
    try (ZipFile zip = new ZipFile(path.toFile())) {
      if (zip.getEntry("config.json") != null) {
        return Kind.KERAS;
      }
      return zip.getEntry("configuration.json") != null ? Kind.DL4J : Kind.STATE_DICT;
    } catch (ZipException | IllegalArgumentException e) {
      return Kind.STATE_DICT; // whose reader says what is wrong
    }
  }

  private static boolean isOfThisLibrary(Path file) throws IOException {
    return TrainedModel.isIn(file) || ExchangedModel.isIn(file);
  }

  /** Whether a file that is there is one of ONNX, or else a state dict in safetensors. */
  static boolean isOf(Kind kind, Path path) {
    try {
      return Files.isRegularFile(path)
          && (kind == Kind.ONNX
              ? OnnxModel.isIn(path)
              : StateDict.isSafetensors(path) && !isOfThisLibrary(path));
    } catch (IOException e) {
      return false; // whatever it is
    }
  }

  /**
   * Reads a model of any kind.
   *
   * @throws MalformedFileException if it is of no kind that is known, or not as it should be
   * @throws IOException if it cannot be read
   */
  static ExchangedModel read(Path path) throws IOException {
    return read(kind(path), path);
  }

  /** The same of a kind that is known. */
  static ExchangedModel read(Kind kind, Path path) throws IOException {
    return switch (kind) {
      case ONNX -> OnnxModel.read(path);
      case KERAS -> KerasModel.read(path);
      case DL4J -> Dl4jModel.read(path);
      case SEQUOR ->
          Files.isRegularFile(path) && ExchangedModel.isIn(path)
              ? ExchangedModel.load(path)
              : ExchangedModel.of(TrainedModel.load(path));
      case STATE_DICT ->
          throw new MalformedFileException(
              path, "is a " + kind + ", which has no graph; needed a model");
    };
  }
}
