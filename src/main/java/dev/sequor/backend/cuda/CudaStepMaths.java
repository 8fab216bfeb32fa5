package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaMemory.address;

import dev.sequor.backend.Memory;
import dev.sequor.backend.options.StateRules;
import dev.sequor.backend.options.StepMaths;
import org.jspecify.annotations.Nullable;

/** Cells with options on a device: {@code kernels/options.cu}. */
final class CudaStepMaths implements StepMaths {
  private final CudaEngine engine;
  private final StateRules rules;

  /** The words of the cell and its rules. */
  private final Memory description;

  /** Takes over the memory. */
  CudaStepMaths(CudaEngine engine, StateRules rules, Memory description) {
    this.engine = engine;
    this.rules = rules;
    this.description = description;
  }

  private KernelArguments arguments(WorkQueue queue) {
    return queue
        .arguments()
        .int32(rules.batchSize())
        .int32(rules.hiddenSize())
        .pointer(address(description));
  }

  private void launch(WorkQueue queue, String kernel) {
    queue.launch(queue.kernel(kernel), (long) rules.batchSize() * rules.hiddenSize());
  }

  @Override
  public void gates(
      Memory wx,
      Memory rh,
      @Nullable Memory operand,
      @Nullable Memory c,
      @Nullable Memory peepholes,
      Memory kept,
      @Nullable Memory result) {
    WorkQueue queue = engine.queue();
    arguments(queue)
        .pointer(address(wx))
        .pointer(address(rh))
        .pointer(address(operand))
        .pointer(address(c))
        .pointer(address(peepholes))
        .pointer(address(kept))
        .pointer(address(result));
    launch(queue, "step_gates");
  }

  @Override
  public void output(
      @Nullable Memory wx,
      @Nullable Memory rh,
      Memory state,
      Memory kept,
      @Nullable Memory candidate,
      Memory result) {
    WorkQueue queue = engine.queue();
    arguments(queue)
        .pointer(address(wx))
        .pointer(address(rh))
        .pointer(address(state))
        .pointer(address(kept))
        .pointer(address(candidate))
        .pointer(address(result));
    launch(queue, "step_output");
  }

  @Override
  public void keep(
      int k,
      Memory result,
      @Nullable Memory newCell,
      Memory h,
      @Nullable Memory c,
      Memory nextH,
      @Nullable Memory nextC,
      @Nullable Memory operand,
      Memory y,
      @Nullable Memory lengths,
      @Nullable Memory key) {
    WorkQueue queue = engine.queue();
    arguments(queue)
        .int32(k)
        .pointer(address(result))
        .pointer(address(newCell))
        .pointer(address(h))
        .pointer(address(c))
        .pointer(address(nextH))
        .pointer(address(nextC))
        .pointer(address(operand))
        .pointer(address(y))
        .pointer(address(lengths))
        .pointer(address(key));
    launch(queue, "step_keep");
  }

  @Override
  public void keepGradient(
      int k,
      @Nullable Memory dy,
      Memory dh,
      @Nullable Memory dc,
      Memory dResult,
      @Nullable Memory dNewCell,
      @Nullable Memory lengths,
      @Nullable Memory key) {
    WorkQueue queue = engine.queue();
    arguments(queue)
        .int32(k)
        .pointer(address(dy))
        .pointer(address(dh))
        .pointer(address(dc))
        .pointer(address(dResult))
        .pointer(address(dNewCell))
        .pointer(address(lengths))
        .pointer(address(key));
    launch(queue, "step_keep_gradient");
  }

  @Override
  public void operandGradient(
      Memory dOperand, @Nullable Memory more, Memory dState, @Nullable Memory key) {
    WorkQueue queue = engine.queue();
    long elements = (long) rules.batchSize() * rules.stateSize();
    queue
        .arguments()
        .int64(elements)
        .pointer(address(description))
        .pointer(address(dOperand))
        .pointer(address(more))
        .pointer(address(dState))
        .pointer(address(key));
    queue.launch(queue.kernel("step_operand_gradient"), elements);
  }

  @Override
  public void outputGradient(
      Memory dResult,
      Memory state,
      Memory kept,
      @Nullable Memory candidate,
      Memory dGates,
      Memory dState,
      @Nullable Memory dwx,
      @Nullable Memory drh) {
    WorkQueue queue = engine.queue();
    arguments(queue)
        .pointer(address(dResult))
        .pointer(address(state))
        .pointer(address(kept))
        .pointer(address(candidate))
        .pointer(address(dGates))
        .pointer(address(dState))
        .pointer(address(dwx))
        .pointer(address(drh));
    launch(queue, "step_output_gradient");
  }

  @Override
  public void gatesGradient(
      Memory kept,
      @Nullable Memory operand,
      @Nullable Memory c,
      @Nullable Memory newCell,
      @Nullable Memory peepholes,
      Memory dResult,
      Memory dGates,
      @Nullable Memory dc,
      @Nullable Memory dPeepholes) {
    WorkQueue queue = engine.queue();
    arguments(queue)
        .pointer(address(kept))
        .pointer(address(operand))
        .pointer(address(c))
        .pointer(address(newCell))
        .pointer(address(peepholes))
        .pointer(address(dResult))
        .pointer(address(dGates))
        .pointer(address(dc))
        .pointer(address(dPeepholes));
    launch(queue, "step_gates_gradient");
  }

  @Override
  public void close() {
    description.free();
  }
}
