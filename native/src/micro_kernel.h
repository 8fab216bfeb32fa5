// The register-tiled micro-kernel of all matrix products, and its table of all sizes of tiles.
#pragma once

#include "kernel_table.h"
#include "weights.h"

namespace sequor {
namespace SEQ_ISA {

// Tile of kMr rows and two registers of columns: 28 of 32 accumulators with AVX-512, 12 of 16 with AVX2 and SSE.
#if SEQ_LANES == 16
constexpr int kMr = 14;
#else
constexpr int kMr = 6;
#endif
constexpr int kNr = 2 * kLanes;
// Entries of a list of rows: interleave looks at a register of them.
constexpr int kMost = kMr > kLanes ? kMr : kLanes;

// Rows of a tile from which on the micro-kernel makes one sum of each element.
constexpr int kWholeTile = 4;

// c[M, NV·lanes] (+)= a[M,K] · b[K, NV·lanes]. a is row-major with stride lda, or packed as [K,M]; b is packed in format W, with a
// factor for each column in scales where the format has them. Where the format multiplies words of two numbers, K and lda are words.
// Few accumulators would leave the multipliers idle between dependent additions, so tiles of few rows split K into kSplit sums.
// That depends on M alone: the panel of one register at the end of somebody's columns must sum as the same columns do inside a panel
// of two. Whoever cuts rows into tiles therefore cuts the whole problem's, and shares out tiles.
// Large tiles leave time to fetch what comes later: `ahead` bytes from `later` on, so many for each k.
template <int M, int NV, bool kPackedA, typename W>
static void micro_kernel(long K, const typename W::Left* a, long lda, const typename W::Element* b, const float* scales,
                         float* c, long ldc, bool accumulate, const char* later, long ahead) {
  constexpr int kSplit = M >= kWholeTile ? 1 : (M >= 2 ? 2 : 4);
  constexpr int kRun = W::kRun, kStep = kSplit > kRun ? kSplit : kRun;
  Simd acc[kSplit][M][NV];
  for (int u = 0; u < kSplit; ++u)
    for (int i = 0; i < M; ++i)
      for (int v = 0; v < NV; ++v) acc[u][i][v] = Simd{};
  // What c holds is needed at the end only; until then there is time to fetch it.
  if (accumulate) {
    for (int i = 0; i < M; ++i)
      for (int v = 0; v < NV; ++v) __builtin_prefetch(c + i * ldc + v * kLanes, 1);
  }
  long k = 0;
  for (; k + kStep <= K; k += kStep) {
    if (kSplit == 1) __builtin_prefetch(later + k * ahead, 0, 2);
#pragma GCC unroll 4
    for (int u = 0; u < kStep; u += kRun) {
#pragma GCC unroll 4
      for (int r = 0; r < kRun; ++r) {
        decltype(W::unpack(b, 0)) bv[NV];
#pragma GCC unroll 2
        for (int v = 0; v < NV; ++v) bv[v] = W::unpack(b + (u / kRun * NV + v) * kLanes, r);
#pragma GCC unroll 16
        for (int i = 0; i < M; ++i) {
          const auto av = W::spread(kPackedA ? a[(k + u + r) * M + i] : a[i * lda + k + u + r]);
#pragma GCC unroll 2
          for (int v = 0; v < NV; ++v) W::add_product(acc[(u + r) % kSplit][i][v], av, bv[v]);
        }
      }
    }
    b += kStep / kRun * NV * kLanes;
  }
  if (kStep > 1) {
    for (; k < K; k += kRun) {
      for (int v = 0; v < NV; ++v) {
        for (int r = 0; r < kRun && k + r < K; ++r) {
          const auto bv = W::unpack(b + v * kLanes, r);
          for (int i = 0; i < M; ++i)
            W::add_product(acc[0][i][v], W::spread(kPackedA ? a[(k + r) * M + i] : a[i * lda + k + r]), bv);
        }
      }
      b += NV * kLanes;
    }
    for (int u = 1; u < kSplit; ++u)
      for (int i = 0; i < M; ++i)
        for (int v = 0; v < NV; ++v) acc[0][i][v] += acc[u][i][v];
  }
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i) {
#pragma GCC unroll 2
    for (int v = 0; v < NV; ++v) {
      float* to = c + i * ldc + v * kLanes;
      const Simd result = W::kScaled ? acc[0][i][v] * load(scales + v * kLanes).v : acc[0][i][v];
      store(to, accumulate ? Vec(load(to).v + result) : Vec(result));
    }
  }
}

// c[M, P·NV·lanes] = a[M,K] · P panels of NV registers, `panel` elements apart, for M < kWholeTile. Each element is one sum, as in a
// tile of more rows; it is several panels side by side that keep the multipliers busy.
template <int M, int NV, int P, bool kPackedA, typename W>
static void few_rows(long K, const typename W::Left* a, long lda, const typename W::Element* b, long panel,
                     const float* scales, float* c, long ldc) {
  constexpr int kRun = W::kRun;
  Simd acc[M][P * NV];
  for (int i = 0; i < M; ++i)
    for (int v = 0; v < P * NV; ++v) acc[i][v] = Simd{};
  for (long k = 0; k < K; k += kRun, b += NV * kLanes) {
#pragma GCC unroll 4
    for (int r = 0; r < kRun; ++r) {
      if (kRun > 1 && k + r >= K) break;
      decltype(W::spread(a[0])) av[M];
      for (int i = 0; i < M; ++i) av[i] = W::spread(kPackedA ? a[(k + r) * M + i] : a[i * lda + k + r]);
#pragma GCC unroll 3
      for (int p = 0; p < P; ++p) {
#pragma GCC unroll 2
        for (int v = 0; v < NV; ++v) {
          const auto bv = W::unpack(b + p * panel + v * kLanes, r);
#pragma GCC unroll 3
          for (int i = 0; i < M; ++i) W::add_product(acc[i][p * NV + v], av[i], bv);
        }
      }
    }
  }
  for (int i = 0; i < M; ++i)
    for (int v = 0; v < P * NV; ++v)
      store(c + i * ldc + v * kLanes, W::kScaled ? Vec(acc[i][v] * load(scales + v * kLanes).v) : Vec(acc[i][v]));
}

template <int M, bool kPackedA, typename W>
static void few_rows_product(long K, const typename W::Left* a, long lda, const typename W::Element* panels,
                             const float* scales, int vectors, float* c, long ldc) {
  const long panel = 2 * register_elements<W>(K);
  int v = 0;
  for (; vectors - v >= 4; v += 4)
    few_rows<M, 2, 2, kPackedA, W>(K, a, lda, panels + v / 2 * panel, panel, scales + v * kLanes, c + v * kLanes, ldc);
  if (vectors - v >= 2) {
    few_rows<M, 2, 1, kPackedA, W>(K, a, lda, panels + v / 2 * panel, panel, scales + v * kLanes, c + v * kLanes, ldc);
    v += 2;
  }
  if (vectors - v == 1)
    few_rows<M, 1, 1, kPackedA, W>(K, a, lda, panels + v / 2 * panel, panel, scales + v * kLanes, c + v * kLanes, ldc);
}

template <typename W>
using Kernels = KernelTable<typename W::Left, typename W::Element>;

template <typename W, size_t... m>
constexpr Kernels<W> all_kernels(std::index_sequence<m...>) {
  return {{{{micro_kernel<int(m) + 1, 1, false, W>...}, {micro_kernel<int(m) + 1, 2, false, W>...}},
           {{micro_kernel<int(m) + 1, 1, true, W>...}, {micro_kernel<int(m) + 1, 2, true, W>...}}},
          {{few_rows_product<1, false, W>, few_rows_product<2, false, W>, few_rows_product<3, false, W>},
           {few_rows_product<1, true, W>, few_rows_product<2, true, W>, few_rows_product<3, true, W>}}};
}

// Those of this instruction set.
template <typename W>
constexpr Kernels<W> kKernels = all_kernels<W>(std::make_index_sequence<kMr>());

}  // namespace SEQ_ISA
}  // namespace sequor
