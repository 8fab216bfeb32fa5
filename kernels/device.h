// The one header of every kernel file. nvcc compiles kernels for the device, g++ compiles the same text for the simulator
// (native/simulator), which runs it in the tests. What both must spell differently is spelled once, here:
//
//   SEQ_KERNEL fill_f32(float* to, long long n, float value) {
//     const long long i = blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x;
//     if (i < n) to[i] = value;
//   }
//   SEQ_REGISTER(fill_f32)
//
// Templates become kernels through macros that expand to such functions. Shared memory is dynamic only, through
// SEQ_SHARED(type, name), which names the start of the block's shared memory; instructions that only one side has stand
// behind functions of namespace sequor::device with a body for each.
#pragma once

#include "sequor/portable.h"

#if defined(__CUDACC__)

#define SEQ_KERNEL extern "C" __global__ void
#define SEQ_REGISTER(name)
// One untyped array serves all types of a translation unit: nvcc refuses one name with two types.
extern __shared__ __align__(128) unsigned char seq_shared_memory[];
#define SEQ_SHARED(type, name) type* const name = reinterpret_cast<type*>(seq_shared_memory)

namespace sequor {
namespace device {

// A bounded spin gives up after so many polls, raises its abort flag and lets the kernel end.
constexpr unsigned kSpinLimit = 1u << 26;

__device__ __forceinline__ void spin_pause() { __nanosleep(20); }

__device__ __forceinline__ unsigned load_acquire(const unsigned* counter) {
  unsigned seen;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(seen) : "l"(counter) : "memory");
  return seen;
}

__device__ __forceinline__ void add_release(unsigned* counter, unsigned value) {
  asm volatile("red.release.gpu.global.add.u32 [%0], %1;" ::"l"(counter), "r"(value) : "memory");
}

}  // namespace device
}  // namespace sequor

#else
#include "device_shim.h"
#endif

namespace sequor {
namespace device {

// All `blocks` blocks of a group meet. counter: one word of global memory, zero before the launch and used by nothing else;
// crossing: 1 at the first meeting, 2 at the second … so the counter is never reset. Only for cooperative launches, where
// all blocks run at once. Returns false, in every thread of the block, if the others have not come within the spin limit;
// the kernel must then end. One thread a block signals and polls, after a block barrier: its release covers the stores of
// all threads of its block.
__device__ inline bool grid_barrier(unsigned* counter, unsigned blocks, unsigned crossing) {
  __syncthreads();
  int late = 0;
  if (threadIdx.x == 0 && threadIdx.y == 0 && threadIdx.z == 0) {
    add_release(counter, 1);
    unsigned polls = 0;
    while (load_acquire(counter) < blocks * crossing) {
      if (++polls > kSpinLimit) {
        late = 1;
        break;
      }
      spin_pause();
    }
  }
  return __syncthreads_or(late) == 0;
}

}  // namespace device
}  // namespace sequor
