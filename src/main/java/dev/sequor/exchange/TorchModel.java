package dev.sequor.exchange;

import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Direction;
import dev.sequor.backend.RnnSpec;
import dev.sequor.io.MalformedFileException;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.ModelSpec;
import dev.sequor.module.Embedding;
import dev.sequor.module.LayerNorm;
import dev.sequor.module.Linear;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import dev.sequor.module.NetworkLayout;
import dev.sequor.module.Recurrent;
import dev.sequor.rnn.TensorRegion;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The weights of a model from and to a state dict. The state dict has no graph: the model says what
 * there is, and for each node of its network what PyTorch's names begin with.
 *
 * <pre>{@code
 * try (StateDict dict = StateDict.open(Path.of("model.pt"))) {
 *   RnnSpec lstm = TorchLayers.stack(dict, "lstm.");
 *   ModelSpec spec = …;
 *   TrainedModel model =
 *       TorchModel.read(spec, dict, Map.of("recurrent", "lstm.", "output", "fc."));
 * }
 * }</pre>
 */
public final class TorchModel {
  private static final Pattern RECURRENT_TENSOR =
      Pattern.compile("layers\\.(\\d+)\\.(forward|backward)\\.(\\w+)");

  private static final Map<String, String> RECURRENT_NAMES =
      Map.of(
          "input_weights", "weight_ih",
          "recurrent_weights", "weight_hh",
          "input_bias", "bias_ih",
          "recurrent_bias", "bias_hh",
          "projection", "weight_hr");

  private TorchModel() {}

  /**
   * A model with the weights of {@code dict}. Layers without biases get zeros.
   *
   * @param prefixes for nodes of the network, what their tensors' names begin with; of a node that
   *     is not among them its name and a dot
   * @throws IllegalArgumentException if a node is not of a kind that PyTorch has; names it
   * @throws MalformedFileException if a tensor is missing, of another shape or type, or belongs to
   *     no node; names it
   */
  public static TrainedModel read(ModelSpec model, StateDict dict, Map<String, String> prefixes)
      throws IOException {
    List<NamedTensor> tensors = tensors(model.network(), dict, prefixes);
    try {
      return new TrainedModel(model, null, tensors);
    } catch (IllegalArgumentException e) {
      throw new MalformedFileException(dict.path(), String.valueOf(e.getMessage()), e);
    }
  }

  private static List<NamedTensor> tensors(
      Network network, StateDict dict, Map<String, String> prefixes) throws IOException {
    List<NamedTensor> tensors = new ArrayList<>();
    Set<String> rest = new HashSet<>(dict.names());
    for (Map.Entry<TensorRegion, String> each : names(network, prefixes, dict).entrySet()) {
      TensorRegion region = each.getKey();
      String name = each.getValue();
      rest.remove(name);
      if (name.contains("bias") && !dict.names().contains(name)) {
        tensors.add(
            new NamedTensor(
                region.name(), region.shape(), new float[Math.toIntExact(region.elements())]));
        continue;
      }
      NamedTensor tensor = dict.tensor(name);
      if (!tensor.shape().equals(region.shape())) {
        throw new MalformedFileException(
            dict.path(),
            "tensor '"
                + name
                + "' has the sizes "
                + tensor.shape()
                + "; "
                + region.name()
                + " needs "
                + region.shape());
      }
      tensors.add(new NamedTensor(region.name(), region.shape(), tensor.values()));
    }
    if (!rest.isEmpty()) {
      throw new MalformedFileException(
          dict.path(),
          "has tensors that no node of the model takes: "
              + rest.stream().sorted().toList()
              + "; needed a model with all of them");
    }
    return tensors;
  }

  /**
   * The recurrent layers of a state dict that has nothing else, as a model: {@code x} in, {@code y}
   * and the final states out, all step by step.
   *
   * @throws MalformedFileException if it has anything else, or more than one {@code nn.RNN}, {@code
   *     nn.GRU} or {@code nn.LSTM}: what is between them is not in the file
   */
  public static ExchangedModel readLayer(StateDict dict) throws IOException {
    List<TorchLayers.Found> found = TorchLayers.find(dict);
    if (found.size() != 1) {
      throw new MalformedFileException(
          dict.path(),
          "is a state dict with "
              + found.size()
              + " recurrent layers, and has no graph; needed a model, or exactly one layer");
    }
    Network network =
        Network.builder()
            .vectors("x", found.get(0).stack().inputSize())
            .add("y", new Recurrent(found.get(0).stack()), "x")
            .output("y")
            .output("y.final_state")
            .build();
    return ExchangedModel.of(network, tensors(network, dict, Map.of("y", found.get(0).prefix())));
  }

  /**
   * Writes the weights of a model as a state dict, in safetensors. Biases are always among them: a
   * module of PyTorch without biases takes the file with {@code strict=False}.
   *
   * @param prefixes as for {@link #read}
   * @throws IllegalArgumentException if a node is not of a kind that PyTorch has; names it
   * @throws IOException if the file cannot be written; what was there is intact then
   */
  public static void write(TrainedModel model, Map<String, String> prefixes, Path file)
      throws IOException {
    write(model.model().network(), model.parameters(), prefixes, file);
  }

  /**
   * The same of a network.
   *
   * @param parameters one tensor for each that the network has, in the order of its layout
   */
  public static void write(
      Network network, List<NamedTensor> parameters, Map<String, String> prefixes, Path file)
      throws IOException {
    Map<TensorRegion, String> names = names(network, prefixes, null);
    List<NamedTensor> tensors = new ArrayList<>();
    int at = 0;
    for (String name : names.values()) {
      NamedTensor tensor = parameters.get(at++);
      tensors.add(new NamedTensor(name, tensor.shape(), tensor.values()));
    }
    StateDict.write(file, tensors);
  }

  /** PyTorch's name for each tensor of a network, in the order of its layout. */
  private static Map<TensorRegion, String> names(
      Network network, Map<String, String> prefixes, @Nullable StateDict dict) {
    Set<String> nodes = new HashSet<>();
    network.nodes().forEach(node -> nodes.add(node.name()));
    for (String node : prefixes.keySet()) {
      if (!nodes.contains(node)) {
        throw new IllegalArgumentException(
            "the network has no node '"
                + node
                + "'; it has "
                + network.nodes().stream().map(Network.Node::name).toList());
      }
    }
    NetworkLayout layout = network.layout();
    Map<TensorRegion, String> names = new LinkedHashMap<>();
    for (Network.Node node : network.nodes()) {
      String prefix = prefixes.getOrDefault(node.name(), node.name() + ".");
      for (TensorRegion region : layout.regions(node.name())) {
        String tensor = region.name().substring(node.name().length() + 1);
        names.put(region, prefix + name(node, tensor, prefix, dict));
      }
    }
    return names;
  }

  private static String name(
      Network.Node node, String tensor, String prefix, @Nullable StateDict dict) {
    if (node.module() instanceof Recurrent recurrent) {
      requireKnown(node.name(), recurrent.stack());
      Matcher parts = RECURRENT_TENSOR.matcher(tensor);
      String kind = parts.matches() ? RECURRENT_NAMES.get(parts.group(3)) : null;
      if (kind != null) {
        boolean isCell = dict != null && dict.names().contains(prefix + "weight_ih");
        return kind
            + (isCell ? "" : "_l" + parts.group(1))
            + (parts.group(2).equals("backward") ? "_reverse" : "");
      }
    } else if (node.module() instanceof Linear || node.module() instanceof Embedding) {
      return tensor.equals("weights") ? "weight" : tensor;
    } else if (node.module() instanceof LayerNorm) {
      return tensor.equals("gain") ? "weight" : tensor;
    }
    throw new IllegalArgumentException(
        "node '"
            + node.name()
            + "' has a tensor '"
            + tensor
            + "' of "
            + node.module().getClass().getSimpleName()
            + ", for which PyTorch has no name; needed embedding, recurrent, linear or layer norm");
  }

  /** PyTorch's layers have no options but the projection. */
  private static void requireKnown(String node, RnnSpec stack) {
    CellType cell = stack.cell();
    String problem =
        cell == CellType.GRU_RESET_BEFORE
            ? "resets before the product; PyTorch's GRU does so after it, GRU_RESET_AFTER"
            : cell != CellType.RNN_TANH
                    && cell != CellType.RNN_RELU
                    && cell != CellType.GRU_RESET_AFTER
                    && cell != CellType.LSTM
                ? "is of a cell that PyTorch does not have, " + cell.name().toLowerCase(Locale.ROOT)
                : stack.direction() == Direction.REVERSE
                    ? "reads backwards only; PyTorch's layers read forwards, or both ways"
                    : null;
    CellOptions plain =
        stack.options().projectionSize() > 0
            ? CellOptions.builder().projectionSize(stack.options().projectionSize()).build()
            : CellOptions.NONE;
    if (problem == null && !stack.options().equals(plain)) {
      problem = "has options that PyTorch does not have: " + stack.options();
    }
    if (problem != null) {
      throw new IllegalArgumentException("node '" + node + "' " + problem);
    }
  }
}
