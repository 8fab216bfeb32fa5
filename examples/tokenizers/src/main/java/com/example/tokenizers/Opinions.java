package com.example.tokenizers;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.data.Sequence;
import dev.sequor.data.SequenceBatches;
import dev.sequor.fit.Fit;
import dev.sequor.fit.Metric;
import dev.sequor.model.Clipping;
import dev.sequor.model.InputSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.Outputs;
import dev.sequor.model.Readout;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.model.Trainer;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Whether an opinion is favourable, of texts that a tokenizer.json cuts into tokens. */
class Opinions {
  private static final int TOKENS = 16;

  public static void main(String[] args) throws IOException {
    try (InputStream json = Opinions.class.getResourceAsStream("/tokenizer.json");
        HuggingFaceTokenizer tokenizer = HuggingFaceTokenizer.newInstance(json, Map.of());
        Backend backend = Devices.auto()) {
      List<Sequence> opinions = new ArrayList<>();
      Random random = new Random(1);
      while (opinions.size() < 1500) {
        boolean negated = random.nextBoolean();
        boolean praised = random.nextBoolean();
        String text =
            "The " + any(random, "food", "service", "room") + (negated ? " was not " : " was ")
                + any(random, "", "very ") + (praised ? any(random, "good", "great") : any(random, "bad", "awful"))
                + any(random, ".", "!", "");
        long[] tokens = tokenizer.encode(text).getIds();
        opinions.add(Sequence.ofTokens(tokens, new Sequence.OfWhole(praised != negated ? 1 : 0)));
      }
      SequenceModelSpec spec =
          SequenceModelSpec.builder(InputSpec.embedding(TOKENS, 8), 2).hiddenSize(16).readout(Readout.LAST_STEP).build();
      try (SequenceModel model = new SequenceModel(backend, spec, 1);
          Trainer trainer = new Trainer(model, Optimizer.adam(1e-2f), Clipping.byGlobalNorm(1), 1)) {
        Fit fit = Fit.epochs(6).validate(SequenceBatches.sorted(opinions.subList(1200, 1500), 32)).metrics(Metric.ACCURACY);
        trainer.fit(SequenceBatches.shuffled(opinions.subList(0, 1200), 32, 1), fit);
        for (String text : List.of("The service was not very good.", "the ROOM was great")) {
          int[] tokens = Arrays.stream(tokenizer.encode(text).getIds()).mapToInt(Math::toIntExact).toArray();
          float[] outputs = model.forward(tokens.length, 1, tokens, null, null).readFloats();
          System.out.println(text + " -> " + Outputs.probabilities(outputs, 2)[1]);
        }
      }
    }
  }

  private static String any(Random random, String... words) {
    return words[random.nextInt(words.length)];
  }
}
