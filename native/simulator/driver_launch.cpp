// Driver calls that launch kernels, and about functions.
#include "operations.h"

namespace simulator {
namespace {

Limits limits() { return limits_of(machine().settings.major, machine().settings.minor); }

Function& function_of(void* handle) {
  auto* function = static_cast<Function*>(handle);
  if (current_context().functions.count(function) > 0) return *function;
  throw Fault(kInvalidHandle, "the function belongs to no module of the current context");
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
  if (const int most = most_threads(limits(), function.resources); threads > static_cast<uint64_t>(most)) {
    refuse(kLaunchOutOfResources, "with " + std::to_string(function.resources.registers) +
                                      " registers a thread a block has at most " + std::to_string(most) + " threads");
  }
  if (shared_bytes > static_cast<unsigned>(function.dynamic_shared_bytes)) {
    refuse(kInvalidValue, std::to_string(shared_bytes) + " bytes of shared memory, the function's limit is " +
                              std::to_string(function.dynamic_shared_bytes));
  }
  if (parameters == nullptr && !function.kernel->parameters.empty()) {
    refuse(kInvalidValue, std::to_string(function.kernel->parameters.size()) + " parameters are missing");
  }
  if (cooperative) {
    const int each = blocks_per_multiprocessor(limits(), function.resources, static_cast<int>(threads), shared_bytes);
    const auto fit = static_cast<uint64_t>(each) * static_cast<uint64_t>(machine().settings.multiprocessors);
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
      case 0:                                                              // MAX_THREADS_PER_BLOCK
        *value = std::min(most_threads(limits(), function.resources), static_cast<int>(function.kernel->most_threads));
        break;
      case 1: *value = function.resources.shared_bytes; break;             // SHARED_SIZE_BYTES, static
      case 2: *value = 0; break;                                           // CONST_SIZE_BYTES
      case 3: *value = function.resources.local_bytes; break;              // LOCAL_SIZE_BYTES
      case 4: *value = function.resources.registers; break;                // NUM_REGS
      case 5:                                                              // PTX_VERSION
      case 6: *value = s.major * 10 + s.minor; break;                      // BINARY_VERSION
      case 8: *value = function.dynamic_shared_bytes; break;               // MAX_DYNAMIC_SHARED_SIZE_BYTES
      default: throw Fault(kInvalidValue, "the simulator has no function attribute " + std::to_string(attribute));
    }
  });
}

SIMULATOR_API int cuFuncSetAttribute(void* handle, int attribute, int value) {
  return call([&] {
    Function& function = function_of(handle);
    if (attribute == 8) {
      const int most = limits().block_shared_bytes - function.resources.shared_bytes;
      if (value < 0 || value > most) {
        throw Fault(kInvalidValue, "kernel " + function.kernel->name + ": " + std::to_string(value) +
                                       " bytes of dynamic shared memory, a block can have " + std::to_string(most));
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
    const Function& function = function_of(handle);
    if (block_size <= 0) throw Fault(kInvalidValue, "a block of " + std::to_string(block_size) + " threads");
    *blocks = blocks_per_multiprocessor(limits(), function.resources, block_size, shared_bytes);
  });
}

SIMULATOR_API int cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, void* handle, int block_size,
                                                                       size_t shared_bytes, unsigned) {
  return cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, handle, block_size, shared_bytes);
}

}  // extern "C"
