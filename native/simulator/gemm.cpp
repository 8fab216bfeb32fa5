#include "gemm.h"

#include <algorithm>

#include "random.h"

namespace simulator {

Order order_of(int m, int n, int k, uint64_t choice) {
  constexpr int kSplits[] = {1, 1, 1, 2, 3, 4, 6, 8}, kSlices[] = {1, 1, 2, 4};
  // A part of k is worth a block, or a warp, of its own only if it is long enough.
  constexpr int kShortestSplit = 48, kShortestSlice = 32;
  // Where C is so small that most of a device would have nothing to do, long sums are always divided.
  constexpr int kTile = 128, kMultiprocessors = 132, kLongestSplit = 2048;
  Random random(choice);
  Order order{kSplits[random.below(8)], kSlices[random.below(4)], 0};
  const long long tiles = ((m + kTile - 1LL) / kTile) * ((n + kTile - 1LL) / kTile);
  const auto most = static_cast<int>(kMultiprocessors / tiles);
  order.splits = std::max(order.splits, std::min(most, k / kLongestSplit));
  while (order.splits > 1 && k / order.splits < kShortestSplit) order.splits--;
  while (order.slices > 1 && k / order.splits / order.slices < kShortestSlice) order.slices /= 2;
  order.first_split = static_cast<int>(random.below(static_cast<uint64_t>(order.splits)));
  return order;
}

#define SIMULATOR_VARIANT(isa)     \
  namespace isa {                  \
  void multiply(const Gemm& gemm); \
  }
SIMULATOR_VARIANT(baseline)
#if defined(__x86_64__)
SIMULATOR_VARIANT(avx2)
SIMULATOR_VARIANT(avx512)
#endif

void multiply(const Gemm& gemm) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return avx512::multiply(gemm);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2::multiply(gemm);
#endif
  baseline::multiply(gemm);
}

}  // namespace simulator
