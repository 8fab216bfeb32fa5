// Reductions over the 32 lanes of a warp, all of them present; every lane gets the result. Always in the same order.
#pragma once

#include "device.h"

namespace sequor {

constexpr unsigned kAllLanes = 0xffffffffu;

template <typename T>
__device__ inline T warp_sum(T x) {
  for (int m = 16; m; m >>= 1) x += __shfl_xor_sync(kAllLanes, x, m);
  return x;
}

template <typename T>
__device__ inline T warp_max(T x) {
  for (int m = 16; m; m >>= 1) {
    const T other = __shfl_xor_sync(kAllLanes, x, m);
    x = other > x ? other : x;
  }
  return x;
}

}  // namespace sequor
