package dev.sequor.backend.options;

import dev.sequor.backend.Engine;
import dev.sequor.backend.EnginePlan;
import dev.sequor.backend.Memory;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.WeightStorage;
import org.jspecify.annotations.Nullable;

/** An engine that brings what stacks with options are made of. */
public interface OptionsEngine extends Engine {
  /** A stack without {@link dev.sequor.backend.CellOptions}, as fast as this engine can. */
  EnginePlan plainPlan(RnnShape shape, Mode mode, WeightStorage weights);

  /** The element-wise maths of a cell. The caller closes it. */
  StepMaths stepMaths(CellMaths cell, StateRules rules);

  /**
   * {@code target[k,b] = x[time,b]}, masked; 0 where sequence {@code b} has no step {@code k}.
   *
   * @param x {@code [T,B,width]}, by time
   * @param lengths INT32 {@code [B]}, or null
   * @param key of the mask, or null
   * @param target {@code [T,B,width]}, by step
   */
  void gatherSteps(
      StepRows rows, Memory x, @Nullable Memory lengths, @Nullable Memory key, Memory target);

  /**
   * The gradient of {@link #gatherSteps}: {@code dx[time,b] (+)= from[k,b]}, masked; padding
   * becomes 0 if nothing is added.
   */
  void scatterSteps(
      StepRows rows,
      Memory from,
      @Nullable Memory lengths,
      @Nullable Memory key,
      boolean add,
      Memory dx);

  @Override
  default EnginePlan plan(RnnShape shape, Mode mode, WeightStorage weights) {
    return OptionsPlan.isNeeded(shape, mode)
        ? new OptionsPlan(this, shape, mode)
        : plainPlan(OptionsPlan.plain(shape), mode, weights);
  }
}
