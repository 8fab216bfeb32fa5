package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.Required;
import dev.sequor.rnn.Initializer;
import dev.sequor.rnn.TensorRegion;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The weights of a network on one backend: its parameters in one flat buffer, their gradients in
 * another of the same layout, from the first pass for training on.
 */
public final class NetworkWeights implements AutoCloseable {
  private final Backend backend;
  private final Network network;
  private final NetworkLayout layout;
  private final Buffer parameters;
  private @Nullable Buffer gradients;

  /** Those that this is a part of. */
  private final @Nullable NetworkWeights whole;

  private NetworkWeights(Backend backend, Network network, NetworkLayout layout, float[] flat) {
    this.backend = backend;
    this.network = network;
    this.layout = layout;
    this.whole = null;
    this.parameters = backend.allocate(DType.FLOAT32, layout.totalElements());
    try {
      parameters.write(flat);
    } catch (RuntimeException | Error e) {
      parameters.close();
      throw e;
    }
  }

  /**
   * First weights, drawn from {@code seed}: tensor number {@code i} of {@link
   * NetworkLayout#regions()} takes the numbers of offset {@code i}.
   *
   * @param backend stays the caller's
   */
  public static NetworkWeights draw(Backend backend, Network network, long seed) {
    Required.present("backend", backend).requireThread();
    NetworkLayout layout = Required.present("network", network).layout();
    return new NetworkWeights(backend, network, layout, layout.draw(new Initializer(seed)));
  }

  /**
   * The weights {@code tensors}.
   *
   * @throws IllegalArgumentException if a tensor is missing, unknown, there twice, of another
   *     shape, or not finite
   */
  public static NetworkWeights of(Backend backend, Network network, List<NamedTensor> tensors) {
    Required.present("backend", backend).requireThread();
    NetworkLayout layout = Required.present("network", network).layout();
    return new NetworkWeights(backend, network, layout, layout.join(tensors, ""));
  }

  /**
   * The same weights for a network of some of these nodes, for example for a decoder alone. They
   * are seen, not copied; closing what is returned frees nothing.
   *
   * @param part nodes with the names and the tensors of nodes of this network
   * @throws IllegalArgumentException naming the first node that is not there, or has other tensors
   */
  public NetworkWeights part(Network part) {
    Map<String, Network.Node> own = new HashMap<>();
    network.nodes().forEach(node -> own.put(node.name(), node));
    for (Network.Node node : Required.present("part", part).nodes()) {
      Network.Node known = own.get(node.name());
      if (known == null || !tensors(known).equals(tensors(node))) {
        throw new IllegalArgumentException(
            "the network has no node '" + node.name() + "' with the tensors of " + node.module());
      }
    }
    return new NetworkWeights(this, part);
  }

  private static List<String> tensors(Network.Node node) {
    return node.module().parameters().stream()
        .flatMap(block -> block.tensors().stream())
        .map(tensor -> tensor.name() + tensor.shape())
        .toList();
  }

  private NetworkWeights(NetworkWeights whole, Network part) {
    this.backend = whole.backend;
    this.network = part;
    this.layout = whole.layout;
    this.parameters = whole.parameters.slice(0, whole.parameters.elements());
    this.whole = whole;
  }

  /** Whose weights these are. */
  public Network network() {
    return network;
  }

  /** Where they are. */
  public Backend backend() {
    return backend;
  }

  /** Where each tensor lies. */
  public NetworkLayout layout() {
    return layout;
  }

  /** The flat parameters. */
  public Buffer parameters() {
    return parameters;
  }

  /**
   * The flat gradients, to which backward passes add; made, and zero, when first asked for, which a
   * pass for training has done.
   */
  public Buffer gradients() {
    if (whole != null) {
      return whole.gradients();
    }
    Buffer known = gradients;
    if (known == null) {
      known = backend.allocate(DType.FLOAT32, layout.totalElements());
      gradients = known;
    }
    return known;
  }

  /** Sets all gradients to zero. */
  public void zeroGradients() {
    backend.fill(gradients(), 0f);
  }

  /**
   * A copy of the tensor {@code name}.
   *
   * @throws IllegalArgumentException if there is none; the message lists all
   */
  public float[] value(String name) {
    TensorRegion region = layout.region(name);
    return parameters.slice(region.offset(), region.elements()).readFloats();
  }

  /** A copy of the gradient by the tensor {@code name}; as {@link #value}. */
  public float[] gradient(String name) {
    TensorRegion region = layout.region(name);
    return gradients().slice(region.offset(), region.elements()).readFloats();
  }

  /** A copy of every tensor, in the order of {@link NetworkLayout#regions()}. */
  public List<NamedTensor> tensors() {
    return layout.split(parameters.readFloats(), "");
  }

  /**
   * Replaces every tensor.
   *
   * @throws IllegalArgumentException if one is missing, unknown, of another shape, or not finite;
   *     nothing has changed then
   */
  public void load(List<NamedTensor> tensors) {
    parameters.write(layout.join(tensors, ""));
  }

  /** Frees parameters and gradients, unless they are those of a whole network. */
  @Override
  public void close() {
    if (whole != null) {
      return;
    }
    parameters.close();
    if (gradients != null) {
      gradients.close();
    }
  }
}
