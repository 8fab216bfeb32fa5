// One instruction set's matrix product; compiled once for each, with SEQ_ISA its name and the flags that go with it.
#include <algorithm>
#include <cfenv>
#include <cmath>
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
constexpr int kDepth = 256;        // of a block of k
constexpr int kUnit = 16, kLargestBlock = 16;
constexpr int kRowBlock = 8 * kRows, kColumnBlock = 40 * kColumns;

typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float)), aligned(4)));
typedef int Ints __attribute__((vector_size(kLanes * sizeof(int))));
typedef unsigned Wrapping __attribute__((vector_size(kLanes * sizeof(unsigned))));

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

// A part of op(A), or with kB of the transpose of op(B): rows [first, first+count) over `depth` places of k.
struct Part {
  int first, count;
  const int* ks;
  int depth;
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
      const size_t begin = (static_cast<size_t>(part.first) + strip) * row_step;
      if (rows < width) std::fill_n(to, static_cast<size_t>(part.depth) * width, 0.0f);
      if (along_rows) {
        for (int k = 0; k < part.depth; k++) {
          const size_t at = begin + part.ks[k] * k_step;
          for (int i = 0; i < rows; i++) to[static_cast<size_t>(k) * width + i] = read(at + i);
        }
      } else {
        for (int i = 0; i < rows; i++) {
          const size_t at = begin + i * row_step;
          for (int k = 0; k < part.depth; k++) to[static_cast<size_t>(k) * width + i] = read(at + part.ks[k]);
        }
      }
    }
  });
}

// A tile's sums, from memory and back: columns `stride` apart. Only the first rows and columns are there.
struct Sums {
  float* data;
  int rows, columns, stride;

  void load(Lanes (&low)[kColumns], Lanes (&high)[kColumns]) const {
    for (int j = 0; j < columns; j++) {
      float column[kRows] = {};
      std::memcpy(column, data + static_cast<size_t>(j) * stride, rows * sizeof(float));
      std::memcpy(&low[j], column, sizeof low[j]);
      std::memcpy(&high[j], column + kLanes, sizeof high[j]);
    }
  }

  void store(const Lanes (&low)[kColumns], const Lanes (&high)[kColumns]) const {
    for (int j = 0; j < columns; j++) {
      float column[kRows];
      std::memcpy(column, &low[j], sizeof low[j]);
      std::memcpy(column + kLanes, &high[j], sizeof high[j]);
      std::memcpy(data + static_cast<size_t>(j) * stride, column, rows * sizeof(float));
    }
  }
};

Lanes lanes_at(const float* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

// Adds the tile's products over `depth` to its sums, one by one; a [depth][kRows], b [depth][kColumns].
void add_one_by_one(const float* a, const float* b, int depth, const Sums& sums) {
  Lanes low[kColumns] = {}, high[kColumns] = {};
  sums.load(low, high);
  for (int k = 0; k < depth; k++, a += kRows, b += kColumns) {
    const Lanes a_low = lanes_at(a), a_high = lanes_at(a + kLanes);
#pragma GCC unroll 12
    for (int j = 0; j < kColumns; j++) {
      low[j] += a_low * b[j];
      high[j] += a_high * b[j];
    }
  }
  sums.store(low, high);
}

// Conversions to float32 cut while it lives.
class TowardZero {
 public:
  TowardZero() : before_(std::fegetround()) { std::fesetround(FE_TOWARDZERO); }
  TowardZero(const TowardZero&) = delete;
  TowardZero& operator=(const TowardZero&) = delete;
  ~TowardZero() { std::fesetround(before_); }

 private:
  int before_;
};

// sum + Σ a_k·b_k over `count` places of k, as a tensor core adds them; a [count][kRows], b [count][kColumns]. `large` collects
// lanes in which something is infinite, NaN, or so large that the sum may be.
inline __attribute__((always_inline)) Lanes add_block(Lanes sum, const float* a, const float* b, int count, int extra_bits,
                                                      Ints& large) {
  const auto magnitude = [](Lanes x) { return reinterpret_cast<Ints>(x) & 0x7fffffff; };
  Lanes products[kLargestBlock];
  Ints largest = magnitude(sum);
  for (int i = 0; i < count; i++) {
    products[i] = lanes_at(a + i * kRows) * b[i * kColumns];
    const Ints of_product = magnitude(products[i]);
    largest = of_product > largest ? of_product : largest;
  }
  Ints exponent = largest >> 23;
  large |= exponent > 248;
  // Below that, what is cut off would be denormal.
  exponent = exponent < 24 + extra_bits ? (Ints{} + 24 + extra_bits) : exponent;
  // So that the last bit that is kept becomes 1, and back.
  const Lanes up = reinterpret_cast<Lanes>((277 + extra_bits - exponent) << 23);
  const Lanes down = reinterpret_cast<Lanes>((exponent - 23 - extra_bits) << 23);
  // Below 2^31, but in lanes that are too large, whose sum nobody uses.
  const auto bits = [&](Lanes x) { return reinterpret_cast<Wrapping>(__builtin_convertvector(x * up, Ints)); };
  Wrapping total = bits(sum);
  for (int i = 0; i < count; i++) total += bits(products[i]);
  return __builtin_convertvector(reinterpret_cast<Ints>(total), Lanes) * down;
}

// The same as a tensor core adds them. Its own function, so that nothing of it moves to where rounding is another.
template <int kBlock>
__attribute__((noinline)) bool add_by_blocks(const float* a, const float* b, int depth, int extra_bits, const Sums& sums) {
  Lanes low[kColumns] = {}, high[kColumns] = {};
  sums.load(low, high);
  Ints large = {};
  for (int j = 0; j < sums.columns; j++) {
    int k = 0;
    for (; k + kBlock <= depth; k += kBlock) {
      const float *from = a + static_cast<size_t>(k) * kRows, *with = b + static_cast<size_t>(k) * kColumns + j;
      low[j] = add_block(low[j], from, with, kBlock, extra_bits, large);
      if (sums.rows > kLanes) high[j] = add_block(high[j], from + kLanes, with, kBlock, extra_bits, large);
    }
    if (k < depth) {
      const float *from = a + static_cast<size_t>(k) * kRows, *with = b + static_cast<size_t>(k) * kColumns + j;
      low[j] = add_block(low[j], from, with, depth - k, extra_bits, large);
      if (sums.rows > kLanes) high[j] = add_block(high[j], from + kLanes, with, depth - k, extra_bits, large);
    }
  }
  int any = 0;
  for (int i = 0; i < kLanes; i++) any |= large[i];
  if (any == 0) sums.store(low, high);
  return any == 0;
}

void add(const Adder& adder, const float* a, const float* b, int depth, const Sums& sums) {
  if (adder.block > 0) {
    const TowardZero cut;
    const bool added = adder.block == 4   ? add_by_blocks<4>(a, b, depth, adder.extra_bits, sums)
                       : adder.block == 8 ? add_by_blocks<8>(a, b, depth, adder.extra_bits, sums)
                                          : add_by_blocks<kLargestBlock>(a, b, depth, adder.extra_bits, sums);
    if (added) return;
  }
  add_one_by_one(a, b, depth, sums);
}

void store(const Gemm& g, int first_column, int columns, const float* sums) {
  for (int j = 0; j < columns; j++) {
    const size_t begin = (static_cast<size_t>(first_column) + j) * g.ldc;
    const float* from = sums + static_cast<size_t>(j) * g.m;
    for (int i = 0; i < g.m; i++) {
      auto* narrow = static_cast<uint16_t*>(g.c) + begin + i;
      auto* wide = static_cast<float*>(g.c) + begin + i;
      float result = g.alpha * from[i];
      if (g.beta != 0) {
        const float old = g.type_c == Type::kFloat  ? *wide
                          : g.type_c == Type::kHalf ? from_f16(*narrow)
                                                    : from_bf16(*narrow);
        result = std::fma(g.beta, old, result);
      }
      if (g.type_c == Type::kFloat) {
        *wide = result;
      } else {
        *narrow = g.type_c == Type::kHalf ? to_f16(result) : to_bf16(result);
      }
    }
  }
}

// The places of k that one slice of one split works through: units of them in turn with the other slices.
void places(const Gemm& g, int split, int slice, std::vector<int>& ks) {
  const auto begin_of = [&](int s) { return static_cast<int>(static_cast<long long>(g.k) * s / g.order.splits); };
  const int begin = begin_of(split), end = begin_of(split + 1);
  ks.clear();
  for (int k = begin + slice * kUnit; k < end; k += g.order.slices * kUnit) {
    for (int i = k; i < std::min(k + kUnit, end); i++) ks.push_back(i);
  }
}

int rounded_up(int count, int unit) { return (count + unit - 1) / unit * unit; }

}  // namespace

void multiply(const Gemm& g) {
  const Operand a{g.a, g.type, g.rounding, g.transpose_a, g.lda}, b{g.b, g.type, g.rounding, g.transpose_b, g.ldb};
  std::vector<float> packed_a(static_cast<size_t>(std::min(kRowBlock, rounded_up(g.m, kRows))) * std::min(kDepth, g.k));
  std::vector<float> packed_b(static_cast<size_t>(std::min(kColumnBlock, rounded_up(g.n, kColumns))) *
                              std::min(kDepth, g.k));
  // Of one sum over some of k, of those of a split, of all.
  std::vector<float> partial, split, total;
  std::vector<int> ks;
  for (int j = 0; j < g.n; j += kColumnBlock) {
    const int columns = std::min(kColumnBlock, g.n - j);
    const size_t elements = static_cast<size_t>(columns) * g.m;
    total.assign(elements, 0.0f);
    const int splits = g.alpha != 0 && g.k > 0 ? g.order.splits : 0;
    for (int s = 0; s < splits; s++) {
      split.assign(elements, 0.0f);
      for (int slice = 0; slice < g.order.slices; slice++) {
        places(g, (g.order.first_split + s) % splits, slice, ks);
        partial.assign(elements, 0.0f);
        for (size_t p = 0; p < ks.size(); p += kDepth) {
          const int depth = static_cast<int>(std::min<size_t>(kDepth, ks.size() - p));
          pack<true>(b, {j, columns, ks.data() + p, depth}, kColumns, packed_b.data());
          for (int i = 0; i < g.m; i += kRowBlock) {
            const int rows = std::min(kRowBlock, g.m - i);
            pack<false>(a, {i, rows, ks.data() + p, depth}, kRows, packed_a.data());
            for (int jj = 0; jj < columns; jj += kColumns) {
              for (int ii = 0; ii < rows; ii += kRows) {
                add(g.adder, packed_a.data() + static_cast<size_t>(ii) * depth,
                    packed_b.data() + static_cast<size_t>(jj) * depth, depth,
                    {partial.data() + static_cast<size_t>(jj) * g.m + i + ii, std::min(kRows, rows - ii),
                     std::min(kColumns, columns - jj), g.m});
              }
            }
          }
        }
        for (size_t i = 0; i < elements; i++) split[i] += partial[i];
      }
      for (size_t i = 0; i < elements; i++) total[i] += split[i];
    }
    store(g, j, columns, total.data());
  }
}

}  // namespace SEQ_ISA
}  // namespace simulator
