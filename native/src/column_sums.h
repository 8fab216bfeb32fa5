// Sums over the rows of a matrix: bias gradients.
#pragma once

#include "simd.h"

namespace sequor {
namespace SEQ_ISA {

// Adds the sums of columns [begin, end) of `rows` rows to sums[begin, end). Blocks of 64 rows are summed apart, so that the
// rounding error grows with the number of blocks and not with the number of rows.
static inline void add_column_sums(const float* from, long stride, long rows, long begin, long end, float* sums) {
  for (long j = begin; j < end; j += kLanes) {
    const int width = int(end - j < kLanes ? end - j : kLanes);
    Vec total(0.0f);
    for (long r = 0; r < rows; r += 64) {
      Vec part(0.0f);
      const long last = r + 64 < rows ? r + 64 : rows;
      for (long q = r; q < last; ++q) part = part + load_first(from + q * stride + j, width);
      total = total + part;
    }
    store_first(sums + j, load_first(sums + j, width) + total, width);
  }
}

}  // namespace SEQ_ISA
}  // namespace sequor
