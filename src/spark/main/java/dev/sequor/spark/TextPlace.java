package dev.sequor.spark;

import dev.sequor.data.Corpus;
import dev.sequor.data.Text;
import java.io.Serializable;
import java.nio.file.Path;
import org.apache.spark.SparkFiles;

/**
 * Where an executor finds a text.
 *
 * @param file its name there; empty for the names of the Unicode characters, which every Java has
 * @param added whether that is the name of a file that Spark has brought to the executor
 * @param asBytes whether it is opened as bytes
 * @param heldOut the fraction that is not learned from
 * @param seed of the order of the Unicode names
 */
record TextPlace(String file, boolean added, boolean asBytes, double heldOut, long seed)
    implements Serializable {

  /**
   * The text.
   *
   * @throws IllegalArgumentException if it cannot be read; names it and what was needed
   */
  Corpus corpus() {
    if (file.isEmpty()) {
      return Corpus.ofUnicodeNames(seed, heldOut);
    }
    Path path = Path.of(added ? SparkFiles.get(file) : file);
    return Corpus.of(asBytes ? Text.ofBytes(path, file) : Text.ofFile(path, file), heldOut);
  }

  /** In messages. */
  String name() {
    return file.isEmpty() ? "the names of the Unicode characters" : "text '" + file + "'";
  }
}
