package com.example.stream;

import dev.sequor.data.CharacterVocabulary;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.Outputs;
import dev.sequor.serve.Predictor;
import dev.sequor.serve.Session;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;

/**
 * Records of many keys come in any order, as of a topic with partitions; each key is a stream of
 * its own, whose session goes on where its last record ended. What is unlikely is reported: a
 * character that the model gave less than a thousandth.
 */
class StreamService {
  /** Many: a session is a state in memory, and nothing to close. */
  private static final int KEYS = 500;

  private static final int PARTITIONS = 8;
  private static final String END = "";

  private record Record(String key, String value) {}

  public static void main(String[] args) throws Exception {
    TrainedModel model = TrainedModel.load(Path.of(args[0]));
    List<BlockingQueue<Record>> partitions = new ArrayList<>();
    try (Predictor predictor = Predictor.builder(model).maxBatch(PARTITIONS).build()) {
      List<Thread> consumers = new ArrayList<>();
      for (int i = 0; i < PARTITIONS; i++) {
        BlockingQueue<Record> partition = new ArrayBlockingQueue<>(100);
        partitions.add(partition);
        Thread consumer = new Thread(() -> consume(partition, predictor, (CharacterVocabulary) model.data()));
        consumer.start();
        consumers.add(consumer);
      }
      String[] words = {"LATIN ", "SMALL ", "LETTER ", "A WITH ", "GRAVE\n", "XQZ XQZ\n"};
      for (String word : words) {
        for (int key = 0; key < KEYS; key++) {
          if (!word.startsWith("X") || key % 100 == 7) {
            partitions.get(key % PARTITIONS).put(new Record("key-" + key, word));
          }
        }
      }
      for (BlockingQueue<Record> partition : partitions) {
        partition.put(new Record(END, END));
      }
      for (Thread consumer : consumers) {
        consumer.join();
      }
      System.out.println(predictor.stats());
    }
  }

  /** One thread for each partition, so that the records of a key stay in order. */
  private static void consume(BlockingQueue<Record> partition, Predictor predictor, CharacterVocabulary characters) {
    Map<String, Session> sessions = new HashMap<>();
    Map<String, float[]> expected = new HashMap<>();
    try {
      for (Record record = partition.take(); !record.key.equals(END); record = partition.take()) {
        Session session = sessions.computeIfAbsent(record.key, key -> predictor.newSession());
        int[] tokens = characters.encode(record.key, record.value);
        float[] before = expected.get(record.key);
        if (before != null && before[tokens[0]] < 1e-3f) {
          System.out.println(record.key + ": '" + record.value.strip() + "' was not expected");
        }
        int classes = characters.size();
        float[] outputs = session.next(tokens);
        float[] last = Arrays.copyOfRange(outputs, outputs.length - classes, outputs.length);
        expected.put(record.key, Outputs.probabilities(last, classes));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
