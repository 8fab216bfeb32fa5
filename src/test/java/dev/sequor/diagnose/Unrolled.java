package dev.sequor.diagnose;

import dev.sequor.backend.Direction;
import dev.sequor.backend.RnnSpec;
import dev.sequor.module.Columns;
import dev.sequor.module.Concatenation;
import dev.sequor.module.Linear;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import dev.sequor.module.Recurrent;
import dev.sequor.module.RepeatSteps;
import dev.sequor.module.StateVectors;
import dev.sequor.module.Sum;
import dev.sequor.module.ValueShape;
import dev.sequor.module.VectorsState;
import dev.sequor.rnn.TensorRegion;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * A stack and a linear layer on its last step, unrolled: a node for each layer, direction and step,
 * and an input {@code p.<layer>.<direction>.<step>} that is added to each {@code h}. Inputs {@code
 * x.<step>}.
 */
final class Unrolled {
  private final RnnSpec stack;
  private final int timeSteps;
  private final Network.Builder builder = Network.builder();

  private Unrolled(RnnSpec stack, int timeSteps) {
    this.stack = stack;
    this.timeSteps = timeSteps;
  }

  static Network network(RnnSpec stack, int timeSteps, int classes) {
    return new Unrolled(stack, timeSteps).build(classes);
  }

  static String probe(int layer, int direction, int t) {
    return "p." + layer + "." + direction + "." + t;
  }

  private Network build(int classes) {
    List<String> below = new ArrayList<>();
    for (int t = 0; t < timeSteps; t++) {
      builder.input("x." + t, new ValueShape.Vector("", stack.inputSize()));
      below.add("x." + t);
      for (int layer = 0; layer < stack.layers(); layer++) {
        for (int d = 0; d < stack.directions(); d++) {
          builder.input(probe(layer, d, t), new ValueShape.Vector("", stack.hiddenSize()));
        }
      }
    }
    for (int layer = 0; layer < stack.layers(); layer++) {
      List<List<String>> directions = new ArrayList<>();
      for (int d = 0; d < stack.directions(); d++) {
        directions.add(chain(layer, d, below));
      }
      below = directions.get(0);
      if (stack.directions() == 2) {
        List<String> both = new ArrayList<>();
        for (int t = 0; t < timeSteps; t++) {
          String name = "both." + layer + "." + t;
          builder.add(
              name, new Concatenation(), directions.get(0).get(t), directions.get(1).get(t));
          both.add(name);
        }
        below = both;
      }
    }
    return builder
        .add("logits", new Linear(stack.outputSize(), classes), below.get(timeSteps - 1))
        .output("logits")
        .build();
  }

  private List<String> chain(int layer, int direction, List<String> below) {
    int states = stack.cell().states();
    int hidden = stack.hiddenSize();
    RnnSpec one =
        RnnSpec.of(stack.cell(), layer == 0 ? stack.inputSize() : stack.outputSize(), hidden)
            .withDirection(Direction.FORWARD)
            .withOptions(stack.options());
    boolean reverse = stack.direction().isReverse(direction);
    String[] outputs = new String[timeSteps];
    String state = "";
    String first = "";
    for (int i = 0; i < timeSteps; i++) {
      int t = reverse ? timeSteps - 1 - i : i;
      String at = layer + "." + direction + "." + t;
      builder.add("s." + at, new RepeatSteps("s." + at, 1), below.get(t));
      if (state.isEmpty()) {
        builder.add("r." + at, new Recurrent(one), "s." + at);
        first = "r." + at;
      } else {
        builder.add("r." + at, new Recurrent(one), "s." + at, state).sharing(first);
      }
      builder.add("h." + at, new StateVectors(0), "r." + at + ".final_state");
      builder.add("hp." + at, new Sum(), "h." + at, probe(layer, direction, t));
      if (states == 2) {
        builder.add("c." + at, new StateVectors(1), "r." + at + ".final_state");
        builder.add("n." + at, new VectorsState(1, 2, hidden), "hp." + at, "c." + at);
      } else {
        builder.add("n." + at, new VectorsState(1, 1, hidden), "hp." + at);
      }
      state = "n." + at;
      outputs[t] = "hp." + at;
      if (stack.stateSize() < hidden) {
        builder.add("o." + at, Columns.range(hidden, 0, stack.stateSize()), "hp." + at);
        outputs[t] = "o." + at;
      }
    }
    return List.of(outputs);
  }

  /**
   * The tensors of a stack {@code rnn} and a layer {@code logits} under the names that they have
   * here.
   */
  static List<NamedTensor> tensors(Network unrolled, RnnSpec stack, Map<String, float[]> tensors) {
    List<NamedTensor> named = new ArrayList<>();
    for (TensorRegion region : unrolled.layout().regions()) {
      String name = region.name();
      String there = name;
      if (name.startsWith("r.")) {
        String[] parts = name.split("\\.", -1);
        int direction = Integer.parseInt(parts[2]);
        there =
            "rnn.layers."
                + parts[1]
                + (stack.direction().isReverse(direction) ? ".backward." : ".forward.")
                + name.substring(name.lastIndexOf('.') + 1);
      }
      named.add(
          new NamedTensor(name, region.shape(), Objects.requireNonNull(tensors.get(there), there)));
    }
    return named;
  }

  /** The same stack as it is, with the linear layer on every step. */
  static Network whole(RnnSpec stack, int classes) {
    return Network.builder()
        .vectors("x", stack.inputSize())
        .add("rnn", new Recurrent(stack), "x")
        .add("logits", new Linear(stack.outputSize(), classes), "rnn")
        .build();
  }
}
