// The matrix product behind the simulated cuBLAS, column-major as there: C = alpha·op(A)·op(B) + beta·C.
#pragma once

#include <cstddef>
#include <cstdint>

namespace simulator {

enum class Type { kFloat, kHalf, kBfloat16 };
enum class Rounding { kNone, kTf32, kHalf, kBfloat16 };  // of float operands before they are multiplied

struct Gemm {
  bool transpose_a, transpose_b;
  int m, n, k;
  float alpha, beta;
  Type type, type_c;  // of A and B; of C
  Rounding rounding;
  const void *a, *b;
  void* c;
  int lda, ldb, ldc;
};

// Products are summed in float over blocks of at most 256 of k, and the blocks in double, always in the same order. C is
// not read if beta is 0. The fastest variant that the processor can run.
void multiply(const Gemm& gemm);

}  // namespace simulator
