package dev.sequor.backend;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * What the calls of a step were seen to use when they were made, so that it can be checked and
 * marked when the step is replayed without them.
 */
final class RecordedStep {
  private final Arguments arguments;
  private final Set<Held> used = new LinkedHashSet<>();
  private final Set<Memory.Contents> written = new LinkedHashSet<>();
  private final Set<Need> needs = new LinkedHashSet<>();
  private final List<Integer> inputBytes = new ArrayList<>();
  private final List<Buffer> inputTargets = new ArrayList<>();

  /** Integers that must lie in a range. */
  private record Need(String name, Buffer buffer, long count, int low, int high, String what) {}

  RecordedStep(Arguments arguments) {
    this.arguments = arguments;
  }

  void uses(Held held) {
    used.add(held);
  }

  void writes(Memory.Contents contents) {
    written.add(contents);
  }

  void needs(String name, Buffer buffer, long count, int low, int high, String what) {
    needs.add(new Need(name, buffer, count, low, high, what));
  }

  /** Requires the inputs of a call to be for the places, and of the sizes, of the first call's. */
  void requireSame(List<StepInput> inputs) {
    boolean first = inputTargets.isEmpty() && used.isEmpty();
    for (int i = 0; i < inputs.size(); i++) {
      StepInput input = inputs.get(i);
      if (first) {
        inputTargets.add(input.target());
        inputBytes.add(input.source().remaining());
      } else if (i >= inputTargets.size()
          || inputTargets.get(i) != input.target()
          || inputBytes.get(i) != input.source().remaining()) {
        throw new IllegalArgumentException(
            "input "
                + i
                + " of a repeated step goes to another buffer, or has another size, than in the"
                + " step's first call; needed the same, or another key");
      }
    }
    if (inputs.size() != inputTargets.size()) {
      throw new IllegalArgumentException(
          "a repeated step has "
              + inputs.size()
              + " inputs; in its first call it had "
              + inputTargets.size());
    }
  }

  /**
   * Requires that all that the step uses is open, and that integers are in range.
   *
   * @param inputs that the call begins with; they are not on the device yet
   */
  void requireUsable(List<StepInput> inputs) {
    for (Held held : used) {
      held.requireOpen();
    }
    for (Need need : needs) {
      arguments.requireContents(
          need.name, need.buffer, need.count, need.low, need.high, need.what, inputs);
    }
  }

  /** Marks what the step has written. */
  void markWritten() {
    for (Memory.Contents contents : written) {
      contents.markWritten();
    }
  }
}
