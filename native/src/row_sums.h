// Sums over the elements of a row.
#pragma once

#include "simd.h"

namespace sequor {
namespace SEQ_ISA {

// The first `width` lanes of value, and zeros.
static inline Vec first_lanes(Vec value, int width) {
  if (width >= kLanes) return value;
  float lanes[kLanes];
  store(lanes, value);
  return load_first(lanes, width);
}

struct RowSums {
  double first, second;
};

// Sums of two functions of a row's elements, by lanes in single precision, in an order that depends on N alone.
template <typename F>
static RowSums row_sums(long n, F&& function) {
  double first = 0, second = 0;
  for (long begin = 0; begin < n; begin += 64 * kLanes) {
    Vec a(0.0f), b(0.0f);
    const long end = begin + 64 * kLanes < n ? begin + 64 * kLanes : n;
    for (long j = begin; j < end; j += kLanes) function(j, int(end - j < kLanes ? end - j : kLanes), a, b);
    first += sum(a);
    second += sum(b);
  }
  return {first, second};
}

}  // namespace SEQ_ISA
}  // namespace sequor
