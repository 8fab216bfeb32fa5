// Operands of matrix products: where they lie, and how they are packed for the micro-kernel, as floats or words of two bfloat16.
#pragma once

#include "micro_kernel.h"

namespace sequor {
namespace SEQ_ISA {

// Rows of row block `block` when `rows` are spread evenly over as few blocks of at most kMr as possible.
static inline long block_begin(long rows, long blocks, long block) { return rows * block / blocks; }
static inline long block_count(long rows) { return (rows + kMr - 1) / kMr; }

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

// An operand of the blocked product: element (r, c) at data[(index ? index[r] : r)·row + c·column]. Of data and rounded, which is
// bfloat16 already and for products of bfloat16 only, there is one; its row or its column is 1, and with an index its column.
struct Operand {
  const float* data;
  long row;
  long column;
  const int32_t* index = nullptr;
  const uint16_t* rounded = nullptr;

  long row_of(long r) const { return (index ? long(index[r]) : r) * row; }
  Operand from_column(long c) const {
    return {data ? data + c * column : nullptr, row, column, index, rounded ? rounded + c * column : nullptr};
  }
};

static inline Operand rounded_operand(const uint16_t* from, long row, long column) {
  return {nullptr, row, column, nullptr, from};
}

// A long kKc, in words, keeps the sums in registers and c out of the way; docs/decisions/0003 has the figures.
constexpr long kKc = 512, kMc = kMr * (SEQ_LANES == 16 ? 16 : 24), kNc = 1024;
// Floats of packing memory that one thread needs.
constexpr long kGemmScratch = kKc * (kMc + kNc) + kNr + kMr * kNr;

// Packs b[k0 … k0+kc, j0 … j0+nr] of K rows into a panel [kc][kNr], filled up with zeros.
static void pack_panel(const Operand& b, long, long k0, long kc, long j0, long nr, float* to) {
  const float* from = b.data + j0 * b.column;
  if (b.column == 1) {
    for (long k = 0; k < kc; ++k) {
      const float* row = from + b.row_of(k0 + k);
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
        to[k * kNr + j] = j < nr ? from[b.row_of(k0 + k) + j * b.column] : 0.0f;
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
static void pack_a(const Operand& a, const RowBlocks& blocks, long, long k0, long kc, float* packed) {
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
      rows[i] = a.data + a.row_of(r) + k0 * a.column;
    }
    if (a.column == 1) {
      pack_block(rows, int(m), kc, to);
    } else {
      for (long i = 0; i < m; ++i)
        for (long k = 0; k < kc; ++k) to[k * m + i] = rows[i][k * a.column];
    }
  }
}

// ---- words of two bfloat16: k0 and kc are words, K is numbers --------------------------------------------------------------

template <typename T>
static void pack_rows_panel(const T* from, const Operand& b, long K, long k0, long kc, long nr, uint32_t* to) {
  for (long p = k0; p < k0 + kc; ++p, to += kNr) {
    pair_rows(from + b.row_of(2 * p), 2 * p + 1 < K ? from + b.row_of(2 * p + 1) : nullptr, nr, to);
    for (long j = nr; j < kNr; ++j) to[j] = 0;
  }
}

static void pack_panel(const Operand& b, long K, long k0, long kc, long j0, long nr, uint32_t* to) {
  const Operand at = b.from_column(j0);
  if (b.column == 1) {
    if (at.rounded) {
      pack_rows_panel(at.rounded, b, K, k0, kc, nr, to);
    } else {
      pack_rows_panel(at.data, b, K, k0, kc, nr, to);
    }
    return;
  }
  const long width = 2 * (k0 + kc) < K ? 2 * kc : K - 2 * k0;
  for (long half = 0; half < kNr; half += kLanes) {
    const float* columns[kLanes] = {};
    const long left = nr - half < 0 ? 0 : nr - half;
    const int count = int(left < kLanes ? left : kLanes);
    for (int i = 0; i < count; ++i) columns[i] = at.data + (half + i) * b.column + 2 * k0;
    interleave_words(columns, count, width, to + half, kNr);
  }
}

// As copy_columns, of the words [begin, end): to[p·m + i] = the word of rows 2p and 2p+1 of column i.
template <typename T>
static inline void pair_columns(const T* from, long stride, long m, long K, long begin, long end, bool spare, uint32_t* to) {
  for (long p = begin; p < end; ++p) {
    const T* first = from + 2 * p * stride;
    const T* second = 2 * p + 1 < K ? first + stride : nullptr;
    if (spare) {
      for (long i = 0; i < kMr; i += kLanes) store_words(to + p * m + i, pair_down(first + i, second + i));
    } else {
      pair_rows(first, second, m, to + p * m);
    }
  }
}

// Rows whose numbers lie side by side stay rows, of kc words; others are packed as floats are.
static void pack_a(const Operand& a, const RowBlocks& blocks, long K, long k0, long kc, uint32_t* packed) {
  const long m0 = blocks.first(blocks.begin);
  if (a.row != 1) {
    const long width = 2 * (k0 + kc) < K ? 2 * kc : K - 2 * k0;
    for (long r = m0; r < blocks.first(blocks.end); ++r)
      round_row(a.data + a.row_of(r) + 2 * k0, width, packed + (r - m0) * kc);
    return;
  }
  constexpr long kRun = 16;
  const long left = K - 2 * k0;
  for (long begin = 0; begin < kc; begin += kRun) {
    const long end = begin + kRun < kc ? begin + kRun : kc;
    for (long block = blocks.begin; block < blocks.end; ++block) {
      const long first = blocks.first(block), m = blocks.first(block + 1) - first, at = first + 2 * k0 * a.column;
      uint32_t* to = packed + (first - m0) * kc;
      if (a.rounded) {
        pair_columns(a.rounded + at, a.column, m, left, begin, end, end + kRun < kc, to);
      } else {
        pair_columns(a.data + at, a.column, m, left, begin, end, end + kRun < kc, to);
      }
    }
  }
}

// ---- the left operand as the micro-kernel reads it -------------------------------------------------------------------------

// A block's rows from some k on.
template <typename Left>
struct BlockRows {
  const Left* data;
  long stride;
};

// Rows that the micro-kernel can read where they are: side by side in memory and not all in the same cache sets.
static inline bool readable_in_place(const Operand& a, const float*) {
  return a.column == 1 && !a.index && a.row % 1024 != 0;
}

// An odd last number is read with what lies behind it, which is 0 then.
static inline bool readable_in_place(const Operand& a, const uint32_t*) {
  return a.rounded && a.column == 1 && a.row % 2048 != 0;
}

static inline BlockRows<float> in_place(const Operand& a, long row, long k0, const float*) {
  return {a.data + row * a.row + k0, a.row};
}

static inline BlockRows<uint32_t> in_place(const Operand& a, long row, long k0, const uint32_t*) {
  return {reinterpret_cast<const uint32_t*>(a.rounded + row * a.row) + k0, a.row / 2};
}

// Whether pack_a makes [kc][rows of the block] of it.
static inline bool packs_across(const Operand&, const float*) { return true; }
static inline bool packs_across(const Operand& a, const uint32_t*) { return a.row == 1; }

}  // namespace SEQ_ISA
}  // namespace sequor
