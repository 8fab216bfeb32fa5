// The matrix product behind the simulated cuBLAS, column-major as there: C = alpha·op(A)·op(B) + beta·C.
#pragma once

#include <cstddef>
#include <cstdint>

namespace simulator {

enum class Type { kFloat, kHalf, kBfloat16 };
enum class Rounding { kNone, kTf32, kHalf, kBfloat16 };  // of float operands before they are multiplied

// What adds the products. Tensor cores take a block of k at a time: the products, which are exact, and the sum so far lose what
// lies below the last bit of a float32 as large as the largest of them, with a few bits more, are added exactly, and the sum is
// cut to a float32. Cut, not rounded: so sums are a little too small, always. (Fasi, Higham, Mikaitis, Pranesh: Numerical
// behavior of NVIDIA tensor cores, 2021; Khattak, Mikaitis: Accurate models of NVIDIA tensor cores, 2025.)
struct Adder {
  int block;       // 0: no tensor cores; products are added one by one, each rounded once
  int extra_bits;  // below a float32's last one
};

// The order in which k is worked through, one of those in which tiled kernels do. `splits` parts of k are summed apart, as by
// blocks that divide k between them; within each, units of k go in turn to `slices` sums, as to the warps of a block. All
// these sums are float32, and so is what becomes of them.
struct Order {
  int splits, slices, first_split;
};

struct Gemm {
  bool transpose_a, transpose_b;
  int m, n, k;
  float alpha, beta;
  Type type, type_c;  // of A and B; of C
  Rounding rounding;
  const void *a, *b;
  void* c;
  int lda, ldb, ldc;
  Adder adder;
  Order order;
};

// An order for a problem of that size, any of those that are likely; the same for the same choice.
Order order_of(int m, int n, int k, uint64_t choice);

// C is not read if beta is 0. The fastest variant that the processor can run.
void multiply(const Gemm& gemm);

}  // namespace simulator
