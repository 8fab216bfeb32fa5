package dev.sequor.task;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.CellType;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.data.WindowSource;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What tasks yield, against answers found in another way. */
final class TaskDataTest {
  /** Each of its usual length, of an odd one, and of the least that it takes. */
  static Stream<DrawnTask<?>> tasks() {
    return Stream.of(
        new Spirals(),
        new ScriptNames(40),
        new ScriptNames(20),
        new Adding(200),
        new Adding(7),
        new Adding(2),
        new Agreement(24),
        new Agreement(5),
        new RelativeClause(20),
        new RelativeClause(7),
        new RelativeClause(5),
        new CopyMemory(20),
        new CopyMemory(1),
        new CopyMemory(3, 2),
        new Brackets(24),
        new Brackets(1),
        new Rewriting(Rewriting.Order.REVERSE, 10),
        new Rewriting(Rewriting.Order.REVERSE, 1),
        new Rewriting(Rewriting.Order.SORT, 3),
        new Rewriting(Rewriting.Order.SORT, 1));
  }

  private static List<Object> flat(Window window) {
    List<Object> all = new ArrayList<>();
    for (Window.Part part : window.parts()) {
      all.add(part.timeSteps());
      all.add(values(part.values()));
      all.add(Arrays.toString(part.lengths()));
    }
    all.add(values(window.targetValues()));
    return all;
  }

  private static Object values(Values values) {
    return values instanceof Values.Tokens tokens
        ? Arrays.toString(tokens.ids())
        : Arrays.toString(((Values.Reals) values).values());
  }

  @ParameterizedTest
  @MethodSource("tasks")
  void windowsAreAPureFunctionOfSeedEpochAndIndex(DrawnTask<?> task) {
    for (int batch : new int[] {1, 5}) {
      WindowSource source = task.training(batch, 7);
      Window later = source.window(3, 2);
      source.window(0, 0);
      assertEquals(flat(later), flat(source.window(3, 2)));
      assertEquals(flat(later), flat(task.training(batch, 7).window(3, 2)));
      assertTrue(later.resetState());
      assertEquals(batch, later.batchSize());
    }
    WindowSource source = task.training(40, 7);
    assertNotEquals(flat(source.window(0, 1)), flat(source.window(0, 0)));
    assertNotEquals(flat(source.window(1, 0)), flat(source.window(0, 0)));
    assertNotEquals(flat(task.training(40, 8).window(0, 0)), flat(source.window(0, 0)));
  }

  @ParameterizedTest
  @MethodSource("tasks")
  <E> void noQuestionIsBothLearnedFromAndJudgedBy(DrawnTask<E> task) {
    Set<List<Integer>> learned = new HashSet<>();
    Set<List<Integer>> judged = new HashSet<>();
    for (int i = 0; i < 2000; i++) {
      learned.add(question(task, task.trained(1, i)));
    }
    for (E example : task.heldOut(300, 1)) {
      judged.add(question(task, example));
    }
    judged.retainAll(learned);
    assertEquals(Set.of(), judged);
  }

  private static <E> List<Integer> question(DrawnTask<E> task, E example) {
    return task.question(example).boxed().toList();
  }

  @Test
  void aboutAnEighthIsHeldOut() {
    Adding task = new Adding(9);
    long heldOut =
        java.util.stream.IntStream.range(0, 20_000)
            .filter(i -> task.isHeldOut(task.draw(new ExampleDraws(3, 5, i))))
            .count();
    assertEquals(2500.0, (double) heldOut, 200); // four standard deviations
  }

  @Test
  void windowsHoldWhatWasDrawn() {
    Adding adding = new Adding(7);
    Window window = adding.training(3, 1).window(0, 4);
    float[] x = ((Values.Reals) window.inputValues()).values();
    float[] sums = ((Values.Reals) window.targetValues()).values();
    for (int b = 0; b < 3; b++) {
      float sum = 0;
      List<Integer> marks = new ArrayList<>();
      for (int t = 0; t < 7; t++) {
        float value = x[2 * (t * 3 + b)];
        float mark = x[2 * (t * 3 + b) + 1];
        assertTrue(value >= 0 && value < 1);
        sum += mark * value;
        if (mark != 0) {
          marks.add(t);
        }
      }
      assertEquals(2, marks.size());
      assertTrue(marks.get(0) < 3 && marks.get(1) >= 3, marks.toString());
      assertEquals(sum, sums[b], 1e-6);
    }
  }

  @Test
  void theSymbolsAreWantedAfterTheMarkerAndBlanksBefore() {
    for (int length : new int[] {1, 4}) {
      Window window = new CopyMemory(length, 3).training(2, 1).window(0, 0);
      int[] in = ((Values.Tokens) window.inputValues()).ids();
      int[] out = ((Values.Tokens) window.targetValues()).ids();
      assertEquals(length + 6, window.timeSteps());
      for (int b = 0; b < 2; b++) {
        for (int t = 0; t < length + 6; t++) {
          int token = in[2 * t + b];
          if (t < 3) {
            assertTrue(token < 8);
          } else {
            assertEquals(t == length + 2 ? 9 : 8, token);
          }
          assertEquals(t < length + 3 ? 8 : in[2 * (t - length - 3) + b], out[2 * t + b]);
        }
      }
    }
  }

  /** By taking away innermost pairs until there are none. */
  private static int[] tagsByReduction(int[] string) {
    int[] tags = new int[string.length];
    Arrays.fill(tags, 1);
    List<Integer> left = new ArrayList<>();
    for (int t = 0; t < string.length; t++) {
      left.add(t);
    }
    for (int i = 0; i + 1 < left.size(); ) {
      int one = string[left.get(i)];
      int other = string[left.get(i + 1)];
      if (one % 2 == 0 && other % 2 == 1) {
        if (one / 2 == other / 2) {
          tags[left.get(i)] = 0;
          tags[left.get(i + 1)] = 0;
        }
        left.remove(i + 1);
        left.remove(i);
        i = 0;
      } else {
        i++;
      }
    }
    return tags;
  }

  @Test
  void bracketsAreTaggedAsByTakingAwayInnermostPairs() {
    Brackets task = new Brackets(17);
    int[] counts = new int[2];
    Set<Integer> lengths = new HashSet<>();
    for (int i = 0; i < 3000; i++) {
      int[] string = task.trained(1, i);
      int[] tags = Brackets.tags(string);
      assertArrayEquals(tagsByReduction(string), tags, Arrays.toString(string));
      Arrays.stream(tags).forEach(tag -> counts[tag]++);
      lengths.add(string.length);
    }
    assertEquals(17, lengths.size());
    // Neither tag is a safe guess.
    assertTrue(Math.min(counts[0], counts[1]) > 0.3 * (counts[0] + counts[1]));
    assertArrayEquals(new int[] {1, 0, 0, 1}, Brackets.tags(new int[] {0, 2, 3, 3}));
  }

  /** Reads a beginning from its words alone: who is still without a verb. */
  private static boolean[] readPluralAndMisleading(String beginning) {
    // Nouns wait for a verb; after "that" or a preposition they come in addition.
    Deque<Integer> waiting = new ArrayDeque<>();
    String[] words = beginning.split(" ", -1);
    List<Integer> nouns = new ArrayList<>();
    boolean asObject = false;
    for (int i = 0; i < words.length; i++) {
      String word = words[i];
      String before = i == 0 ? "" : words[i - 1];
      if (word.equals("the") || word.equals("that")) {
        continue;
      }
      if (List.of("above", "behind", "beside", "by", "near", "under").contains(word)) {
        asObject = true;
      } else if (before.equals("the")) {
        nouns.add(i);
        if (!asObject) {
          waiting.push(i);
        }
        asObject = false;
      } else if (before.equals("that")) {
        asObject = true; // a verb after "that": its subject still waits for its own
      } else {
        waiting.pop();
      }
    }
    int subject =
        words[words.length - 1].equals("that")
            ? nouns.get(nouns.size() - 1)
            : Objects.requireNonNull(waiting.peek());
    boolean plural = words[subject].endsWith("s");
    List<Integer> between = nouns.stream().filter(n -> n > subject).toList();
    boolean misleading =
        !between.isEmpty() && between.stream().noneMatch(n -> words[n].endsWith("s") == plural);
    return new boolean[] {plural, misleading};
  }

  @Test
  void theVerbHasTheNumberOfTheNounThatStillWaitsForOne() {
    Agreement task = new Agreement(21);
    int misleading = 0;
    int plural = 0;
    int lastNounAgrees = 0;
    for (int i = 0; i < 3000; i++) {
      Sentences.Beginning beginning = task.trained(2, i);
      String words = Sentences.spelled(beginning.words());
      assertTrue(beginning.words().length <= 21);
      boolean[] read = readPluralAndMisleading(words);
      assertEquals(read[0], beginning.plural(), words);
      assertEquals(read[1], beginning.allMislead(), words);
      misleading += read[1] ? 1 : 0;
      plural += read[0] ? 1 : 0;
      String[] spelled = words.split(" ", -1);
      String lastNoun = "";
      for (int w = 1; w < spelled.length; w++) {
        lastNoun = spelled[w - 1].equals("the") ? spelled[w] : lastNoun;
      }
      lastNounAgrees += lastNoun.endsWith("s") == beginning.plural() ? 1 : 0;
    }
    assertTrue(misleading > 500, misleading + " mislead");
    assertEquals(1500, plural, 150);
    assertTrue(lastNounAgrees < 2400, "the last noun agrees in " + lastNounAgrees);
  }

  /** Reads a sentence as it is written: its words in between, its subject and its nouns. */
  @Test
  void clausesHaveTheWordsAskedForAndTheirNounsSayNothingOfTheVerb() {
    Set<String> nouns =
        Set.of(
            "bird", "cat", "cow", "dog", "goat", "hen", "horse", "pig", "apple", "bean", "cake",
            "egg", "nut", "pie", "plum", "roll");
    for (int length : new int[] {5, 6, 7, 8, 9, 10, 23, 101}) {
      RelativeClause task = new RelativeClause(length);
      int plural = 0;
      int lastAgrees = 0;
      int mostAgree = 0;
      for (int i = 0; i < 2000; i++) {
        Clause clause = task.trained(4, i);
        String sentence = clause.spelled(clause.plural());
        String[] halves = sentence.split(", ", -1);
        assertEquals(3, halves.length, sentence);
        assertEquals(clause.plural() ? "were full" : "was full", halves[2]);
        assertEquals(clause.plural(), halves[0].endsWith("s"), sentence);
        String[] between = halves[1].split(" ", -1);
        assertEquals(length, between.length, sentence);
        assertEquals(length + 2, clause.words().length);
        List<Boolean> agree = new ArrayList<>();
        for (String word : between) {
          boolean isPlural = word.endsWith("s");
          if (nouns.contains(isPlural ? word.substring(0, word.length() - 1) : word)) {
            agree.add(isPlural == clause.plural());
          }
        }
        assertTrue(agree.size() >= 1 && agree.size() <= 1 + (length - 5) / 3, sentence);
        plural += clause.plural() ? 1 : 0;
        lastAgrees += agree.get(agree.size() - 1) ? 1 : 0;
        long agreeing = agree.stream().filter(a -> a).count();
        mostAgree += 2 * agreeing > agree.size() ? 1 : 2 * agreeing == agree.size() ? i % 2 : 0;
      }
      // Four standard deviations of 2000 throws of a coin.
      assertEquals(1000, plural, 90);
      assertEquals(1000, lastAgrees, 90);
      assertEquals(1000, mostAgree, 90);
    }
    Clause shortest = new RelativeClause(5).trained(1, 0);
    assertTrue(
        shortest
            .spelled(true)
            .matches("the \\w+, which \\w+ (ate|found|left|saw) the \\w+, were full"),
        shortest.spelled(true));
    assertThrows(IllegalArgumentException.class, () -> new RelativeClause(4));
  }

  @Test
  void digitsAreReversedOrSorted() {
    assertArrayEquals(new int[] {3, 1, 2}, Rewriting.Order.REVERSE.of(new int[] {2, 1, 3}));
    assertArrayEquals(new int[] {1, 2, 2, 3}, Rewriting.Order.SORT.of(new int[] {2, 3, 1, 2}));
    Rewriting task = new Rewriting(Rewriting.Order.REVERSE, 4);
    Window window = task.training(2, 1).window(0, 0);
    int[] source = ((Values.Tokens) window.parts().get(0).values()).ids();
    int[] read = ((Values.Tokens) window.parts().get(1).values()).ids();
    int[] written = ((Values.Tokens) window.targetValues()).ids();
    for (int b = 0; b < 2; b++) {
      assertEquals(10, read[b]);
      assertEquals(11, written[8 + b]);
      for (int t = 0; t < 4; t++) {
        assertEquals(source[2 * (3 - t) + b], written[2 * t + b]);
        assertEquals(written[2 * t + b], read[2 * (t + 1) + b]);
      }
    }
  }

  /** No point of one spiral is nearer to the other. */
  @Test
  void pointsLieOnTheirOwnSpiral() {
    Spirals task = new Spirals();
    int first = 0;
    for (int i = 0; i < 500; i++) {
      Spirals.Point point = task.trained(1, i);
      double[] nearest = {9, 9};
      for (int spiral = 0; spiral < 2; spiral++) {
        for (double r = 0.08; r <= 1; r += 0.0005) {
          double angle = 6 * Math.PI * r + Math.PI * spiral;
          double d = Math.hypot(point.x() - r * Math.cos(angle), point.y() - r * Math.sin(angle));
          nearest[spiral] = Math.min(nearest[spiral], d);
        }
      }
      assertTrue(nearest[point.spiral()] <= 0.031, point + " " + Arrays.toString(nearest));
      assertTrue(nearest[1 - point.spiral()] > nearest[point.spiral()], point.toString());
      first += 1 - point.spiral();
    }
    assertEquals(250, first, 50);
  }

  @Test
  void namesAreThoseOfTheirScriptAndEachScriptIsAsFrequent() {
    ScriptNames task = new ScriptNames(20);
    int told = 0;
    int[] perScript = new int[16];
    for (int i = 0; i < 1600; i++) {
      ScriptNames.Name name = task.trained(1, i);
      String script = Character.UnicodeScript.of(Character.codePointOf(name.name())).name();
      assertTrue(name.name().length() <= 20);
      assertTrue(
          script.equals(name.name().split(" ", -1)[0])
              || script.equals("COMMON")
              || script.equals("INHERITED"),
          name.name() + " is of " + script);
      perScript[name.script()]++;
      told += name.told() ? 1 : 0;
      assertEquals(name.told() ? name.script() : 16, name.source()[0]);
      assertEquals(name.name().length(), name.target().length);
      assertTrue(Arrays.stream(name.target()).allMatch(t -> t >= 0), name.name());
    }
    assertEquals(0.8 * 1600, told, 70);
    assertTrue(Arrays.stream(perScript).allMatch(n -> n > 60 && n < 140));
    assertEquals(64, task.fingerprint().length());
    assertNotEquals(task.fingerprint(), new ScriptNames(21).fingerprint());
  }

  private static void refused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  @Test
  void whatIsOutOfRangeIsRefused() {
    refused(
        "there is no task 'adding2'; needed one of "
            + Tasks.all().stream().map(Task::name).collect(Collectors.joining(", ")),
        () -> Tasks.named("adding2"));
    Task adding = Tasks.named("adding");
    refused("the length of adding is 1; needed 2 to 100000", () -> adding.withLength(1));
    refused(
        "the length of names is 19; needed 20 to 100", () -> Tasks.named("names").withLength(19));
    refused(
        "the length of spirals is 3; a point is no sequence, needed none",
        () -> Tasks.named("spirals").withLength(3));
    refused("batchSize is 0; needed at least 1", () -> adding.training(0, 1));
    refused(
        "length · batchSize is 200000000; needed at most 134217727",
        () -> adding.training(1_000_000, 1));
    refused(
        "adding is learned by recurrent layers; needed a cell",
        () -> adding.model(adding.defaults().withCell(null)));
    Task spirals = Tasks.named("spirals");
    refused(
        "the cell is lstm; spirals has no recurrent layers, needed none",
        () -> spirals.model(adding.defaults().withCell(CellType.LSTM)));
    TaskSettings settings = adding.defaults();
    refused("steps is 0; needed 1 to 1000000000000", () -> settings.withSteps(0));
    refused("hiddenSize is 0; needed at least 1", () -> settings.withHiddenSize(0));
    refused("layers is 0; needed at least 1", () -> settings.withLayers(0));
    refused(
        "clip is -1.0; needed a finite number greater than 0, or 0 for no bound",
        () -> settings.withClip(-1));
    refused(
        "learningRate is NaN; needed a finite number greater than 0",
        () -> settings.withLearningRate(Float.NaN));
    refused("step is -1; needed 0 to 1000000000000", () -> settings.learningRate(-1));
  }

  @Test
  void theRateIsTheSameForHalfOfTheStepsAndThenFalls() {
    for (long steps : new long[] {1, 3, 50, 99, 100, 101, 12_345, TaskSettings.MOST_STEPS}) {
      TaskSettings settings = Tasks.named("copy").defaults().withSteps(steps);
      float before = settings.learningRate(0);
      assertEquals(settings.learningRate(), before);
      int stairs = 0;
      for (long step = 0; step < steps; stairs++) {
        long same = settings.stepsAtSameRate(step);
        assertTrue(same >= 1);
        float rate = settings.learningRate(step);
        assertEquals(rate, settings.learningRate(step + same - 1));
        assertTrue(step == 0 || rate <= before);
        before = rate;
        step += same;
        assertTrue(step <= steps, step + " of " + steps);
      }
      assertTrue(stairs <= 100);
      if (steps >= 100) {
        assertEquals(settings.learningRate(), settings.learningRate(steps / 2 - 1));
        assertEquals(settings.learningRate() / 50, settings.learningRate(steps - 1), 1e-9);
        assertEquals(settings.learningRate() / 50, settings.learningRate(steps), 1e-9);
      }
    }
  }

  @Test
  void thereIsATaskOfEachArchitecture() {
    Set<Architecture> seen = new HashSet<>();
    for (Task task : Tasks.all()) {
      seen.add(task.architecture());
      assertEquals(task, Tasks.named(task.name()));
      assertTrue(!task.description().contains("\n"));
      if (task.length() > 0) {
        assertEquals(task, task.withLength(task.length()));
      }
    }
    assertEquals(Set.of(Architecture.values()), seen);
  }
}
