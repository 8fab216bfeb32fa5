package dev.sequor.exchange;

import dev.sequor.backend.Loss;
import dev.sequor.backend.Required;
import dev.sequor.io.TensorType;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.NetworkModelSpec;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import dev.sequor.module.TensorShapes;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A model as another library has it: a network with its weights, and how the tensors that the
 * library's model takes and gives lie in the values of the network.
 *
 * @param network inputs and outputs, and what is between them
 * @param parameters one tensor for each that the network has
 * @param inputs what the model takes; all of the network's inputs are among them
 * @param outputs what it gives
 */
public record ExchangedModel(
    Network network, List<NamedTensor> parameters, List<Input> inputs, List<Output> outputs) {
  /**
   * A tensor that the model takes.
   *
   * @param name as the library has it
   * @param type of its elements, as the library has it; others that convert are taken too
   * @param layout how it lies in the value
   * @param value the network's input, or for lengths the time axis
   * @param areLengths whether these are the lengths of the sequences of a time axis
   * @param mask a step whose numbers all have this value is not there: states pass it by, and
   *     outputs have there what their {@link Absent} says; null if all steps are
   * @param optional whether it may be left out; only lengths, all sequences have all steps then
   */
  public record Input(
      String name,
      TensorType type,
      TensorLayout layout,
      String value,
      boolean areLengths,
      @Nullable Float mask,
      boolean optional) {
    /**
     * Checks that all is there.
     *
     * @throws IllegalArgumentException if something is missing, optional and no lengths, or a mask
     *     that is no number
     */
    public Input {
      Required.present("name", name);
      Required.present("type", type);
      Required.present("layout", layout);
      Required.present("value", value);
      if (optional && !areLengths) {
        throw new IllegalArgumentException(
            "input '" + name + "' is optional; needed lengths, nothing else may be left out");
      }
      if (mask != null && !Float.isFinite(mask)) {
        throw new IllegalArgumentException(
            "input '" + name + "' has the mask " + mask + "; needed a finite number");
      }
    }

    /** One that has to be there. */
    public Input(
        String name,
        TensorType type,
        TensorLayout layout,
        String value,
        boolean areLengths,
        @Nullable Float mask) {
      this(name, type, layout, value, areLengths, mask, false);
    }

    /** Lengths of the sequences of a time axis, {@code [B]} of I64, which may be left out. */
    public static Input optionalLengths(String name, String axis) {
      return new Input(name, TensorType.I64, TensorLayout.perSequence(), axis, true, null, true);
    }

    private Input laidOut(TensorLayout other) {
      return new Input(name, type, other, value, areLengths, mask, optional);
    }

    /** Numbers or tokens, all of them there. */
    public static Input of(String name, TensorType type, TensorLayout layout, String value) {
      return new Input(name, type, layout, value, false, null);
    }
  }

  /** What an output has at steps that are not there. */
  public enum Absent {
    /** What it has at the step before, and at rest before the first. */
    REPEATED,
    /** What comes of a step of zeros: states at rest. */
    AT_REST
  }

  /**
   * A tensor that the model gives.
   *
   * @param name as the library has it
   * @param layout how it lies in the value; for {@code likeliest} that of the value without its
   *     columns
   * @param value the network's output
   * @param likeliest whether it is the number of the largest column, and not the columns
   * @param absent what it has at steps that a mask leaves out
   */
  public record Output(
      String name, TensorLayout layout, String value, boolean likeliest, Absent absent) {
    /** Checks that all is there. */
    public Output {
      Required.present("name", name);
      Required.present("layout", layout);
      Required.present("value", value);
      Required.present("absent", absent);
    }

    /** With steps that are repeated, if any are not there. */
    public Output(String name, TensorLayout layout, String value, boolean likeliest) {
      this(name, layout, value, likeliest, Absent.REPEATED);
    }

    /** Numbers. */
    public static Output of(String name, TensorLayout layout, String value) {
      return new Output(name, layout, value, false);
    }

    private Output laidOut(TensorLayout other) {
      return new Output(name, other, value, likeliest, absent);
    }

    /** The same of another value of the network. */
    public Output of(String otherValue) {
      return new Output(name, layout, otherValue, likeliest, absent);
    }
  }

  /**
   * Checks that the parts belong together.
   *
   * @throws IllegalArgumentException naming the first that does not fit
   */
  public ExchangedModel {
    Required.present("network", network);
    parameters = List.copyOf(parameters);
    inputs = List.copyOf(inputs);
    outputs = List.copyOf(outputs);
    TensorShapes.ofParameters(network).requireFit(parameters);
    Set<String> names = new HashSet<>();
    for (Input input : inputs) {
      if (!names.add(input.name())) {
        throw new IllegalArgumentException("two inputs are called '" + input.name() + "'");
      }
    }
    for (Network.Input needed : network.inputs()) {
      if (inputs.stream().noneMatch(i -> !i.areLengths() && i.value().equals(needed.name()))) {
        throw new IllegalArgumentException(
            "the network's input '" + needed.name() + "' is none of the model's");
      }
    }
    names.clear();
    for (Output output : outputs) {
      if (!names.add(output.name())) {
        throw new IllegalArgumentException("two outputs are called '" + output.name() + "'");
      }
      if (!network.outputs().contains(output.value())) {
        throw new IllegalArgumentException(
            "output '"
                + output.name()
                + "' is '"
                + output.value()
                + "', none of the network's outputs "
                + network.outputs());
      }
    }
  }

  /**
   * A model of this library: its weights and its network, see {@link #of(Network, List)}. What its
   * numbers mean (a vocabulary, a table) is no part of it.
   */
  public static ExchangedModel of(TrainedModel model) {
    Required.present("model", model);
    return of(model.model().network(), model.parameters());
  }

  /**
   * A network as others may run it: inputs and outputs under their names, step by step. Sequences
   * are {@code [T,B,W]}, tokens {@code [T,B]}, vectors {@code [B,W]}; a state {@code s} is {@code
   * s_h} and perhaps {@code s_c}, {@code [blocks,B,H]} each. Each time axis {@code a} along which
   * sequences may be padded has an optional input {@code a_lengths}.
   *
   * @param parameters one tensor for each that the network has
   * @throws IllegalArgumentException if they do not fit, or a name that is made here is taken
   */
  public static ExchangedModel of(Network network, List<NamedTensor> parameters) {
    return NativePorts.of(
        Required.present("network", network), Required.present("parameters", parameters));
  }

  /**
   * Writes this to one file, safetensors with the network, the inputs and the outputs among its
   * metadata, in place of another such model if there is one; {@link #load} reads it. Whenever the
   * process or the machine stops, the file holds the former content or all of this. Folders are
   * made if need be.
   *
   * @throws IllegalArgumentException if the file is there and holds something else, or some module
   *     of the network has no name in files (see {@link dev.sequor.io.ModuleNames})
   * @throws dev.sequor.io.InaccessibleFileException if it cannot be written; what was there is
   *     intact then
   */
  public void save(Path file) throws IOException {
    ExchangedFile.write(this, file);
  }

  /**
   * Whether {@code file} is one that {@link #save} has written, by its header alone.
   *
   * @throws IOException if it cannot be read
   */
  public static boolean isIn(Path file) throws IOException {
    return ExchangedFile.isOne(file);
  }

  /**
   * Reads a model that {@link #save} has written.
   *
   * @throws dev.sequor.io.MalformedFileException if anything is not as it should be; names the file
   *     and what
   * @throws IOException if it cannot be read
   */
  public static ExchangedModel load(Path file) throws IOException {
    return ExchangedFile.read(file);
  }

  /** The same without lengths that may be left out: all sequences have all steps. */
  public ExchangedModel withoutLengths() {
    return new ExchangedModel(
        network, parameters, inputs.stream().filter(input -> !input.optional()).toList(), outputs);
  }

  /**
   * The same with sequences batch by batch where they are step by step: {@code [B,T,W]} and, of
   * tokens, {@code [B,T]}.
   */
  public ExchangedModel batchFirst() {
    return new ExchangedModel(
        network,
        parameters,
        inputs.stream().map(input -> input.laidOut(input.layout().turned())).toList(),
        outputs.stream().map(output -> output.laidOut(output.layout().turned())).toList());
  }

  /**
   * The same with outputs as they are before the function that they end in: softmax, its logarithm
   * or a sigmoid, by itself or of a dense layer. A loss of classes or of labels reads those: {@code
   * model.withoutLastActivation().withLoss(new Loss.SoftmaxCrossEntropy())}.
   *
   * @throws IllegalArgumentException if no output ends in one of these, or one that does is read
   *     within the network, too
   */
  public ExchangedModel withoutLastActivation() {
    return LastActivation.removed(this);
  }

  /**
   * This as a model to train: its one output, and a loss of it.
   *
   * @throws IllegalArgumentException if it has another number of outputs, or the loss does not fit
   */
  public TrainedModel withLoss(Loss loss) {
    return new TrainedModel(new NetworkModelSpec(network, loss), null, parameters);
  }

  /**
   * The same with other weights, for example after a training.
   *
   * @throws IllegalArgumentException if they do not fit the network
   */
  public ExchangedModel withParameters(List<NamedTensor> others) {
    return new ExchangedModel(network, others, inputs, outputs);
  }
}
