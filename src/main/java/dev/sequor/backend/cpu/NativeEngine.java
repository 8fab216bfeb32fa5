package dev.sequor.backend.cpu;

import dev.sequor.backend.natives.JavaCpp;
import dev.sequor.backend.natives.LibraryUnavailableException;
import dev.sequor.backend.natives.ShippedLibrary;
import java.nio.ByteBuffer;
import org.bytedeco.javacpp.annotation.Cast;
import org.bytedeco.javacpp.annotation.Platform;

/**
 * The functions of {@code native/include/sequor/engine.h}, where they are described. Pointers are
 * plain addresses, 0 for null: calls then cost no objects.
 */
@Platform(include = "sequor/engine.h", link = "sequor_cpu", compiler = "cpp17")
final class NativeEngine {
  static final String LIBRARY = "dev/sequor/backend/cpu/linux-x86_64/libjniNativeEngine.so";

  private static boolean loaded;

  private NativeEngine() {}

  /**
   * Loads the library, once.
   *
   * @throws LibraryUnavailableException if that cannot be done, or it was not built; names the
   *     cause and its cure
   */
  static synchronized void load() {
    if (!loaded) {
      JavaCpp.load(); // the engine looks for classes of JavaCPP, which want their own library
      ShippedLibrary.built(LIBRARY).load();
      loaded = true;
    }
  }

  static native @Cast("int64_t") long sequor_allocate(long bytes);

  static native void sequor_free(@Cast("void*") long memory);

  static native void sequor_copy(
      @Cast("void*") long to, @Cast("const void*") long from, long bytes);

  /** From a direct buffer's first byte. */
  static native void sequor_copy(
      @Cast("void*") long to, @Cast("const void*") ByteBuffer from, long bytes);

  /** To a direct buffer's first byte. */
  static native void sequor_copy(
      @Cast("void*") ByteBuffer to, @Cast("const void*") long from, long bytes);

  static native void sequor_fill(@Cast("float*") long to, long elements, float value);

  static native @Cast("const char*") String sequor_best_instruction_set();

  static native int sequor_multiplies_bfloat16(String instructionSet);

  static native @Cast("int64_t") long sequor_engine_create(
      String instructionSet, int threads, int shareEverything, int products);

  static native void sequor_engine_destroy(@Cast("SeqEngine*") long engine);

  static native @Cast("int64_t") long sequor_layer_create(
      @Cast("SeqEngine*") long engine,
      String cell,
      int timeSteps,
      int batch,
      int input,
      int hidden,
      int outputStride,
      int training,
      int weights,
      @Cast("const SeqBlockLayout*") long[] block);

  static native void sequor_layer_destroy(@Cast("SeqLayer*") long layer);

  static native long sequor_layer_saved_elements(@Cast("const SeqLayer*") long layer);

  static native @Cast("int64_t") long sequor_weights_create(@Cast("const SeqLayer*") long layer);

  static native void sequor_weights_destroy(@Cast("SeqWeights*") long weights);

  static native void sequor_layer_use_weights(
      @Cast("SeqLayer*") long layer, @Cast("const SeqWeights*") long weights);

  static native void sequor_layer_rows(
      @Cast("SeqLayer*") long layer,
      int steps,
      int identity,
      @Cast("const int32_t*") int[] offsets,
      @Cast("const int32_t*") int[] paddedRows,
      @Cast("const int32_t*") int[] order,
      @Cast("const int32_t*") int[] padding,
      int paddingCount);

  static native void sequor_layer_forward(
      @Cast("SeqLayer*") long layer,
      @Cast("const float*") long parameters,
      int repack,
      @Cast("const float*") long x,
      @Cast("const float*") long s0,
      @Cast("float*") long y,
      @Cast("float*") long finalState,
      @Cast("float*") long saved);

  static native void sequor_layer_backward(
      @Cast("SeqLayer*") long layer,
      @Cast("const float*") long parameters,
      int repack,
      @Cast("const float*") long x,
      @Cast("const float*") long saved,
      @Cast("const float*") long dy,
      @Cast("const float*") long dFinalState,
      @Cast("float*") long dParameters,
      @Cast("float*") long dx,
      int addToDx,
      @Cast("float*") long dInitialState);

  static native @Cast("int64_t") long sequor_stack_create(
      @Cast("const int64_t*") long[] layers, @Cast("const int64_t*") long[] blocks, int count);

  static native void sequor_stack_destroy(@Cast("SeqStack*") long stack);

  static native void sequor_stack_rows(
      @Cast("SeqStack*") long stack,
      int steps,
      int identity,
      @Cast("const int32_t*") int[] offsets,
      @Cast("const int32_t*") int[] paddedRows,
      @Cast("const int32_t*") int[] order,
      @Cast("const int32_t*") int[] padding,
      int paddingCount);

  static native void sequor_stack_step(
      @Cast("SeqStack*") long stack,
      @Cast("const float*") long parameters,
      int repack,
      @Cast("const float*") long x,
      @Cast("const float*") long initialState,
      @Cast("float*") long y,
      @Cast("float*") long finalState);

  static native void sequor_dropout(
      @Cast("SeqEngine*") long engine,
      long elements,
      int width,
      float p,
      @Cast("const int32_t*") long key,
      int stream,
      @Cast("const float*") long x,
      @Cast("float*") long y);

  static native void sequor_activation(
      @Cast("SeqEngine*") long engine,
      int function,
      long elements,
      @Cast("const float*") long x,
      @Cast("float*") long y);

  static native void sequor_activation_gradient(
      @Cast("SeqEngine*") long engine,
      int function,
      long elements,
      @Cast("const float*") long y,
      @Cast("const float*") long dy,
      @Cast("float*") long dx);

  static native void sequor_copy_columns(
      @Cast("SeqEngine*") long engine,
      int rows,
      int width,
      int sourceColumn,
      int sourceStride,
      int targetColumn,
      int targetStride,
      float factor,
      int add,
      @Cast("const float*") long source,
      @Cast("float*") long target);

  static native void sequor_layer_norm_forward(
      @Cast("SeqEngine*") long engine,
      int rows,
      int width,
      float epsilon,
      @Cast("const float*") long x,
      @Cast("const float*") long parameters,
      @Cast("float*") long y,
      @Cast("float*") long saved);

  static native void sequor_layer_norm_backward(
      @Cast("SeqEngine*") long engine,
      int rows,
      int width,
      @Cast("const float*") long x,
      @Cast("const float*") long parameters,
      @Cast("float*") long saved,
      @Cast("const float*") long dy,
      @Cast("float*") long dx,
      @Cast("float*") long dParameters);

  static native void sequor_gather_steps(
      @Cast("SeqEngine*") long engine,
      int timeSteps,
      int batch,
      int width,
      int reverse,
      float p,
      int stream,
      @Cast("const float*") long x,
      @Cast("const int32_t*") long lengths,
      @Cast("const int32_t*") long key,
      @Cast("float*") long target);

  static native void sequor_scatter_steps(
      @Cast("SeqEngine*") long engine,
      int timeSteps,
      int batch,
      int width,
      int reverse,
      float p,
      int stream,
      @Cast("const float*") long from,
      @Cast("const int32_t*") long lengths,
      @Cast("const int32_t*") long key,
      int add,
      @Cast("float*") long dx);

  static native void sequor_step_gates(
      @Cast("SeqEngine*") long engine,
      @Cast("const int32_t*") long step,
      @Cast("const float*") long wx,
      @Cast("const float*") long rh,
      @Cast("const float*") long operand,
      @Cast("const float*") long c,
      @Cast("const float*") long peepholes,
      @Cast("float*") long kept,
      @Cast("float*") long result);

  static native void sequor_step_gates_gradient(
      @Cast("SeqEngine*") long engine,
      @Cast("const int32_t*") long step,
      @Cast("const float*") long kept,
      @Cast("const float*") long operand,
      @Cast("const float*") long c,
      @Cast("const float*") long newCell,
      @Cast("const float*") long peepholes,
      @Cast("float*") long dResult,
      @Cast("float*") long dGates,
      @Cast("float*") long dC,
      @Cast("float*") long dPeepholes);

  static native void sequor_step_output(
      @Cast("SeqEngine*") long engine,
      @Cast("const int32_t*") long step,
      @Cast("const float*") long wx,
      @Cast("const float*") long rh,
      @Cast("const float*") long state,
      @Cast("const float*") long kept,
      @Cast("float*") long candidate,
      @Cast("float*") long result);

  static native void sequor_step_output_gradient(
      @Cast("SeqEngine*") long engine,
      @Cast("const int32_t*") long step,
      @Cast("const float*") long dResult,
      @Cast("const float*") long state,
      @Cast("const float*") long kept,
      @Cast("const float*") long candidate,
      @Cast("float*") long dGates,
      @Cast("float*") long dState,
      @Cast("float*") long dWx,
      @Cast("float*") long dRh);

  static native void sequor_step_keep(
      @Cast("SeqEngine*") long engine,
      @Cast("const int32_t*") long step,
      int k,
      @Cast("const float*") long result,
      @Cast("const float*") long newCell,
      @Cast("const float*") long h,
      @Cast("const float*") long c,
      @Cast("float*") long nextH,
      @Cast("float*") long nextC,
      @Cast("float*") long operand,
      @Cast("float*") long y,
      @Cast("const int32_t*") long lengths,
      @Cast("const int32_t*") long key);

  static native void sequor_step_keep_gradient(
      @Cast("SeqEngine*") long engine,
      @Cast("const int32_t*") long step,
      int k,
      @Cast("const float*") long dy,
      @Cast("float*") long dh,
      @Cast("float*") long dc,
      @Cast("float*") long dResult,
      @Cast("float*") long dNewCell,
      @Cast("const int32_t*") long lengths,
      @Cast("const int32_t*") long key);

  static native void sequor_step_operand_gradient(
      @Cast("SeqEngine*") long engine,
      @Cast("const int32_t*") long step,
      @Cast("const float*") long dOperand,
      @Cast("const float*") long more,
      @Cast("float*") long dState,
      @Cast("const int32_t*") long key);

  static native void sequor_multiply(
      @Cast("SeqEngine*") long engine,
      long elements,
      int add,
      @Cast("const float*") long a,
      @Cast("const float*") long b,
      @Cast("float*") long y);

  static native void sequor_maximum_over_time(
      @Cast("SeqEngine*") long engine,
      int timeSteps,
      int batchSize,
      int width,
      @Cast("const float*") long x,
      @Cast("const int32_t*") long lengths,
      @Cast("float*") long y,
      @Cast("int32_t*") long from);

  static native void sequor_softmax_forward(
      @Cast("SeqEngine*") long engine,
      int rows,
      int width,
      int logarithm,
      @Cast("const float*") long x,
      @Cast("float*") long y);

  static native void sequor_softmax_backward(
      @Cast("SeqEngine*") long engine,
      int rows,
      int width,
      int logarithm,
      @Cast("const float*") long y,
      @Cast("const float*") long dy,
      @Cast("float*") long dx);

  static native void sequor_linear_forward(
      @Cast("SeqEngine*") long engine,
      int rows,
      int input,
      int output,
      int activation,
      @Cast("const float*") long x,
      @Cast("const float*") long weight,
      @Cast("const float*") long bias,
      @Cast("float*") long y);

  static native void sequor_linear_backward(
      @Cast("SeqEngine*") long engine,
      int rows,
      int input,
      int output,
      int activation,
      @Cast("const float*") long x,
      @Cast("const float*") long weight,
      @Cast("const float*") long y,
      @Cast("float*") long dy,
      @Cast("float*") long dx,
      @Cast("float*") long dWeight,
      @Cast("float*") long dBias);

  static native void sequor_embedding_forward(
      @Cast("SeqEngine*") long engine,
      int rows,
      int width,
      @Cast("const int32_t*") long tokens,
      @Cast("const float*") long table,
      @Cast("float*") long y);

  static native void sequor_embedding_backward(
      @Cast("SeqEngine*") long engine,
      int rows,
      int width,
      @Cast("const int32_t*") long tokens,
      @Cast("const float*") long dy,
      @Cast("float*") long dTable);

  static native void sequor_loss(
      @Cast("SeqEngine*") long engine,
      int function,
      @Cast("const float*") float[] constants,
      int timeSteps,
      int batch,
      int output,
      @Cast("const float*") long outputs,
      @Cast("const void*") long targets,
      @Cast("const int32_t*") long lengths,
      @Cast("const float*") long weights,
      @Cast("const float*") long gradientScale,
      @Cast("const float*") long lossScale,
      @Cast("float*") long dOutputs,
      @Cast("float*") long result);

  static native void sequor_ctc_loss(
      @Cast("SeqEngine*") long engine,
      int timeSteps,
      int batch,
      int output,
      int mostLabels,
      int blank,
      @Cast("const float*") long outputs,
      @Cast("const int32_t*") long labels,
      @Cast("const int32_t*") long labelLengths,
      @Cast("const int32_t*") long lengths,
      @Cast("const float*") long gradientScale,
      @Cast("const float*") long lossScale,
      @Cast("float*") long dOutputs,
      @Cast("float*") long workspace,
      @Cast("float*") long result);

  static native void sequor_optimizer_step(
      @Cast("SeqEngine*") long engine,
      int rule,
      @Cast("const float*") long rates,
      int regions,
      @Cast("const int32_t*") long ends,
      @Cast("const int32_t*") long groups,
      long elements,
      @Cast("float*") long parameters,
      @Cast("const float*") long gradients,
      @Cast("float*") long moments,
      @Cast("float*") long report);

  static native void sequor_engine_fix_threads(@Cast("SeqEngine*") long engine, int threads);

  static native void sequor_elementary_function(
      @Cast("SeqEngine*") long engine,
      int function,
      long n,
      @Cast("const float*") long x,
      @Cast("float*") long y);
}
