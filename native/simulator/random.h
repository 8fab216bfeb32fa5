// The numbers that choose the order of what CUDA leaves unordered. A run repeats with its seed.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace simulator {

class Random {  // splitmix64 (Steele, Lea, Flood 2014)
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
  }

  // A number below n; n < 2^32.
  uint32_t below(uint64_t n) { return static_cast<uint32_t>((next() >> 32) * n >> 32); }

  template <typename T>
  void shuffle(T* items, size_t count) {
    for (size_t i = count; i > 1; i--) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  uint64_t state_;
};

}  // namespace simulator
