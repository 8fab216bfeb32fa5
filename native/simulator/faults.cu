// Kernels with one planted fault each, beside a twin without it, and kernels that use what the simulator must model. Only
// the simulator compiles them.
#include "device.h"

namespace {
__device__ __forceinline__ long long global_thread() {
  return blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x;
}
}  // namespace

SEQ_KERNEL simulator_fill(float* to, long long n, float value) {
  const long long i = global_thread();
  if (i < n) to[i] = value;
}
SEQ_REGISTER(simulator_fill)

SEQ_KERNEL simulator_add(float* to, const float* from, int n) {
  const long long i = global_thread();
  if (i < n) to[i] += from[i];
}
SEQ_REGISTER(simulator_add)

// The fault: one element too many.
SEQ_KERNEL simulator_out_of_bounds(float* to, int n) {
  const long long i = global_thread();
  if (i <= n) to[i] = 1.0f;
}
SEQ_REGISTER(simulator_out_of_bounds)

// Reverses each block's part of an array; without the barrier some elements are read before they are written.
template <bool kBarrier>
__device__ __forceinline__ void reverse(float* data) {
  SEQ_SHARED(float, tile);
  tile[threadIdx.x] = data[global_thread()];
  if (kBarrier) __syncthreads();
  data[global_thread()] = tile[blockDim.x - 1 - threadIdx.x];
}
SEQ_KERNEL simulator_reverse(float* data) { reverse<true>(data); }
SEQ_REGISTER(simulator_reverse)
SEQ_KERNEL simulator_reverse_without_barrier(float* data) { reverse<false>(data); }
SEQ_REGISTER(simulator_reverse_without_barrier)

// The fault: threads of the second half return before the barrier.
SEQ_KERNEL simulator_barrier_left(float* data) {
  if (threadIdx.x >= blockDim.x / 2) return;
  __syncthreads();
  data[threadIdx.x] = 0.0f;
}
SEQ_REGISTER(simulator_barrier_left)

// The fault: one shared element past the end.
SEQ_KERNEL simulator_shared_out_of_bounds(float* data) {
  SEQ_SHARED(float, tile);
  tile[threadIdx.x + 1] = data[threadIdx.x];
  __syncthreads();
  data[threadIdx.x] = tile[threadIdx.x];
}
SEQ_REGISTER(simulator_shared_out_of_bounds)

// Sums over segments of `width` lanes by each kind of shuffle, and a ballot: to [5, threads].
SEQ_KERNEL simulator_shuffles(float* to, int width) {
  const int lane = threadIdx.x % warpSize, threads = blockDim.x, thread = threadIdx.x;
  const unsigned all = 0xffffffffu;
  float sum = static_cast<float>(thread);
  for (int m = width / 2; m > 0; m /= 2) sum += __shfl_xor_sync(all, sum, m, width);
  to[thread] = sum;
  float prefix = static_cast<float>(thread);
  for (int d = 1; d < width; d *= 2) {
    const float below = __shfl_up_sync(all, prefix, d, width);
    if (lane % width >= d) prefix += below;
  }
  to[threads + thread] = prefix;
  to[2 * threads + thread] = static_cast<float>(__shfl_down_sync(all, static_cast<double>(thread), 1, width));
  to[3 * threads + thread] = static_cast<float>(__shfl_sync(all, static_cast<long long>(thread), width - 1, width));
  to[4 * threads + thread] = static_cast<float>(__popc(__ballot_sync(all, thread % 3 == 0)));
}
SEQ_REGISTER(simulator_shuffles)

// Lanes past `active` return first; the others' collectives do not wait for them.
SEQ_KERNEL simulator_shuffle_after_return(float* to, int active) {
  if (static_cast<int>(threadIdx.x) >= active) return;
  to[threadIdx.x] = __shfl_sync(0xffffffffu, static_cast<float>(threadIdx.x), 0);
}
SEQ_REGISTER(simulator_shuffle_after_return)

// A tanh network in one launch: block b owns rows [b·rows, (b+1)·rows) of R [H,H] in shared memory; h [T+1,H] is indexed
// by time. bad[0] becomes 1 if a barrier gives up.
SEQ_KERNEL simulator_persistent_rnn(int T, int H, int rows, const float* R, const float* wx, float* h, unsigned* counter,
                                    int* bad) {
  SEQ_SHARED(float, r);
  const int first = blockIdx.x * rows, lane = threadIdx.x % warpSize;
  const int warp = threadIdx.x / warpSize, warps = blockDim.x / warpSize;
  for (int i = threadIdx.x; i < rows * H; i += blockDim.x) r[i] = R[first * H + i];
  __syncthreads();
  for (int t = 0; t < T; t++) {
    const float* previous = h + static_cast<long long>(t) * H;
    for (int row = warp; row < rows; row += warps) {
      float sum = 0;
      for (int k = lane; k < H; k += warpSize) sum += r[row * H + k] * __ldcg(previous + k);
      for (int m = 16; m > 0; m /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, m);
      const long long at = first + row;
      if (lane == 0) h[static_cast<long long>(t + 1) * H + at] = tanhf(wx[static_cast<long long>(t) * H + at] + sum);
    }
    if (!sequor::device::grid_barrier(counter, gridDim.x, t + 1)) {
      if (threadIdx.x == 0) bad[0] = 1;
      return;
    }
  }
}
SEQ_REGISTER(simulator_persistent_rnn)

// Waits for a flag that nobody raises, with no bound.
SEQ_KERNEL simulator_endless_spin(unsigned* flag) {
  while (sequor::device::load_acquire(flag) == 0) sequor::device::spin_pause();
}
SEQ_REGISTER(simulator_endless_spin)

// Moves elements `shift` floats further as pairs, as fours, and as pairs of integers in fours of 16-bit numbers: a fault unless
// the shift keeps them aligned.
SEQ_KERNEL simulator_copy_fours(float* to, const float* from, int shift) {
  reinterpret_cast<float4*>(to + shift)[threadIdx.x] = reinterpret_cast<const float4*>(from)[threadIdx.x];
}
SEQ_REGISTER(simulator_copy_fours)
SEQ_KERNEL simulator_load_fours(float* to, const float* from, int shift) {
  const float4 four = reinterpret_cast<const float4*>(from + shift)[threadIdx.x];
  to[threadIdx.x] = four.x + four.y + four.z + four.w;
}
SEQ_REGISTER(simulator_load_fours)
SEQ_KERNEL simulator_load_pairs(float* to, const float* from, int shift) {
  const uint2 pair = reinterpret_cast<const uint2*>(from + shift)[threadIdx.x];
  to[threadIdx.x] = __uint_as_float(pair.x) + __uint_as_float(pair.y);
}
SEQ_REGISTER(simulator_load_pairs)
SEQ_KERNEL simulator_load_doubles(float* to, const float* from, int shift) {
  to[threadIdx.x] = static_cast<float>(reinterpret_cast<const double*>(from + shift)[threadIdx.x]);
}
SEQ_REGISTER(simulator_load_doubles)
// By bytes: no float may lie there.
SEQ_KERNEL simulator_load_floats(float* to, const float* from, int shift) {
  to[threadIdx.x] = reinterpret_cast<const float*>(reinterpret_cast<const char*>(from) + shift)[threadIdx.x];
}
SEQ_REGISTER(simulator_load_floats)
SEQ_KERNEL simulator_shared_fours(float* to, const float* from, int shift) {
  SEQ_SHARED(float, tile);
  for (int i = 0; i < 4; i++) tile[4 * threadIdx.x + i] = from[4 * threadIdx.x + i];
  __syncthreads();
  to[threadIdx.x] = reinterpret_cast<const float4*>(tile + shift)[threadIdx.x].w;
}
SEQ_REGISTER(simulator_shared_fours)

// Undefined in C++; found where the simulator was built to look for it (ci/verify ubsan).
SEQ_KERNEL simulator_overflow(int* to, int value) { to[threadIdx.x] = value + 1; }
SEQ_REGISTER(simulator_overflow)
SEQ_KERNEL simulator_shift(int* to, int value) { to[threadIdx.x] = 1 << value; }
SEQ_REGISTER(simulator_shift)
SEQ_KERNEL simulator_convert(int* to, float value) { to[threadIdx.x] = static_cast<int>(value); }
SEQ_REGISTER(simulator_convert)

// What they take of a multiprocessor stands in resources.txt.
SEQ_KERNEL simulator_registers_37(float* to) { to[0] = 37; }
SEQ_REGISTER(simulator_registers_37)
SEQ_KERNEL simulator_registers_64(float* to) { to[0] = 64; }
SEQ_REGISTER(simulator_registers_64)
SEQ_KERNEL simulator_registers_129(float* to) { to[0] = 129; }
SEQ_REGISTER(simulator_registers_129)
SEQ_KERNEL simulator_registers_255(float* to) { to[0] = 255; }
SEQ_REGISTER(simulator_registers_255)
