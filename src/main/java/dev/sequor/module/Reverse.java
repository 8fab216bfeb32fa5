package dev.sequor.module;

import dev.sequor.backend.Buffer;
import dev.sequor.backend.Required;
import java.util.List;

/**
 * Each sequence from its own end to its beginning. Past the end there are zeros, as there was
 * nothing before.
 */
public record Reverse() implements Module {
  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    ValueShape.Sequence x = Shapes.onlySequence(this, inputs);
    return List.of(new Output("y", x));
  }

  @Override
  public boolean canContinue(List<ValueShape> inputs) {
    Shapes.copy("inputs", inputs);
    return false;
  }

  @Override
  public boolean backwardReadsOutputs() {
    return false;
  }

  @Override
  public Pass bind(Binding binding) {
    int timeSteps = Required.present("binding", binding).timeSteps(0);
    int batchSize = binding.batchSize();
    int count = binding.rows(0);
    Buffer rows =
        binding.fromLengths(
            0,
            count,
            (lengths, to) -> {
              for (int t = 0; t < timeSteps; t++) {
                for (int b = 0; b < batchSize; b++) {
                  to.put(t < lengths[b] ? (lengths[b] - 1 - t) * batchSize + b : -1);
                }
              }
            });
    // What a row is read by is the row that it reads.
    return RowGather.once(binding, binding.inputShape(0).width(), count, rows, count, rows);
  }
}
