// How packed columns of products are stored: the matrices of a layer, and the panels of a blocked product.
//
// A format keeps kRun rows k of the matrix in one register: unpack takes row number r out of the register at `run`, ready to be
// multiplied by what spread makes of a Left, an element of the other operand, and put writes one lane of it. kScaled formats give
// every row of the matrix, a lane here, a factor of its own, applied after the product.
//
// Arithmetic is float32 in all formats but Bfloat16Pairs: a register of weights becomes floats on its way into the multiplication.
// With few rows a step is bound by reading the weights, so fewer bytes are less time.
#pragma once

#include <cmath>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "bfloat16.h"
#include "variant.h"

namespace sequor {
namespace SEQ_ISA {

// Formats that multiply floats.
struct FloatArithmetic {
  using Left = float;

  SEQ_HD static Simd spread(float x) { return broadcast(x); }
  SEQ_HD static void add_product(Simd& sum, Simd a, Simd b) { sum += a * b; }
  // Words of K elements of a row operand.
  static constexpr long words(long K) { return K; }
};

struct Float32Weights : FloatArithmetic {
  using Element = float;
  static constexpr int kRun = 1;
  static constexpr bool kScaled = false;

  SEQ_HD static Simd unpack(const float* run, int) { return load(run).v; }
  SEQ_HD static void put(float* run, int, int lane, float weight, float) { run[lane] = weight; }
};

// Two rows share a register: k in the lower halves, k + 1 in the upper, so that either is one operation away from float32.
struct Bfloat16Weights : FloatArithmetic {
  using Element = uint32_t;
  static constexpr int kRun = 2;
  static constexpr bool kScaled = false;

  SEQ_HD static Simd unpack(const uint32_t* run, int r) {
    const SimdWord words = load_words(run);
    return r == 0 ? lower_halves(words) : upper_halves(words);
  }
};

// The same registers as Bfloat16Weights, multiplied as they are: a row operand is words of two bfloat16 each, and k counts words.
// Both products of a lane are exact and are added to the sum one after the other, that of the upper halves first, each sum rounded to
// float32 (to nearest, ties to even). That is what VDPBF16PS does, but for numbers below 2^-126, which it takes, and returns, as 0;
// so whichever of the two is compiled in, results are the same.
struct Bfloat16Pairs {
  using Left = uint32_t;
  using Element = uint32_t;
  static constexpr int kRun = 1;
  static constexpr bool kScaled = false;

  SEQ_HD static SimdWord spread(uint32_t word) { return SimdWord{} + word; }
  SEQ_HD static SimdWord unpack(const uint32_t* run, int) { return load_words(run); }

  SEQ_HD static void add_product(Simd& sum, SimdWord a, SimdWord b) {
#if defined(__AVX512BF16__)
    sum = _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
#else
    sum += upper_halves(a) * upper_halves(b);
    sum += lower_halves(a) * lower_halves(b);
#endif
  }

  static constexpr long words(long K) { return (K + 1) / 2; }
};

// round(w / scale), scale = (largest |w| of the row) / 127. Byte r·lanes + lane of a register is row r of four. GCC 12 converts a
// vector of bytes one by one, hence the intrinsics; without them four bytes are shifted out of a word.
struct Int8Weights : FloatArithmetic {
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
