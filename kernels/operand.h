// The element types that matrix products read. Accumulators and cell states are float32 in every math mode; an operand is a copy
// rounded once, when it is written, so that a product's inputs are exact in the type that the tensor cores multiply.
#pragma once

#include <cstdint>

#include "device.h"

namespace sequor {

// The numbers are those of dev.sequor.backend.cuda.MathMode.
enum OperandType : int { kFloat32 = 0, kTf32 = 1, kBf16 = 2, kF16 = 3 };

__device__ inline uint32_t bits_of(float x) {
#if defined(__CUDACC__)
  return __float_as_uint(x);
#else
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
#endif
}

__device__ inline float float_of(uint32_t bits) {
#if defined(__CUDACC__)
  return __uint_as_float(bits);
#else
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
#endif
}

// To 10 bits of mantissa, ties away from zero, as cvt.rna does. Handing over float32 bits would truncate, which is biased.
__device__ inline float to_tf32(float x) {
#if defined(__CUDACC__)
  uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return __uint_as_float(bits);
#else
  const uint32_t bits = bits_of(x);
  return (bits & 0x7f800000u) == 0x7f800000u ? x : float_of((bits + 0x1000u) & ~0x1fffu);
#endif
}

// Ties to even; NaN stays NaN.
__device__ inline uint32_t to_bf16(float x) {
  const uint32_t bits = bits_of(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return (bits >> 16) | 0x40u;
  return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
}

__device__ inline uint32_t to_f16(float x) {
#if defined(__CUDACC__)
  uint16_t half;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half) : "f"(x));
  return half;
#else
  const _Float16 half = static_cast<_Float16>(x);
  uint16_t bits;
  std::memcpy(&bits, &half, sizeof bits);
  return bits;
#endif
}

__device__ inline float from_f16(uint32_t bits) {
#if defined(__CUDACC__)
  float x;
  asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(static_cast<uint16_t>(bits)));
  return x;
#else
  const uint16_t low = static_cast<uint16_t>(bits);
  _Float16 half;
  std::memcpy(&half, &low, sizeof half);
  return static_cast<float>(half);
#endif
}

// Of a launch in one dimension.
__device__ inline long long thread_index() { return static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; }

// Four neighbouring elements: what one thread loads and stores at once.
struct Four {
  float v[4];
};

// `values` where the condition holds, else zeros. (A ?: between two structs would choose an address, which puts both in local
// memory.)
__device__ inline Four where(bool condition, const Four& values) {
  Four a;
  for (int u = 0; u < 4; ++u) a.v[u] = condition ? values.v[u] : 0.0f;
  return a;
}

__device__ inline bool aligned16(const void* p) { return (reinterpret_cast<uintptr_t>(p) & 15u) == 0; }

// Internal arrays: 16-byte aligned, their rows padded to whole fours.
__device__ inline Four load4(const float* p) {
  const float4 q = *reinterpret_cast<const float4*>(p);
  return {{q.x, q.y, q.z, q.w}};
}

__device__ inline void store4(float* p, const Four& a) {
  *reinterpret_cast<float4*>(p) = make_float4(a.v[0], a.v[1], a.v[2], a.v[3]);
}

// The caller's arrays: any alignment, and only the first `count` of the four are there; others read as zero.
__device__ inline Four load_first(const float* p, int count) {
  if (count >= 4 && aligned16(p)) return load4(p);
  Four a;
  for (int u = 0; u < 4; ++u) a.v[u] = u < count ? p[u] : 0.0f;
  return a;
}

__device__ inline void store_first(float* p, const Four& a, int count) {
  if (count >= 4 && aligned16(p)) {
    store4(p, a);
    return;
  }
  for (int u = 0; u < 4; ++u)
    if (u < count) p[u] = a.v[u];
}

// Elements [index, index+4) of an operand; index is a multiple of 4.
__device__ inline void store_operand(int type, void* operand, long long index, const Four& a) {
  if (type <= kTf32) {
    Four b = a;
    if (type == kTf32)
      for (int u = 0; u < 4; ++u) b.v[u] = to_tf32(a.v[u]);
    store4(static_cast<float*>(operand) + index, b);
    return;
  }
  uint32_t h[4];
  for (int u = 0; u < 4; ++u) h[u] = type == kBf16 ? to_bf16(a.v[u]) : to_f16(a.v[u]);
  reinterpret_cast<uint2*>(static_cast<uint16_t*>(operand) + index)[0] = make_uint2(h[0] | h[1] << 16, h[2] | h[3] << 16);
}

__device__ inline Four load_operand(int type, const void* operand, long long index) {
  if (type <= kTf32) return load4(static_cast<const float*>(operand) + index);
  const uint2 q = reinterpret_cast<const uint2*>(static_cast<const uint16_t*>(operand) + index)[0];
  const uint32_t h[4] = {q.x & 0xffffu, q.x >> 16, q.y & 0xffffu, q.y >> 16};
  Four a;
  for (int u = 0; u < 4; ++u) a.v[u] = type == kBf16 ? float_of(h[u] << 16) : from_f16(h[u]);
  return a;
}

}  // namespace sequor
