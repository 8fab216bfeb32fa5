package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.CellType;
import dev.sequor.backend.DType;
import dev.sequor.backend.Mode;
import dev.sequor.backend.Required;
import dev.sequor.backend.RnnGradients;
import dev.sequor.backend.RnnPlan;
import dev.sequor.backend.RnnSpec;
import dev.sequor.backend.RnnTensors;
import dev.sequor.backend.Sizes;
import dev.sequor.rnn.Parameters;
import dev.sequor.rnn.Rnn;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A recurrent stack over sequences; all its layers run as one plan. Inputs: the sequence, and
 * perhaps the state to start from. Outputs: the sequence {@code [T,B,D·H]} of the top layer, and
 * {@code final_state}, each sequence's state at its own end. Tensors as {@link Parameters#tensors}.
 *
 * <p>A stack of one direction may carry a state from window to window, unless it is given one that
 * depends on an input of the network. If it is given one of weights alone ({@link InitialState}),
 * streams start from that; it gets its gradient in the window where they start, and in later ones,
 * which go on from the state carried, none.
 *
 * @param stack cell, sizes, layers, directions and the dropout between layers
 */
public record Recurrent(RnnSpec stack) implements Module {
  /** The name of the second output. */
  public static final String FINAL_STATE = "final_state";

  /**
   * Checks that there is a stack.
   *
   * @throws IllegalArgumentException if not
   */
  public Recurrent {
    Required.present("stack", stack);
  }

  /** One layer, one direction. */
  public static Recurrent of(CellType cell, int inputSize, int hiddenSize) {
    return new Recurrent(RnnSpec.of(cell, inputSize, hiddenSize));
  }

  /**
   * Layers on top of each other, each of its own width. Neighbours of equal width are one module,
   * so that they run as one plan.
   *
   * @param hiddenSizes the units of each layer, from below; at least one
   */
  public static List<Recurrent> layers(CellType cell, int inputSize, int... hiddenSizes) {
    if (Required.present("hiddenSizes", hiddenSizes).length == 0) {
      throw new IllegalArgumentException("hiddenSizes holds no size; needed at least 1");
    }
    List<Recurrent> modules = new ArrayList<>();
    int width = inputSize;
    for (int first = 0; first < hiddenSizes.length; ) {
      int end = first;
      while (end < hiddenSizes.length && hiddenSizes[end] == hiddenSizes[first]) {
        end++;
      }
      modules.add(
          new Recurrent(RnnSpec.of(cell, width, hiddenSizes[first]).withLayers(end - first)));
      width = hiddenSizes[first];
      first = end;
    }
    return modules;
  }

  @Override
  public List<Block> parameters() {
    return List.of(new Block(Parameters.tensors(stack.parameterLayout())));
  }

  private ValueShape.State state() {
    return new ValueShape.State(
        stack.layers() * stack.directions(), stack.cell().states(), stack.hiddenSize());
  }

  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    Shapes.copy("inputs", inputs);
    if (inputs.isEmpty() || inputs.size() > 2) {
      throw new IllegalArgumentException(
          this + " is given " + inputs.size() + " inputs; needed a sequence, and perhaps a state");
    }
    ValueShape.Sequence x = Shapes.onlySequence(this, inputs.subList(0, 1));
    Shapes.requireWidth(this, x, stack.inputSize());
    if (inputs.size() == 2 && !inputs.get(1).equals(state())) {
      throw new IllegalArgumentException(
          this + " is to start from " + inputs.get(1) + "; needed " + state());
    }
    return List.of(
        new Output("y", new ValueShape.Sequence(x.axis(), stack.outputSize())),
        new Output(FINAL_STATE, state()));
  }

  @Override
  public ValueShape.@Nullable State carriedState(List<ValueShape> inputs) {
    Shapes.copy("inputs", inputs);
    return stack.canContinue() ? state() : null;
  }

  @Override
  public boolean canContinue(List<ValueShape> inputs) {
    return carriedState(inputs) != null;
  }

  @Override
  public int randomStreams() {
    return stack.randomStreams();
  }

  @Override
  public boolean backwardReadsOutputs() {
    return false; // what it needs of them is in `saved`
  }

  @Override
  public Pass bind(Binding binding) {
    return new Bound(Required.present("binding", binding), stack);
  }

  private static final class Bound implements Pass {
    private final Binding binding;
    private final RnnPlan plan;
    private final @Nullable Buffer saved;
    private final boolean wantsFinalState;
    private final Backend backend;

    /** The pass under way, for the way back. */
    private @Nullable RnnTensors tensors;

    private @Nullable Buffer lengths;
    private @Nullable Buffer carried;

    /** Which of two states a pass starts from; null if there are no two. */
    private final @Nullable Start start;

    Bound(Binding binding, RnnSpec stack) {
      this.binding = binding;
      this.backend = binding.backend();
      this.wantsFinalState = binding.isUsed(1);
      Mode mode = binding.isTraining() ? Mode.TRAINING : Mode.INFERENCE;
      this.plan =
          new Rnn(backend, stack, binding.weightStorage())
              .prepare(binding.timeSteps(0), binding.batchSize(), mode);
      try {
        this.saved =
            binding.isTraining() ? binding.allocate(DType.FLOAT32, plan.savedElements()) : null;
        this.start = binding.carriedStateMark() == null ? null : new Start(binding);
      } catch (RuntimeException | Error e) {
        plan.close();
        throw e;
      }
    }

    @Override
    public void forward() {
      RnnTensors now = tensors();
      if (start != null && carried != null) {
        start.choose(carried);
      }
      plan.forward(now);
      if (wantsFinalState && carried != null) {
        backend.copy(carried, binding.output(1));
      }
    }

    /** The same object as long as nothing has changed, because a new one is checked again. */
    private RnnTensors tensors() {
      Buffer nowLengths = binding.lengths(0);
      Buffer nowCarried = binding.carriedState();
      RnnTensors known = tensors;
      if (known != null && nowLengths == lengths && nowCarried == carried) {
        return known;
      }
      lengths = nowLengths;
      carried = nowCarried;
      Buffer initial = binding.inputs() == 2 ? binding.input(1) : nowCarried;
      if (start != null && nowCarried != null) {
        initial = start.chosen;
      }
      Buffer last = nowCarried != null ? nowCarried : wantsFinalState ? binding.output(1) : null;
      RnnTensors made =
          RnnTensors.of(binding.parameters(0), binding.input(0), binding.output(0))
              .withLengths(nowLengths)
              .withInitialState(initial)
              .withFinalState(last)
              .withSaved(saved)
              .withDropoutKey(binding.isTraining() ? binding.randomKey() : null);
      tensors = made;
      return made;
    }

    @Override
    public void backward() {
      Buffer dGiven = binding.inputs() == 2 ? binding.inputGradient(1) : null;
      boolean chose = start != null && carried != null;
      plan.backward(
          tensors(),
          RnnGradients.of(binding.gradients(0))
              .withDy(binding.outputGradient(0))
              .withDFinalState(binding.outputGradient(1))
              .withDx(binding.inputGradient(0))
              .withDInitialState(chose && start != null ? start.dChosen : dGiven));
      if (chose && start != null && dGiven != null) {
        start.gradient(dGiven);
      }
    }

    @Override
    public void close() {
      plan.close();
    }
  }

  /**
   * Takes the state given where streams start, and the one carried where they go on: as a row of a
   * table of the two, whose number is data, so that a recorded step does either.
   */
  private static final class Start {
    private final Binding binding;
    private final Buffer mark;
    private final int elements;

    /** {@code [2,state]}: given and carried. */
    private final Buffer both;

    private final Buffer given;
    private final Buffer carried;
    final Buffer chosen;

    /** {@code [2,state]}: the gradient by the state that was chosen, and zeros. */
    private final @Nullable Buffer dBoth;

    final @Nullable Buffer dChosen;

    Start(Binding binding) {
      this.binding = binding;
      this.mark = Required.present("carriedStateMark", binding.carriedStateMark());
      Buffer input = binding.input(1);
      this.elements =
          (int) Sizes.product("2 · elements of the state", Integer.MAX_VALUE, 2, input.elements())
              / 2;
      this.both = binding.allocate(DType.FLOAT32, 2L * elements);
      this.given = both.slice(0, elements);
      this.carried = both.slice(elements, elements);
      this.chosen = binding.allocate(DType.FLOAT32, elements);
      this.dBoth =
          binding.inputGradient(1) == null ? null : binding.allocate(DType.FLOAT32, 2L * elements);
      this.dChosen = dBoth == null ? null : dBoth.slice(0, elements);
    }

    void choose(Buffer nowCarried) {
      Backend backend = binding.backend();
      backend.copy(binding.input(1), given);
      backend.copy(nowCarried, carried);
      backend.embeddingForward(1, elements, mark, both, chosen);
    }

    void gradient(Buffer dGiven) {
      binding.backend().embeddingForward(1, elements, mark, dBoth, dGiven);
    }
  }
}
