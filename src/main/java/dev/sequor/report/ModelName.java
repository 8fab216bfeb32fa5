package dev.sequor.report;

import dev.sequor.model.ModelSpec;
import dev.sequor.model.SequenceModelSpec;
import java.util.Locale;

/** What models are called. */
public final class ModelName {
  private ModelName() {}

  /** A model in a few words: {@code lstm 128}. */
  public static String of(ModelSpec model) {
    return model instanceof SequenceModelSpec usual
        ? usual.stack().cell().id() + " " + usual.stack().hiddenSize()
        : String.format(
            Locale.ROOT, "a network of %,d weights", model.network().layout().trainableElements());
  }
}
