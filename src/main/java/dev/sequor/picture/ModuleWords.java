package dev.sequor.picture;

import dev.sequor.backend.Activation;
import dev.sequor.backend.Direction;
import dev.sequor.backend.RnnSpec;
import dev.sequor.module.Activate;
import dev.sequor.module.AdaptiveSoftmax;
import dev.sequor.module.Affine;
import dev.sequor.module.ColumnSum;
import dev.sequor.module.Columns;
import dev.sequor.module.ColumnsToSteps;
import dev.sequor.module.Dropout;
import dev.sequor.module.Each;
import dev.sequor.module.Embedding;
import dev.sequor.module.InitialState;
import dev.sequor.module.LastStep;
import dev.sequor.module.LayerNorm;
import dev.sequor.module.LearnedVector;
import dev.sequor.module.Linear;
import dev.sequor.module.MergeDirections;
import dev.sequor.module.Module;
import dev.sequor.module.OneHot;
import dev.sequor.module.Pool;
import dev.sequor.module.Recurrent;
import dev.sequor.module.RepeatSteps;
import dev.sequor.module.ScheduledTokens;
import dev.sequor.module.StateBridge;
import dev.sequor.module.StateVectors;
import dev.sequor.module.StepsToColumns;
import dev.sequor.module.TimeStep;
import dev.sequor.module.ValueShape;
import dev.sequor.module.VectorsState;
import java.util.Locale;
import java.util.stream.Collectors;

/** Modules and values in a few words. */
final class ModuleWords {
  private ModuleWords() {}

  static String of(Module module) {
    if (module instanceof Recurrent recurrent) {
      return of(recurrent.stack());
    } else if (module instanceof Linear linear) {
      return "dense "
          + linear.inputSize()
          + " → "
          + linear.outputSize()
          + (linear.activation() == Activation.NONE ? "" : ", " + word(linear.activation()))
          + (linear.bias() ? "" : ", no bias");
    } else if (module instanceof Embedding embedding) {
      return "embedding " + embedding.vocabularySize() + " → " + embedding.width();
    } else if (module instanceof OneHot oneHot) {
      return "one-hot " + oneHot.vocabularySize();
    } else if (module instanceof Dropout dropout) {
      return "dropout " + dropout.probability();
    } else if (module instanceof LayerNorm norm) {
      return "layer norm " + norm.width();
    } else if (module instanceof Activate activate) {
      return word(activate.function());
    } else if (module instanceof Affine affine) {
      return "× "
          + TickLabels.rounded(affine.factor())
          + (affine.offset() == 0 ? "" : " + " + TickLabels.rounded(affine.offset()));
    } else if (module instanceof Each each) {
      return each.parts() + " × (" + of(each.module()) + ")";
    } else if (module instanceof AdaptiveSoftmax softmax) {
      return "adaptive softmax "
          + softmax.inputSize()
          + " → "
          + softmax.classes()
          + ", cut at "
          + softmax.cutoffs();
    }
    return ofStepsAndStates(module);
  }

  private static String ofStepsAndStates(Module module) {
    if (module instanceof LastStep last) {
      return last.direction() == Direction.FORWARD
          ? "last step"
          : "last step, " + word(last.direction());
    } else if (module instanceof TimeStep step) {
      return "step " + step.step();
    } else if (module instanceof Pool pool) {
      return word(pool.how()) + " of all steps";
    } else if (module instanceof MergeDirections merge) {
      return word(merge.how()) + " of both directions";
    } else if (module instanceof Columns columns) {
      return "columns " + ranges(columns) + " of " + columns.inputWidth();
    } else if (module instanceof ColumnSum sum) {
      return sum.mean() ? "mean of columns" : "sum of columns";
    } else if (module instanceof StepsToColumns steps) {
      return steps.steps() + " steps to columns";
    } else if (module instanceof ColumnsToSteps columns) {
      return "columns to " + columns.steps() + " steps";
    } else if (module instanceof RepeatSteps repeat) {
      return "repeated for " + repeat.steps() + " steps";
    } else if (module instanceof LearnedVector vector) {
      return "learned vector of " + vector.width();
    } else if (module instanceof InitialState state) {
      return "learned state of " + state(state.blocks(), state.states(), state.width());
    } else if (module instanceof VectorsState state) {
      return "vectors to a state of " + state(state.blocks(), state.states(), state.width());
    } else if (module instanceof StateVectors state) {
      return "vectors of state " + state.state();
    } else if (module instanceof StateBridge bridge) {
      return "state "
          + bridge.from().width()
          + " → "
          + bridge.to().width()
          + (bridge.project() && bridge.activation() != Activation.NONE
              ? ", " + word(bridge.activation())
              : "");
    } else if (module instanceof ScheduledTokens scheduled) {
      return "scheduled tokens, " + word(scheduled.schedule().decay());
    }
    return byName(module);
  }

  /** A module of any other kind, also of another library: its class and what it says of itself. */
  private static String byName(Module module) {
    String name = module.getClass().getSimpleName();
    String words = name.replaceAll("(?<=[a-z])(?=[A-Z])", " ").toLowerCase(Locale.ROOT);
    String said = String.valueOf(module);
    String begin = name + "[";
    if (module instanceof Record && said.startsWith(begin) && said.endsWith("]")) {
      String values = said.substring(begin.length(), said.length() - 1).replace('=', ' ');
      return values.isEmpty() ? words : words + ", " + values;
    }
    return words.isEmpty() ? "module" : words;
  }

  private static String of(RnnSpec stack) {
    String id = stack.cell().id();
    int dash = id.indexOf('-');
    String kind = (dash < 0 ? id : id.substring(0, dash)).toUpperCase(Locale.ROOT);
    String variant = dash < 0 ? "" : " (" + id.substring(dash + 1).replace('-', ' ') + ")";
    StringBuilder words = new StringBuilder(kind).append(variant);
    words.append(' ').append(stack.inputSize()).append(" → ");
    words.append(
        stack.options().projectionSize() > 0
            ? stack.options().projectionSize() + " of " + stack.hiddenSize()
            : String.valueOf(stack.hiddenSize()));
    if (stack.layers() > 1) {
      words.append(", ").append(stack.layers()).append(" layers");
    }
    if (stack.direction() != Direction.FORWARD) {
      words.append(", ").append(word(stack.direction()));
    }
    if (stack.dropout() > 0) {
      words.append(", dropout ").append(stack.dropout());
    }
    if (stack.options().layerNorm()) {
      words.append(", layer norm");
    }
    return words.toString();
  }

  private static String ranges(Columns columns) {
    return columns.ranges().stream()
        .map(
            range ->
                range.count() == 1
                    ? String.valueOf(range.first())
                    : range.first() + "–" + (range.first() + range.count() - 1))
        .collect(Collectors.joining(", "));
  }

  private static String state(int blocks, int states, int width) {
    return blocks + " × " + states + " × " + width;
  }

  private static String word(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', ' ');
  }

  /** What a value is. */
  static String of(ValueShape shape) {
    if (shape instanceof ValueShape.Tokens tokens) {
      return "tokens of " + tokens.vocabularySize();
    } else if (shape instanceof ValueShape.Sequence sequence) {
      return "vectors of " + sequence.width();
    } else if (shape instanceof ValueShape.State state) {
      return "state of " + state(state.blocks(), state.states(), state.width());
    }
    return "one vector of " + shape.width();
  }
}
