// What the constants of a device are measured with. Only this program has these kernels; prebuilt/ has them compiled.
#include "device.h"

namespace sequor {
namespace device {

#if defined(__CUDACC__)

__device__ __forceinline__ unsigned long long nanoseconds() {
  unsigned long long now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now)::"memory");
  return now;
}

__device__ __forceinline__ long long cycles() { return clock64(); }

__device__ __forceinline__ void store_release(unsigned* to, unsigned value) {
  asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(to), "r"(value) : "memory");
}

__device__ __forceinline__ unsigned load_relaxed(const unsigned* from) {
  unsigned seen;
  asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(seen) : "l"(from) : "memory");
  return seen;
}

__device__ __forceinline__ void store_relaxed(unsigned* to, unsigned value) {
  asm volatile("st.relaxed.gpu.global.u32 [%0], %1;" ::"l"(to), "r"(value) : "memory");
}

__device__ __forceinline__ void poll_pause() {}

#else

// A clock that only goes when it is looked at.
inline unsigned long long nanoseconds() {
  static unsigned long long now = 0;
  return now += 32;
}
inline long long cycles() { return static_cast<long long>(nanoseconds()); }
inline void store_release(unsigned* to, unsigned value) { *static_cast<volatile unsigned*>(to) = value; }
inline unsigned load_relaxed(const unsigned* from) { return *static_cast<const volatile unsigned*>(from); }
inline void store_relaxed(unsigned* to, unsigned value) { *static_cast<volatile unsigned*>(to) = value; }
inline void poll_pause() { spin_pause(); }

#endif

}  // namespace device
}  // namespace sequor

using namespace sequor;

// Busy for so many cycles; 0 for nothing at all. Any launch.
SEQ_KERNEL constants_spin(long long cycles) {
  if (cycles == 0) return;
  const long long start = device::cycles();
  while (device::cycles() - start < cycles) {
  }
}
SEQ_REGISTER(constants_spin)

namespace {
// Returns false if the value has not come within the spin limit.
template <bool kOrdered>
__device__ inline bool await(const unsigned* word, unsigned value) {
  for (unsigned polls = 0; (kOrdered ? device::load_acquire(word) : device::load_relaxed(word)) != value; ++polls) {
    if (polls > device::kSpinLimit) return false;
    device::poll_pause();
  }
  return true;
}

// Blocks 0 and `partner` hand a number to and fro, each through a word of its own, 256 bytes apart. result[0] = nanoseconds
// of all rounds, result[1] = 1 when all of them were.
template <bool kOrdered>
__device__ inline void ping_pong(int partner, int rounds, unsigned before, unsigned* words, unsigned long long* result) {
  const bool first = blockIdx.x == 0;
  if (threadIdx.x != 0 || (!first && static_cast<int>(blockIdx.x) != partner)) return;
  unsigned *const mine = words + (first ? 0 : 64), *const theirs = words + (first ? 64 : 0);
  const unsigned long long start = device::nanoseconds();
  for (int i = 1; i <= rounds; ++i) {
    const unsigned value = before + i;
    if (!first && !await<kOrdered>(theirs, value)) return;
    if (kOrdered) {
      device::store_release(mine, value);
    } else {
      device::store_relaxed(mine, value);
    }
    if (first && !await<kOrdered>(theirs, value)) return;
  }
  if (first) {
    result[0] = device::nanoseconds() - start;
    result[1] = 1;
  }
}
}  // namespace

// words: zero before the first launch, and `before` before each. Launch: cooperative, any grid with the partner in it, block
// 32.
SEQ_KERNEL constants_ping_pong_ordered(int partner, int rounds, unsigned before, unsigned* words,
                                       unsigned long long* result) {
  ping_pong<true>(partner, rounds, before, words, result);
}
SEQ_REGISTER(constants_ping_pong_ordered)
SEQ_KERNEL constants_ping_pong_relaxed(int partner, int rounds, unsigned before, unsigned* words,
                                       unsigned long long* result) {
  ping_pong<false>(partner, rounds, before, words, result);
}
SEQ_REGISTER(constants_ping_pong_relaxed)

// All blocks meet so many times. counter: zero before the launch. result as above. Launch: cooperative.
SEQ_KERNEL constants_meet(int crossings, unsigned* counter, unsigned long long* result) {
  const unsigned long long start = device::nanoseconds();
  for (int i = 1; i <= crossings; ++i) {
    if (!device::grid_barrier(counter, gridDim.x, static_cast<unsigned>(i))) return;
  }
  if (blockIdx.x == 0 && threadIdx.x == 0) {
    result[0] = device::nanoseconds() - start;
    result[1] = 1;
  }
}
SEQ_REGISTER(constants_meet)

// Reads all of it so often, past the first-level cache. sink is written if the bits are such as they never are.
SEQ_KERNEL constants_read(const uint4* from, long long vectors, int passes, unsigned* sink) {
  const long long step = static_cast<long long>(gridDim.x) * blockDim.x;
  const long long first = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  unsigned bits = 0;
  for (int pass = 0; pass < passes; ++pass) {
    long long i = first;
    for (; i + 3 * step < vectors; i += 4 * step) {
      const uint4 a = __ldcg(from + i), b = __ldcg(from + i + step), c = __ldcg(from + i + 2 * step),
                  d = __ldcg(from + i + 3 * step);
      bits |= a.x | a.y | a.z | a.w | b.x | b.y | b.z | b.w | c.x | c.y | c.z | c.w | d.x | d.y | d.z | d.w;
    }
    for (; i < vectors; i += step) {
      const uint4 a = __ldcg(from + i);
      bits |= a.x | a.y | a.z | a.w;
    }
  }
  if (bits == 0x12345678u) *sink = bits;
}
SEQ_REGISTER(constants_read)

SEQ_KERNEL constants_copy(const uint4* from, uint4* to, long long vectors) {
  const long long step = static_cast<long long>(gridDim.x) * blockDim.x;
  for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; i < vectors; i += step) to[i] = from[i];
}
SEQ_REGISTER(constants_copy)

// Every thread multiplies and adds for so many cycles; result = {cycles, nanoseconds} of one of them. Launch: a full device.
SEQ_KERNEL constants_clock(long long cycles, float* sink, unsigned long long* result) {
  const unsigned long long start = device::nanoseconds();
  const long long begin = device::cycles();
  float x = static_cast<float>(threadIdx.x), y = x + 1.0f;
  long long passed;
  do {
    for (int i = 0; i < 32; ++i) {
      x = x * 0.999f + 0.5f;
      y = y * 0.998f + 0.25f;
    }
    passed = device::cycles() - begin;
  } while (passed < cycles);
  if (x + y == -1.0f) *sink = x;
  if (blockIdx.x == 0 && threadIdx.x == 0) {
    result[0] = static_cast<unsigned long long>(passed);
    result[1] = device::nanoseconds() - start;
  }
}
SEQ_REGISTER(constants_clock)

// result = {the smallest step by which the timer goes, how many steps were seen}. Launch: one thread.
SEQ_KERNEL constants_timer(int steps, unsigned long long* result) {
  unsigned long long smallest = ~0ull, last = device::nanoseconds();
  int seen = 0;
  while (seen < steps) {
    const unsigned long long now = device::nanoseconds();
    if (now == last) continue;
    if (now - last < smallest) smallest = now - last;
    last = now;
    ++seen;
  }
  result[0] = smallest;
  result[1] = static_cast<unsigned long long>(seen);
}
SEQ_REGISTER(constants_timer)
