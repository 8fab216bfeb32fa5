// Drawing of sizes and values: a function of the kernel's name, the case's number and the seed alone, with no arithmetic
// that two machines could round differently.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace kernelcases {

using Floats = std::vector<float>;
using Ints = std::vector<int32_t>;
using Words = std::vector<uint32_t>;
using Doubles = std::vector<double>;

inline int padded(int units) { return (units + 7) / 8 * 8; }

class Draw {
 public:
  // The first case of a kernel has all sizes 1, the second the largest; those after have any.
  Draw(const std::string& kernel, uint32_t number, uint64_t seed) : number_(number), state_(hash(kernel) ^ seed) {
    for (uint32_t i = 0; i <= number % 7; ++i) next();
    state_ += number * 0xd1342543de82ef95ull;
  }

  uint32_t number() const { return number_; }

  uint64_t next() {  // splitmix64 (Steele, Lea, Flood 2014)
    uint64_t z = state_ += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
  }

  uint32_t word() { return static_cast<uint32_t>(next() >> 32); }
  int below(int n) { return static_cast<int>(static_cast<uint64_t>(word()) * static_cast<uint64_t>(n) >> 32); }
  int between(int least, int most) { return least + below(most - least + 1); }
  bool once_in(int n) { return below(n) == 0; }
  bool either() { return once_in(2); }

  // 1 to `most`, with a liking for the sizes at which loads, warps and blocks end.
  int size(int most) {
    if (number_ == 0) return 1;
    if (number_ == 1) return most;
    static const int ends[] = {1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257};
    if (once_in(3)) return between(1, most);
    int usable = 0;
    while (usable < static_cast<int>(sizeof ends / sizeof *ends) && ends[usable] <= most) ++usable;
    return ends[below(usable)];
  }

  // In [low, high): a whole multiple of 2^-24 of the range, whose ends the caller chooses so that this is exact enough.
  float real(float low, float high) { return low + (high - low) * (static_cast<float>(word() >> 8) * 0x1p-24f); }

  // Of either sign.
  float signed_real(float low, float high) {
    const float magnitude = real(low, high);
    return either() ? magnitude : -magnitude;
  }

  // In ±1, times a power of 2.
  float power(int least, int most) {
    const int exponent = between(least, most);
    return std::ldexp(real(-1, 1), exponent);
  }

  // What activations, states and gradients are like: mostly within ±2, some small, some zeros of either sign.
  float value() {
    switch (below(16)) {
      case 0: return either() ? 0.0f : -0.0f;
      case 1: return power(-29, 0);
      default: return real(-2, 2);
    }
  }
  Floats values(int64_t count) {
    Floats all(static_cast<size_t>(count));
    for (float& v : all) v = value();
    return all;
  }
  Floats values(int64_t count, float low, float high) {
    Floats all(static_cast<size_t>(count));
    for (float& v : all) v = real(low, high);
    return all;
  }

  // What gates get: some so large that the gate is shut or open, and beyond what a power of e is taken of.
  float preactivation() {
    switch (below(12)) {
      case 0: return signed_real(5, 20);
      case 1: return signed_real(20, 200);
      default: return value();
    }
  }
  Floats preactivations(int64_t count) {
    Floats all(static_cast<size_t>(count));
    for (float& v : all) v = preactivation();
    return all;
  }

  // What forward keeps of a sigmoid and of a tanh (sequor/math.h).
  float kept_sigmoid() {
    const float share = 0.5f * std::fabs(once_in(4) ? power(-125, 0) : real(0, 1)) + 0x1p-126f;
    return either() ? share : -share;
  }
  float kept_tanh() { return once_in(4) ? power(-20, 124) : real(-8, 8); }

  // 0 to T for each of B sequences, about a third of them T.
  Ints lengths(int T, int B) {
    Ints all(static_cast<size_t>(B));
    for (int32_t& each : all) each = once_in(3) ? T : between(0, T);
    return all;
  }

  Ints integers(int64_t count, int low, int high) {
    Ints all(static_cast<size_t>(count));
    for (int32_t& each : all) each = between(low, high);
    return all;
  }

  Words words(int64_t count) {
    Words all(static_cast<size_t>(count));
    for (uint32_t& each : all) each = word();
    return all;
  }

  // dev.sequor.backend.RandomKey: seed, offset, stream, and of which part of a batch.
  Words random_keys(int count) {
    Words all;
    for (int i = 0; i < count; ++i) {
      for (int n = 0; n < 4; ++n) all.push_back(word());
      all.push_back(static_cast<uint32_t>(below(100)));
      const int of = once_in(3) ? 0 : between(1, 40), count = of == 0 ? 0 : between(1, of);
      for (const int each : {count, of, of == 0 ? 0 : between(0, of - count)}) all.push_back(static_cast<uint32_t>(each));
    }
    return all;
  }

  // Where a caller's array begins in its memory: at any element.
  int alignment() { return either() ? 0 : 4 * below(4); }

  // A probability that a network drops with, and sometimes none.
  float probability() { return once_in(3) ? 0.0f : static_cast<float>(between(1, 15)) / 16; }

 private:
  static uint64_t hash(const std::string& text) {  // FNV-1a
    uint64_t h = 0xcbf29ce484222325ull;
    for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
    return h;
  }

  uint32_t number_;
  uint64_t state_;
};

}  // namespace kernelcases
