package dev.sequor.module;

import dev.sequor.backend.Buffer;
import dev.sequor.backend.Required;
import java.util.List;

/**
 * A vector at each step of a sequence. Inputs: the vector, and the sequence (or tokens), of which
 * only the time axis is asked for. Past a sequence's end there are zeros.
 */
public record RepeatAlong() implements Module {
  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    Shapes.copy("inputs", inputs);
    if (inputs.size() != 2
        || !(inputs.get(0) instanceof ValueShape.Vector vector)
        || !(inputs.get(1) instanceof ValueShape.Sequence
            || inputs.get(1) instanceof ValueShape.Tokens)) {
      throw new IllegalArgumentException(
          this + " is given " + inputs + "; needed a vector, and a sequence or tokens");
    }
    return List.of(new Output("y", new ValueShape.Sequence(inputs.get(1).axis(), vector.width())));
  }

  @Override
  public boolean backwardReadsOutputs() {
    return false;
  }

  @Override
  public Pass bind(Binding binding) {
    int timeSteps = Required.present("binding", binding).timeSteps(1);
    int batchSize = binding.batchSize();
    int count = binding.rows(1);
    Buffer rows =
        binding.fromLengths(
            1,
            count,
            (lengths, to) -> {
              for (int t = 0; t < timeSteps; t++) {
                for (int b = 0; b < batchSize; b++) {
                  to.put(t < lengths[b] ? b : -1);
                }
              }
            });
    Pass vectors = RowGather.of(binding, binding.inputShape(0).width(), count, rows);
    return Pass.of(
        vectors::forward,
        () -> {
          if (binding.inputGradient(0) != null) {
            vectors.backward();
          }
          Buffer unused = binding.inputGradient(1);
          if (unused != null) {
            binding.backend().fill(unused, 0f);
          }
        });
  }
}
