package dev.sequor.cli;

import dev.sequor.backend.CellType;
import dev.sequor.backend.RnnSpec;
import dev.sequor.model.InputKind;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.SequenceModelSpec;
import java.lang.management.ManagementFactory;
import java.lang.management.OperatingSystemMXBean;
import java.util.Locale;

/**
 * The memory that training a model of characters takes at least, from its sizes alone: what is
 * larger than the memory there is gets refused before anything is allocated, and nothing else is.
 * Reals throughout, because these sizes overflow integers before they are refused.
 *
 * @param weights {@code P}
 * @param deviceBytes parameters, gradients and moments; inputs, outputs, what forward saves, and
 *     gradients of one window
 * @param heapBytes what Java itself holds, whatever the device: the initial weights while they are
 *     drawn, or what a checkpoint is written from
 */
record TrainingMemory(double weights, double deviceBytes, double heapBytes) {
  /** The memory of {@code model} with windows of {@code T·B} characters. */
  static TrainingMemory of(ModelSpec model, Optimizer optimizer, int timeSteps, int batchSize) {
    if (model instanceof SequenceModelSpec usual) {
      return of(usual, optimizer, timeSteps, batchSize);
    }
    double weights = model.network().layout().totalElements();
    double all = Float.BYTES * weights * (2 + optimizer.rule().moments());
    return new TrainingMemory(weights, all, all);
  }

  private static TrainingMemory of(
      SequenceModelSpec model, Optimizer optimizer, int timeSteps, int batchSize) {
    RnnSpec recurrent = model.stack();
    CellType cell = recurrent.cell();
    double hidden = recurrent.hiddenSize();
    double inputs = model.input().width();
    double embedding =
        model.input().kind() == InputKind.EMBEDDING ? model.input().vocabularySize() * inputs : 0;
    double stack = 0;
    for (boolean first : new boolean[] {true, false}) {
      double layers = first ? 1 : recurrent.layers() - 1.0;
      double below = first ? inputs : hidden;
      stack += layers * hidden * (cell.gates() * (below + hidden + 2) + cell.peepholes());
    }
    double weights = embedding + stack + model.outputSize() * (hidden + 1);
    double moments = optimizer.rule().moments();
    double saved = hidden * cell.gates() * recurrent.layers();
    double activations =
        (double) timeSteps * batchSize * (2 * inputs + 2 * hidden + saved + model.outputSize());
    // Drawing: all weights, those of the stack, and of one layer its recurrent weights and one gate
    // of them in double precision. Writing: parameters and moments, one of them twice.
    double drawing = weights + stack + hidden * hidden * (cell.gates() + 2);
    double writing = weights * (2 + moments);
    return new TrainingMemory(
        weights,
        Float.BYTES * (weights * (2 + moments) + activations),
        Float.BYTES * Math.max(drawing, writing));
  }

  /**
   * Checks that it can be had.
   *
   * @param backend the device in words, as {@link dev.sequor.backend.Backend#name()} has it. A GPU
   *     checks its own memory, which only its driver knows
   * @throws IllegalArgumentException naming the limit that is passed
   */
  void requireFit(String backend) {
    boolean onHeap = backend.startsWith("java");
    HeapLimit.require("training " + this, onHeap ? deviceBytes + heapBytes : heapBytes);
    double machine = machineBytes();
    if (backend.startsWith("cpu") && deviceBytes + heapBytes > machine) {
      throw new IllegalArgumentException(
          "training "
              + this
              + " takes at least "
              + HeapLimit.words(deviceBytes + heapBytes)
              + "; this machine has "
              + HeapLimit.words(machine));
    }
  }

  /** Memory and swap space of this machine or container; infinite where it does not say. */
  private static double machineBytes() {
    OperatingSystemMXBean system = ManagementFactory.getOperatingSystemMXBean();
    return system instanceof com.sun.management.OperatingSystemMXBean machine
        ? (double) machine.getTotalMemorySize() + machine.getTotalSwapSpaceSize()
        : Double.POSITIVE_INFINITY;
  }

  @Override
  public String toString() {
    return String.format(Locale.ROOT, "a model of %,.0f weights", weights);
  }
}
