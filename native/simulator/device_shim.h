// What CUDA C++ has and C++ has not, for kernels that g++ compiles: thread and block indices, barriers, warp collectives,
// vector types and a few intrinsics. Each CUDA thread runs on a fiber (execution.h), all of a process on one host thread at
// a time, so indices are plain variables, an atomic is a plain read and write, and a fence does nothing.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernel.h"
#include "threads.h"

#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

#define SEQ_KERNEL extern "C" void
#define SEQ_REGISTER(name) SEQ_REGISTER_EXPANDED(name)
#define SEQ_REGISTER_EXPANDED(name) static const simulator::KernelEntry seq_entry_##name(simulator::describe<&name>(#name));
#define SEQ_SHARED(type, name) type* const name = reinterpret_cast<type*>(simulator::shared_memory)

using simulator::blockDim;
using simulator::blockIdx;
using simulator::dim3;
using simulator::gridDim;
using simulator::threadIdx;
using simulator::uint3;
constexpr int warpSize = 32;

#define SEQ_VECTOR2(type, scalar)           \
  struct alignas(2 * sizeof(scalar)) type { \
    scalar x, y;                            \
  };                                        \
  inline type make_##type(scalar x, scalar y) { return {x, y}; }
#define SEQ_VECTOR4(type, scalar)                                          \
  struct alignas(4 * sizeof(scalar) < 16 ? 4 * sizeof(scalar) : 16) type { \
    scalar x, y, z, w;                                                     \
  };                                                                       \
  inline type make_##type(scalar x, scalar y, scalar z, scalar w) { return {x, y, z, w}; }
SEQ_VECTOR2(float2, float)
SEQ_VECTOR2(double2, double)
SEQ_VECTOR2(int2, int)
SEQ_VECTOR2(uint2, unsigned)
SEQ_VECTOR2(ushort2, unsigned short)
SEQ_VECTOR4(float4, float)
SEQ_VECTOR4(int4, int)
SEQ_VECTOR4(uint4, unsigned)
SEQ_VECTOR4(ushort4, unsigned short)
#undef SEQ_VECTOR2
#undef SEQ_VECTOR4

// Barriers and collectives. The default arguments are evaluated where the call stands, so an error can name its line.
#define SEQ_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(SEQ_HERE) { simulator::block_barrier(simulator::Combine::kNone, 0, {file, line}); }
inline int __syncthreads_or(int p, SEQ_HERE) {
  return simulator::block_barrier(simulator::Combine::kOr, p != 0, {file, line});
}
inline int __syncthreads_and(int p, SEQ_HERE) {
  return simulator::block_barrier(simulator::Combine::kAnd, p != 0, {file, line});
}
inline int __syncthreads_count(int p, SEQ_HERE) {
  return simulator::block_barrier(simulator::Combine::kCount, p != 0, {file, line});
}

inline void __syncwarp(unsigned mask = 0xffffffffu, SEQ_HERE) { simulator::warp_barrier(mask, {file, line}); }
inline unsigned __ballot_sync(unsigned mask, int p, SEQ_HERE) { return simulator::warp_ballot(mask, p != 0, {file, line}); }
inline int __any_sync(unsigned mask, int p, SEQ_HERE) { return simulator::warp_ballot(mask, p != 0, {file, line}) != 0; }
inline int __all_sync(unsigned mask, int p, SEQ_HERE) { return simulator::warp_ballot(mask, p == 0, {file, line}) == 0; }
inline unsigned __activemask() { return simulator::warp_lanes(); }

namespace simulator {
template <typename T>
T shuffle(unsigned mask, T value, int source, Where where) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "a shuffle moves 4 or 8 bytes");
  uint64_t raw = 0;
  std::memcpy(&raw, &value, sizeof(T));
  raw = warp_exchange(mask, raw, source, where);
  std::memcpy(&value, &raw, sizeof(T));
  return value;
}

// Lanes of a segment of `width` (a power of two) lanes; the rule of each shuffle for a lane beyond its segment is CUDA's.
inline int segment_start(int width) { return warp_lane() & ~(width - 1); }
inline int segment_end(int width) { return segment_start(width) + width - 1; }
}  // namespace simulator

template <typename T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, SEQ_HERE) {
  return simulator::shuffle(mask, value, simulator::segment_start(width) + (source & (width - 1)), {file, line});
}
template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, SEQ_HERE) {
  const int source = simulator::warp_lane() - static_cast<int>(delta);
  return simulator::shuffle(mask, value, source < simulator::segment_start(width) ? simulator::warp_lane() : source,
                            {file, line});
}
template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, SEQ_HERE) {
  const int source = simulator::warp_lane() + static_cast<int>(delta);
  return simulator::shuffle(mask, value, source > simulator::segment_end(width) ? simulator::warp_lane() : source,
                            {file, line});
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32, SEQ_HERE) {
  const int source = simulator::warp_lane() ^ lane_mask;
  return simulator::shuffle(mask, value, source > simulator::segment_end(width) ? simulator::warp_lane() : source,
                            {file, line});
}

namespace sequor {
namespace device {
constexpr unsigned kSpinLimit = 1u << 12;
inline void spin_pause(SEQ_HERE) { simulator::spin({file, line}); }
inline unsigned load_acquire(const unsigned* counter) { return *static_cast<const volatile unsigned*>(counter); }
inline void add_release(unsigned* counter, unsigned value) { *counter += value; }
}  // namespace device
}  // namespace sequor

inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __nanosleep(unsigned, SEQ_HERE) { simulator::spin({file, line}); }
[[noreturn]] inline void __trap(SEQ_HERE) { simulator::trap({file, line}); }

#define SEQ_ATOMIC(name, expression) \
  template <typename T>              \
  T name(T* at, T value) {           \
    const T old = *at;               \
    *at = (expression);              \
    return old;                      \
  }
SEQ_ATOMIC(atomicAdd, old + value)
SEQ_ATOMIC(atomicMax, old < value ? value : old)
SEQ_ATOMIC(atomicMin, value < old ? value : old)
SEQ_ATOMIC(atomicOr, old | value)
SEQ_ATOMIC(atomicAnd, old& value)
SEQ_ATOMIC(atomicExch, value)
#undef SEQ_ATOMIC
template <typename T>
T atomicCAS(T* at, T expected, T value) {
  const T old = *at;
  if (old == expected) *at = value;
  return old;
}

template <typename T>
T __ldg(const T* from) {
  return *from;
}
template <typename T>
T __ldcg(const T* from) {
  return *from;
}
template <typename T>
T __ldcs(const T* from) {
  return *from;
}
template <typename T>
void __stcg(T* to, T value) {
  *to = value;
}
template <typename T>
void __stcs(T* to, T value) {
  *to = value;
}

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>(static_cast<uint64_t>(a) * b >> 32); }

namespace simulator {
template <typename To, typename From>
To bits(From from) {
  static_assert(sizeof(To) == sizeof(From), "same size");
  To to;
  std::memcpy(&to, &from, sizeof(To));
  return to;
}
}  // namespace simulator
inline int __float_as_int(float x) { return simulator::bits<int>(x); }
inline unsigned __float_as_uint(float x) { return simulator::bits<unsigned>(x); }
inline float __int_as_float(int x) { return simulator::bits<float>(x); }
inline float __uint_as_float(unsigned x) { return simulator::bits<float>(x); }

inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
// Not contracted into a fused operation, here as there: the value passes through memory that the compiler must respect.
inline float __fmul_rn(float a, float b) {
  volatile float product = a * b;
  return product;
}
inline float __fadd_rn(float a, float b) {
  volatile float sum = a + b;
  return sum;
}
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __saturatef(float x) { return x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f; }

inline int min(int a, int b) { return b < a ? b : a; }
inline int max(int a, int b) { return a < b ? b : a; }
inline unsigned min(unsigned a, unsigned b) { return b < a ? b : a; }
inline unsigned max(unsigned a, unsigned b) { return a < b ? b : a; }
inline long long min(long long a, long long b) { return b < a ? b : a; }
inline long long max(long long a, long long b) { return a < b ? b : a; }
inline float min(float a, float b) { return std::fmin(a, b); }
inline float max(float a, float b) { return std::fmax(a, b); }

#undef SEQ_HERE
