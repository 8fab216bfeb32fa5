package dev.sequor.benchmarks;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;

/**
 * One training by several systems, each in a process of its own, one after the other: PyTorch, that
 * of a Python, and Sequor, each with the allocator as it comes and keeping its pages. They learn a
 * little first, and nothing is timed unless they learn alike.
 */
public final class TrainingPeers {
  /**
   * What losses may differ by, in bits per character. First weights are drawn by each system in its
   * own way, so that after a hundred updates a tenth of a bit is usual; a wrong model, another
   * batch or another rate is further off.
   */
  static final double TOLERANCE_BITS = 0.3;

  static final int CHECKED_STEPS = 100;

  /**
   * What a process is started with; its allocator and {@code --steps} are added.
   *
   * @param command for each training anew, since some want a new folder
   */
  public record Contender(
      String name, Supplier<List<String>> command, Map<String, String> environment) {}

  /** What a training came to. */
  public record Outcome(
      String system,
      String allocator,
      String device,
      double seconds,
      double charactersPerSecond,
      double trainBitsPerCharacter,
      double heldOutBitsPerCharacter) {}

  /** Systems that do not learn alike, or that end with an error. */
  public static final class Refused extends Exception {
    private static final long serialVersionUID = 1L;

    Refused(String message) {
      super(message);
    }
  }

  private final List<Contender> contenders;
  private final PrintStream console;

  /** Contenders in the order in which they take turns; {@code console} gets losses and a table. */
  public TrainingPeers(List<Contender> contenders, PrintStream console) {
    this.contenders = contenders;
    this.console = console;
  }

  /**
   * Compares the losses and then trains with every allocator.
   *
   * @param steps of a whole training; 0 for all that the text has
   * @throws Refused if the losses differ, or if a process fails
   */
  public List<Outcome> run(int steps) throws IOException, Refused {
    List<Outcome> checked = new ArrayList<>();
    int few = steps == 0 ? CHECKED_STEPS : Math.min(steps, CHECKED_STEPS);
    for (Contender contender : contenders) {
      Outcome outcome = train(contender, Allocator.AS_IT_COMES, few);
      console.printf(
          Locale.ROOT,
          "%-16s after %d updates: %.3f bits per character, held out %.3f%n",
          outcome.system(),
          few,
          outcome.trainBitsPerCharacter(),
          outcome.heldOutBitsPerCharacter());
      checked.add(outcome);
    }
    requireAlike(checked);
    List<Outcome> outcomes = new ArrayList<>();
    for (Allocator allocator : Allocator.values()) {
      for (Contender contender : contenders) {
        outcomes.add(train(contender, allocator, steps));
      }
    }
    print(outcomes);
    return outcomes;
  }

  /** Refuses losses that are further apart than {@link #TOLERANCE_BITS}. */
  static void requireAlike(List<Outcome> outcomes) throws Refused {
    Comparator<Outcome> byLoss = Comparator.comparingDouble(Outcome::heldOutBitsPerCharacter);
    Outcome least = outcomes.stream().min(byLoss).orElseThrow();
    Outcome most = outcomes.stream().max(byLoss).orElseThrow();
    double apart = most.heldOutBitsPerCharacter() - least.heldOutBitsPerCharacter();
    if (!(apart <= TOLERANCE_BITS)) {
      throw new Refused(
          String.format(
              Locale.ROOT,
              "%s has %.3f bits per character and %s %.3f; at most %.1f apart was needed, and"
                  + " nothing is timed",
              most.system(),
              most.heldOutBitsPerCharacter(),
              least.system(),
              least.heldOutBitsPerCharacter(),
              TOLERANCE_BITS));
    }
  }

  private void print(List<Outcome> outcomes) {
    console.printf(
        Locale.ROOT,
        "%-16s %14s %14s %10s %10s %10s%n",
        "characters/s",
        Allocator.AS_IT_COMES,
        Allocator.KEEPING_PAGES,
        "best",
        "train bits",
        "held out");
    for (Contender contender : contenders) {
      Map<String, Double> rates = new LinkedHashMap<>();
      Outcome best = null;
      for (Outcome outcome : outcomes) {
        if (outcome.system().equals(contender.name())) {
          rates.put(outcome.allocator(), outcome.charactersPerSecond());
          if (best == null || outcome.charactersPerSecond() > best.charactersPerSecond()) {
            best = outcome;
          }
        }
      }
      console.printf(
          Locale.ROOT,
          "%-16s %14.0f %14.0f %10.0f %10.3f %10.3f%n",
          contender.name(),
          rates.get(Allocator.AS_IT_COMES.toString()),
          rates.get(Allocator.KEEPING_PAGES.toString()),
          best.charactersPerSecond(),
          best.trainBitsPerCharacter(),
          best.heldOutBitsPerCharacter());
    }
  }

  private static Outcome train(Contender contender, Allocator allocator, int steps)
      throws IOException, Refused {
    List<String> command = new ArrayList<>(contender.command().get());
    if (steps > 0) {
      command.addAll(List.of("--steps", Integer.toString(steps)));
    }
    Path errors = Files.createTempFile("training", ".log");
    try {
      ProcessBuilder builder = new ProcessBuilder(command).redirectError(errors.toFile());
      builder.environment().putAll(contender.environment());
      builder.environment().putAll(allocator.environment());
      Process process = builder.start();
      process.getOutputStream().close();
      String printed = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      int status = process.waitFor();
      if (status != 0) {
        throw new Refused(
            contender.name() + " ended with status " + status + ": " + lastLine(errors));
      }
      return outcome(contender.name(), allocator, printed);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    } finally {
      Files.delete(errors);
    }
  }

  private static String lastLine(Path file) throws IOException {
    String text = Files.readString(file).strip();
    return text.substring(text.lastIndexOf('\n') + 1);
  }

  /** Of the last line of what a training printed, which is a JSON object. */
  static Outcome outcome(String system, Allocator allocator, String printed) throws Refused {
    String line = printed.strip();
    line = line.substring(line.lastIndexOf('\n') + 1);
    try {
      JsonNode json = new ObjectMapper().readTree(line);
      return new Outcome(
          system,
          allocator.toString(),
          json.required("device").asText(),
          json.required("seconds").asDouble(),
          json.required("charactersPerSecond").asDouble(),
          json.required("trainBitsPerCharacter").asDouble(),
          json.required("heldOutBitsPerCharacter").asDouble());
    } catch (IOException | IllegalArgumentException e) {
      throw new Refused(system + " printed '" + line + "'; needed a JSON object with its figures");
    }
  }
}
