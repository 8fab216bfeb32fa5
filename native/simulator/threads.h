// The threads of the running launch, as kernels see them: where a thread is, and where it can wait. The part on the path of
// every thread is inline; all that waits is in execution.cpp.
#pragma once

#include <cstdint>
#include <vector>

namespace simulator {

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
};

// Of the thread that runs. Not thread-local: one host thread at a time runs kernels, under the driver's lock.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
extern char* shared_memory;

// Where a thread waits, for messages.
struct Where {
  const char* file;
  int line;
};

struct Fiber;

// A thread's place in the order in which a block's threads start.
struct ThreadSlot {
  uint3 index;
  unsigned linear;
};

constexpr unsigned kMaxThreads = 1024, kWarpSize = 32, kMaxWarps = kMaxThreads / kWarpSize;

struct Warp {
  uint32_t waiting = 0;  // lanes that wait in a collective
  uint32_t mask[kWarpSize];
  uint8_t kind[kWarpSize];
  int source[kWarpSize];
  uint64_t value[kWarpSize], result[kWarpSize];
  Fiber* fiber[kWarpSize];
};

struct Block {
  const ThreadSlot* order = nullptr;
  unsigned next = 0, threads = 0;  // threads that have started, of how many
  unsigned returned = 0;
  unsigned arrived = 0, votes = 0, combined = 0;  // of the block barrier
  Where barrier = {nullptr, 0};
  unsigned waiting_lanes = 0;
  uint32_t exited[kMaxWarps] = {};
  uint3 index = {0, 0, 0};
  char* shared = nullptr;
  std::vector<Fiber*> at_barrier;
  std::vector<Warp> warps;  // made when the first collective needs them
};

extern Block* block;
extern unsigned linear_thread;

// Makes the next thread of the block that has not started the running one. A fiber runs threads one after another until
// none is left; if one waits, it stays on this fiber's stack, and the next threads start on another fiber. So a kernel
// without barriers is one loop.
inline bool next_thread() {
  Block& b = *block;
  if (b.next == b.threads) return false;
  const ThreadSlot& slot = b.order[b.next++];
  threadIdx = slot.index;
  linear_thread = slot.linear;
  return true;
}

void release_after_return();

inline void thread_returned() {
  Block& b = *block;
  ++b.returned;
  b.exited[linear_thread / kWarpSize] |= 1u << (linear_thread % kWarpSize);
  if (b.waiting_lanes > 0) release_after_return();
}

enum class Combine : uint8_t { kNone, kOr, kAnd, kCount };
// May the block's threads wait at one barrier in several places? In C++ that is a fault; in PTX barriers have numbers.
enum class Place : uint8_t { kOne, kAny };
int block_barrier(Combine combine, unsigned vote, Where where, Place place = Place::kOne);

inline int warp_lane() { return static_cast<int>(linear_thread % kWarpSize); }
uint32_t warp_lanes();  // the lanes of the running thread's warp that exist and have not returned
uint64_t warp_exchange(uint32_t mask, uint64_t value, int source, Where where);
uint32_t warp_ballot(uint32_t mask, bool vote, Where where);
void warp_barrier(uint32_t mask, Where where);

void spin(Where where);  // lets all others run before it polls again
[[noreturn]] void trap(Where where);

}  // namespace simulator
