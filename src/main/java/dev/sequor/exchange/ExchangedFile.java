package dev.sequor.exchange;

import dev.sequor.exchange.ExchangedModel.Absent;
import dev.sequor.exchange.ExchangedModel.Input;
import dev.sequor.exchange.ExchangedModel.Output;
import dev.sequor.io.NetworkFile;
import dev.sequor.io.TensorType;
import dev.sequor.module.Network;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** An exchanged model in one file of this library. */
final class ExchangedFile {
  private static final int VERSION = 1;

  private static final NetworkFile<Description> FILE =
      new NetworkFile<>(
          "sequor-exchanged-model",
          VERSION,
          Description.class,
          Description::network,
          "ExchangedModel.save");

  private ExchangedFile() {}

  /**
   * What the metadata say.
   *
   * @param version of this form
   */
  record Description(
      int version, Network network, List<StoredInput> inputs, List<StoredOutput> outputs) {}

  /**
   * An {@link Input}.
   *
   * @param mask its mask, or nothing
   */
  record StoredInput(
      String name,
      TensorType type,
      TensorLayout layout,
      String value,
      boolean areLengths,
      List<Float> mask,
      boolean optional) {
    static StoredInput of(Input input) {
      Float mask = input.mask();
      return new StoredInput(
          input.name(),
          input.type(),
          input.layout(),
          input.value(),
          input.areLengths(),
          mask == null ? List.of() : List.of(mask),
          input.optional());
    }

    Input input() {
      if (mask.size() > 1) {
        throw new IllegalArgumentException(
            "input '" + name + "' has the masks " + mask + "; needed at most one");
      }
      return new Input(
          name, type, layout, value, areLengths, mask.isEmpty() ? null : mask.get(0), optional);
    }
  }

  /** An {@link Output}. */
  record StoredOutput(
      String name, TensorLayout layout, String value, boolean likeliest, Absent absent) {
    static StoredOutput of(Output output) {
      return new StoredOutput(
          output.name(), output.layout(), output.value(), output.likeliest(), output.absent());
    }

    Output output() {
      return new Output(name, layout, value, likeliest, absent);
    }
  }

  /** See {@link ExchangedModel#save}. */
  static void write(ExchangedModel model, Path file) throws IOException {
    FILE.write(
        file,
        new Description(
            VERSION,
            model.network(),
            model.inputs().stream().map(StoredInput::of).toList(),
            model.outputs().stream().map(StoredOutput::of).toList()),
        model.parameters());
  }

  /** See {@link ExchangedModel#isIn}. */
  static boolean isOne(Path file) throws IOException {
    return FILE.isIn(file);
  }

  /** See {@link ExchangedModel#load}. */
  static ExchangedModel read(Path file) throws IOException {
    return FILE.read(
        file,
        (description, tensors) ->
            new ExchangedModel(
                description.network(),
                tensors,
                description.inputs().stream().map(StoredInput::input).toList(),
                description.outputs().stream().map(StoredOutput::output).toList()));
  }
}
