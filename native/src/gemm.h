// Matrix products of float32: a register-tiled micro-kernel, products with packed weights for the time steps, and a blocked
// product for the large matrices (after Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", 2008).
#pragma once

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
// factor for each column in scales where the format has them.
// Few accumulators would leave the multipliers idle between dependent additions, so tiles of few rows split K into kSplit sums.
// That depends on M alone: the panel of one register at the end of somebody's columns must sum as the same columns do inside a panel
// of two. Whoever cuts rows into tiles therefore cuts the whole problem's, and shares out tiles.
// Large tiles leave time to fetch what comes later: `ahead` bytes from `later` on, so many for each k.
template <int M, int NV, bool kPackedA, typename W>
static void micro_kernel(long K, const float* a, long lda, const typename W::Element* b, const float* scales, float* c,
                         long ldc, bool accumulate, const char* later, long ahead) {
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
        Simd bv[NV];
#pragma GCC unroll 2
        for (int v = 0; v < NV; ++v) bv[v] = W::unpack(b + (u / kRun * NV + v) * kLanes, r);
#pragma GCC unroll 16
        for (int i = 0; i < M; ++i) {
          const Simd av = broadcast(kPackedA ? a[(k + u + r) * M + i] : a[i * lda + k + u + r]);
#pragma GCC unroll 2
          for (int v = 0; v < NV; ++v) acc[(u + r) % kSplit][i][v] += av * bv[v];
        }
      }
    }
    b += kStep / kRun * NV * kLanes;
  }
  if (kStep > 1) {
    for (; k < K; k += kRun) {
      for (int v = 0; v < NV; ++v) {
        for (int r = 0; r < kRun && k + r < K; ++r) {
          const Simd bv = W::unpack(b + v * kLanes, r);
          for (int i = 0; i < M; ++i) acc[0][i][v] += broadcast(kPackedA ? a[(k + r) * M + i] : a[i * lda + k + r]) * bv;
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

template <typename W>
using MicroKernel = void (*)(long, const float*, long, const typename W::Element*, const float*, float*, long, bool,
                             const char*, long);

template <int NV, bool kPackedA, typename W>
static inline MicroKernel<W> micro_kernel_of(int m) {
  switch (m) {
    case 1: return micro_kernel<1, NV, kPackedA, W>;
    case 2: return micro_kernel<2, NV, kPackedA, W>;
    case 3: return micro_kernel<3, NV, kPackedA, W>;
    case 4: return micro_kernel<4, NV, kPackedA, W>;
    case 5: return micro_kernel<5, NV, kPackedA, W>;
    case 6: return micro_kernel<6, NV, kPackedA, W>;
#if SEQ_LANES == 16
    case 7: return micro_kernel<7, NV, kPackedA, W>;
    case 8: return micro_kernel<8, NV, kPackedA, W>;
    case 9: return micro_kernel<9, NV, kPackedA, W>;
    case 10: return micro_kernel<10, NV, kPackedA, W>;
    case 11: return micro_kernel<11, NV, kPackedA, W>;
    case 12: return micro_kernel<12, NV, kPackedA, W>;
    case 13: return micro_kernel<13, NV, kPackedA, W>;
    case 14: return micro_kernel<14, NV, kPackedA, W>;
#endif
    default: __builtin_unreachable();
  }
}

// Rows of row block `block` when `rows` are spread evenly over as few blocks of at most kMr as possible.
static inline long block_begin(long rows, long blocks, long block) { return rows * block / blocks; }
static inline long block_count(long rows) { return (rows + kMr - 1) / kMr; }

// The row operand of a step's product: row-major rows, or rows packed by pack_rows.
struct RowOperand {
  const float* data;
  long stride;
  bool packed;
};

// c[M, P·NV·lanes] = a[M,K] · P panels of NV registers, `panel` elements apart, for M < kWholeTile. Each element is one sum, as in a
// tile of more rows; it is several panels side by side that keep the multipliers busy.
template <int M, int NV, int P, bool kPackedA, typename W>
static void few_rows(long K, const float* a, long lda, const typename W::Element* b, long panel, const float* scales,
                     float* c, long ldc) {
  constexpr int kRun = W::kRun;
  Simd acc[M][P * NV];
  for (int i = 0; i < M; ++i)
    for (int v = 0; v < P * NV; ++v) acc[i][v] = Simd{};
  for (long k = 0; k < K; k += kRun, b += NV * kLanes) {
#pragma GCC unroll 4
    for (int r = 0; r < kRun; ++r) {
      if (kRun > 1 && k + r >= K) break;
      Simd av[M];
      for (int i = 0; i < M; ++i) av[i] = broadcast(kPackedA ? a[(k + r) * M + i] : a[i * lda + k + r]);
#pragma GCC unroll 3
      for (int p = 0; p < P; ++p) {
#pragma GCC unroll 2
        for (int v = 0; v < NV; ++v) {
          const Simd bv = W::unpack(b + p * panel + v * kLanes, r);
#pragma GCC unroll 3
          for (int i = 0; i < M; ++i) acc[i][p * NV + v] += av[i] * bv;
        }
      }
    }
  }
  for (int i = 0; i < M; ++i)
    for (int v = 0; v < P * NV; ++v)
      store(c + i * ldc + v * kLanes, W::kScaled ? Vec(acc[i][v] * load(scales + v * kLanes).v) : Vec(acc[i][v]));
}

template <int M, bool kPackedA, typename W>
static void few_rows_product(long K, const float* a, long lda, const typename W::Element* panels, const float* scales,
                             int vectors, float* c, long ldc) {
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

// c[rows, vectors·lanes] (+)= a[rows,K] · packed panels (each of two registers of columns, the last of one if vectors is odd).
// Each row block but the first finds its panel in L2; meanwhile the next panel is fetched, the one after the last from `next`.
template <typename W>
static void product(long rows, long K, const RowOperand& a, const typename W::Element* panels, const float* scales,
                    int vectors, float* c, long ldc, bool accumulate, const typename W::Element* next) {
  const long blocks = block_count(rows);
  for (int v = 0; v < vectors; v += 2) {
    const int nv = vectors - v >= 2 ? 2 : 1;
    const typename W::Element* panel = panels + v * register_elements<W>(K);
    const char* later = reinterpret_cast<const char*>(v + nv < vectors ? panel + nv * register_elements<W>(K) : next);
    const long ahead = nv * register_elements<W>(K) * long(sizeof(*panel)) / (K * blocks);
    for (long block = 0; block < blocks; ++block) {
      const long first = block_begin(rows, blocks, block);
      const int m = int(block_begin(rows, blocks, block + 1) - first);
      const float* from = a.data + first * (a.packed ? K : a.stride);
      const MicroKernel<W> kernel = a.packed ? (nv == 2 ? micro_kernel_of<2, true, W>(m) : micro_kernel_of<1, true, W>(m))
                                             : (nv == 2 ? micro_kernel_of<2, false, W>(m) : micro_kernel_of<1, false, W>(m));
      kernel(K, from, a.stride, panel, scales + v * kLanes, c + first * ldc + v * kLanes, ldc, accumulate,
             later + block * K * ahead, ahead);
    }
  }
}

// As product, but the order of each sum is the same for any number of rows.
template <typename W>
static void product_by_rows(long rows, long K, const RowOperand& a, const typename W::Element* panels, const float* scales,
                            int vectors, float* c, long ldc) {
  const long blocks = block_count(rows);
  for (long block = 0; block < blocks; ++block) {
    const long first = block_begin(rows, blocks, block);
    const int m = int(block_begin(rows, blocks, block + 1) - first);
    const float* from = a.data + first * (a.packed ? K : a.stride);
    float* to = c + first * ldc;
    switch (a.packed ? -m : m) {
      case 1: few_rows_product<1, false, W>(K, from, a.stride, panels, scales, vectors, to, ldc); break;
      case 2: few_rows_product<2, false, W>(K, from, a.stride, panels, scales, vectors, to, ldc); break;
      case 3: few_rows_product<3, false, W>(K, from, a.stride, panels, scales, vectors, to, ldc); break;
      case -1: few_rows_product<1, true, W>(K, from, a.stride, panels, scales, vectors, to, ldc); break;
      case -2: few_rows_product<2, true, W>(K, from, a.stride, panels, scales, vectors, to, ldc); break;
      case -3: few_rows_product<3, true, W>(K, from, a.stride, panels, scales, vectors, to, ldc); break;
      default: product<W>(m, K, {from, a.stride, a.packed}, panels, scales, vectors, to, ldc, false, panels);
    }
  }
}

// to[k·m + i] = rows[i][k]. Up to a register of floats past the end is written too.
static inline void pack_block(const float* const* rows, int m, long K, float* to) {
  if (m <= kLanes) {
    interleave(rows, m, K, to, m);
    return;
  }
  for (int i = 0; i < m; ++i)
    for (long k = 0; k < K; ++k) to[k * m + i] = rows[i][k];
}

// Packs rows (index[i], or i itself) of a row-major matrix for product: block after block, each [K][rows of the block]. Up to a
// register of floats past the end is written too.
static inline void pack_rows(long rows, long K, const float* from, long stride, const int32_t* index, float* to) {
  const long blocks = block_count(rows);
  for (long block = 0; block < blocks; ++block) {
    const long first = block_begin(rows, blocks, block), m = block_begin(rows, blocks, block + 1) - first;
    const float* pointers[kMost] = {};
    for (long i = 0; i < m; ++i) pointers[i] = from + (index ? long(index[first + i]) : first + i) * stride;
    pack_block(pointers, int(m), K, to);
    to += m * K;
  }
}

// An operand of the blocked product: element (r, c) at data[(index ? index[r] : r)·row + c·column].
struct Operand {
  const float* data;
  long row;
  long column;
  const int32_t* index = nullptr;
};

// A long kKc keeps the sums in registers and c out of the way; docs/decisions/0003 has the figures.
constexpr long kKc = 512, kMc = kMr * (SEQ_LANES == 16 ? 16 : 24), kNc = 1024;
// Floats of packing memory that one thread needs.
constexpr long kGemmScratch = kKc * (kMc + kNc) + kNr + kMr * kNr;

// Packs b[k0 … k0+kc, j0 … j0+nr] into a panel [kc][kNr], filled up with zeros.
static void pack_panel(const Operand& b, long k0, long kc, long j0, long nr, float* to) {
  const float* from = b.data + j0 * b.column;
  if (b.column == 1) {
    for (long k = 0; k < kc; ++k) {
      const float* row = from + (b.index ? long(b.index[k0 + k]) : k0 + k) * b.row;
      if (nr == kNr) {
        std::memcpy(to + k * kNr, row, sizeof(float) * kNr);
      } else {
        for (long j = 0; j < kNr; ++j) to[k * kNr + j] = j < nr ? row[j] : 0.0f;
      }
    }
  } else if (b.row == 1 && !b.index) {
    for (long half = 0; half < kNr; half += kLanes) {
      const float* columns[kLanes] = {};
      const long left = nr - half < 0 ? 0 : nr - half;
      const int count = int(left < kLanes ? left : kLanes);
      for (int i = 0; i < count; ++i) columns[i] = from + (half + i) * b.column + k0;
      interleave(columns, count, kc, to + half, kNr);
    }
  } else {
    for (long j = 0; j < kNr; ++j) {
      for (long k = 0; k < kc; ++k) {
        const long row = b.index ? long(b.index[k0 + k]) : k0 + k;
        to[k * kNr + j] = j < nr ? from[row * b.row + j * b.column] : 0.0f;
      }
    }
  }
}

// to[k·m + i] = from[k·stride + i] for k in [begin, end). Where `spare`, whole registers are read and written, without a loop: what
// lies behind the m floats is overwritten by the next copy.
static inline void copy_columns(const float* from, long stride, long m, long begin, long end, bool spare, float* to) {
  for (long k = begin; k < end; ++k) {
    if (spare) {
      for (long i = 0; i < kMr; i += kLanes) store(to + k * m + i, load(from + k * stride + i));
    } else {
      for (long i = 0; i < m; ++i) to[k * m + i] = from[k * stride + i];
    }
  }
}

// The row blocks [begin, end) of a matrix of `rows` rows. Whoever works on whichever of them, they are the same blocks.
struct RowBlocks {
  long rows, begin, end;

  long first(long block) const { return block_begin(rows, block_count(rows), block); }
};

// Packs the blocks' rows of a[…, k0 … k0+kc], block after block, each [kc][rows of the block].
static void pack_a(const Operand& a, const RowBlocks& blocks, long k0, long kc, float* packed) {
  const long m0 = blocks.first(blocks.begin);
  // Few k at a time, so that what the blocks read of them lies side by side and is in the cache.
  constexpr long kRun = 16;
  for (long begin = 0; a.row == 1 && begin < kc; begin += kRun) {
    const long end = begin + kRun < kc ? begin + kRun : kc;
    for (long block = blocks.begin; block < blocks.end; ++block) {
      const long first = blocks.first(block), m = blocks.first(block + 1) - first;
      // Behind the last rows there may be nothing to read, even if the matrix is a single column.
      copy_columns(a.data + first + k0 * a.column, a.column, m, begin, end, end + kRun < kc, packed + (first - m0) * kc);
    }
  }
  for (long block = blocks.begin; a.row != 1 && block < blocks.end; ++block) {
    const long first = blocks.first(block), m = blocks.first(block + 1) - first;
    float* to = packed + (first - m0) * kc;
    const float* rows[kMost] = {};
    for (long i = 0; i < m; ++i) {
      const long r = first + i;
      rows[i] = a.data + (a.index ? long(a.index[r]) : r) * a.row + k0 * a.column;
    }
    if (a.column == 1) {
      pack_block(rows, int(m), kc, to);
    } else {
      for (long i = 0; i < m; ++i)
        for (long k = 0; k < kc; ++k) to[k * m + i] = rows[i][k * a.column];
    }
  }
}

// Rows that the micro-kernel can read where they are: side by side in memory and not all in the same cache sets.
static inline bool readable_in_place(const Operand& a) { return a.column == 1 && !a.index && a.row % 1024 != 0; }

// One of the products that share a left operand: c[M,N] (+)= a[M,K] · b[K,N]. c is row-major with stride ldc; its row r is row
// c_index[r] where there is an index.
struct Product {
  long N;
  Operand b;
  float* c;
  long ldc;
  const int32_t* c_index = nullptr;

  long panels() const { return (N + kNr - 1) / kNr; }
};

// The products of these rows of `a` with each right operand, on one thread. Together they pack a once, as far as kNc columns are
// enough for them.
static void gemm(const RowBlocks& rows, long K, const Operand& a, const Product* products, int count, bool accumulate,
                 float* scratch) {
  float* packed_a = scratch;
  float* packed_b = packed_a + kKc * kMc + kNr;
  float* tile = packed_b + kKc * kNc;
  const bool in_place = readable_in_place(a);
  const Product* const end = products + count;
  if (K == 0 && !accumulate) {
    for (const Product* p = products; p < end; ++p)
      for (long i = rows.first(rows.begin); i < rows.first(rows.end); ++i)
        std::memset(p->c + (p->c_index ? long(p->c_index[i]) : i) * p->ldc, 0, sizeof(float) * p->N);
  }
  // Panels of kNr columns, numbered through all products.
  struct Panel {
    const Product* product;
    long j0, nr;
  };
  const auto panel = [&](long number) {
    const Product* p = products;
    for (; number >= p->panels(); ++p) number -= p->panels();
    const long j0 = number * kNr;
    return Panel{p, j0, p->N - j0 < kNr ? p->N - j0 : kNr};
  };
  long all = 0;
  for (const Product* p = products; p < end; ++p) all += p->panels();

  const long parts = (K + kKc - 1) / kKc;
  for (long first_panel = 0; first_panel < all; first_panel += kNc / kNr) {
    const long panels = all - first_panel < kNc / kNr ? all - first_panel : kNc / kNr;
    for (long part = 0; part < parts; ++part) {
      const long k0 = K * part / parts, kc = K * (part + 1) / parts - k0;
      const bool add = accumulate || k0 > 0;
      for (long q = 0; q < panels; ++q) {
        const Panel at = panel(first_panel + q);
        pack_panel(at.product->b, k0, kc, at.j0, at.nr, packed_b + q * kNr * kc);
      }
      for (long block0 = rows.begin; block0 < rows.end; block0 += kMc / kMr) {
        const RowBlocks blocks{rows.rows, block0, rows.end - block0 < kMc / kMr ? rows.end : block0 + kMc / kMr};
        const long m0 = blocks.first(block0);
        if (!in_place) pack_a(a, blocks, k0, kc, packed_a);
        for (long q = 0; q < panels; ++q) {
          const Panel at = panel(first_panel + q);
          const Product& p = *at.product;
          const float* pb = packed_b + q * kNr * kc;
          // As in product, the next panel comes while this one is in use.
          const char* later = reinterpret_cast<const char*>(pb + kNr * kc);
          const long ahead = kNr * long(sizeof(float)) / (blocks.end - block0);
          for (long block = block0; block < blocks.end; ++block, later += kc * ahead) {
            const long first = blocks.first(block);
            const int m = int(blocks.first(block + 1) - first);
            const MicroKernel<Float32Weights> kernel =
                in_place ? micro_kernel_of<2, false, Float32Weights>(m) : micro_kernel_of<2, true, Float32Weights>(m);
            const float* pa = in_place ? a.data + first * a.row + k0 : packed_a + (first - m0) * kc;
            if (at.nr == kNr && !p.c_index) {
              kernel(kc, pa, a.row, pb, nullptr, p.c + first * p.ldc + at.j0, p.ldc, add, later, ahead);
              continue;
            }
            kernel(kc, pa, a.row, pb, nullptr, tile, kNr, false, later, ahead);
            for (int i = 0; i < m; ++i) {
              const long r = first + i;
              float* row = p.c + (p.c_index ? long(p.c_index[r]) : r) * p.ldc + at.j0;
              for (long j = 0; j < at.nr; ++j) row[j] = add ? row[j] + tile[i * kNr + j] : tile[i * kNr + j];
            }
          }
        }
      }
    }
  }
}

// The part of the products that `member` of `members` threads computes: a grid over the results that packs as little as possible
// twice. No sum is split, and tiles are shared out whole, so the result is the same for any number of threads.
template <int count>
static void gemm_part(int member, int members, long M, long K, const Operand& a, const Product (&products)[count],
                      bool accumulate, float* scratch) {
  long N = 0, narrowest = products[0].N;
  for (const Product& p : products) {
    N += p.N;
    if (p.N < narrowest) narrowest = p.N;
  }
  int best = 1;
  double least = 1e300;
  for (int down = 1; down <= members; ++down) {
    if (members % down != 0) continue;
    const int across = members / down;
    const double packed = double(M) / down + double(N) / across;
    const double idle = (M < long(down) * kMr || narrowest < long(across) * kNr) ? 1e12 : 0;
    if (packed + idle < least) {
      least = packed + idle;
      best = down;
    }
  }
  const int across = members / best;
  const long down_index = member / across, across_index = member % across;
  const long blocks = block_count(M);
  const RowBlocks rows{M, blocks * down_index / best, blocks * (down_index + 1) / best};
  if (rows.begin == rows.end) return;
  Product parts[count];
  int used = 0;
  for (const Product& p : products) {
    const long panels = p.panels();
    const long n0 = panels * across_index / across * kNr, n1 = panels * (across_index + 1) / across * kNr;
    const long columns = (n1 < p.N ? n1 : p.N) - n0;
    if (columns <= 0) continue;
    parts[used++] = {columns, {p.b.data + n0 * p.b.column, p.b.row, p.b.column, p.b.index}, p.c + n0, p.ldc, p.c_index};
  }
  gemm(rows, K, a, parts, used, accumulate, scratch);
}

}  // namespace SEQ_ISA
}  // namespace sequor
