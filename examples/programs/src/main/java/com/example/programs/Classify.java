package com.example.programs;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.data.Sequence;
import dev.sequor.data.SequenceBatches;
import dev.sequor.fit.Fit;
import dev.sequor.fit.Metric;
import dev.sequor.model.Clipping;
import dev.sequor.model.InputSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.Readout;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.model.Trainer;
import java.util.Random;
import java.util.stream.Stream;

/** Whether brackets of any number are balanced: sequences of any lengths, one label each. */
class Classify {
  public static void main(String[] args) {
    Random random = new Random(1);
    var sequences = Stream.generate(() -> random.ints(2 * (1 + random.nextInt(4)), 0, 2).toArray())
        .map(brackets -> Sequence.ofTokens(brackets, Balance.of(brackets))).limit(3000).toList();
    var training = SequenceBatches.shuffled(sequences.subList(0, 2500), 32, 1);
    var validation = SequenceBatches.sorted(sequences.subList(2500, 3000), 32);
    var spec = SequenceModelSpec.builder(InputSpec.oneHot(2), 2).hiddenSize(16).readout(Readout.LAST_STEP).build();
    try (Backend backend = Devices.auto();
        SequenceModel model = new SequenceModel(backend, spec, 1);
        Trainer trainer = new Trainer(model, Optimizer.adam(1e-2f), Clipping.byGlobalNorm(1), 1)) {
      var fit = Fit.epochs(20).validate(validation).metrics(Metric.ACCURACY, Metric.F1).earlyStopping(5);
      System.out.println(trainer.fit(training, fit).best().orElseThrow());
    }
  }
}
