package dev.sequor.serve;

import dev.sequor.backend.Required;
import dev.sequor.data.Values;
import dev.sequor.module.Network;
import dev.sequor.module.ReadsSteps;
import dev.sequor.module.ValueShape;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What a network needs of one sequence; refuses what does not fit, on the sender's thread. */
final class RequestShape {
  private final List<Network.Input> inputs;
  private final List<String> axes;

  /** Of the axes along which not any number of steps will do. */
  private final Map<String, ReadsSteps.Needed> needed;

  RequestShape(Network network) {
    this.inputs = network.inputs();
    this.needed = network.unpaddedAxes();
    this.axes = inputs.stream().filter(Network.Input::bringsAxis).map(Network.Input::name).toList();
  }

  /** A sequence of as few steps as may be, zeros, that stands alone. */
  Request smallest() {
    Map<String, Values> zeros = new LinkedHashMap<>();
    for (Network.Input input : inputs) {
      ReadsSteps.Needed steps = needed.get(input.shape().axis());
      int rows = steps == null || !isAlongTime(input.shape()) ? 1 : steps.fewest();
      zeros.put(
          input.name(),
          input.shape() instanceof ValueShape.Tokens
              ? new Values.Tokens(new int[rows])
              : new Values.Reals(new float[Math.multiplyExact(rows, input.shape().width())]));
    }
    return request(zeros, null);
  }

  /** The time axes, by the inputs that bring them. */
  List<String> axes() {
    return axes;
  }

  /**
   * The only input's name.
   *
   * @throws IllegalArgumentException if there are several; names them
   */
  private Network.Input onlyInput() {
    if (inputs.size() != 1) {
      throw new IllegalArgumentException(
          "the model has the inputs "
              + inputs.stream().map(Network.Input::name).toList()
              + "; needed each of them, by its name");
    }
    return inputs.get(0);
  }

  /** A request with the values of the only input. */
  Request request(Values values, Request.@Nullable Carried carried) {
    return request(Map.of(onlyInput().name(), values), carried);
  }

  /**
   * A request.
   *
   * @param given of each input, by its name: tokens {@code [T]}, vectors {@code [T,I]}, or one
   *     vector {@code [I]} where the input has no time axis
   * @throws IllegalArgumentException naming the first that is missing, unknown or does not fit
   */
  Request request(Map<String, Values> given, Request.@Nullable Carried carried) {
    for (String name : Required.present("inputs", given).keySet()) {
      if (inputs.stream().noneMatch(input -> input.name().equals(name))) {
        throw new IllegalArgumentException(
            "the model has no input '"
                + name
                + "'; it has "
                + inputs.stream().map(Network.Input::name).toList());
      }
    }
    int[] timeSteps = new int[axes.size()];
    List<Values> values = new ArrayList<>();
    for (Network.Input input : inputs) {
      Values of = given.get(input.name());
      if (of == null) {
        throw new IllegalArgumentException("input '" + input.name() + "' is missing");
      }
      int rows = rows(input, of);
      if (input.bringsAxis()) {
        timeSteps[axes.indexOf(input.name())] = rows;
      }
      values.add(of);
    }
    for (int i = 0; i < inputs.size(); i++) {
      requireRows(inputs.get(i), rows(inputs.get(i), values.get(i)), timeSteps);
    }
    return new Request(values, timeSteps, carried);
  }

  /** How many rows an input is given, each of which has the right form. */
  private static int rows(Network.Input input, Values values) {
    ValueShape shape = input.shape();
    if (shape instanceof ValueShape.Tokens of) {
      if (!(values instanceof Values.Tokens tokens)) {
        throw wrongKind(input, "tokens of a vocabulary of " + of.vocabularySize());
      }
      requireTokens(tokens.ids(), of.vocabularySize());
      return tokens.ids().length;
    }
    if (!(values instanceof Values.Reals reals)) {
      throw wrongKind(input, "real vectors of " + shape.width());
    }
    if (reals.size() % shape.width() != 0) {
      throw new IllegalArgumentException(
          "input '"
              + input.name()
              + "' holds "
              + reals.size()
              + " numbers; needed whole vectors of "
              + shape.width());
    }
    return reals.size() / shape.width();
  }

  private static IllegalArgumentException wrongKind(Network.Input input, String needed) {
    return new IllegalArgumentException(
        "input '" + input.name() + "' is given values of another kind; needed " + needed);
  }

  private static void requireTokens(int[] ids, int vocabularySize) {
    for (int t = 0; t < ids.length; t++) {
      if (ids[t] < 0 || ids[t] >= vocabularySize) {
        throw new IllegalArgumentException(
            "token at t="
                + t
                + " is "
                + ids[t]
                + "; a vocabulary of "
                + vocabularySize
                + " needs 0 to "
                + (vocabularySize - 1));
      }
    }
  }

  private static boolean isAlongTime(ValueShape shape) {
    return shape instanceof ValueShape.Tokens || shape instanceof ValueShape.Sequence;
  }

  private void requireRows(Network.Input input, int rows, int[] timeSteps) {
    if (input.bringsAxis()) {
      if (rows < 1) {
        throw new IllegalArgumentException(
            "input '" + input.name() + "' has no time step; needed at least 1");
      }
      ReadsSteps.Needed steps = needed.get(input.name());
      if (steps != null) {
        steps.require(input.name(), rows);
      }
      return;
    }
    boolean alongTime = isAlongTime(input.shape());
    int needed = alongTime ? timeSteps[axes.indexOf(input.shape().axis())] : 1;
    if (rows != needed) {
      throw new IllegalArgumentException(
          "input '"
              + input.name()
              + "' has "
              + rows
              + " rows; needed "
              + needed
              + (alongTime ? ", one a time step of '" + input.shape().axis() + "'" : ""));
    }
  }
}
