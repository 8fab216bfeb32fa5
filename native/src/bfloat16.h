// bfloat16: the upper half of a float32, 8 bits of precision and the same range. Rounding to it is to nearest, ties to even; NaN
// stays NaN. What products of bfloat16 multiply are words of two: number 2p of a row in the lower half of word p, 2p + 1 in the
// upper one, as the instructions for such products want it (VDPBF16PS, TDPBF16PS).
#pragma once

#include "simd.h"

namespace sequor {
namespace SEQ_ISA {

typedef uint32_t SimdWord __attribute__((vector_size(4 * SEQ_LANES)));
typedef uint16_t SimdHalf __attribute__((vector_size(4 * SEQ_LANES)));

SEQ_HD SimdWord load_words(const uint32_t* from) {
  SimdWord words;
  std::memcpy(&words, from, sizeof words);
  return words;
}

SEQ_HD void store_words(uint32_t* to, SimdWord words) { std::memcpy(to, &words, sizeof words); }

SEQ_HD Simd floats_of_words(SimdWord words) {
  Simd x;
  std::memcpy(&x, &words, sizeof x);
  return x;
}

SEQ_HD SimdWord words_of(Simd x) {
  SimdWord words;
  std::memcpy(&words, &x, sizeof words);
  return words;
}

// The bits of x as bfloat16.
static inline uint32_t nearest_bfloat16(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  if (x != x) return (bits >> 16) | 0x40u;
  return (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
}

// The same in the upper half of each lane; the lower half is left as it comes.
SEQ_HD SimdWord nearest_bfloat16(Simd x) {
  const SimdWord bits = words_of(x);
  return x != x ? (bits | 0x400000u) : (bits + 0x7FFFu + ((bits >> 16) & 1u));
}

// The floats in the lower and in the upper halves.
SEQ_HD Simd lower_halves(SimdWord words) { return floats_of_words(words << 16); }
SEQ_HD Simd upper_halves(SimdWord words) { return floats_of_words(words & 0xFFFF0000u); }

// A register's width of halves, each in a lane of its own.
SEQ_HD SimdWord load_halves(const uint16_t* from) {
#if SEQ_LANES == 16
  return SimdWord(_mm512_maskz_cvtepu16_epi32(0xFFFF, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))));
#elif SEQ_LANES == 8
  return SimdWord(_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
#else
  SimdWord words;
  for (int i = 0; i < kLanes; ++i) words[i] = from[i];
  return words;
#endif
}

SEQ_HD void store_upper_halves(uint16_t* to, SimdWord words) {
#if SEQ_LANES == 16
  const __m256i halves = _mm512_maskz_cvtepi32_epi16(0xFFFF, __m512i(words >> 16));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), halves);
#elif SEQ_LANES == 8
  const __m256i low = __m256i(words >> 16);
  const __m128i halves = _mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), halves);
#else
  for (int i = 0; i < kLanes; ++i) to[i] = uint16_t(words[i] >> 16);
#endif
}

SEQ_HD void store_rounded(uint16_t* to, Vec value) { store_upper_halves(to, nearest_bfloat16(value.v)); }

// A register of floats from where they are kept.
SEQ_HD Vec load(const uint16_t* from) { return Vec(floats_of_words(load_halves(from) << 16)); }

SEQ_HD Vec load_first(const uint16_t* from, int n) {
  if (n >= kLanes) return load(from);
  uint16_t lanes[kLanes] = {};
  for (int i = 0; i < n; ++i) lanes[i] = from[i];
  return load(lanes);
}

// Lane i is a word of two numbers that lie below each other.
SEQ_HD SimdWord pair_down(const float* first, const float* second) {
  return (nearest_bfloat16(load(first).v) >> 16) | (nearest_bfloat16(load(second).v) & 0xFFFF0000u);
}

SEQ_HD SimdWord pair_down(const uint16_t* first, const uint16_t* second) {
  return load_halves(first) | load_halves(second) << 16;
}

SEQ_HD uint32_t half_of(float x) { return nearest_bfloat16(x); }
SEQ_HD uint32_t half_of(uint16_t bits) { return bits; }

// to[i] = the word of first[i] and second[i] for i < n; where there is no second row, of first[i] and 0.
template <typename T>
static inline void pair_rows(const T* first, const T* second, long n, uint32_t* to) {
  long i = 0;
  for (; second && i + kLanes <= n; i += kLanes) store_words(to + i, pair_down(first + i, second + i));
  for (; i < n; ++i) to[i] = half_of(first[i]) | (second ? half_of(second[i]) << 16 : 0u);
}

template <size_t... lane>
SEQ_HD SimdHalf odd_halves(SimdHalf a, SimdHalf b, std::index_sequence<lane...>) {
  const SimdHalf odd = {uint16_t(2 * lane + 1)...};
  return __builtin_shuffle(a, b, odd);
}

// The words of the two registers of floats from `from` on, which lie side by side.
SEQ_HD SimdWord pair_along(const float* from) {
  const SimdWord a = nearest_bfloat16(load(from).v), b = nearest_bfloat16(load(from + kLanes).v);
  return SimdWord(odd_halves(SimdHalf(a), SimdHalf(b), std::make_index_sequence<2 * kLanes>()));
}

SEQ_HD uint32_t pair_at(const float* row, long p, long width) {
  return nearest_bfloat16(row[2 * p]) | (2 * p + 1 < width ? nearest_bfloat16(row[2 * p + 1]) << 16 : 0u);
}

// A row of `width` floats as words, the last one filled up with 0.
static inline void round_row(const float* row, long width, uint32_t* to) {
  long p = 0;
  for (; 2 * (p + kLanes) <= width; p += kLanes) store_words(to + p, pair_along(row + 2 * p));
  for (; 2 * p < width; ++p) to[p] = pair_at(row, p, width);
}

// As interleave (simd.h), of the rows' words: to[p·stride + i] is word p of rows[i].
static inline void interleave_words(const float* const* rows, int count, long width, uint32_t* to, long stride) {
  long p = 0;
  for (; 2 * (p + kLanes) <= width; p += kLanes) {
    Simd r[kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) r[i] = i < count ? floats_of_words(pair_along(rows[i] + 2 * p)) : Simd{};
    transpose(r);
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) store_words(to + (p + i) * stride, words_of(r[i]));
  }
  for (; 2 * p < width; ++p)
    for (int i = 0; i < kLanes; ++i) to[p * stride + i] = i < count ? pair_at(rows[i], p, width) : 0u;
}

}  // namespace SEQ_ISA
}  // namespace sequor
