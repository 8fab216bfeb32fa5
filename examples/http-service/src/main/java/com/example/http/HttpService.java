package com.example.http;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.sequor.data.CharacterVocabulary;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.Outputs;
import dev.sequor.serve.Predictor;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;

/**
 * A service by the JDK's own HTTP server: {@code POST /next} with a text answers with the character
 * that most likely follows, and its probability. All threads share one model; what is asked at the
 * same time is computed together.
 */
class HttpService {
  private final Predictor predictor;
  private final CharacterVocabulary characters;

  private HttpService(TrainedModel model) {
    characters = (CharacterVocabulary) model.data();
    predictor = Predictor.builder(model).maxBatch(32).maxQueued(1000).build();
  }

  public static void main(String[] args) throws IOException {
    HttpService service = new HttpService(TrainedModel.load(Path.of(args[0])));
    HttpServer server = HttpServer.create(new InetSocketAddress(Integer.parseInt(args[1])), 0);
    ExecutorService threads = Executors.newFixedThreadPool(32);
    server.setExecutor(threads);
    server.createContext("/next", service::next);
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  server.stop(1);
                  threads.shutdown();
                  service.predictor.close(); // answers what waits
                }));
    server.start();
    System.out.println("http://localhost:" + server.getAddress().getPort() + "/next");
  }

  private void next(HttpExchange exchange) throws IOException {
    try (exchange) {
      String text = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
      try {
        float[] outputs = predictor.predict(characters.encode("the text", text));
        int classes = characters.size();
        float[] last = Arrays.copyOfRange(outputs, outputs.length - classes, outputs.length);
        int likeliest = Outputs.likeliest(last, classes)[0];
        answer(exchange, 200, characters.decode(likeliest) + " " + Outputs.probabilities(last, classes)[likeliest]);
      } catch (IllegalArgumentException e) { // an empty text, or a character that the model does not know
        answer(exchange, 400, String.valueOf(e.getMessage()));
      } catch (RejectedExecutionException e) {
        answer(exchange, 503, String.valueOf(e.getMessage()));
      }
    }
  }

  private static void answer(HttpExchange exchange, int status, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(status, bytes.length);
    exchange.getResponseBody().write(bytes);
  }
}
