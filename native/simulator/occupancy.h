// What a multiprocessor has, what a kernel takes of it, and so how many of its blocks run there at once: the arithmetic of
// NVIDIA's occupancy calculator.
#pragma once

#include <cstddef>
#include <string>

namespace simulator {

// Of one multiprocessor, by compute capability (CUDA programming guide, technical specifications).
struct Limits {
  int warps, blocks, registers;
  int shared_bytes, block_shared_bytes;  // of all blocks, of one block

  int threads() const { return warps * 32; }
};
Limits limits_of(int major, int minor);

// What ptxas gave a kernel.
struct Resources {
  int registers;                  // a thread
  int shared_bytes, local_bytes;  // static, a block; stack and spills, a thread
};
// Of the machine code that a device of that compute capability runs. Kernels that only the simulator compiles have 32 registers
// unless native/simulator/resources.txt says otherwise.
Resources resources_of(const std::string& kernel, int major);

// Blocks of so many threads; 0 if not even one fits. shared_bytes: dynamic.
int blocks_per_multiprocessor(const Limits& limits, const Resources& kernel, int threads, size_t shared_bytes);
// The largest block that registers allow.
int most_threads(const Limits& limits, const Resources& kernel);

}  // namespace simulator
