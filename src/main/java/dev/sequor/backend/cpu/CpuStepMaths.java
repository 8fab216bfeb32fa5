package dev.sequor.backend.cpu;

import static dev.sequor.backend.cpu.CpuMemory.address;

import dev.sequor.backend.Memory;
import dev.sequor.backend.options.StepMaths;
import org.jspecify.annotations.Nullable;

/** Passes everything on to the native engine. */
final class CpuStepMaths implements StepMaths {
  private final long engine;

  /** The words of the cell and its rules. */
  private final Memory description;

  private final long step;

  /** Takes over the memory. */
  CpuStepMaths(long engine, Memory description) {
    this.engine = engine;
    this.description = description;
    this.step = address(description);
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
    NativeEngine.sequor_step_gates(
        engine,
        step,
        address(wx),
        address(rh),
        address(operand),
        address(c),
        address(peepholes),
        address(kept),
        address(result));
  }

  @Override
  public void output(
      @Nullable Memory wx,
      @Nullable Memory rh,
      Memory state,
      Memory kept,
      @Nullable Memory candidate,
      Memory result) {
    NativeEngine.sequor_step_output(
        engine,
        step,
        address(wx),
        address(rh),
        address(state),
        address(kept),
        address(candidate),
        address(result));
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
    NativeEngine.sequor_step_keep(
        engine,
        step,
        k,
        address(result),
        address(newCell),
        address(h),
        address(c),
        address(nextH),
        address(nextC),
        address(operand),
        address(y),
        address(lengths),
        address(key));
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
    NativeEngine.sequor_step_keep_gradient(
        engine,
        step,
        k,
        address(dy),
        address(dh),
        address(dc),
        address(dResult),
        address(dNewCell),
        address(lengths),
        address(key));
  }

  @Override
  public void operandGradient(
      Memory dOperand, @Nullable Memory more, Memory dState, @Nullable Memory key) {
    NativeEngine.sequor_step_operand_gradient(
        engine, step, address(dOperand), address(more), address(dState), address(key));
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
    NativeEngine.sequor_step_output_gradient(
        engine,
        step,
        address(dResult),
        address(state),
        address(kept),
        address(candidate),
        address(dGates),
        address(dState),
        address(dwx),
        address(drh));
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
    NativeEngine.sequor_step_gates_gradient(
        engine,
        step,
        address(kept),
        address(operand),
        address(c),
        address(newCell),
        address(peepholes),
        address(dResult),
        address(dGates),
        address(dc),
        address(dPeepholes));
  }

  @Override
  public void close() {
    description.free();
  }
}
