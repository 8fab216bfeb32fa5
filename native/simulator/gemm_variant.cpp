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
};

// Calls body with a function that reads element `at` of the operand's memory, so that the choice is made once for all.
template <typename Body>
void with_reader(const Operand& from, const Body& body) {
  const auto* narrow = static_cast<const uint16_t*>(from.data);
  const auto* wide = static_cast<const float*>(from.data);
  if (from.type == Type::kHalf) return body([=](size_t at) { return from_f16(narrow[at]); });
  if (from.type == Type::kBfloat16) return body([=](size_t at) { return from_bf16(narrow[at]); });
  switch (from.rounding) {
    case Rounding::kTf32: return body([=](size_t at) { return to_tf32(wide[at]); });
    case Rounding::kHalf: return body([=](size_t at) { return from_f16(to_f16(wide[at])); });
    case Rounding::kBfloat16: return body([=](size_t at) { return from_bf16(to_bf16(wide[at])); });
    default: return body([=](size_t at) { return wide[at]; });
  }
}

// A part of op(A), or with kB of the transpose of op(B): rows [first, first+count) over k in [first_k, first_k+depth).
struct Part {
  int first, count, first_k, depth;
};

// In strips of `width` rows, each [depth][width]; missing rows are zero.
template <bool kB>
void pack(const Operand& from, Part part, int width, float* to) {
  // Does memory run along the rows of the part, or along k?
  const bool along_rows = kB == from.transposed;
  const auto leading = static_cast<size_t>(from.leading);
  const size_t row_step = along_rows ? 1 : leading, k_step = along_rows ? leading : 1;
  with_reader(from, [&](auto read) {
    for (int strip = 0; strip < part.count; strip += width, to += static_cast<size_t>(part.depth) * width) {
      const int rows = std::min(width, part.count - strip);
      const size_t begin = (static_cast<size_t>(part.first) + strip) * row_step + part.first_k * k_step;
      if (rows < width) std::fill_n(to, static_cast<size_t>(part.depth) * width, 0.0f);
      if (along_rows) {
        for (int k = 0; k < part.depth; k++) {
          for (int i = 0; i < rows; i++) to[static_cast<size_t>(k) * width + i] = read(begin + k * k_step + i);
        }
      } else {
        for (int i = 0; i < rows; i++) {
          for (int k = 0; k < part.depth; k++) to[static_cast<size_t>(k) * width + i] = read(begin + i * row_step + k);
        }
      }
    }
  });
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
  std::vector<float> packed_b(static_cast<size_t>(std::min(kColumnBlock, rounded_up(g.n, kColumns))) *
                              std::min(kDepth, g.k));
  std::vector<double> sums;
  for (int j = 0; j < g.n; j += kColumnBlock) {
    const int columns = std::min(kColumnBlock, g.n - j);
    sums.assign(static_cast<size_t>(columns) * g.m, 0.0);
    for (int p = 0; g.alpha != 0 && p < g.k; p += kDepth) {
      const int depth = std::min(kDepth, g.k - p);
      pack<true>(b, {j, columns, p, depth}, kColumns, packed_b.data());
      for (int i = 0; i < g.m; i += kRowBlock) {
        const int rows = std::min(kRowBlock, g.m - i);
        pack<false>(a, {i, rows, p, depth}, kRows, packed_a.data());
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
