package dev.sequor.module;

import dev.sequor.backend.Buffer;
import dev.sequor.backend.Direction;
import dev.sequor.backend.Required;
import java.util.List;

/**
 * Each direction's vector at its last step, concatenated: one vector a sequence (many-to-one). The
 * forward direction ends at a sequence's last step, the backward direction at its first. A sequence
 * of length 0 has none and reads zeros.
 *
 * @param direction that of the layer below; if bidirectional, the input has both side by side
 */
public record LastStep(Direction direction) implements Module {
  /**
   * Checks that there is a direction.
   *
   * @throws IllegalArgumentException if not
   */
  public LastStep {
    Required.present("direction", direction);
  }

  /**
   * Of one direction that reads forward, or of both.
   *
   * @throws IllegalArgumentException if {@code directions} is not 1 or 2
   */
  public LastStep(int directions) {
    this(Shapes.direction(directions));
  }

  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    ValueShape.Sequence x = Shapes.onlySequence(this, inputs);
    Shapes.requireMultiple(this, x, direction.count());
    return List.of(new Output("y", new ValueShape.Vector(x.axis(), x.width())));
  }

  @Override
  public boolean backwardReadsOutputs() {
    return false;
  }

  @Override
  public Pass bind(Binding binding) {
    int batchSize = Required.present("binding", binding).batchSize();
    int directions = direction.count();
    int width = binding.inputShape(0).width() / directions;
    int count = batchSize * directions;
    // Rows of x seen as [T·B·D,H]; a negative one reads zeros.
    Buffer rows =
        binding.fromLengths(
            0,
            count,
            (lengths, to) -> {
              for (int b = 0; b < batchSize; b++) {
                for (int d = 0; d < directions; d++) {
                  int last = direction.isReverse(d) ? 0 : lengths[b] - 1;
                  to.put(lengths[b] == 0 ? -1 : (last * batchSize + b) * directions + d);
                }
              }
            });
    return RowGather.of(binding, width, count, rows);
  }
}
