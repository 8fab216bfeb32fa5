// One instruction set's matrix product; compiled once for each, with SEQ_ISA its name and the flags that go with it.
#include <algorithm>
#include <cstring>
#include <vector>

#include "gemm.h"
#include "narrow.h"

namespace simulator {
namespace SEQ_ISA {

namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16, kColumns = 12;
#elif defined(__AVX2__)
constexpr int kLanes = 8, kColumns = 6;
#else
constexpr int kLanes = 4, kColumns = 4;
#endif
constexpr int kRows = 2 * kLanes;  // a tile of C is kRows x kColumns, its sums stay in registers
constexpr int kDepth = 256;        // of a block of k: the longest sum in float
constexpr int kRowBlock = 8 * kRows, kColumnBlock = 40 * kColumns;

typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float)), aligned(4)));

struct Operand {
  const void* data;
  Type type;
  Rounding rounding;
  bool transposed;
  int leading;

  float get(size_t row, size_t column) const {
    const size_t at = transposed ? column + row * static_cast<size_t>(leading) : row + column * static_cast<size_t>(leading);
    if (type == Type::kHalf) return from_f16(static_cast<const uint16_t*>(data)[at]);
    if (type == Type::kBfloat16) return from_bf16(static_cast<const uint16_t*>(data)[at]);
    const float value = static_cast<const float*>(data)[at];
    switch (rounding) {
      case Rounding::kTf32: return to_tf32(value);
      case Rounding::kHalf: return from_f16(to_f16(value));
      case Rounding::kBfloat16: return from_bf16(to_bf16(value));
      default: return value;
    }
  }
};

// Strips of `width` rows, each [depth][width]; missing rows are zero. `rows` of op(A), or columns of op(B) with `swap`.
template <bool swap>
void pack(const Operand& from, int first, int count, int width, int first_k, int depth, float* to) {
  for (int strip = 0; strip < count; strip += width, to += static_cast<size_t>(depth) * width) {
    const int full = std::min(width, count - strip);
    const auto value = [&](int i, int k) {
      const size_t row = static_cast<size_t>(first) + strip + i, column = static_cast<size_t>(first_k) + k;
      return swap ? from.get(column, row) : from.get(row, column);
    };
    const bool rows_contiguous = swap == from.transposed;
    if (full < width) std::fill_n(to, static_cast<size_t>(depth) * width, 0.0f);
    if (rows_contiguous) {
      for (int k = 0; k < depth; k++) {
        for (int i = 0; i < full; i++) to[static_cast<size_t>(k) * width + i] = value(i, k);
      }
    } else {
      for (int i = 0; i < full; i++) {
        for (int k = 0; k < depth; k++) to[static_cast<size_t>(k) * width + i] = value(i, k);
      }
    }
  }
}

// sums [kColumns][kRows] += the tile's products over `depth`; a [depth][kRows], b [depth][kColumns].
void tile(const float* a, const float* b, int depth, int rows, int columns, double* sums, int stride) {
  Lanes low[kColumns] = {}, high[kColumns] = {};
  for (int k = 0; k < depth; k++, a += kRows, b += kColumns) {
    Lanes a_low, a_high;
    std::memcpy(&a_low, a, sizeof a_low);
    std::memcpy(&a_high, a + kLanes, sizeof a_high);
#pragma GCC unroll 12
    for (int j = 0; j < kColumns; j++) {
      low[j] += a_low * b[j];
      high[j] += a_high * b[j];
    }
  }
  for (int j = 0; j < columns; j++) {
    float column[kRows];
    std::memcpy(column, &low[j], sizeof low[j]);
    std::memcpy(column + kLanes, &high[j], sizeof high[j]);
    double* to = sums + static_cast<size_t>(j) * stride;
    for (int i = 0; i < rows; i++) to[i] += column[i];
  }
}

void store(const Gemm& g, int first_column, int columns, const double* sums) {
  for (int j = 0; j < columns; j++) {
    const size_t begin = (static_cast<size_t>(first_column) + j) * g.ldc;
    const double* from = sums + static_cast<size_t>(j) * g.m;
    for (int i = 0; i < g.m; i++) {
      auto* narrow = static_cast<uint16_t*>(g.c) + begin + i;
      auto* wide = static_cast<float*>(g.c) + begin + i;
      double value = static_cast<double>(g.alpha) * from[i];
      if (g.beta != 0) {
        const float old = g.type_c == Type::kFloat  ? *wide
                          : g.type_c == Type::kHalf ? from_f16(*narrow)
                                                    : from_bf16(*narrow);
        value += static_cast<double>(g.beta) * old;
      }
      const auto result = static_cast<float>(value);
      if (g.type_c == Type::kFloat) {
        *wide = result;
      } else {
        *narrow = g.type_c == Type::kHalf ? to_f16(result) : to_bf16(result);
      }
    }
  }
}

int rounded_up(int count, int unit) { return (count + unit - 1) / unit * unit; }

}  // namespace

void multiply(const Gemm& g) {
  const Operand a{g.a, g.type, g.rounding, g.transpose_a, g.lda}, b{g.b, g.type, g.rounding, g.transpose_b, g.ldb};
  std::vector<float> packed_a(static_cast<size_t>(std::min(kRowBlock, rounded_up(g.m, kRows))) * std::min(kDepth, g.k));
  std::vector<float> packed_b(static_cast<size_t>(std::min(kColumnBlock, rounded_up(g.n, kColumns))) * std::min(kDepth, g.k));
  std::vector<double> sums;
  for (int j = 0; j < g.n; j += kColumnBlock) {
    const int columns = std::min(kColumnBlock, g.n - j);
    sums.assign(static_cast<size_t>(columns) * g.m, 0.0);
    for (int p = 0; g.alpha != 0 && p < g.k; p += kDepth) {
      const int depth = std::min(kDepth, g.k - p);
      pack<true>(b, j, columns, kColumns, p, depth, packed_b.data());
      for (int i = 0; i < g.m; i += kRowBlock) {
        const int rows = std::min(kRowBlock, g.m - i);
        pack<false>(a, i, rows, kRows, p, depth, packed_a.data());
        for (int jj = 0; jj < columns; jj += kColumns) {
          for (int ii = 0; ii < rows; ii += kRows) {
            tile(packed_a.data() + static_cast<size_t>(ii) * depth, packed_b.data() + static_cast<size_t>(jj) * depth, depth,
                 std::min(kRows, rows - ii), std::min(kColumns, columns - jj),
                 sums.data() + static_cast<size_t>(jj) * g.m + i + ii, g.m);
          }
        }
      }
    }
    store(g, j, columns, sums.data());
  }
}

}  // namespace SEQ_ISA
}  // namespace simulator
