package dev.sequor.backend;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What the calls of a step were seen to use when they were made, so that it can be checked and
 * marked when the step is replayed without them. Refers to memory and never to buffers: those that
 * are dropped must be found lost.
 */
final class RecordedStep {
  private final Arguments arguments;
  private final Set<Held> used = new LinkedHashSet<>();
  private final Map<Memory.Contents, Written> written = new LinkedHashMap<>();
  private final Set<Need> needs = new LinkedHashSet<>();

  /** What was found before the work of the call under way began. */
  private final Set<Found> found = new HashSet<>();

  /** Where integers lay before the call under way changed them. */
  private final Map<Memory.Contents, Range> before = new HashMap<>();

  /** Whether the calls were made once to their end, so that all {@link #needs} are known. */
  private boolean complete;

  private final List<Input> firstInputs = new ArrayList<>();

  /** An input by the place of its memory: calls may cut a slice anew each time. */
  private record Input(Held held, long start, int bytes) {
    static Input of(StepInput input) {
      Buffer target = input.target();
      return new Input(target.held(), target.memory().start(), input.source().remaining());
    }
  }

  private record Range(int low, int high) {}

  /** What the calls write to a run of memory; of FLOAT32 no range is known. */
  private static final class Written {
    private int low = Integer.MAX_VALUE;
    private int high = Integer.MIN_VALUE;

    /** Whether a call replaces all elements, so that none from before the step is left. */
    private boolean whole;

    void add(int otherLow, int otherHigh, boolean all) {
      low = Math.min(low, otherLow);
      high = Math.max(high, otherHigh);
      whole |= all;
    }

    boolean hasRange() {
      return low <= high;
    }
  }

  /**
   * Integers that must lie in a range.
   *
   * @param what {@code high} is, for messages
   * @param ascending whether none may be less than the one before, and the last must be {@code
   *     high}
   */
  record Need(
      String name,
      KnownIntegers integers,
      long count,
      int low,
      int high,
      String what,
      boolean ascending) {}

  /** A need by the place of its memory: calls may cut a slice anew each time. */
  private record Found(
      Held held, long start, long version, long count, int low, int high, boolean ascending) {
    static Found of(Need need) {
      return new Found(
          need.integers.held(),
          need.integers.memory().start(),
          need.integers.memory().version(),
          need.count,
          need.low,
          need.high,
          need.ascending);
    }
  }

  RecordedStep(Arguments arguments) {
    this.arguments = arguments;
  }

  /** Notes that the step works on something. */
  void use(Held held) {
    used.add(held);
  }

  /** Whether the step works on something, and so cannot be replayed once it is closed. */
  boolean uses(Held held) {
    return used.contains(held);
  }

  void writes(Memory.Contents contents) {
    written.computeIfAbsent(contents, c -> new Written());
  }

  /**
   * Notes that integers from {@code low} to {@code high} are about to be written.
   *
   * @param all whether they take the place of all that was there
   */
  void writes(Memory.Contents contents, int low, int high, boolean all) {
    keepRange(contents);
    written.computeIfAbsent(contents, c -> new Written()).add(low, high, all);
  }

  /** Notes where integers lie that are about to change, in case the call under way fails. */
  void keepRange(Memory.Contents contents) {
    before.computeIfAbsent(contents, c -> new Range(c.lowest(), c.highest()));
  }

  /**
   * Notes what a call of the step needs, and says whether it is known to hold. If not, the contents
   * may still be looked at in the first call, which runs as it is queued; later ones are recorded,
   * and nothing can be read of the device then.
   *
   * @throws IllegalArgumentException if nobody could tell at a replay: the step itself writes these
   *     integers, and more may be among them than is needed
   * @throws IllegalStateException if the step's first call did not need this
   */
  boolean allows(Need need) {
    needs.add(need);
    KnownIntegers integers = need.integers;
    if (need.count == 0
        || integers.isKnown(need.count, need.low, need.high, need.ascending)
        || found.contains(Found.of(need))) {
      return true;
    }
    Memory.Contents contents = integers.memory().contents();
    if (written.containsKey(contents)) {
      throw new IllegalArgumentException(
          need.name
              + " is written within the step, to numbers of which is known only that they are "
              + contents.lowest()
              + " to "
              + contents.highest()
              + "; a step that may be repeated needs "
              + (need.low == Integer.MIN_VALUE ? "at most " : need.low + " to ")
              + need.high
              + (need.ascending ? ", ascending, from outside" : ""));
    }
    if (complete) {
      throw new IllegalStateException(
          need.name + " is used otherwise than in the step's first call; needed another key");
    }
    return false;
  }

  /** Requires the inputs of a call to be for the places, and of the sizes, of the first call's. */
  void requireSame(List<StepInput> inputs) {
    boolean first = firstInputs.isEmpty() && used.isEmpty();
    for (int i = 0; i < inputs.size(); i++) {
      Input input = Input.of(inputs.get(i));
      if (first) {
        firstInputs.add(input);
      } else if (i >= firstInputs.size() || !firstInputs.get(i).equals(input)) {
        throw new IllegalArgumentException(
            "input "
                + i
                + " of a repeated step goes to another place, or has another size, than in the"
                + " step's first call; needed the same, or another key");
      }
    }
    if (inputs.size() != firstInputs.size()) {
      throw new IllegalArgumentException(
          "a repeated step has "
              + inputs.size()
              + " inputs; in its first call it had "
              + firstInputs.size());
    }
  }

  /**
   * Requires that all that the step uses is open, and that integers are in range.
   *
   * @param inputs that the call begins with; they are not on the device yet
   */
  void requireUsable(List<StepInput> inputs) {
    for (StepInput input : inputs) {
      use(input.target().held());
    }
    for (Held held : used) {
      held.requireOpen();
    }
    found.clear();
    for (Need need : needs) {
      arguments.requireContents(need, inputs);
      found.add(Found.of(need));
    }
  }

  /** A call of the step begins. */
  void begin() {
    before.clear();
  }

  /** The call has been made to its end, or replayed: marks what it has written. */
  void succeed() {
    complete = true;
    written.forEach(
        (contents, range) -> {
          if (range.hasRange() && range.whole) {
            contents.replace(range.low, range.high);
          } else if (range.hasRange()) {
            contents.include(range.low, range.high);
          }
          contents.markWritten();
        });
  }

  /**
   * The call has failed, and nobody knows how much of it was done: what was there may be there
   * still, and nothing that was found out in the call holds.
   */
  void fail() {
    written.forEach(
        (contents, range) -> {
          if (range.hasRange()) {
            contents.include(range.low, range.high);
          }
          contents.markWritten();
        });
    before.forEach(
        (contents, range) -> {
          contents.include(range.low, range.high);
          contents.markWritten();
        });
  }
}
