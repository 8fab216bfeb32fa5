package dev.sequor.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Times one case: every entrant computes it once and is checked, then they take turns, one
 * repetition each, so that whatever else the machine does falls on all of them alike.
 */
final class Rounds {
  static final long SEED = 20140603;

  /** Within which two systems agree about what is right; smaller weights never decide that. */
  private static final double REFERENCE_TOLERANCE = 1e-4;

  /** After so many rounds the slower settings of a system retire … */
  private static final int TRIAL_ROUNDS = 3;

  /** … if their best time is so much worse than the best one's. */
  private static final double CLEARLY_SLOWER = 1.2;

  /** Such a setting retires after one round already; where time is short, a hopeless one does. */
  private static final double FAR_SLOWER = 3;

  /** A setting so much worse than its system's best need not be tried on larger shapes. */
  private static final double HOPELESSLY_SLOWER = 1.5;

  /** A repetition of so many milliseconds takes long, see {@link Entrant#maxRoundsIfShort}. */
  private static final double LONG_MILLIS = 100;

  private final Case what;
  private final Options options;
  private final IdleCores idleCores;
  private final PrintStream log;
  private final List<Turn> turns = new ArrayList<>();
  private boolean failed;
  private int disturbed;
  private int waits;
  private double waitedSeconds;

  /**
   * How much to measure.
   *
   * @param rounds at most so many repetitions
   * @param warmUpMillis untimed calls before the first round, for each entrant
   * @param repetitionMillis a repetition makes as many calls as fill this, and at least one
   * @param budgeted whether time is short
   */
  record Options(int rounds, long warmUpMillis, double repetitionMillis, boolean budgeted) {}

  /** One entrant at this case. */
  private static final class Turn {
    final ChildProcess child;
    final String invalid;
    final List<Double> millis = new ArrayList<>();
    double expectedMillis;
    boolean retired;

    Turn(ChildProcess child, String invalid, double expectedMillis) {
      this.child = child;
      this.invalid = invalid;
      this.expectedMillis = expectedMillis;
    }
  }

  Rounds(Case what, Options options, IdleCores idleCores, PrintStream log) {
    this.what = what;
    this.options = options;
    this.idleCores = idleCores;
    this.log = log;
  }

  /**
   * Measures.
   *
   * @param seconds of budget; infinite for none
   * @return one row for each system, of its best setting
   */
  List<Row> measure(List<ChildProcess> children, double seconds) throws IOException {
    long start = System.nanoTime();
    prepare(children);
    for (int round = 0; round < options.rounds; round++) {
      if (round > 0 && isLate(start, seconds)) {
        // What is left of the time, and as much again, goes to what the report will show.
        retireAllButTheBest();
        if (round >= Row.FEWEST_REPETITIONS || isLate(start, 2 * seconds)) {
          break;
        }
      }
      for (int i = 0; i < turns.size(); i++) {
        // Each round starts with another, so that nobody always follows the same neighbour.
        Turn turn = turns.get((i + round) % turns.size());
        if (!retires(turn)) {
          repeat(turn);
        }
      }
    }
    for (ChildProcess child : children) {
      try {
        child.release();
      } catch (ChildProcess.Refused e) {
        fail(child, "after its last repetition: " + e.getMessage());
      }
    }
    return rows();
  }

  /** Whether anything could not be run. */
  boolean failed() {
    return failed;
  }

  /** How many repetitions began while something else kept the cores busy. */
  int disturbed() {
    return disturbed;
  }

  private void fail(ChildProcess child, String how) {
    failed = true;
    log.println("  " + child.entrant() + " failed " + how);
  }

  private void prepare(List<ChildProcess> children) throws IOException {
    Map<ChildProcess, Message.Reply> firsts = new LinkedHashMap<>();
    for (ChildProcess child : children) {
      try {
        firsts.put(child, child.prepare(what, SEED));
      } catch (ChildProcess.Refused e) {
        fail(child, "to run this: " + e.getMessage());
      }
    }
    List<Computed> computed = new ArrayList<>();
    firsts.forEach(
        (child, first) -> computed.add(new Computed(child.entrant().system(), first.digests())));
    Map<String, Digest> reference = reference(computed);
    firsts.forEach(
        (child, first) -> {
          String invalid = mismatch(first.digests(), reference, child.entrant().tolerance());
          if (invalid != null) {
            log.println("  MISMATCH " + child.entrant() + ": " + invalid);
          }
          turns.add(new Turn(child, invalid, first.nanos() * 1e-6));
        });
    turns.removeIf(turn -> !warmUp(turn));
  }

  /** What one process computed. */
  record Computed(String system, Map<String, Digest> digests) {}

  /**
   * The results that most systems agree with, of those that are as good the first's: a library that
   * is wrong at some size, which has been seen, is not to make all others wrong.
   */
  static Map<String, Digest> reference(List<Computed> all) {
    Map<String, Digest> reference = Map.of();
    long most = 0;
    for (Computed candidate : all) {
      long agree =
          all.stream()
              .filter(c -> mismatch(c.digests(), candidate.digests(), REFERENCE_TOLERANCE) == null)
              .map(Computed::system)
              .distinct()
              .count();
      if (agree > most) {
        most = agree;
        reference = candidate.digests();
      }
    }
    return reference;
  }

  /** Whether it still runs after its untimed calls. */
  private boolean warmUp(Turn turn) {
    try {
      double spent = turn.expectedMillis < options.warmUpMillis ? 0 : Double.POSITIVE_INFINITY;
      for (int calls = 1; spent < options.warmUpMillis; calls *= 2) {
        double total = turn.child.time(0, calls) * 1e-6;
        turn.expectedMillis = total / calls;
        spent += Math.max(total, 1e-3);
      }
      return true;
    } catch (IOException | ChildProcess.Refused e) {
      fail(turn.child, "in its first calls: " + e.getMessage());
      return false;
    }
  }

  /** Null if the results agree. */
  private static String mismatch(
      Map<String, Digest> results, Map<String, Digest> reference, double tolerance) {
    for (Map.Entry<String, Digest> result : results.entrySet()) {
      Digest expected = reference.get(result.getKey());
      double error =
          expected == null ? Double.POSITIVE_INFINITY : result.getValue().errorAgainst(expected);
      if (!(error <= tolerance)) {
        return String.format(
            Locale.ROOT,
            "%s differs from the reference by %.2e of its norm; at most %.0e is allowed",
            result.getKey(),
            error,
            tolerance);
      }
    }
    if (!results.keySet().equals(reference.keySet())) {
      return "computes " + results.keySet() + "; needed " + reference.keySet();
    }
    return null;
  }

  private boolean isLate(long startNanos, double seconds) {
    return (System.nanoTime() - startNanos) * 1e-9 + roundSeconds() > seconds;
  }

  private double roundSeconds() {
    List<Turn> next = turns.stream().filter(turn -> !retires(turn)).toList();
    double waiting = waits == 0 ? 0 : next.size() * waitedSeconds / waits;
    return waiting
        + next.stream()
            .mapToDouble(turn -> Math.max(turn.expectedMillis, options.repetitionMillis) * 1e-3)
            .sum();
  }

  /** Leaves each system its fastest setting so far. */
  private void retireAllButTheBest() {
    for (Turn turn : turns) {
      if (!turn.millis.isEmpty()) {
        turn.retired |= Statistics.min(turn.millis) > bestMillis(turn.child.entrant().system());
      }
    }
  }

  private boolean retires(Turn turn) {
    Entrant entrant = turn.child.entrant();
    int done = turn.millis.size();
    boolean hurry = options.budgeted && turn.expectedMillis > LONG_MILLIS;
    if (turn.retired || (hurry && done >= entrant.maxRoundsIfShort())) {
      return true;
    }
    if (done > 0) {
      double early = options.budgeted ? HOPELESSLY_SLOWER : FAR_SLOWER;
      double allowed = done < TRIAL_ROUNDS ? early : CLEARLY_SLOWER;
      turn.retired = Statistics.min(turn.millis) > allowed * bestMillis(entrant.system());
    }
    return turn.retired;
  }

  /** The best time of a system under any setting; infinite if it has none yet. */
  private double bestMillis(String system) {
    return turns.stream()
        .filter(t -> t.child.entrant().system().equals(system) && !t.millis.isEmpty())
        .mapToDouble(t -> Statistics.min(t.millis))
        .min()
        .orElse(Double.POSITIVE_INFINITY);
  }

  /** Those whose setting is so much slower than another of their system. */
  Set<Entrant> hopeless() {
    Set<Entrant> hopeless = new HashSet<>();
    for (Turn turn : turns) {
      Entrant entrant = turn.child.entrant();
      boolean timed = !turn.millis.isEmpty();
      if (timed && Statistics.min(turn.millis) > HOPELESSLY_SLOWER * bestMillis(entrant.system())) {
        hopeless.add(entrant);
      }
    }
    return hopeless;
  }

  /** The least time of each entrant that was timed. */
  Map<Entrant, Double> leastMillis() {
    Map<Entrant, Double> least = new LinkedHashMap<>();
    for (Turn turn : turns) {
      if (!turn.millis.isEmpty()) {
        least.put(turn.child.entrant(), Statistics.min(turn.millis));
      }
    }
    return least;
  }

  private void repeat(Turn turn) {
    double expected = Math.max(turn.expectedMillis, 1e-3);
    int calls = (int) Math.max(1, Math.ceil(options.repetitionMillis / expected));
    // The others have had the caches since; a long call outweighs that by itself.
    int untimed = expected < options.repetitionMillis ? 1 + calls / 4 : 0;
    try {
      long start = System.nanoTime();
      if (!idleCores.await()) {
        disturbed++;
      }
      waits++;
      waitedSeconds += (System.nanoTime() - start) * 1e-9;
      double millis = turn.child.time(untimed, calls) * 1e-6 / calls;
      turn.millis.add(millis);
      turn.expectedMillis = Statistics.median(turn.millis);
    } catch (IOException | ChildProcess.Refused e) {
      turn.retired = true;
      fail(turn.child, "while timed: " + e.getMessage());
    }
  }

  /** For each system the setting with the best median, wrong results last. */
  private List<Row> rows() {
    Map<String, Row> best = new LinkedHashMap<>();
    for (Turn turn : turns) {
      if (turn.millis.isEmpty()) {
        continue;
      }
      Row row = Row.of(what, turn.child.entrant(), turn.millis, turn.invalid, asItComes(turn));
      // A setting that retired lost by its best time; its median of a few is no rival.
      if (!turn.retired || !row.valid()) {
        best.merge(row.system(), row, Rounds::better);
      }
    }
    return List.copyOf(best.values());
  }

  /** The best median of that system with the allocator as it comes; null if there is none. */
  private Double asItComes(Turn of) {
    String system = of.child.entrant().system();
    return turns.stream()
        .filter(turn -> turn.child.entrant().system().equals(system))
        .filter(turn -> turn.child.entrant().allocator() == Allocator.AS_IT_COMES)
        .filter(turn -> !turn.millis.isEmpty())
        .map(turn -> Statistics.median(turn.millis))
        .min(Double::compare)
        .orElse(null);
  }

  /** A wrong result under any setting shows, even if another is faster. */
  private static Row better(Row a, Row b) {
    if (a.valid() != b.valid()) {
      return a.valid() ? b : a;
    }
    return a.medianMillis() <= b.medianMillis() ? a : b;
  }
}
