package dev.sequor.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.data.CharacterVocabulary;
import dev.sequor.data.Corpus;
import dev.sequor.data.Text;
import dev.sequor.model.Optimizer;
import dev.sequor.model.SequenceModelSpec;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What a round costs, for the table of docs/scaling.md: {@code mvn verify --projects src/spark
 * --also-make -Dtest=ScalingMeasurement -Dsurefire.failIfNoSpecifiedTests=false}. No test of the
 * ordinary run, for its times are the machine's.
 */
class ScalingMeasurement {
  private static final int ROUNDS = 14;
  private static final int WARM = 4;
  private static final int BATCH = 32;

  @TempDir Path folder;

  private record Measured(
      int executors, int hidden, int localSteps, long bytes, double seconds, double compute) {
    double rest() {
      return seconds - compute;
    }
  }

  /** What {@code ClusterAssumptions} says of one thread, on this machine. */
  @Test
  void ratesOfOneThread() throws Exception {
    PrintStream out =
        new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    ThreadRates.measured().forEach(out::println);
  }

  @Test
  void costOfRounds() throws Exception {
    PrintStream out =
        new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    Path file = Texts.invented(folder, 200_000, 1);
    CharacterVocabulary vocabulary = Corpus.of(Text.ofFile(file), 0.1).vocabulary();
    TrainingData data = TrainingData.text(file.toString(), vocabulary, 0.1, 32);
    List<Measured> all = new ArrayList<>();
    out.println("executors  hidden  local steps  MB out + back  round s  computing s  rest s");
    for (int executors : new int[] {1, 2, 4}) {
      try (SparkSession spark = Sessions.cluster(executors)) {
        for (int hidden : new int[] {32, 256, 768}) {
          for (int localSteps : new int[] {1, 8}) {
            SequenceModelSpec spec =
                SequenceModelSpec.languageModel(vocabulary.size(), 32).hiddenSize(hidden).build();
            List<RoundReport> rounds = new ArrayList<>();
            SparkTrainer.builder(spark, spec, Optimizer.adam(1e-3f))
                .workers(executors)
                .batchSize(BATCH)
                .localSteps(localSteps)
                .steps((long) ROUNDS * localSteps)
                .listener(rounds::add)
                .build()
                .train(data);
            Measured one = measured(executors, hidden, localSteps, rounds.subList(WARM, ROUNDS));
            long parameters = spec.network().layout().totalElements();
            assertEquals(2 * RoundTime.bytesOneWay(parameters, 2, localSteps), one.bytes());
            all.add(one);
            out.printf(
                Locale.ROOT,
                "%9d  %6d  %11d  %13.2f  %7.3f  %11.3f  %6.3f%n",
                executors,
                hidden,
                localSteps,
                one.bytes() / 1e6,
                one.seconds(),
                one.compute(),
                one.rest());
          }
        }
      }
    }
    out.println("| executors | F | c | units | K | S + R | K·t(B/W) | foretold | measured |");
    out.println("|---|---|---|---|---|---|---|---|---|");
    for (int executors : new int[] {1, 2, 4}) {
      rows(out, executors, all.stream().filter(each -> each.executors() == executors).toList());
    }
  }

  private static Measured measured(
      int executors, int hidden, int localSteps, List<RoundReport> rounds) {
    RoundReport one = rounds.get(0);
    return new Measured(
        executors,
        hidden,
        localSteps,
        one.sentBytes() + one.returnedBytes(),
        median(rounds.stream().map(RoundReport::seconds).toList()),
        median(rounds.stream().map(RoundReport::computeSeconds).toList()));
  }

  private static double median(List<Double> values) {
    List<Double> sorted = values.stream().sorted().toList();
    return (sorted.get((sorted.size() - 1) / 2) + sorted.get(sorted.size() / 2)) / 2;
  }

  /** F and c by least squares of rest = F + bytes · c, and what they foretell, for the document. */
  private static void rows(PrintStream out, int executors, List<Measured> points) {
    double n = points.size();
    double x = 0;
    double y = 0;
    double xx = 0;
    double xy = 0;
    for (Measured each : points) {
      x += each.bytes();
      y += each.rest();
      xx += (double) each.bytes() * each.bytes();
      xy += each.bytes() * each.rest();
    }
    double perByte = (n * xy - x * y) / (n * xx - x * x);
    double fixed = (y - perByte * x) / n;
    for (Measured each : points) {
      out.printf(
          Locale.ROOT,
          "| %d | %.3f s | %.1f ms/MB | %d | %d | %.2f MB | %.3f s | %.3f s | %.3f s |%n",
          executors,
          fixed,
          perByte * 1e9,
          each.hidden(),
          each.localSteps(),
          each.bytes() / 1e6,
          each.compute(),
          new RoundTime(each.compute(), fixed, perByte, each.bytes()).seconds(),
          each.seconds());
    }
    assertTrue(perByte > 0, "more bytes took less time");
  }
}
