package dev.sequor.module;

import dev.sequor.backend.Required;
import dev.sequor.rnn.Initializer;
import dev.sequor.rnn.TensorRegion;
import dev.sequor.rnn.TensorSpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Where each tensor of a network lies in its flat parameter buffer: the blocks of the nodes in
 * their order, each on a 64-byte boundary; the gaps stay zero. A tensor is called {@code
 * node.tensor}; one that several nodes share is there once, under the name of the first. Names and
 * order are part of the checkpoint format.
 */
public final class NetworkLayout {
  /** The most weights: what one Java array, or one transfer of less than 2 GiB, can hold. */
  public static final long MAX_WEIGHTS = 500_000_000;

  /** Floats in 64 bytes. */
  private static final int ALIGNMENT = 16;

  private final List<TensorRegion> regions = new ArrayList<>();
  private final List<TensorSpec> specs = new ArrayList<>();

  /** By node and then by the name of a block's first tensor. */
  private final Map<String, Map<String, Placed>> blocks = new LinkedHashMap<>();

  /** By node, those that it does not share with one before it. */
  private final Map<String, List<TensorRegion>> owned = new HashMap<>();

  private long end;

  /** A block at its place. */
  record Placed(Module.Block block, long offset) {}

  private NetworkLayout() {}

  static NetworkLayout of(List<Network.Node> nodes) {
    NetworkLayout layout = new NetworkLayout();
    for (Network.Node node : nodes) {
      layout.place(node);
    }
    layout.end = aligned(layout.end);
    return layout;
  }

  private static long aligned(long offset) {
    return (offset + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  private void place(Network.Node node) {
    Map<String, String> shared = new HashMap<>();
    for (Network.Shared share : node.shared()) {
      if (shared.put(share.tensor(), share.of()) != null) {
        throw new IllegalArgumentException(
            "node '" + node.name() + "' shares '" + share.tensor() + "' twice");
      }
    }
    Map<String, Placed> placed = new LinkedHashMap<>();
    for (Module.Block block : node.module().parameters()) {
      String first = block.tensors().get(0).name();
      String of = shared.remove(first);
      placed.put(
          first, of == null ? add(node.name(), block) : shared(node.name(), first, block, of));
    }
    if (!shared.isEmpty()) {
      throw new IllegalArgumentException(
          "node '"
              + node.name()
              + "' has no block of tensors that begins with '"
              + shared.keySet().iterator().next()
              + "'; it has "
              + placed.keySet());
    }
    blocks.put(node.name(), placed);
  }

  private Placed add(String node, Module.Block block) {
    end = aligned(end);
    Placed placed = new Placed(block, end);
    for (TensorSpec tensor : block.tensors()) {
      TensorRegion region = new TensorRegion(node + "." + tensor.name(), end, tensor.shape());
      regions.add(region);
      owned.computeIfAbsent(node, name -> new ArrayList<>()).add(region);
      specs.add(tensor);
      end += tensor.elements();
      if (end > MAX_WEIGHTS) {
        throw new IllegalArgumentException(
            "with node '"
                + node
                + "' the network has "
                + end
                + " weights; needed at most "
                + MAX_WEIGHTS);
      }
    }
    return placed;
  }

  private Placed shared(String node, String first, Module.Block block, String of) {
    Placed owner = null;
    for (Map.Entry<String, Map<String, Placed>> entry : blocks.entrySet()) {
      for (Map.Entry<String, Placed> candidate : entry.getValue().entrySet()) {
        if (of.equals(entry.getKey() + "." + candidate.getKey())) {
          owner = candidate.getValue();
        }
      }
    }
    if (owner == null) {
      throw new IllegalArgumentException(
          "node '" + node + "' shares '" + of + "', which no node before it has");
    }
    if (!shapes(owner.block()).equals(shapes(block))) {
      throw new IllegalArgumentException(
          "node '"
              + node
              + "': '"
              + first
              + "' is shaped "
              + shapes(block)
              + ", and '"
              + of
              + "' "
              + shapes(owner.block())
              + "; needed the same");
    }
    return owner;
  }

  private static List<List<Integer>> shapes(Module.Block block) {
    return block.tensors().stream().map(TensorSpec::shape).toList();
  }

  /** All tensors, in the order of their offsets. */
  public List<TensorRegion> regions() {
    return List.copyOf(regions);
  }

  /**
   * The tensors of a node, in the order of their offsets; not those that it shares with a node
   * before it, whose they are.
   *
   * @param node its name; of one that is not there, or has no tensors, there are none
   */
  public List<TensorRegion> regions(String node) {
    return List.copyOf(owned.getOrDefault(Required.present("node", node), List.of()));
  }

  /**
   * The tensor of this name.
   *
   * @throws IllegalArgumentException if there is none; the message lists all
   */
  public TensorRegion region(String name) {
    Required.present("name", name);
    for (TensorRegion region : regions) {
      if (region.name().equals(name)) {
        return region;
      }
    }
    throw new IllegalArgumentException(
        "the model has no tensor '"
            + name
            + "'; it has "
            + String.join(", ", regions.stream().map(TensorRegion::name).toList()));
  }

  /** The blocks of a node's own tensors or of those it shares. */
  List<Placed> blocks(String node) {
    return List.copyOf(Objects.requireNonNull(blocks.get(node)).values());
  }

  /** Elements of the flat buffer, gaps included. */
  public long totalElements() {
    return end;
  }

  /** Trainable weights: all elements but the gaps. */
  public long trainableElements() {
    return regions.stream().mapToLong(TensorRegion::elements).sum();
  }

  /** First values of all tensors, flat; tensor number {@code i} is number {@code i} of the draw. */
  float[] draw(Initializer initializer) {
    float[] flat = new float[Math.toIntExact(end)];
    for (int i = 0; i < regions.size(); i++) {
      float[] values = initializer.values(specs.get(i), i);
      System.arraycopy(values, 0, flat, (int) regions.get(i).offset(), values.length);
    }
    return flat;
  }

  /**
   * Cuts a flat buffer's values into its tensors.
   *
   * @param prefix goes before each name
   */
  public List<NamedTensor> split(float[] flat, String prefix) {
    Required.present("prefix", prefix);
    if (Required.present("flat", flat).length != end) {
      throw new IllegalArgumentException(
          "flat holds " + flat.length + " floats; the layout needs " + end);
    }
    List<NamedTensor> tensors = new ArrayList<>();
    for (TensorRegion region : regions) {
      int offset = (int) region.offset();
      float[] values = Arrays.copyOfRange(flat, offset, offset + (int) region.elements());
      tensors.add(new NamedTensor(prefix + region.name(), region.shape(), values));
    }
    return tensors;
  }

  /**
   * The inverse of {@link #split}, in any order of the tensors.
   *
   * @throws IllegalArgumentException if a tensor is missing, unknown, there twice, of another
   *     shape, or not finite
   */
  public float[] join(List<NamedTensor> tensors, String prefix) {
    TensorShapes.of(this, prefix).requireFit(tensors);
    Map<String, NamedTensor> byName = new HashMap<>();
    tensors.forEach(tensor -> byName.put(tensor.name(), tensor));
    float[] flat = new float[Math.toIntExact(end)];
    for (TensorRegion region : regions) {
      float[] values = Objects.requireNonNull(byName.get(prefix + region.name())).values();
      System.arraycopy(values, 0, flat, (int) region.offset(), values.length);
    }
    return flat;
  }
}
