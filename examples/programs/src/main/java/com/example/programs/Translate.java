package com.example.programs;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.RnnSpec;
import dev.sequor.model.BeamSearch;
import dev.sequor.model.Clipping;
import dev.sequor.model.EncoderDecoderSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.Trainer;
import dev.sequor.model.Translator;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;

/** Writes digits in order, by an encoder and a decoder, and searches with a beam. */
class Translate {
  public static void main(String[] args) {
    RnnSpec encoder = RnnSpec.of(CellType.LSTM, 16, 48);
    var spec = EncoderDecoderSpec.of(10, 12, 10, 11, encoder, RnnSpec.of(CellType.LSTM, 16, 48));
    Random random = new Random(1);
    try (Backend backend = Devices.auto();
        SequenceModel model = new SequenceModel(backend, spec, 1);
        Trainer trainer = new Trainer(model, Optimizer.adam(5e-3f), Clipping.byGlobalNorm(1), 1);
        Translator translator = new Translator(model)) {
      for (int step = 0; step < 700; step++) {
        List<int[]> sources = Stream.generate(() -> random.ints(3, 0, 10).toArray()).limit(32).toList();
        List<int[]> sorted = sources.stream().map(source -> Arrays.stream(source).sorted().toArray()).toList();
        trainer.step(spec.window(sources, sorted));
      }
      var found = translator.search(List.of(new int[] {7, 1, 4}), new BeamSearch(4, 6, 0.6)).get(0);
      found.forEach(each -> System.out.println(Arrays.toString(each.tokens()) + " " + Math.exp(each.logProbability())));
    }
  }
}
