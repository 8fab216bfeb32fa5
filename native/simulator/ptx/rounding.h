// Floating point as PTX has it: an operation is rounded once, in the way it says; subnormal numbers are flushed only where it
// says so; a float32 that is not a number becomes the one NaN that devices make.
#pragma once

#include <cfenv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "ptx/program.h"

namespace simulator::ptx {

// The processor rounds in another way while this lives. What it is for must pass through volatile variables, or the
// compiler may move it out.
class RoundedAs {
 public:
  explicit RoundedAs(Rounding rounding) : before_(std::fegetround()) {
    static constexpr int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};
    std::fesetround(modes[static_cast<int>(rounding)]);
  }
  ~RoundedAs() { std::fesetround(before_); }
  RoundedAs(const RoundedAs&) = delete;
  RoundedAs& operator=(const RoundedAs&) = delete;

 private:
  int before_;
};

inline float float_from(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline uint32_t bits_from(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

inline float canonical(float x) { return x != x ? float_from(0x7fffffffu) : x; }
inline double canonical(double x) { return x; }  // a NaN keeps its payload

template <typename T>
T flushed(T x) {
  return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(T(0), x) : x;
}

template <typename T>
T saturated(T x) {
  return x > T(0) ? (x < T(1) ? x : T(1)) : T(0);  // NaN becomes 0
}

template <typename T>
T integral(T x, Rounding rounding) {
  switch (rounding) {
    case Rounding::kZero: return std::trunc(x);
    case Rounding::kDown: return std::floor(x);
    case Rounding::kUp: return std::ceil(x);
    default: return std::nearbyint(x);  // ties to even
  }
}

}  // namespace simulator::ptx
