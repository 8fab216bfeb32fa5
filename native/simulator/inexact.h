// Included before everything else in kernels (ci/build-kernel-cases), it makes their functions as wrong as those of CUDA may
// be: by up to as many digits as the maximal errors in the manual of CUDA, "Mathematical Functions", in either direction, by
// the bits of the argument. So it is known how far results on a device may lie from those of the simulator before anything
// is wrong. Where CUDA is exact (0, 1, infinities) so is this.
#pragma once

// Declares the functions under their own names first.
#include <cmath>
#include <complex>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>

namespace inexact {

template <typename T>
T off(T result, T argument, int most) {
  if (result == T(0) || result == T(1) || !std::isfinite(result)) return result;
  uint64_t bits = 0;
  std::memcpy(&bits, &argument, sizeof argument);
  bits = (bits ^ bits >> 30 ^ 0x9e3779b97f4a7c15ull) * 0xbf58476d1ce4e5b9ull;
  bits = (bits ^ bits >> 27) * 0x94d049bb133111ebull;
  const int digits = static_cast<int>((bits ^ bits >> 31) % static_cast<uint64_t>(2 * most + 1)) - most;
  const T towards = digits < 0 ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::infinity();
  for (int i = 0; i < std::abs(digits); ++i) result = std::nextafter(result, towards);
  return result;
}

}  // namespace inexact

#define SEQ_INEXACT(name, float_digits, double_digits)                                         \
  inline float inexact_##name(float x) { return inexact::off(std::name(x), x, float_digits); } \
  inline double inexact_##name(double x) { return inexact::off(std::name(x), x, double_digits); }

// Kernels call these with and without std.
namespace std {
SEQ_INEXACT(exp, 2, 1)
SEQ_INEXACT(expm1, 1, 1)
SEQ_INEXACT(log, 1, 1)
SEQ_INEXACT(log1p, 1, 1)
inline double inexact_pow(double x, double y) { return inexact::off(std::pow(x, y), x + y, 2); }
}  // namespace std
#undef SEQ_INEXACT
using std::inexact_exp;
using std::inexact_expm1;
using std::inexact_log;
using std::inexact_log1p;
using std::inexact_pow;

#define exp inexact_exp
#define expm1 inexact_expm1
#define log inexact_log
#define log1p inexact_log1p
#define pow inexact_pow
