// Driver calls that launch kernels, and about functions.
#include "operations.h"

namespace simulator {
namespace {

constexpr int kSharedLimit = 227 << 10, kThreadsPerMultiprocessor = 2048;

Function& function_of(void* handle) {
  auto* function = static_cast<Function*>(handle);
  if (current_context().functions.count(function) > 0) return *function;
  throw Fault(kInvalidHandle, "the function belongs to no module of the current context");
}

int blocks_per_multiprocessor(unsigned threads, size_t shared_bytes) {
  int blocks = static_cast<int>(kThreadsPerMultiprocessor / threads);
  if (blocks > 32) blocks = 32;
  const auto by_shared = static_cast<int>((228u << 10) / (shared_bytes + 1024));
  return blocks < by_shared ? blocks : by_shared;
}

void launch(void* handle, dim3 grid, dim3 block, unsigned shared_bytes, void* stream_handle, void** parameters,
            bool cooperative) {
  Stream& stream = stream_of(stream_handle);
  const Function& function = function_of(handle);
  const Launch launch{function.kernel, grid, block, shared_bytes, nullptr, cooperative, stream.context->device.ordinal};
  const auto refuse = [&](Result code, const std::string& why) {
    throw Fault(code, "kernel " + function.kernel->name + ", " + shape(launch) + ": " + why);
  };
  const uint64_t threads = static_cast<uint64_t>(block.x) * block.y * block.z;
  const uint64_t blocks = static_cast<uint64_t>(grid.x) * grid.y * grid.z;
  if (threads == 0 || blocks == 0) refuse(kInvalidValue, "a size is 0");
  if (threads > kMaxThreads || block.z > 64) refuse(kInvalidValue, "a block has at most 1024 threads, 64 along z");
  if (threads > function.kernel->most_threads) {
    refuse(kInvalidValue,
           "it was compiled for blocks of at most " + std::to_string(function.kernel->most_threads) + " threads");
  }
  if (grid.x > 2147483647u || grid.y > 65535 || grid.z > 65535)
    refuse(kInvalidValue, "a grid is at most 2^31-1 x 65535 x 65535");
  if (shared_bytes > static_cast<unsigned>(function.dynamic_shared_bytes)) {
    refuse(kInvalidValue, std::to_string(shared_bytes) + " bytes of shared memory, the function's limit is " +
                              std::to_string(function.dynamic_shared_bytes));
  }
  if (parameters == nullptr && !function.kernel->parameters.empty()) {
    refuse(kInvalidValue, std::to_string(function.kernel->parameters.size()) + " parameters are missing");
  }
  if (cooperative) {
    const auto fit = static_cast<uint64_t>(blocks_per_multiprocessor(static_cast<unsigned>(threads), shared_bytes)) *
                     static_cast<uint64_t>(machine().settings.multiprocessors);
    if (blocks > fit) refuse(kCooperativeLaunchTooLarge, std::to_string(fit) + " blocks fit on the device at once");
  }
  submit(stream, std::make_shared<KernelLaunch>(launch, parameters));
}

}  // namespace
}  // namespace simulator

using namespace simulator;

extern "C" {

SIMULATOR_API int cuLaunchKernel(void* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                                 unsigned bz, unsigned shared, void* stream, void** parameters, void** extra) {
  return call([&] {
    if (extra != nullptr) throw Fault(kNotSupported, "the simulator takes kernel parameters one by one only");
    launch(function, {gx, gy, gz}, {bx, by, bz}, shared, stream, parameters, false);
  });
}

SIMULATOR_API int cuLaunchCooperativeKernel(void* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                                            unsigned bz, unsigned shared, void* stream, void** parameters) {
  return call([&] { launch(function, {gx, gy, gz}, {bx, by, bz}, shared, stream, parameters, true); });
}

SIMULATOR_API int cuFuncGetAttribute(int* value, int attribute, void* handle) {
  return call([&] {
    const Function& function = function_of(handle);
    const Settings& s = machine().settings;
    switch (attribute) {
      case 0: *value = static_cast<int>(function.kernel->most_threads); break;         // MAX_THREADS_PER_BLOCK
      case 1: *value = static_cast<int>(function.kernel->static_shared_bytes); break;  // SHARED_SIZE_BYTES, static
      case 2: *value = 0; break;                                                       // CONST_SIZE_BYTES
      case 3: *value = static_cast<int>(function.kernel->local_bytes); break;          // LOCAL_SIZE_BYTES
      case 4: *value = 32; break;                                                      // NUM_REGS
      case 5:                                                                          // PTX_VERSION
      case 6: *value = s.major * 10 + s.minor; break;                                  // BINARY_VERSION
      case 8: *value = function.dynamic_shared_bytes; break;                           // MAX_DYNAMIC_SHARED_SIZE_BYTES
      default: throw Fault(kInvalidValue, "the simulator has no function attribute " + std::to_string(attribute));
    }
  });
}

SIMULATOR_API int cuFuncSetAttribute(void* handle, int attribute, int value) {
  return call([&] {
    Function& function = function_of(handle);
    if (attribute == 8) {
      if (value < 0 || value > kSharedLimit) {
        throw Fault(kInvalidValue,
                    std::to_string(value) + " bytes of shared memory, a block can have " + std::to_string(kSharedLimit));
      }
      function.dynamic_shared_bytes = value;
    } else if (attribute != 9 && attribute != 14) {  // preferred carveout, non-portable cluster size: nothing to do
      throw Fault(kInvalidValue, "the simulator cannot set function attribute " + std::to_string(attribute));
    }
  });
}

SIMULATOR_API int cuFuncSetCacheConfig(void* handle, int) {
  return call([&] { function_of(handle); });
}

SIMULATOR_API int cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void* handle, int block_size,
                                                              size_t shared_bytes) {
  return call([&] {
    function_of(handle);
    if (block_size <= 0) throw Fault(kInvalidValue, "a block of " + std::to_string(block_size) + " threads");
    *blocks = block_size > static_cast<int>(kMaxThreads)
                  ? 0
                  : blocks_per_multiprocessor(static_cast<unsigned>(block_size), shared_bytes);
  });
}

SIMULATOR_API int cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, void* handle, int block_size,
                                                                       size_t shared_bytes, unsigned) {
  return cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, handle, block_size, shared_bytes);
}

}  // extern "C"
