package com.example.programs;

import dev.sequor.data.CharacterVocabulary;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.Outputs;
import dev.sequor.serve.Predictor;
import dev.sequor.serve.Session;
import java.nio.file.Path;
import java.util.stream.IntStream;

/** Eight threads continue a text at once, with one model, which another program has kept in a file. */
class Write {
  public static void main(String[] args) throws Exception {
    TrainedModel trained = TrainedModel.load(Path.of(args[0]));
    CharacterVocabulary characters = (CharacterVocabulary) trained.data();
    try (Predictor predictor = Predictor.builder(trained).maxBatch(8).build()) {
      IntStream.range(0, 8).parallel().forEach(number -> {
        Session session = predictor.newSession();
        StringBuilder text = new StringBuilder("\n" + (char) ('A' + number));
        float[] outputs = session.next(characters.encode("text", text.toString()));
        while (text.length() < 60) {
          int[] likeliest = Outputs.likeliest(outputs, characters.size());
          text.append(characters.decode(likeliest[likeliest.length - 1]));
          outputs = session.next(likeliest[likeliest.length - 1]);
        }
        System.out.println(text.toString().strip().lines().findFirst().orElse(""));
      });
      System.out.println(predictor.stats());
    }
  }
}
