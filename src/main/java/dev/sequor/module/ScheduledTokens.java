package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.LikeliestShape;
import dev.sequor.backend.Required;
import dev.sequor.backend.TokenMix;
import java.util.List;

/**
 * Scheduled sampling (Bengio, Vinyals, Jaitly and Shazeer, "Scheduled sampling for sequence
 * prediction with recurrent neural networks", 2015) in two passes, over all steps at once: a
 * decoder first runs on the given tokens, and then once more on these, of which each is given with
 * the probability of the schedule and otherwise the likeliest by the first pass. Inputs: the given
 * tokens {@code [T,B]}, and the logits of the first pass, along one time axis. No gradient flows
 * into the first pass.
 *
 * <p>The tokens taken depend on (seed, step) alone. In inference all are the given ones.
 *
 * @param schedule how the probability falls
 */
public record ScheduledTokens(TeacherForcing schedule) implements Module {
  /**
   * Checks that there is a schedule.
   *
   * @throws IllegalArgumentException if not
   */
  public ScheduledTokens {
    Required.present("schedule", schedule);
  }

  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    Shapes.copy("inputs", inputs);
    if (inputs.size() == 2
        && inputs.get(0) instanceof ValueShape.Tokens tokens
        && inputs.get(1) instanceof ValueShape.Sequence logits
        && logits.axis().equals(tokens.axis())
        && logits.width() == tokens.vocabularySize()) {
      return List.of(new Output("tokens", tokens));
    }
    throw new IllegalArgumentException(
        this + " is given " + inputs + "; needed tokens, and as many logits along their axis");
  }

  /** A step's own prediction may be of the window before. */
  @Override
  public boolean canContinue(List<ValueShape> inputs) {
    Shapes.copy("inputs", inputs);
    return false;
  }

  @Override
  public int randomStreams() {
    return 1;
  }

  @Override
  public Pass bind(Binding binding) {
    Backend backend = Required.present("binding", binding).backend();
    Buffer given = binding.input(0);
    Buffer tokens = binding.output(0);
    if (!binding.isTraining()) {
      return Pass.of(() -> backend.copy(given, tokens), () -> {});
    }
    int vocabulary = binding.inputShape(1).width();
    int rows = binding.rows(1);
    LikeliestShape likeliest = new LikeliestShape(rows, vocabulary, 1);
    TokenMix mix = new TokenMix(binding.timeSteps(0), binding.batchSize(), vocabulary);
    Buffer predicted = binding.allocate(DType.INT32, rows);
    Buffer logarithms = binding.allocate(DType.FLOAT32, rows);
    Buffer threshold =
        binding.fromStep(
            1,
            (step, to) -> to.put((int) Math.round(schedule.probability(step) * TokenMix.ALWAYS)));
    return Pass.of(
        () -> {
          backend.likeliest(likeliest, binding.input(1), predicted, logarithms);
          backend.mixTokens(mix, binding.randomKey(), threshold, given, predicted, tokens);
        },
        () -> {});
  }
}
