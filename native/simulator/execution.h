// Runs one launch: its blocks and their threads, in an order that the seed chooses.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include "errors.h"
#include "kernel.h"
#include "random.h"

namespace simulator {

struct Launch {
  std::shared_ptr<const Kernel> kernel;  // a graph may outlive the kernel's module
  dim3 grid, block;
  unsigned shared_bytes;
  const char* values;  // of the parameters
  bool cooperative;    // all blocks are alive at once; otherwise one after another
  int device;

  // All the shared memory of a block: what the kernel declares, then what the launch gives.
  size_t all_shared_bytes() const {
    return shared_bytes == 0 ? kernel->static_shared_bytes : kernel->dynamic_shared_offset() + shared_bytes;
  }
};

// The launch cannot go on: a deadlock, a barrier that threads left, a trap, a write past the shared memory, a misaligned
// access.
class LaunchFailure : public std::runtime_error {
 public:
  explicit LaunchFailure(const std::string& what, Result code = kLaunchFailed) : std::runtime_error(what), code(code) {}
  Result code;
};

void execute(const Launch& launch, Random& random);
const Launch& running_launch();
// Called by a thread of the running launch: ends it.
[[noreturn]] void fail_thread(Result code, const std::string& what);
void forget_thread_orders();  // after a new seed

// Does a thread of a launch run?
bool on_kernel_thread();
// Called by a thread of the running launch: ends it.
[[noreturn]] void fail_thread(Result code, const std::string& what);

// "grid (2,1,1) block (128,1,1)", for messages.
std::string shape(const Launch& launch);

}  // namespace simulator
