package dev.sequor.backend.cuda;

import dev.sequor.backend.BackendSettings;
import java.util.Locale;
import jcuda.cudaDataType;
import jcuda.jcublas.cublasComputeType;

/**
 * What matrix products multiply. Sums, cell states, master weights and everything element-wise are
 * float32 in every mode; the operands of a product are rounded once, to nearest, when they are
 * written.
 */
enum MathMode {
  /** Strict float32; the tensor cores are not used. */
  FP32(0, 4, cudaDataType.CUDA_R_32F, cublasComputeType.CUBLAS_COMPUTE_32F),
  /** 10 bits of mantissa, float32's range. */
  TF32(1, 4, cudaDataType.CUDA_R_32F, cublasComputeType.CUBLAS_COMPUTE_32F_FAST_TF32),
  /** 7 bits of mantissa, float32's range, half the memory. */
  BF16(2, 2, cudaDataType.CUDA_R_16BF, cublasComputeType.CUBLAS_COMPUTE_32F_FAST_16BF),
  /** 10 bits of mantissa, largest number 65504, half the memory. */
  FP16(3, 2, cudaDataType.CUDA_R_16F, cublasComputeType.CUBLAS_COMPUTE_32F_FAST_16F);

  private final int operandType;
  private final int operandBytes;
  private final int blasType;
  private final int floatComputeType;

  MathMode(int operandType, int operandBytes, int blasType, int floatComputeType) {
    this.operandType = operandType;
    this.operandBytes = operandBytes;
    this.blasType = blasType;
    this.floatComputeType = floatComputeType;
  }

  /** The number that kernels know the operands' type by ({@code kernels/operand.h}). */
  int operandType() {
    return operandType;
  }

  /** Bytes of one element of an operand. */
  int operandBytes() {
    return operandBytes;
  }

  /** The operands' {@code cudaDataType}. */
  int blasType() {
    return blasType;
  }

  /** The {@code cublasComputeType} that rounds float32 operands to this mode's type itself. */
  int floatComputeType() {
    return floatComputeType;
  }

  /** The mode that {@link BackendSettings#mathMode()} names. */
  static MathMode of(String name) {
    return valueOf(name.toUpperCase(Locale.ROOT));
  }
}
