// One SIMD register of floats, as wide as the instruction set this file is compiled for, and the activations on it.
// Included once per instruction set, inside a namespace of its own, so that no two variants share a symbol.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "sequor/math.h"
#include "sequor/portable.h"

#if defined(__AVX512F__)
#define SEQ_LANES 16
#elif defined(__AVX2__)
#define SEQ_LANES 8
#else
#define SEQ_LANES 4
#endif

namespace sequor {
namespace SEQ_ISA {

constexpr int kLanes = SEQ_LANES;

typedef float Simd __attribute__((vector_size(4 * SEQ_LANES)));
typedef int32_t SimdInt __attribute__((vector_size(4 * SEQ_LANES)));

// All lanes x. Subtracting zero leaves every x as it is, -0 too, so the compiler emits a bare broadcast; adding would not.
SEQ_HD Simd broadcast(float x) { return x - Simd{}; }

SEQ_HD SimdInt bits_of(Simd x) {
  SimdInt bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

SEQ_HD Simd floats_of(SimdInt bits) {
  Simd x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

// A Simd with the constructors that cells, written for any number type, expect.
struct Vec {
  Simd v;

  SEQ_HD Vec() {}
  SEQ_HD Vec(Simd value) : v(value) {}
  SEQ_HD explicit Vec(float value) : v(broadcast(value)) {}

  friend SEQ_HD Vec operator+(Vec a, Vec b) { return Vec(a.v + b.v); }
  friend SEQ_HD Vec operator-(Vec a, Vec b) { return Vec(a.v - b.v); }
  friend SEQ_HD Vec operator*(Vec a, Vec b) { return Vec(a.v * b.v); }
  friend SEQ_HD Vec operator-(Vec a) { return Vec(-a.v); }
  friend SEQ_HD Vec operator/(Vec a, Vec b) { return Vec(a.v / b.v); }
};

SEQ_HD Vec load(const float* p) {
  Vec r;
  std::memcpy(&r.v, p, sizeof r.v);
  return r;
}

SEQ_HD void store(float* p, Vec value) { std::memcpy(p, &value.v, sizeof value.v); }

// One stage of a transposition: swaps the lanes of p that have bit `step` set with those of q that have not.
template <int step, size_t... lane>
SEQ_HD void exchange(Simd& p, Simd& q, std::index_sequence<lane...>) {
  const SimdInt low = {int32_t((lane & step) != 0 ? kLanes + lane - step : lane)...};
  const SimdInt high = {int32_t((lane & step) != 0 ? kLanes + lane : lane + step)...};
  const Simd a = p, b = q;
  p = __builtin_shuffle(a, b, low);
  q = __builtin_shuffle(a, b, high);
}

template <int step>
SEQ_HD void exchange_all(Simd (&rows)[kLanes]) {
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i)
    if ((i & step) == 0) exchange<step>(rows[i], rows[i + step], std::make_index_sequence<kLanes>());
}

// rows[i][j] becomes rows[j][i].
SEQ_HD void transpose(Simd (&rows)[kLanes]) {
  exchange_all<1>(rows);
  exchange_all<2>(rows);
#if SEQ_LANES >= 8
  exchange_all<4>(rows);
#endif
#if SEQ_LANES >= 16
  exchange_all<8>(rows);
#endif
}

// to[k·stride + i] = rows[i][k] for k < width and i < count, and 0 for the other lanes i: whole registers are written, one k after
// the other, so with stride < lanes the zeros of one k give way to the next, and those of the last are written past the end.
static inline void interleave(const float* const* rows, int count, long width, float* to, long stride) {
  long k = 0;
  for (; k + kLanes <= width; k += kLanes) {
    Simd r[kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) r[i] = i < count ? load(rows[i] + k).v : Simd{};
    transpose(r);
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) store(to + (k + i) * stride, r[i]);
  }
  for (; k < width; ++k)
    for (int i = 0; i < kLanes; ++i) to[k * stride + i] = i < count ? rows[i][k] : 0.0f;
}

// The first n lanes; the others are 0.
SEQ_HD Vec load_first(const float* p, int n) {
  if (n >= kLanes) return load(p);
  float lanes[kLanes] = {};
  for (int i = 0; i < n; ++i) lanes[i] = p[i];
  return load(lanes);
}

SEQ_HD void store_first(float* p, Vec value, int n) {
  if (n >= kLanes) {
    store(p, value);
    return;
  }
  float lanes[kLanes];
  store(lanes, value);
  for (int i = 0; i < n; ++i) p[i] = lanes[i];
}

SEQ_HD float sum(Vec value) {
  float lanes[kLanes];
  store(lanes, value);
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  }
  return lanes[0];
}

SEQ_HD float largest(Vec value) {
  float lanes[kLanes];
  store(lanes, value);
  float m = lanes[0];
  for (int i = 1; i < kLanes; ++i) m = lanes[i] > m ? lanes[i] : m;
  return m;
}

// All bits of the first n lanes.
SEQ_HD SimdInt lanes_before(long n) {
  int32_t lanes[kLanes];
  for (int i = 0; i < kLanes; ++i) lanes[i] = i < n ? -1 : 0;
  SimdInt mask;
  std::memcpy(&mask, lanes, sizeof mask);
  return mask;
}

// The lanes of the mask; the others are 0, whatever was in them.
SEQ_HD Vec only(SimdInt mask, Vec value) { return Vec(floats_of(bits_of(value.v) & mask)); }

// The overloads that sequor/math.h speaks of.

// NaN passes through all of these: every comparison with it is false, and the instructions return their second operand then. GCC makes
// no such instruction of a comparison and a choice (activations take 15 to 20 % longer without). The masked form keeps GCC 12 from a
// warning about its own header.
SEQ_HD Vec at_most(Vec x, float bound) {
  const Simd b = broadcast(bound);
#if SEQ_LANES == 16
  return Vec(_mm512_maskz_min_ps(__mmask16(-1), b, x.v));
#elif SEQ_LANES == 8
  return Vec(_mm256_min_ps(b, x.v));
#else
  return Vec(x.v > b ? b : x.v);
#endif
}

SEQ_HD Vec at_least(Vec x, float bound) {
  const Simd b = broadcast(bound);
#if SEQ_LANES == 16
  return Vec(_mm512_maskz_max_ps(__mmask16(-1), b, x.v));
#elif SEQ_LANES == 8
  return Vec(_mm256_max_ps(b, x.v));
#else
  return Vec(x.v < b ? b : x.v);
#endif
}

SEQ_HD Vec relu(Vec x) { return at_least(x, 0.0f); }

SEQ_HD Vec where_positive(Vec h, Vec value) { return Vec(h.v <= Simd{} ? Simd{} : value.v); }

SEQ_HD Vec where_negative(Vec x, Vec a, Vec b) { return Vec(bits_of(x.v) < 0 ? a.v : b.v); }

SEQ_HD Vec zero_up_to(float bound, Vec x, Vec value) { return Vec(x.v <= broadcast(bound) ? Simd{} : value.v); }

SEQ_HD Vec smaller(Vec x, Vec y) {
#if SEQ_LANES == 16
  return Vec(_mm512_maskz_min_ps(__mmask16(-1), y.v, x.v));
#elif SEQ_LANES == 8
  return Vec(_mm256_min_ps(y.v, x.v));
#else
  return Vec(y.v < x.v ? y.v : x.v);
#endif
}

SEQ_HD Vec square_root(Vec x) {
  Vec r;
  for (int i = 0; i < kLanes; ++i) r.v[i] = __builtin_sqrtf(x.v[i]);
  return r;
}

SEQ_HD Vec log_one_plus(Vec x) {
  Vec r;
  for (int i = 0; i < kLanes; ++i) r.v[i] = __builtin_log1pf(x.v[i]);
  return r;
}

SEQ_HD Vec magnitude(Vec x) { return Vec(floats_of(bits_of(x.v) & 0x7FFFFFFF)); }

SEQ_HD Vec with_sign(Vec value, Vec x) {
  return Vec(floats_of((bits_of(value.v) & 0x7FFFFFFF) | (bits_of(x.v) & int32_t(0x80000000))));
}

// e^x = scale·(1 + p), with scale = 2^n, n = round(x / ln 2), p = e^r - 1, r = x - n·ln 2, |r| <= 0.3466.
// p by its Taylor series to r^7, whose remainder r^8/8! is 1.5e-8 of r at worst, a quarter of an ulp. Needs -87.3 <= x <= 88.
SEQ_HD void exp_parts(Vec x, Vec& scale, Vec& p) {
  const float kMagic = 12582912.0f;  // 1.5·2^23: adding it leaves the rounded integer in the low bits
  const Simd shifted = x.v * 1.44269504f + kMagic;
  const Simd n = shifted - kMagic;
  scale = Vec(floats_of((bits_of(shifted) - 0x4B400000 + 127) << 23));
  // ln 2 in two parts; the first has 17 significant bits, so n times it is exact.
  const Simd r = (x.v - n * 0x1.62e4p-1f) - n * 1.42860682e-6f;
  Simd q = r * (1.0f / 5040) + (1.0f / 720);
  q = q * r + (1.0f / 120);
  q = q * r + (1.0f / 24);
  q = q * r + (1.0f / 6);
  q = q * r + 0.5f;
  p = Vec(r + r * (r * q));
}

SEQ_HD Vec exponential(Vec x) {
  Vec scale, p;
  exp_parts(at_least(at_most(x, kFarthest), -kFarthest), scale, p);
  return scale + scale * p;
}

// No cancellation near 0, where scale = 1 and the result is p.
SEQ_HD Vec growth(Vec m) {
  Vec scale, p;
  exp_parts(at_most(m, kFarthest), scale, p);
  return scale * p + (scale - Vec(1.0f));
}

// The value alone: tanh x = m / (m + 2) with m = e^{2x} - 1 of either sign. |tanh 9.05| rounds to 1.
SEQ_HD Vec tanh_act(Vec x) {
  Vec scale, p;
  exp_parts(at_least(at_most(x + x, 18.1f), -18.1f), scale, p);
  const Vec m = scale * p + (scale - Vec(1.0f));
  return m / (m + Vec(2.0f));
}

}  // namespace SEQ_ISA
}  // namespace sequor
