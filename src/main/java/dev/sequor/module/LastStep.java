package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.Required;
import java.util.List;

/**
 * Each direction's vector at its last step, concatenated: one vector a sequence (many-to-one). The
 * forward direction ends at a sequence's last step, the backward direction at its first. A sequence
 * of length 0 has none and reads zeros.
 *
 * @param directions 1, or 2 if the input has those of two directions side by side
 */
public record LastStep(int directions) implements Module {
  /**
   * Checks the number.
   *
   * @throws IllegalArgumentException if it is not 1 or 2
   */
  public LastStep {
    Shapes.requireDirections(directions);
  }

  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    ValueShape.Sequence x = Shapes.onlySequence(this, inputs);
    Shapes.requireMultiple(this, x, directions);
    return List.of(new Output("y", new ValueShape.Vector(x.axis(), x.width())));
  }

  @Override
  public boolean backwardReadsOutputs() {
    return false;
  }

  @Override
  public Pass bind(Binding binding) {
    Backend backend = Required.present("binding", binding).backend();
    int batchSize = binding.batchSize();
    int width = binding.inputShape(0).width() / directions;
    int count = batchSize * directions;
    // Rows of x seen as [T·B·D,H]; a negative one reads zeros.
    Buffer rows =
        binding.fromLengths(
            0,
            count,
            (lengths, to) -> {
              for (int b = 0; b < batchSize; b++) {
                boolean empty = lengths[b] == 0;
                to.put(empty ? -1 : ((lengths[b] - 1) * batchSize + b) * directions);
                if (directions == 2) {
                  to.put(empty ? -1 : b * directions + 1);
                }
              }
            });
    return Pass.of(
        () -> backend.embeddingForward(count, width, rows, binding.input(0), binding.output(0)),
        () -> {
          Buffer dx = binding.neededInputGradient(0);
          backend.fill(dx, 0f);
          backend.embeddingBackward(count, width, rows, binding.neededOutputGradient(0), dx);
        });
  }
}
