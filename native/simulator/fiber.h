// Stacks that a thread can leave and come back to. A fiber runs tasks one after another and is kept for the next task.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "threads.h"

namespace simulator {

enum class Wait : unsigned char { kNone, kBlockBarrier, kCollective, kSpin };

struct Fiber {
  void* stack_pointer = nullptr;  // while it is not running
  char* stack = nullptr;
  // Of the thread that waits on this stack.
  Block* block = nullptr;
  uint3 thread = {0, 0, 0};
  unsigned linear = 0;
  Wait wait = Wait::kNone;
  Where where = {nullptr, 0};
  size_t place = 0;  // among the fibers of the launch
};

// Runs fibers on the calling host thread.
class FiberPool {
 public:
  FiberPool() = default;
  FiberPool(const FiberPool&) = delete;
  FiberPool& operator=(const FiberPool&) = delete;

  Fiber* take();
  void give_back(Fiber* fiber) { idle_.push_back(fiber); }
  // The task of a fiber that waits will never go on: forget it.
  void abandon(Fiber* fiber);

  // Runs the fiber (a new one begins the task) until it leaves; true if its task has ended.
  bool resume(Fiber* fiber);
  // Called on a fiber: back to where resume was called.
  void leave();
  Fiber* running() const { return running_; }

  // What a fiber runs. A plain function: it takes what it needs from the current launch.
  void (*task)() = nullptr;

 private:
  static void enter();
  void prepare(Fiber* fiber);
  void check_stack(const Fiber* fiber) const;

  std::vector<std::unique_ptr<Fiber>> all_;
  std::vector<Fiber*> idle_;
  Fiber* running_ = nullptr;
  void* host_stack_pointer_ = nullptr;
  bool ended_ = false;
  // AddressSanitizer must know which stack is in use.
  const void* host_stack_ = nullptr;
  size_t host_stack_bytes_ = 0;
};

extern FiberPool fibers;

}  // namespace simulator
