package com.example.programs;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Direction;
import dev.sequor.data.Sequence;
import dev.sequor.data.SequenceBatches;
import dev.sequor.fit.Fit;
import dev.sequor.fit.Metric;
import dev.sequor.model.Clipping;
import dev.sequor.model.InputSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.model.Trainer;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Tags each number that is larger than both its neighbours, which takes both directions. */
class Tag {
  public static void main(String[] args) {
    Random random = new Random(1);
    var sequences = Stream.generate(() -> random.ints(3 + random.nextInt(15), 0, 10).toArray()).map(n ->
        Sequence.ofTokens(n, IntStream.range(0, n.length).map(t ->
            t > 0 && t < n.length - 1 && n[t] > n[t - 1] && n[t] > n[t + 1] ? 1 : 0).toArray())).limit(2000).toList();
    var training = SequenceBatches.shuffled(sequences.subList(0, 1500), 32, 1);
    var validation = SequenceBatches.sorted(sequences.subList(1500, 2000), 32);
    var spec = SequenceModelSpec.builder(InputSpec.embedding(10, 8), 2).hiddenSize(16).direction(Direction.BIDIRECTIONAL).build();
    try (Backend backend = Devices.auto();
        SequenceModel model = new SequenceModel(backend, spec, 1);
        Trainer trainer = new Trainer(model, Optimizer.adam(1e-2f), Clipping.byGlobalNorm(1), 1)) {
      var result = trainer.fit(training, Fit.epochs(8).validate(validation).metrics(Metric.F1, Metric.ACCURACY));
      System.out.println(result.best().orElseThrow());
    }
  }
}
