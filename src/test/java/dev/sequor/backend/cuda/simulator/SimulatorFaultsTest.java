package dev.sequor.backend.cuda.simulator;

import static jcuda.driver.JCudaDriver.cuCtxSynchronize;
import static jcuda.driver.JCudaDriver.cuEventCreate;
import static jcuda.driver.JCudaDriver.cuEventRecord;
import static jcuda.driver.JCudaDriver.cuMemFree;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoH;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoD;
import static jcuda.driver.JCudaDriver.cuStreamCreate;
import static jcuda.driver.JCudaDriver.cuStreamWaitEvent;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.cuda.simulator.RawCuda.Shape;
import dev.sequor.backend.cuda.simulator.SimulatorControl.Field;
import java.util.Arrays;
import java.util.function.LongPredicate;
import java.util.stream.LongStream;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** One planted fault of each kind is caught, and its twin without the fault is not. */
class SimulatorFaultsTest extends SimulatorTest {

  @Test
  void outOfBoundsWriteIsReportedWithKernelAllocationAndDistance() {
    assumeNotSanitized();
    CUdeviceptr to = cuda.allocate(1000 * Float.BYTES);
    assertEquals(SUCCESS, cuda.launch("simulator_out_of_bounds", Shape.of(8, 128), null, to, 1000));
    assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
    String message = control.lastError();
    assertContains(message, "simulator_out_of_bounds");
    assertContains(message, "0 bytes past the end of an allocation of 4000 bytes");
  }

  @Test
  void failureSticksToItsContextOnly() {
    assumeNotSanitized();
    CUdeviceptr to = cuda.allocate(Float.BYTES);
    assertEquals(SUCCESS, cuda.launch("simulator_out_of_bounds", Shape.of(1, 32), null, to, 1));
    assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
    assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
    assertEquals(
        CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,
        cuMemcpyDtoH(Pointer.to(new float[1]), to, Float.BYTES));
    try (RawCuda other = new RawCuda(0)) {
      CUdeviceptr good = other.upload(1, 2);
      assertEquals(2, other.download(good, 2)[1]);
    }
    cuda.makeCurrent();
  }

  @Test
  void workThatTheControlRefusesIsLeftOutAndNothingElse() {
    CUdeviceptr data = cuda.upload(1, 2);
    CUdeviceptr sum = cuda.upload(0, 0);
    control.set(Field.FAILURE_CODE, CUresult.CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
    control.set(Field.REFUSE_WORK, 2);
    Shape shape = Shape.of(1, 32);
    assertEquals(SUCCESS, cuda.launch("simulator_add", shape, null, sum, data, 2));
    assertEquals(
        CUresult.CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,
        cuda.launch("simulator_add", shape, null, sum, data, 2));
    assertEquals(0, control.get(Field.REFUSE_WORK));
    assertEquals(SUCCESS, cuda.launch("simulator_add", shape, null, sum, data, 2));
    assertEquals(4, cuda.download(sum, 2)[1]);
  }

  @Test
  void workThatTheControlFailsLosesTheContext() {
    CUdeviceptr data = cuda.upload(1, 2);
    control.set(Field.FAILURE_CODE, CUresult.CUDA_ERROR_LAUNCH_FAILED);
    control.set(Field.FAIL_WORK, 1);
    assertEquals(SUCCESS, cuda.launch("simulator_add", Shape.of(1, 32), null, data, data, 2));
    assertEquals(CUresult.CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize());
    assertContains(control.lastError(), "running work fails as the control asked");
    assertEquals(0, control.get(Field.FAIL_WORK));
    assertEquals(CUresult.CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize());
  }

  @Test
  void sharedMemoryOverrunIsReported() {
    assumeNotSanitized();
    CUdeviceptr data = cuda.upload(new float[64]);
    Shape shape = new Shape(1, 64, 64 * Float.BYTES);
    assertEquals(SUCCESS, cuda.launch("simulator_shared_out_of_bounds", shape, null, data));
    assertEquals(CUresult.CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize());
    assertContains(control.lastError(), "wrote past the 256 bytes of shared memory");
  }

  @Test
  void missingBlockBarrierGivesWrongResultsUnderSomeSeed() {
    assertTrue(anySeed(3, seed -> !reversesRight("simulator_reverse_without_barrier")));
  }

  @Test
  void kernelWithItsBarrierIsRightUnderEverySeed() {
    assertTrue(everySeed(seed -> reversesRight("simulator_reverse")));
  }

  private boolean reversesRight(String kernel) {
    int threads = 64;
    float[] values = new float[4 * threads];
    float[] expected = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
      expected[i] = i / threads * threads + threads - 1 - i % threads;
    }
    CUdeviceptr data = cuda.upload(values);
    Shape shape = new Shape(4, threads, threads * Float.BYTES);
    assertEquals(SUCCESS, cuda.launch(kernel, shape, null, data));
    return Arrays.equals(expected, cuda.download(data, values.length));
  }

  @Test
  void wrongArgumentOrderNamesKernelAndArgument() {
    CUdeviceptr to = cuda.upload(new float[100]);
    CUdeviceptr from = cuda.upload(new float[100]);
    // The kernel's parameters are (to, from, n).
    assertEquals(SUCCESS, cuda.launch("simulator_add", Shape.of(1, 128), null, to, 100L, from));
    assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
    assertContains(
        control.lastError(), "kernel simulator_add, argument 2 of 3: 0x64 is not a pointer");
  }

  @Test
  void uninitialisedMemoryReadsAsNaN() {
    CUdeviceptr sum = cuda.upload(1, 2, 3);
    CUdeviceptr fresh = cuda.allocate(3 * Float.BYTES);
    assertEquals(SUCCESS, cuda.launch("simulator_add", Shape.of(1, 32), null, sum, fresh, 3));
    for (float value : cuda.download(sum, 3)) {
      assertTrue(Float.isNaN(value));
    }
  }

  @Test
  void missingEventBetweenStreamsGivesWrongResultsUnderSomeSeed() {
    assertTrue(anySeed(8, seed -> sumOverTwoStreams(false) != 3));
  }

  @Test
  void streamsOrderedByAnEventAreRightUnderEverySeed() {
    assertTrue(everySeed(seed -> sumOverTwoStreams(true) == 3));
  }

  /** Fills a with 1 in one stream, then adds it, in another, to b, which is 2. */
  private float sumOverTwoStreams(boolean event) {
    CUdeviceptr a = cuda.upload(new float[256]);
    CUdeviceptr b = cuda.upload(filled(256, 2));
    CUstream first = stream();
    CUstream second = stream();
    Shape shape = Shape.of(2, 128);
    assertEquals(SUCCESS, cuda.launch("simulator_fill", shape, first, a, 256L, 1f));
    if (event) {
      CUevent done = new CUevent();
      RawCuda.require(cuEventCreate(done, CUevent_flags.CU_EVENT_DISABLE_TIMING));
      RawCuda.require(cuEventRecord(done, first));
      RawCuda.require(cuStreamWaitEvent(second, done, 0));
    }
    assertEquals(SUCCESS, cuda.launch("simulator_add", shape, second, b, a, 256));
    RawCuda.require(cuCtxSynchronize());
    return cuda.download(b, 256)[255];
  }

  @Test
  void barrierThatThreadsLeftIsReportedWithItsPlace() {
    CUdeviceptr data = cuda.upload(new float[64]);
    assertEquals(SUCCESS, cuda.launch("simulator_barrier_left", Shape.of(2, 64), null, data));
    assertEquals(CUresult.CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize());
    String message = control.lastError();
    assertContains(message, "kernel simulator_barrier_left: no runnable fiber");
    assertContains(message, "32 threads wait at the block barrier faults.cu:");
    assertContains(message, "32 of 64 threads have returned");
  }

  @Test
  void spinWithoutEndIsReported() {
    CUdeviceptr flag = cuda.upload(0f);
    assertEquals(SUCCESS, cuda.launchCooperative("simulator_endless_spin", Shape.of(2, 1), flag));
    assertEquals(CUresult.CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize());
    assertContains(control.lastError(), "no runnable fiber: 2 threads wait at the spin faults.cu:");
  }

  @Test
  void useAfterFreeInAKernelIsReported() {
    CUdeviceptr data = cuda.upload(new float[100]);
    RawCuda.require(cuMemFree(data));
    assertEquals(SUCCESS, cuda.launch("simulator_fill", Shape.of(1, 128), null, data, 100L, 1f));
    assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
    assertContains(control.lastError(), "kernel simulator_fill, argument 1 of 3:");
    assertContains(control.lastError(), "use after free");
  }

  @Test
  void useAfterFreeInACopyIsReported() {
    CUdeviceptr data = cuda.upload(1, 2);
    RawCuda.require(cuMemFree(data));
    assertEquals(
        CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,
        cuMemcpyDtoH(Pointer.to(new float[2]), data, 2 * Float.BYTES));
    assertContains(control.lastError(), "cuMemcpyDtoH of 8 bytes");
    assertContains(control.lastError(), "use after free");
  }

  @Test
  void secondFreeIsRefused() {
    CUdeviceptr data = cuda.upload(1);
    RawCuda.require(cuMemFree(data));
    assertEquals(CUresult.CUDA_ERROR_INVALID_VALUE, cuMemFree(data));
    assertContains(control.lastError(), "freed already");
  }

  @Test
  void copyPastTheEndOfAnAllocationIsReported() {
    CUdeviceptr data = cuda.upload(1, 2);
    assertEquals(
        CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,
        cuMemcpyHtoD(data, Pointer.to(new float[3]), 3 * Float.BYTES));
    assertContains(control.lastError(), "reach 4 bytes past the end of an allocation of 8 bytes");
  }

  /** The twin of each reads or writes the same at a shift that is a multiple of its size. */
  @ParameterizedTest(name = "{0} shifted by {1}")
  @CsvSource({
    "simulator_copy_fours, 1, 4, struct float4, 16",
    "simulator_copy_fours, 2, 8, struct float4, 16",
    "simulator_load_fours, 2, 4, const struct float4, 16",
    "simulator_load_pairs, 1, 2, const struct uint2, 8",
    "simulator_load_doubles, 1, 2, const double, 8",
    "simulator_load_floats, 2, 8, const float, 4",
    "simulator_shared_fours, 1, 4, const struct float4, 16"
  })
  void misalignedAccessEndsTheLaunch(
      String kernel, int shift, int alignedShift, String type, int alignment) {
    CUdeviceptr to = cuda.upload(new float[4 * 32 + 8]);
    CUdeviceptr from = cuda.upload(new float[4 * 32 + 8]);
    Shape shape = new Shape(1, 32, (4 * 32 + 8) * Float.BYTES);
    assertEquals(SUCCESS, cuda.launch(kernel, shape, null, to, from, alignedShift));
    assertEquals(SUCCESS, cuCtxSynchronize());
    assertEquals(SUCCESS, cuda.launch(kernel, shape, null, to, from, shift));
    assertEquals(CUresult.CUDA_ERROR_MISALIGNED_ADDRESS, cuCtxSynchronize());
    String message = control.lastError();
    assertContains(message, "kernel " + kernel + ": misaligned ");
    assertContains(message, "'" + type + "' at 0x");
    assertContains(message, ", which is not a multiple of " + alignment + " at faults.cu:");
    assertContains(message, " in block (0,0,0) thread (");
    // As on a device, the context is lost.
    assertEquals(CUresult.CUDA_ERROR_MISALIGNED_ADDRESS, cuCtxSynchronize());
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource({
    "simulator_overflow, 2147483647, 2147483646, undefined: overflow of a signed sum",
    "simulator_shift, 32, 31, undefined: shift of a negative number or by too much",
    "simulator_convert, 2147483648, 2147483520, undefined: conversion of a number that",
  })
  void undefinedBehaviourEndsTheLaunch(String kernel, double bad, double good, String what) {
    assumeTrue(control.get(Field.SANITIZED) == 2, "not built with -fsanitize=undefined");
    CUdeviceptr to = cuda.upload(0);
    boolean real = kernel.equals("simulator_convert");
    Object goodArgument = real ? (Object) (float) good : (Object) (int) good;
    Object badArgument = real ? (Object) (float) bad : (Object) (int) bad;
    assertEquals(SUCCESS, cuda.launch(kernel, Shape.of(1, 1), null, to, goodArgument));
    assertEquals(SUCCESS, cuCtxSynchronize());
    assertEquals(SUCCESS, cuda.launch(kernel, Shape.of(1, 1), null, to, badArgument));
    assertEquals(CUresult.CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize());
    assertContains(control.lastError(), "kernel " + kernel + ": " + what);
    assertContains(control.lastError(), " at faults.cu:");
  }

  /**
   * AddressSanitizer ends the process at a write out of bounds, as SimulatorSanitizerTest shows.
   */
  private void assumeNotSanitized() {
    assumeTrue(control.get(Field.SANITIZED) != 1, "AddressSanitizer finds this");
  }

  private static CUstream stream() {
    CUstream stream = new CUstream();
    RawCuda.require(cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING));
    return stream;
  }

  private static float[] filled(int count, float value) {
    float[] values = new float[count];
    Arrays.fill(values, value);
    return values;
  }

  private boolean anySeed(int seeds, LongPredicate holds) {
    return LongStream.rangeClosed(1, seeds).anyMatch(seed -> withSeed(seed, holds));
  }

  private boolean everySeed(LongPredicate holds) {
    return LongStream.rangeClosed(1, 20).allMatch(seed -> withSeed(seed, holds));
  }

  private boolean withSeed(long seed, LongPredicate holds) {
    control.set(Field.SEED, seed);
    return holds.test(seed);
  }

  private static void assertContains(String text, String part) {
    assertTrue(text.contains(part), () -> "\"" + text + "\" lacks \"" + part + "\"");
  }
}
