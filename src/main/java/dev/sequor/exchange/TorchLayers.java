package dev.sequor.exchange;

import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Direction;
import dev.sequor.backend.RnnSpec;
import dev.sequor.io.MalformedFileException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The recurrent layers of a state dict, as {@code nn.RNN}, {@code nn.GRU}, {@code nn.LSTM} and
 * their {@code *Cell}s name them: {@code weight_ih_l0 [G·H,I]}, {@code weight_hh_l0 [G·H,H]},
 * {@code bias_ih_l0 [G·H]}, {@code bias_hh_l0 [G·H]}, of a second direction with {@code _reverse}
 * behind, and {@code weight_hr_l0 [P,H]} of a projection. Kind and sizes are what the shapes say.
 */
public final class TorchLayers {
  private static final Pattern FIRST = Pattern.compile("(.*?)weight_ih(_l0)?");
  private static final Pattern LAYER =
      Pattern.compile("(?:weight_ih|weight_hh|bias_ih|bias_hh|weight_hr)_l(\\d{1,4})(_reverse)?");

  private TorchLayers() {}

  /**
   * A stack of layers that a state dict has.
   *
   * @param prefix of its names; empty, or with a dot at its end
   * @param stack what it is. Whether an {@code nn.RNN} has {@code tanh} or {@code relu} is not in
   *     the file; it is taken for the first, which is PyTorch's default
   */
  public record Found(String prefix, RnnSpec stack) {}

  /**
   * All of them, in the order of the file.
   *
   * @throws MalformedFileException if the tensors of one do not fit each other
   */
  public static List<Found> find(StateDict dict) throws IOException {
    Set<String> prefixes = new LinkedHashSet<>();
    for (String name : dict.names()) {
      Matcher first = FIRST.matcher(name);
      if (first.matches()) {
        prefixes.add(first.group(1));
      }
    }
    List<Found> found = new ArrayList<>();
    for (String prefix : prefixes) {
      found.add(new Found(prefix, stack(dict, prefix)));
    }
    return found;
  }

  /**
   * The stack whose names begin with {@code prefix}.
   *
   * @param prefix empty, or with a dot at its end
   * @throws MalformedFileException if there is none, or its tensors do not fit each other; names
   *     the tensor
   */
  public static RnnSpec stack(StateDict dict, String prefix) throws IOException {
    boolean isCell = dict.names().contains(prefix + "weight_ih");
    int layers = 0;
    boolean reverse = false;
    for (String name : dict.names()) {
      Matcher layer = LAYER.matcher(name.startsWith(prefix) ? name.substring(prefix.length()) : "");
      if (layer.matches()) {
        layers = Math.max(layers, Integer.parseInt(layer.group(1)) + 1);
        reverse |= layer.group(2) != null;
      }
    }
    if (layers == 0 && !isCell) {
      throw new MalformedFileException(
          dict.path(),
          "has no recurrent layer '" + prefix + "weight_ih_l0'; it has " + dict.names());
    }
    layers = Math.max(1, layers);
    String suffix = isCell ? "" : "_l0";
    long[] recurrent = matrix(dict, prefix + "weight_hh" + suffix);
    boolean projects = dict.names().contains(prefix + "weight_hr" + suffix);
    long hidden = projects ? matrix(dict, prefix + "weight_hr" + suffix)[1] : recurrent[1];
    long gates = hidden == 0 ? 0 : recurrent[0] / hidden;
    if (hidden == 0 || recurrent[0] % hidden != 0 || (gates != 1 && gates != 3 && gates != 4)) {
      throw new MalformedFileException(
          dict.path(),
          "tensor '"
              + prefix
              + "weight_hh"
              + suffix
              + "' has the sizes "
              + recurrent[0]
              + " and "
              + recurrent[1]
              + "; needed 1, 3 or 4 times as many rows as there are units");
    }
    CellType cell =
        gates == 4 ? CellType.LSTM : gates == 3 ? CellType.GRU_RESET_AFTER : CellType.RNN_TANH;
    try {
      CellOptions options =
          projects
              ? CellOptions.builder().projectionSize(Math.toIntExact(recurrent[1])).build()
              : CellOptions.NONE;
      return RnnSpec.of(
              cell,
              Math.toIntExact(matrix(dict, prefix + "weight_ih" + suffix)[1]),
              Math.toIntExact(hidden))
          .withLayers(layers)
          .withDirection(reverse ? Direction.BIDIRECTIONAL : Direction.FORWARD)
          .withOptions(options);
    } catch (ArithmeticException | IllegalArgumentException e) {
      throw new MalformedFileException(
          dict.path(), "its layers '" + prefix + "' are none: " + e.getMessage(), e);
    }
  }

  private static long[] matrix(StateDict dict, String name) throws IOException {
    List<Long> shape = dict.shape(name);
    if (shape.size() != 2) {
      throw new MalformedFileException(
          dict.path(), "tensor '" + name + "' has the sizes " + shape + "; needed a matrix");
    }
    return new long[] {shape.get(0), shape.get(1)};
  }
}
