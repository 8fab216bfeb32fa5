package dev.sequor.exchange.keras;

import dev.sequor.exchange.ExchangedModel;
import dev.sequor.io.MalformedFileException;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Models of Keras in {@code .keras} and {@code .h5} files: Sequential and functional ones of
 * recurrent layers and of what stands around them, models within them included. They become
 * networks of modules, which run as any other does, on every device, in training too. Files of
 * Keras 2, from 2.1 on, are read as those of Keras 3.
 *
 * <p>Tensors are as Keras has them, sequences {@code [batch, time, features]}. An input has the
 * name of its input layer; a Sequential model's, which Keras itself gives another name at each
 * start, too. Tokens are integers, also where an older file has numbers as their type. The one
 * output of a model is called {@code output}; of several, each has the name of its layer, {@code
 * :1} behind it if it is the layer's second tensor, and {@code _1} if another has that name
 * already.
 *
 * <p>What is computed is what {@code model.predict} gives, in float32 whatever the layers' types
 * are. Masks ({@code Embedding} with {@code mask_zero}, {@code Masking}) leave out the same steps
 * as in Keras wherever they are; the mean over the steps of a sequence that has none is zero, where
 * Keras has NaN. Layers that are {@code stateful} start from zeros each time, as after {@code
 * reset_states}. In training a {@code Dropout}, and dropout of recurrent layers, go on as before;
 * other noise is left out, and a {@code BatchNormalization} keeps its means and variances.
 */
public final class KerasModel {
  private KerasModel() {}

  /**
   * Reads a model.
   *
   * @throws MalformedFileException if it is no model of Keras, or has something that is not
   *     supported; names the layer
   * @throws IllegalStateException if {@code io.jhdf:jhdf} is not there
   * @throws IOException if it cannot be read
   */
  public static ExchangedModel read(Path path) throws IOException {
    KerasArchive archive = KerasArchive.read(path);
    SharedAxes axes = new SharedAxes();
    while (true) {
      try {
        return new KerasTranslation(archive, axes).model();
      } catch (SharedAxes.Found found) {
        axes.join(found);
      } catch (IllegalArgumentException | ArithmeticException e) {
        throw new MalformedFileException(path, String.valueOf(e.getMessage()), e);
      }
    }
  }
}
