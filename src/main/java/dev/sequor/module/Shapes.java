package dev.sequor.module;

import dev.sequor.backend.Direction;
import dev.sequor.backend.Required;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What modules require of their inputs, each with one message. */
final class Shapes {
  private Shapes() {}

  /** A copy of a list without gaps. */
  static <T> List<T> copy(String name, @Nullable List<T> list) {
    for (Object element : Required.present(name, list)) {
      Required.present("an element of " + name, element);
    }
    return List.copyOf(list);
  }

  /** One direction that reads forward, or two. */
  static Direction direction(int directions) {
    if (directions != 1 && directions != 2) {
      throw new IllegalArgumentException("directions is " + directions + "; needed 1 or 2");
    }
    return directions == 1 ? Direction.FORWARD : Direction.BIDIRECTIONAL;
  }

  /** The only input, of floats or tokens. */
  static ValueShape onlyOfAnyKind(Module module, List<ValueShape> inputs) {
    copy("inputs", inputs);
    if (inputs.size() != 1) {
      throw new IllegalArgumentException(
          module + " is given " + inputs.size() + " inputs; needed 1");
    }
    return inputs.get(0);
  }

  /** The only input, of floats. */
  static ValueShape only(Module module, List<ValueShape> inputs) {
    ValueShape x = onlyOfAnyKind(module, inputs);
    if (x instanceof ValueShape.Tokens tokens) {
      throw new IllegalArgumentException(module + " is given " + tokens + "; needed real numbers");
    }
    return x;
  }

  static ValueShape.Tokens onlyTokens(Module module, List<ValueShape> inputs) {
    ValueShape x = onlyOfAnyKind(module, inputs);
    if (x instanceof ValueShape.Tokens tokens) {
      return tokens;
    }
    throw new IllegalArgumentException(module + " is given " + x + "; needed tokens");
  }

  static ValueShape.Sequence onlySequence(Module module, List<ValueShape> inputs) {
    ValueShape x = only(module, inputs);
    if (x instanceof ValueShape.Sequence sequence) {
      return sequence;
    }
    throw new IllegalArgumentException(module + " is given " + x + "; needed a sequence");
  }

  static ValueShape.Vector onlyVector(Module module, List<ValueShape> inputs) {
    ValueShape x = only(module, inputs);
    if (x instanceof ValueShape.Vector vector) {
      return vector;
    }
    throw new IllegalArgumentException(module + " is given " + x + "; needed a vector a sequence");
  }

  static void requireWidth(Module module, ValueShape x, int width) {
    if (x.width() != width) {
      throw new IllegalArgumentException(
          module + " is given " + x + "; needed vectors of " + width);
    }
  }

  static void requireMultiple(Module module, ValueShape x, int parts) {
    if (x.width() % parts != 0) {
      throw new IllegalArgumentException(
          module + " is given " + x + "; needed " + parts + " parts of equal width");
    }
  }

  /**
   * Two or more values that have a row for each of the others' rows.
   *
   * @return the first; of vectors of the sequences of different axes one of all sequences
   */
  static ValueShape requireSameRows(Module module, List<ValueShape> inputs) {
    copy("inputs", inputs);
    if (inputs.size() < 2) {
      throw new IllegalArgumentException(
          module + " is given " + inputs.size() + " inputs; needed at least 2");
    }
    ValueShape first = inputs.get(0);
    for (ValueShape input : inputs) {
      boolean vectors = first instanceof ValueShape.Vector && input instanceof ValueShape.Vector;
      if (vectors && !input.axis().equals(first.axis())) {
        first = new ValueShape.Vector("", first.width());
      } else if (input instanceof ValueShape.Tokens
          || !withWidth(input, first.width()).equals(first)) {
        throw new IllegalArgumentException(
            module + " is given " + first + " and " + input + "; needed values along one axis");
      }
    }
    return first;
  }

  /** The shape of two or more values that all have it. */
  static ValueShape requireSame(Module module, List<ValueShape> inputs) {
    ValueShape first = requireSameRows(module, inputs);
    for (ValueShape input : inputs) {
      requireWidth(module, input, first.width());
    }
    return first;
  }

  /** The same but for the size of the last axis. */
  static ValueShape withWidth(ValueShape shape, int width) {
    if (shape instanceof ValueShape.Sequence sequence) {
      return new ValueShape.Sequence(sequence.axis(), width);
    } else if (shape instanceof ValueShape.Vector vector) {
      return new ValueShape.Vector(vector.axis(), width);
    } else if (shape instanceof ValueShape.State state) {
      return new ValueShape.State(state.blocks(), state.states(), width);
    }
    throw new IllegalArgumentException("tokens have no width");
  }
}
