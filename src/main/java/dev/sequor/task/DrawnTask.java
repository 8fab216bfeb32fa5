package dev.sequor.task;

import dev.sequor.backend.Philox;
import dev.sequor.backend.Sizes;
import dev.sequor.data.Window;
import dev.sequor.data.WindowSource;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.IntStream;

/**
 * A task whose examples are drawn one by one.
 *
 * @param <E> an example: a question and its answer
 */
interface DrawnTask<E> extends Task {
  /** One in so many questions is held out. */
  int ONE_IN = 8;

  /** Examples that are judged side by side. */
  int JUDGED_AT_ONCE = 64;

  /** Far more than it ever takes to meet a question of the wanted part. */
  int MOST_ATTEMPTS = 100_000;

  /** An example, of all that there can be. */
  E draw(ExampleDraws draws);

  /** The question as numbers: equal ones are the same question. */
  IntStream question(E example);

  /** These examples side by side, all windows of as many steps. */
  Window window(List<E> examples);

  /** Whether an example is only judged by. */
  default boolean isHeldOut(E example) {
    // FNV-1a over words, and the finaliser of SplitMix64, whose upper bits depend on all others.
    long hash = 0xCBF29CE484222325L;
    for (int word : question(example).toArray()) {
      hash = (hash ^ Integer.toUnsignedLong(word)) * 0x100000001B3L;
    }
    hash = (hash ^ (hash >>> 30)) * 0xBF58476D1CE4E5B9L;
    hash = (hash ^ (hash >>> 27)) * 0x94D049BB133111EBL;
    return Long.compareUnsigned(hash ^ (hash >>> 31), Long.divideUnsigned(-1L, ONE_IN)) < 0;
  }

  private E draw(long seed, int stream, long number, Predicate<E> wanted) {
    ExampleDraws draws = new ExampleDraws(seed, stream, number);
    for (int attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      E example = draw(draws);
      if (wanted.test(example)) {
        return example;
      }
    }
    throw new IllegalStateException(
        name() + " of length " + length() + " has no such example; needed a larger length");
  }

  /** Example {@code number} to learn from. */
  default E trained(long seed, long number) {
    return draw(seed, Philox.Stream.TASK.number(), number, example -> !isHeldOut(example));
  }

  /** The first {@code count} examples to judge by that are {@code wanted}. */
  default List<E> heldOut(int count, long seed, Predicate<E> wanted) {
    Sizes.atLeastOne("examples", count);
    List<E> examples = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      examples.add(
          draw(
              seed,
              Philox.Stream.TASK.number() + 1,
              i,
              example -> isHeldOut(example) && wanted.test(example)));
    }
    return examples;
  }

  /** The first {@code count} examples to judge by. */
  default List<E> heldOut(int count, long seed) {
    return heldOut(count, seed, example -> true);
  }

  /** Windows of {@value #JUDGED_AT_ONCE} examples, the last of what is left. */
  default List<Window> windows(List<E> examples) {
    return parts(examples).stream().map(this::window).toList();
  }

  /** Runs of {@value #JUDGED_AT_ONCE} examples. */
  default List<List<E>> parts(List<E> examples) {
    List<List<E>> parts = new ArrayList<>();
    for (int first = 0; first < examples.size(); first += JUDGED_AT_ONCE) {
      parts.add(examples.subList(first, Math.min(examples.size(), first + JUDGED_AT_ONCE)));
    }
    return parts;
  }

  @Override
  default List<Window> heldOutWindows(int examples, long seed) {
    return windows(heldOut(examples, seed));
  }

  @Override
  default WindowSource training(int batchSize, long seed) {
    return new DrawnWindows<>(this, batchSize, seed);
  }

  /** Throws if a task cannot have this length. */
  static void requireLength(String task, int length, int least, int most) {
    if (length < least || length > most) {
      throw new IllegalArgumentException(
          "the length of " + task + " is " + length + "; needed " + least + " to " + most);
    }
  }
}
