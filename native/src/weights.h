// How the packed matrices of a layer are stored. Arithmetic is float32 in any case: a register of weights becomes floats on its
// way into the multiplication. With few rows a step is bound by reading the weights, so fewer bytes are less time.
//
// A format keeps kRun rows k of the matrix in one register: unpack takes row number r out of the register at `run` as floats, and
// put writes one lane of it. kScaled formats give every row of the matrix, a lane here, a factor of its own, applied after the
// product.
#pragma once

#include <cmath>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "simd.h"
#include "variant.h"

namespace sequor {
namespace SEQ_ISA {

typedef uint32_t SimdWord __attribute__((vector_size(4 * SEQ_LANES)));

SEQ_HD SimdWord load_words(const uint32_t* from) {
  SimdWord words;
  std::memcpy(&words, from, sizeof words);
  return words;
}

struct Float32Weights {
  using Element = float;
  static constexpr int kRun = 1;
  static constexpr bool kScaled = false;

  SEQ_HD static Simd unpack(const float* run, int) { return load(run).v; }
  SEQ_HD static void put(float* run, int, int lane, float weight, float) { run[lane] = weight; }
};

// The upper half of a float32, rounded to nearest, ties to even: 8 bits of precision, the same range. NaN stays NaN.
// Two rows share a register: k in the lower halves, k + 1 in the upper, so that either is one operation away from float32.
struct Bfloat16Weights {
  using Element = uint32_t;
  static constexpr int kRun = 2;
  static constexpr bool kScaled = false;

  SEQ_HD static Simd unpack(const uint32_t* run, int r) {
    const SimdWord words = load_words(run);
    const SimdWord bits = r == 0 ? words << 16 : words & 0xFFFF0000u;
    Simd values;
    std::memcpy(&values, &bits, sizeof values);
    return values;
  }

  static uint32_t rounded(float weight) {
    uint32_t bits;
    std::memcpy(&bits, &weight, sizeof bits);
    if (std::isnan(weight)) return (bits >> 16) | 0x40u;
    return (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
  }

  static void put(uint32_t* run, int r, int lane, float weight, float) {
    run[lane] = r == 0 ? rounded(weight) : (run[lane] | rounded(weight) << 16);
  }
};

// round(w / scale), scale = (largest |w| of the row) / 127. Byte r·lanes + lane of a register is row r of four. GCC 12 converts a
// vector of bytes one by one, hence the intrinsics; without them four bytes are shifted out of a word.
struct Int8Weights {
  using Element = uint32_t;
  static constexpr int kRun = 4;
  static constexpr bool kScaled = true;

  SEQ_HD static Simd unpack(const uint32_t* run, int r) {
#if SEQ_LANES == 16
    // With a mask, all ones, since GCC 12 warns of the undefined vector inside the one without.
    const __m512i ints = _mm512_maskz_cvtepi8_epi32(0xFFFF, _mm_loadu_si128(reinterpret_cast<const __m128i*>(run) + r));
    return __builtin_convertvector(SimdInt(ints), Simd);
#elif SEQ_LANES == 8
    const __m256i ints = _mm256_cvtepi8_epi32(_mm_loadu_si64(reinterpret_cast<const char*>(run) + 8 * r));
    return __builtin_convertvector(SimdInt(ints), Simd);
#else
    const SimdWord top = load_words(run) << (24 - 8 * r);
    SimdInt bits;
    std::memcpy(&bits, &top, sizeof bits);
    return __builtin_convertvector(bits >> 24, Simd);
#endif
  }

  static int8_t rounded(float weight, float scale) {
    const float q = scale > 0 ? std::nearbyint(weight / scale) : 0.0f;
    return q >= 127 ? 127 : (q <= -127 ? -127 : (q == q ? int8_t(q) : int8_t(0)));
  }

  static void put(uint32_t* run, int r, int lane, float weight, float scale) {
    const uint8_t byte = uint8_t(rounded(weight, scale));
#if SEQ_LANES >= 8
    reinterpret_cast<uint8_t*>(run)[r * kLanes + lane] = byte;
#else
    run[lane] = (r == 0 ? 0 : run[lane]) | uint32_t(byte) << (8 * r);
#endif
  }

  // A row with a weight that is not finite has no scale that is: it comes out as NaN, not as some number. No scale is smaller
  // than a normal number, so that the quotients stay finite.
  static float scale_of(const float* row, long width) {
    float largest = 0.0f;
    for (long k = 0; k < width; ++k) {
      const float size = std::fabs(row[k]);
      if (!(size < INFINITY)) return NAN;
      if (size > largest) largest = size;
    }
    const float scale = largest / 127.0f;
    return (largest > 0.0f && scale < 0x1p-126f) ? 0x1p-126f : scale;
  }
};

// Elements, and bytes, of one register's width of columns over `rows` rows k.
template <typename W>
constexpr long register_elements(long rows) {
  return (rows + W::kRun - 1) / W::kRun * kLanes;
}

static inline long register_bytes(WeightFormat format, long rows) {
  static_assert(sizeof(float) == sizeof(uint32_t), "elements of all formats are words");
  const long bytes = sizeof(float);
  switch (format) {
    case WeightFormat::kBfloat16: return bytes * register_elements<Bfloat16Weights>(rows);
    case WeightFormat::kInt8: return bytes * register_elements<Int8Weights>(rows);
    default: return bytes * register_elements<Float32Weights>(rows);
  }
}

}  // namespace SEQ_ISA
}  // namespace sequor
