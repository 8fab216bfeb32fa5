// Sums over the rows of a matrix of floats or bfloat16: bias gradients.
#pragma once

#include <initializer_list>

#include "bfloat16.h"

namespace sequor {
namespace SEQ_ISA {

// The sums of n registers of columns, the last `width` lanes wide, over all rows, added to sums and, where it is given, to also.
// Blocks of 64 rows are summed apart, so that the rounding error grows with the number of blocks and not with the number of rows.
template <int n, typename T>
static inline void add_strip(const T* from, long stride, long rows, int width, float* sums, float* also) {
  const auto load_row = [&](const T* row, int v) {
    return v < n - 1 ? load(row + v * kLanes) : load_first(row + v * kLanes, width);
  };
  Vec total[n];
  for (int v = 0; v < n; ++v) total[v] = Vec(0.0f);
  for (long begin = 0; begin < rows; begin += 64) {
    Vec part[n];
    for (int v = 0; v < n; ++v) part[v] = Vec(0.0f);
    const long end = begin + 64 < rows ? begin + 64 : rows;
    for (long r = begin; r < end; ++r)
      for (int v = 0; v < n; ++v) part[v] = part[v] + load_row(from + r * stride, v);
    for (int v = 0; v < n; ++v) total[v] = total[v] + part[v];
  }
  for (float* to : {sums, also}) {
    for (int v = 0; to != nullptr && v < n; ++v) {
      const int lanes = v < n - 1 ? kLanes : width;
      store_first(to + v * kLanes, load_first(to + v * kLanes, lanes) + total[v], lanes);
    }
  }
}

// Adds the sums of columns [begin, end) to sums[begin, end) and, where it is given, to also[begin, end).
template <typename T>
static inline void add_column_sums(const T* from, long stride, long rows, long begin, long end, float* sums,
                                   float* also = nullptr) {
  // So many registers side by side, because rows may lie a page apart.
  constexpr int kStrip = 8;
  for (long j = begin; j < end;) {
    float* second = also == nullptr ? nullptr : also + j;
    if (end - j >= kStrip * kLanes) {
      add_strip<kStrip>(from + j, stride, rows, kLanes, sums + j, second);
      j += kStrip * kLanes;
    } else {
      add_strip<1>(from + j, stride, rows, int(end - j < kLanes ? end - j : kLanes), sums + j, second);
      j += kLanes;
    }
  }
}

}  // namespace SEQ_ISA
}  // namespace sequor
