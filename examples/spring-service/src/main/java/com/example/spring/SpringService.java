package com.example.spring;

import dev.sequor.data.CharacterVocabulary;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.Outputs;
import dev.sequor.serve.Predictor;
import dev.sequor.serve.PredictorMetrics;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.http.HttpStatus;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;

/** The same as a Spring Boot application; its meters are at /actuator/metrics. */
@SpringBootApplication
@RestController
public class SpringService {
  /** An answer. */
  record Next(String character, float probability) {}

  private final Predictor predictor;
  private final CharacterVocabulary characters;

  SpringService(Predictor predictor, TrainedModel model) {
    this.predictor = predictor;
    this.characters = (CharacterVocabulary) model.data();
  }

  public static void main(String[] args) {
    SpringApplication.run(SpringService.class, args);
  }

  /** Beans of their own class, as the controller wants them. */
  @Configuration
  static class Model {
    @Bean
    TrainedModel model(@Value("${model}") Path file) throws IOException {
      return TrainedModel.load(file);
    }

    @Bean(destroyMethod = "close")
    Predictor predictor(TrainedModel model, MeterRegistry registry) {
      return Predictor.builder(model)
          .maxBatch(32)
          .listener(new PredictorMetrics(registry, Tags.of("model", "names")))
          .build();
    }
  }

  @PostMapping("/next")
  Next next(@RequestBody String text) {
    int classes = characters.size();
    float[] outputs = predictor.predict(characters.encode("the text", text));
    float[] last = Arrays.copyOfRange(outputs, outputs.length - classes, outputs.length);
    int likeliest = Outputs.likeliest(last, classes)[0];
    return new Next(characters.decode(likeliest), Outputs.probabilities(last, classes)[likeliest]);
  }

  @ExceptionHandler
  @ResponseStatus(HttpStatus.BAD_REQUEST)
  String badText(IllegalArgumentException e) {
    return e.getMessage();
  }
}
