package com.example.programs;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.data.CharacterVocabulary;
import dev.sequor.data.Corpus;
import dev.sequor.data.TokenStreams;
import dev.sequor.fit.Fit;
import dev.sequor.fit.ProgressLines;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.Clipping;
import dev.sequor.model.Optimizer;
import dev.sequor.model.Sampler;
import dev.sequor.model.Sampling;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.model.Trainer;
import java.nio.file.Path;

/** Learns to write names of Unicode characters, and keeps the model in a file. */
class Names {
  public static void main(String[] args) throws Exception {
    Corpus corpus = Corpus.ofUnicodeNames(1, 0.05);
    CharacterVocabulary characters = corpus.vocabulary();
    TokenStreams streams = new TokenStreams(characters.encode(corpus.training()), 32, 64);
    TokenStreams heldOut = new TokenStreams(characters.encode(corpus.heldOut()), 32, 64);
    SequenceModelSpec spec = SequenceModelSpec.languageModel(characters.size(), 64).hiddenSize(128).build();
    try (Backend backend = Devices.auto();
        SequenceModel model = new SequenceModel(backend, spec, 1);
        Trainer trainer = new Trainer(model, Optimizer.adam(4e-3f), Clipping.byGlobalNorm(5), 1);
        Sampler sampler = new Sampler(model)) {
      Fit fit = Fit.steps(Long.parseLong(args[1])).validate(heldOut).listener(new ProgressLines(System.out::println));
      trainer.fit(streams, fit);
      int[] text = sampler.sample(characters.encode("prime", "\n"), 100, Sampling.ofTemperature(0.7f, 1));
      System.out.println(characters.decode(text));
      TrainedModel.of(model, characters).save(Path.of(args[0]));
    }
  }
}
