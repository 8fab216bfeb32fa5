package dev.sequor.exchange.onnx;

import dev.sequor.backend.Direction;
import dev.sequor.module.ColumnsToSteps;
import dev.sequor.module.LastStep;
import dev.sequor.module.Module;
import dev.sequor.module.Network;
import dev.sequor.module.Pool;
import dev.sequor.module.Recurrent;
import dev.sequor.module.RepeatAlong;
import dev.sequor.module.RepeatSteps;
import dev.sequor.module.Reverse;
import dev.sequor.module.StepsToColumns;
import dev.sequor.module.TimeStep;
import dev.sequor.module.ValueShape;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Modules that make one step of many, or many of one, or put them in another order. */
final class StepWriters {
  private StepWriters() {}

  static void addTo(Map<Class<? extends Module>, ModuleWriter> writers) {
    writers.put(LastStep.class, StepWriters::lastStep);
    writers.put(Pool.class, StepWriters::pool);
    writers.put(Reverse.class, StepWriters::reverse);
    writers.put(RepeatAlong.class, StepWriters::repeatAlong);
    writers.put(RepeatSteps.class, StepWriters::repeatSteps);
    writers.put(TimeStep.class, StepWriters::timeStep);
    writers.put(StepsToColumns.class, StepWriters::stepsToColumns);
    writers.put(ColumnsToSteps.class, StepWriters::columnsToSteps);
  }

  private static String axis(Network.Node node, Writing to) {
    return to.shape(node.inputs().get(0)).axis();
  }

  // ---- many to one ------------------------------------------------------------------------------

  private static void lastStep(Network.Node node, Writing to) {
    String input = node.inputs().get(0);
    Direction direction = ((LastStep) node.module()).direction();
    String axis = axis(node, to);
    if (to.lengths(axis) != null && isFinalState(input, direction, to)) {
      // The top layer ends with just that, and a sequence without a step with zeros.
      StateTensors state = to.lazyState(input + "." + Recurrent.FINAL_STATE);
      int count = direction.count();
      to.putBlocks(node.name(), count, state.blocks(0, state.shape().blocks() - count, count));
      return;
    }
    String x = to.tensor(input);
    int width = to.shape(input).width() / direction.count();
    List<String> parts = new ArrayList<>();
    for (int d = 0; d < direction.count(); d++) {
      String rows = end(to, axis, x, direction.isReverse(d), node.name());
      parts.add(
          direction.count() == 1
              ? rows
              : to.slice(rows, -1, (long) d * width, (d + 1L) * width, node.name() + ".part"));
    }
    String y = to.concat(parts, -1, node.name());
    to.put(
        node.name(),
        to.lengths(axis) == null
            ? y
            : to.where(to.hasSteps(axis), y, to.graph.number(0), node.name()));
  }

  /** Whether the last steps of a value are the final state of a stack that begins with zeros. */
  private static boolean isFinalState(String input, Direction direction, Writing to) {
    Network.@Nullable Node below = to.recurrent(input);
    return below != null
        && ((Recurrent) below.module()).stack().direction() == direction
        && ((Recurrent) below.module()).stack().options().projectionSize() == 0
        && below.inputs().size() == 1;
  }

  /** The row {@code [B,W]} at which a direction ends. */
  private static String end(Writing to, String axis, String x, boolean reverse, String wanted) {
    @Nullable String lengths = to.lengths(axis);
    if (reverse || lengths == null) {
      return to.pick(x, 0, reverse ? 0 : -1, wanted);
    }
    GraphDraft graph = to.graph;
    String last = graph.add("Sub", wanted + ".last", List.of(lengths, graph.integer(1)));
    String there = graph.add("Max", wanted + ".there", List.of(last, graph.integer(0)));
    String index = to.unsqueeze(there, 1, wanted + ".index");
    String byBatch = to.transpose(x, List.of(1, 0, 2), wanted + ".by_batch");
    return graph.add(
        "GatherND", wanted, List.of(byBatch, index), GraphDraft.attribute("batch_dims", 1L));
  }

  private static void pool(Network.Node node, Writing to) {
    Pool.How how = ((Pool) node.module()).how();
    String x = to.tensor(node.inputs().get(0));
    String axis = axis(node, to);
    @Nullable String lengths = to.lengths(axis);
    String operator =
        switch (how) {
          case SUM -> "ReduceSum";
          case MEAN -> lengths == null ? "ReduceMean" : "ReduceSum";
          case MAXIMUM -> "ReduceMax";
        };
    String name = node.name();
    if (lengths == null) {
      to.put(name, RowWriters.reduced(to.graph, operator, x, 0, false, name));
      return;
    }
    GraphDraft graph = to.graph;
    boolean maximum = how == Pool.How.MAXIMUM;
    String padding = graph.number(maximum ? Float.NEGATIVE_INFINITY : 0);
    String there = to.where(to.mask(axis), x, padding, name + ".there");
    String y = RowWriters.reduced(to.graph, operator, there, 0, false, name);
    if (maximum) {
      y = to.where(to.hasSteps(axis), y, graph.number(0), name);
    } else if (how == Pool.How.MEAN) {
      String some = graph.add("Max", name + ".steps", List.of(lengths, graph.integer(1)));
      String real = to.cast(some, ai.onnx.proto.OnnxMl.TensorProto.DataType.FLOAT, name + ".count");
      String column = to.unsqueeze(real, 1, name + ".counts");
      y = graph.add("Div", name, List.of(y, column));
    }
    to.put(name, y);
  }

  private static void timeStep(Network.Node node, Writing to) {
    int step = ((TimeStep) node.module()).step();
    to.put(node.name(), to.pick(to.tensor(node.inputs().get(0)), 0, step, node.name()));
  }

  private static void stepsToColumns(Network.Node node, Writing to) {
    ValueShape from = to.shape(node.inputs().get(0));
    int steps = ((StepsToColumns) node.module()).steps();
    String x = to.tensor(node.inputs().get(0));
    String turned = to.transpose(x, List.of(1, 0, 2), node.name() + ".by_batch");
    to.put(
        node.name(),
        to.reshape(
            turned,
            List.of(to.batch(), Dim.of(steps), Dim.of(from.width())),
            to.dims(to.shape(node.name())),
            node.name()));
  }

  // ---- one to many ------------------------------------------------------------------------------

  private static void columnsToSteps(Network.Node node, Writing to) {
    ValueShape made = to.shape(node.name());
    int steps = ((ColumnsToSteps) node.module()).steps();
    String input = node.inputs().get(0);
    String parts =
        to.reshape(
            to.tensor(input),
            to.dims(to.shape(input)),
            List.of(to.batch(), Dim.of(steps), Dim.of(made.width())),
            node.name() + ".by_batch");
    to.put(node.name(), to.transpose(parts, List.of(1, 0, 2), node.name()));
  }

  private static void repeatSteps(Network.Node node, Writing to) {
    to.put(node.name(), repeated(node, to));
  }

  private static void repeatAlong(Network.Node node, Writing to) {
    to.put(node.name(), to.zeroedIfObserved(node.name(), repeated(node, to)));
  }

  private static String repeated(Network.Node node, Writing to) {
    ValueShape made = to.shape(node.name());
    String one = to.unsqueeze(to.tensor(node.inputs().get(0)), 0, node.name() + ".step");
    return to.graph.add("Expand", node.name(), List.of(one, to.sizes(to.dims(made))));
  }

  // ---- the other way round ----------------------------------------------------------------------

  private static void reverse(Network.Node node, Writing to) {
    String x = to.tensor(node.inputs().get(0));
    @Nullable String lengths = to.lengths(axis(node, to));
    GraphDraft graph = to.graph;
    if (lengths == null) {
      to.put(
          node.name(),
          graph.add(
              "Slice",
              node.name(),
              List.of(
                  x,
                  graph.integers(-1),
                  graph.integers(Long.MIN_VALUE),
                  graph.integers(0),
                  graph.integers(-1))));
      return;
    }
    String some = graph.add("Max", node.name() + ".steps", List.of(lengths, graph.integer(1)));
    String y =
        graph.add(
            "ReverseSequence",
            node.name(),
            List.of(x, some),
            GraphDraft.attribute("time_axis", 0L),
            GraphDraft.attribute("batch_axis", 1L));
    to.put(node.name(), to.zeroedIfObserved(node.name(), y));
  }
}
