// Matrix products: with packed weights for the time steps, and a blocked product for the large matrices (after Goto and van de
// Geijn, "Anatomy of high-performance matrix multiplication", 2008). The format W says what is multiplied, floats or words of two
// bfloat16.
#pragma once

#include "operands.h"

namespace sequor {
namespace SEQ_ISA {

// The row operand of a step's product: row-major rows, or rows packed by pack_rows; of floats, or of words of two bfloat16.
struct RowOperand {
  const void* data;
  long stride;
  bool packed;
};

// c[rows, vectors·lanes] (+)= a[rows,K] · packed panels (each of two registers of columns, the last of one if vectors is odd).
// Each row block but the first finds its panel in L2; meanwhile the next panel is fetched, the one after the last from `next`.
template <typename W>
static void product(const Kernels<W>& kernels, long rows, long K, const RowOperand& a, const typename W::Element* panels,
                    const float* scales, int vectors, float* c, long ldc, bool accumulate, const typename W::Element* next) {
  const auto* from = static_cast<const typename W::Left*>(a.data);
  const long blocks = block_count(rows), stride = a.packed ? K : a.stride;
  for (int v = 0; v < vectors; v += 2) {
    const int nv = vectors - v >= 2 ? 2 : 1;
    const typename W::Element* panel = panels + v * register_elements<W>(K);
    const char* later = reinterpret_cast<const char*>(v + nv < vectors ? panel + nv * register_elements<W>(K) : next);
    const long ahead = nv * register_elements<W>(K) * long(sizeof(*panel)) / (K * blocks);
    for (long block = 0; block < blocks; ++block) {
      const long first = block_begin(rows, blocks, block);
      const int m = int(block_begin(rows, blocks, block + 1) - first);
      kernels.micro[a.packed][nv - 1][m - 1](K, from + first * stride, a.stride, panel, scales + v * kLanes,
                                             c + first * ldc + v * kLanes, ldc, accumulate, later + block * K * ahead,
                                             ahead);
    }
  }
}

// As product, but the order of each sum is the same for any number of rows.
template <typename W>
static void product_by_rows(const Kernels<W>& kernels, long rows, long K, const RowOperand& a,
                            const typename W::Element* panels, const float* scales, int vectors, float* c, long ldc) {
  const auto* from = static_cast<const typename W::Left*>(a.data);
  const long blocks = block_count(rows), stride = a.packed ? K : a.stride;
  for (long block = 0; block < blocks; ++block) {
    const long first = block_begin(rows, blocks, block);
    const int m = int(block_begin(rows, blocks, block + 1) - first);
    if (m < kWholeTile) {
      kernels.few_rows[a.packed][m - 1](K, from + first * stride, a.stride, panels, scales, vectors, c + first * ldc, ldc);
    } else {
      product<W>(kernels, m, K, {from + first * stride, a.stride, a.packed}, panels, scales, vectors, c + first * ldc, ldc,
                 false, panels);
    }
  }
}

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
template <typename W>
static void gemm(const Kernels<W>& kernels, const RowBlocks& rows, long K, const Operand& a, const Product* products,
                 int count, bool accumulate, float* scratch) {
  using Left = typename W::Left;
  Left* packed_a = reinterpret_cast<Left*>(scratch);
  auto* packed_b = reinterpret_cast<typename W::Element*>(scratch + kKc * kMc + kNr);
  float* tile = scratch + kKc * kMc + kNr + kKc * kNc;
  const bool as_it_lies = readable_in_place(a, packed_a), across = !as_it_lies && packs_across(a, packed_a);
  const auto& kernel = kernels.micro[across][1];
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

  const long words = W::words(K), parts = (words + kKc - 1) / kKc;
  for (long first_panel = 0; first_panel < all; first_panel += kNc / kNr) {
    const long panels = all - first_panel < kNc / kNr ? all - first_panel : kNc / kNr;
    for (long part = 0; part < parts; ++part) {
      const long k0 = words * part / parts, kc = words * (part + 1) / parts - k0;
      const bool add = accumulate || k0 > 0;
      for (long q = 0; q < panels; ++q) {
        const Panel at = panel(first_panel + q);
        pack_panel(at.product->b, K, k0, kc, at.j0, at.nr, packed_b + q * kNr * kc);
      }
      for (long block0 = rows.begin; block0 < rows.end; block0 += kMc / kMr) {
        const RowBlocks blocks{rows.rows, block0, rows.end - block0 < kMc / kMr ? rows.end : block0 + kMc / kMr};
        const long m0 = blocks.first(block0);
        if (!as_it_lies) pack_a(a, blocks, K, k0, kc, packed_a);
        for (long q = 0; q < panels; ++q) {
          const Panel at = panel(first_panel + q);
          const Product& p = *at.product;
          const auto* pb = packed_b + q * kNr * kc;
          // As in product, the next panel comes while this one is in use.
          const char* later = reinterpret_cast<const char*>(pb + kNr * kc);
          const long ahead = kNr * long(sizeof(float)) / (blocks.end - block0);
          for (long block = block0; block < blocks.end; ++block, later += kc * ahead) {
            const long first = blocks.first(block);
            const int m = int(blocks.first(block + 1) - first);
            const BlockRows<Left> at_rows =
                as_it_lies ? in_place(a, first, k0, packed_a) : BlockRows<Left>{packed_a + (first - m0) * kc, kc};
            if (at.nr == kNr && !p.c_index) {
              kernel[m - 1](kc, at_rows.data, at_rows.stride, pb, nullptr, p.c + first * p.ldc + at.j0, p.ldc, add, later,
                            ahead);
              continue;
            }
            kernel[m - 1](kc, at_rows.data, at_rows.stride, pb, nullptr, tile, kNr, false, later, ahead);
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
static void gemm_part(const SeqEngine& e, int member, int members, long M, long K, const Operand& a,
                      const Product (&products)[count], bool accumulate) {
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
    parts[used++] = {columns, p.b.from_column(n0), p.c + n0, p.ldc, p.c_index};
  }
  float* scratch = e.gemm_scratch + member * e.variant->gemm_scratch_floats;
  if (e.pair_kernels) {
    gemm<Bfloat16Pairs>(*e.pair_kernels, rows, K, a, parts, used, accumulate, scratch);
  } else {
    gemm<Float32Weights>(kKernels<Float32Weights>, rows, K, a, parts, used, accumulate, scratch);
  }
}

}  // namespace SEQ_ISA
}  // namespace sequor
