#include "execution.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <numeric>
#include <tuple>

#include "fiber.h"

namespace simulator {

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;
char* shared_memory;
Block* block;
unsigned linear_thread;

namespace {

// A round in which every thread that could run polled in vain; after so many the launch counts as dead. Kernels give up
// their bounded spins earlier.
constexpr unsigned kFruitlessRounds = 1u << 16;
constexpr size_t kGuardBytes = 64;
constexpr unsigned char kGuard = 0xc5, kPoison = 0xff;

enum Kind : uint8_t { kExchange, kBallot, kWarpBarrier };

std::string text(uint3 at) {
  return "(" + std::to_string(at.x) + "," + std::to_string(at.y) + "," + std::to_string(at.z) + ")";
}

std::string text(Where where) {
  const char* slash = std::strrchr(where.file, '/');
  return std::string(slash ? slash + 1 : where.file) + ":" + std::to_string(where.line);
}

// Shared memory of one block, with a guard behind it. Its own allocation, so AddressSanitizer sees its end.
class SharedMemory {
 public:
  explicit SharedMemory(size_t bytes) : bytes_(bytes), memory_(bytes == 0 ? nullptr : allocate(bytes)) { poison(); }

  char* get() const { return memory_.get(); }

  void poison() {
    if (bytes_ == 0) return;
    std::memset(memory_.get(), kPoison, bytes_);
    if (guarded()) std::memset(memory_.get() + bytes_, kGuard, kGuardBytes);
  }

  bool overrun() const {
    if (bytes_ == 0 || !guarded()) return false;
    const char* guard = memory_.get() + bytes_;
    return std::any_of(guard, guard + kGuardBytes, [](char c) { return static_cast<unsigned char>(c) != kGuard; });
  }

 private:
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };

  static constexpr bool guarded() {
#if defined(__SANITIZE_ADDRESS__)
    return false;
#else
    return true;
#endif
  }

  static char* allocate(size_t bytes) {
    void* memory = nullptr;
    if (posix_memalign(&memory, 128, bytes + (guarded() ? kGuardBytes : 0)) != 0) throw std::bad_alloc();
    return static_cast<char*>(memory);
  }

  size_t bytes_;
  std::unique_ptr<char, Free> memory_;
};

// Orders in which the threads of a block start: a few for each block shape, drawn once.
class ThreadOrders {
 public:
  const ThreadSlot* draw(dim3 shape, Random& random) {
    const auto key = std::make_tuple(shape.x, shape.y, shape.z);
    auto found = orders_.find(key);
    if (found == orders_.end()) found = orders_.emplace(key, make(shape, random)).first;
    const unsigned threads = shape.x * shape.y * shape.z;
    return found->second.data() + static_cast<size_t>(random.below(kOrders)) * threads;
  }

  void clear() { orders_.clear(); }

 private:
  static constexpr unsigned kOrders = 8;

  static std::vector<ThreadSlot> make(dim3 shape, Random& random) {
    const unsigned threads = shape.x * shape.y * shape.z;
    std::vector<ThreadSlot> all;
    all.reserve(static_cast<size_t>(threads) * kOrders);
    for (unsigned o = 0; o < kOrders; o++) {
      for (unsigned i = 0; i < threads; i++) {
        all.push_back({{i % shape.x, i / shape.x % shape.y, i / shape.x / shape.y}, i});
      }
      random.shuffle(all.data() + static_cast<size_t>(o) * threads, threads);
    }
    return all;
  }

  std::map<std::tuple<unsigned, unsigned, unsigned>, std::vector<ThreadSlot>> orders_;
};

class Grid {
 public:
  Grid(const Launch& launch, Random& random) : launch_(launch), random_(random), order_(thread_order(launch, random)) {}

  void run();

  // Called on fibers.
  void wait(Wait kind, Where where);
  void release(Fiber* fiber) { runnable_.push_back(fiber); }
  void fail(const std::string& what, Result code = kLaunchFailed);
  const Launch& launch() const { return launch_; }
  const char* values() const { return launch_.values; }
  const Kernel& kernel() const { return *launch_.kernel; }

 private:
  static const ThreadSlot* thread_order(const Launch& launch, Random& random);

  void prepare(Block& block, uint64_t index, const SharedMemory& shared);
  void run_blocks(std::vector<Block>& blocks);
  void check_shared(const Block& block, const SharedMemory& shared);
  bool start_one(std::vector<Block>& blocks);
  void resume(Fiber* fiber);
  bool poll_again();
  std::string waiting(const std::vector<Block>& blocks) const;

  const Launch& launch_;
  Random& random_;
  const ThreadSlot* order_;
  std::vector<unsigned> fresh_;  // blocks with threads that have not started
  std::vector<Fiber*> live_, runnable_, spinning_;
  size_t fruitless_ = 0;
  bool progress_ = false;
  std::string failure_;
  Result failure_code_ = kLaunchFailed;
};

Grid* grid = nullptr;

ThreadOrders& thread_orders() {
  static ThreadOrders orders;
  return orders;
}

const ThreadSlot* Grid::thread_order(const Launch& launch, Random& random) {
  return thread_orders().draw(launch.block, random);
}

void task() {
  const Grid* running = grid;
  running->kernel().threads(running->values());
}

void Grid::prepare(Block& b, uint64_t index, const SharedMemory& shared) {
  b.order = order_;
  b.threads = launch_.block.x * launch_.block.y * launch_.block.z;
  b.next = b.returned = b.arrived = b.votes = b.combined = b.waiting_lanes = 0;
  std::fill_n(b.exited, (b.threads + kWarpSize - 1) / kWarpSize, 0u);
  for (Warp& warp : b.warps) warp.waiting = 0;
  const uint64_t x = launch_.grid.x, y = launch_.grid.y;
  b.index = {static_cast<unsigned>(index % x), static_cast<unsigned>(index / x % y), static_cast<unsigned>(index / x / y)};
  b.shared = shared.get();
}

void Grid::run() {
  blockDim = launch_.block;
  gridDim = launch_.grid;
  fibers.task = &task;
  const uint64_t count = static_cast<uint64_t>(launch_.grid.x) * launch_.grid.y * launch_.grid.z;
  if (launch_.cooperative) {
    std::vector<Block> blocks(count);
    std::vector<SharedMemory> shared;
    shared.reserve(count);
    for (uint64_t i = 0; i < count; i++) {
      shared.emplace_back(launch_.all_shared_bytes());
      prepare(blocks[i], i, shared[i]);
    }
    run_blocks(blocks);
    for (uint64_t i = 0; i < count; i++) check_shared(blocks[i], shared[i]);
    return;
  }
  // One block after another, in an order that needs no table: i ↦ start + i·step modulo the count, step coprime to it.
  uint64_t step = 1 + random_.next() % count;
  while (std::gcd(step, count) != 1) step++;
  uint64_t index = random_.next() % count;
  std::vector<Block> one(1);
  SharedMemory shared(launch_.all_shared_bytes());
  for (uint64_t i = 0; i < count; i++) {
    if (i > 0) shared.poison();
    prepare(one[0], index, shared);
    run_blocks(one);
    check_shared(one[0], shared);
    index = (index + step) % count;
  }
}

void Grid::check_shared(const Block& b, const SharedMemory& shared) {
  if (!shared.overrun()) return;
  throw LaunchFailure("kernel " + launch_.kernel->name + " wrote past the " + std::to_string(launch_.all_shared_bytes()) +
                      " bytes of shared memory of block " + text(b.index) + ", " + shape(launch_));
}

void Grid::run_blocks(std::vector<Block>& blocks) {
  fresh_.resize(blocks.size());
  std::iota(fresh_.begin(), fresh_.end(), 0u);
  for (;;) {
    const bool resumable = !runnable_.empty();
    if (resumable && (fresh_.empty() || (random_.next() & 1) != 0)) {
      std::swap(runnable_[random_.below(runnable_.size())], runnable_.back());
      Fiber* fiber = runnable_.back();
      runnable_.pop_back();
      resume(fiber);
    } else if (!start_one(blocks) && !resumable && !poll_again()) {
      break;
    }
    if (!failure_.empty()) break;
  }
  if (failure_.empty() && live_.empty()) return;
  std::string message = failure_.empty() ? "no runnable fiber: " + waiting(blocks) : failure_;
  for (Fiber* fiber : live_) fibers.abandon(fiber);
  for (std::vector<Fiber*>* left : {&live_, &runnable_, &spinning_}) left->clear();
  throw LaunchFailure("kernel " + launch_.kernel->name + ": " + message + "; " + shape(launch_), failure_code_);
}

// Starts a fiber on the threads of some block that have not run; false if all have.
bool Grid::start_one(std::vector<Block>& blocks) {
  while (!fresh_.empty()) {
    const size_t choice = fresh_.size() == 1 ? 0 : random_.below(fresh_.size());
    Block& chosen = blocks[fresh_[choice]];
    if (chosen.next == chosen.threads) {
      fresh_[choice] = fresh_.back();
      fresh_.pop_back();
      continue;
    }
    Fiber* fiber = fibers.take();
    fiber->block = &chosen;
    fiber->place = live_.size();
    live_.push_back(fiber);
    resume(fiber);
    return true;
  }
  return false;
}

void Grid::resume(Fiber* fiber) {
  block = fiber->block;
  blockIdx = block->index;
  shared_memory = block->shared;
  threadIdx = fiber->thread;
  linear_thread = fiber->linear;
  fiber->wait = Wait::kNone;
  const bool ended = fibers.resume(fiber);
  if (fiber->wait == Wait::kSpin) {
    spinning_.push_back(fiber);
    return;
  }
  progress_ = true;
  if (!ended) return;  // it waits until it is released
  live_[fiber->place] = live_.back();
  live_[fiber->place]->place = fiber->place;
  live_.pop_back();
  fibers.give_back(fiber);
}

// All that is left spins: let every one poll again. False if nothing spins, or if it has been in vain for too long.
bool Grid::poll_again() {
  fruitless_ = progress_ ? 0 : fruitless_ + 1;
  progress_ = false;
  if (spinning_.empty()) return false;
  if (fruitless_ > kFruitlessRounds) return false;
  runnable_.swap(spinning_);
  return true;
}

void Grid::wait(Wait kind, Where where) {
  Fiber* self = fibers.running();
  self->wait = kind;
  self->where = where;
  self->thread = threadIdx;
  self->linear = linear_thread;
  fibers.leave();
}

void Grid::fail(const std::string& what, Result code) {
  failure_ = what + " in block " + text(block->index) + " thread " + text(threadIdx);
  failure_code_ = code;
  fibers.leave();
}

// Who waits where: "3 threads wait at the block barrier lstm.cu:41, one is block (0,0,0) thread (5,0,0); 1 of the block's
// 4 threads has returned".
std::string Grid::waiting(const std::vector<Block>& blocks) const {
  struct Group {
    size_t count;
    const Fiber* first;
  };
  std::map<std::string, Group> groups;
  for (const Fiber* fiber : live_) {
    const char* kind = fiber->wait == Wait::kBlockBarrier ? "the block barrier "
                       : fiber->wait == Wait::kSpin       ? "the spin "
                                                          : "the warp collective ";
    auto [at, added] = groups.try_emplace(kind + text(fiber->where), Group{0, fiber});
    at->second.count++;
  }
  std::string message;
  for (const auto& [place, group] : groups) {
    if (!message.empty()) message += "; ";
    message += std::to_string(group.count) + (group.count == 1 ? " thread waits at " : " threads wait at ") + place +
               ", one is block " + text(group.first->block->index) + " thread " + text(group.first->thread);
  }
  const uint64_t returned = std::accumulate(blocks.begin(), blocks.end(), uint64_t{0},
                                            [](uint64_t sum, const Block& b) { return sum + b.returned; });
  return message + "; " + std::to_string(returned) + " of " + std::to_string(blocks.size() * uint64_t{blocks[0].threads}) +
         " threads have returned";
}

// ---- warps

uint32_t existing_lanes(const Block& b, unsigned warp) {
  const unsigned left = b.threads - warp * kWarpSize;
  return left >= kWarpSize ? 0xffffffffu : (1u << left) - 1;
}

// If all lanes of the mask that can still come wait in one collective of this kind, gives each its result and releases
// them; `self` is not released, as it runs.
bool complete(Block& b, unsigned index, uint32_t mask, uint8_t kind, const Fiber* self) {
  Warp& warp = b.warps[index];
  const uint32_t lanes = mask & existing_lanes(b, index) & ~b.exited[index];
  if (lanes == 0 || (warp.waiting & lanes) != lanes) return false;
  uint64_t ballot = 0;
  for (unsigned l = 0; l < kWarpSize; l++) {
    if ((lanes >> l & 1) == 0) continue;
    if (warp.mask[l] != mask || warp.kind[l] != kind) return false;
    ballot |= (warp.value[l] & 1) << l;
  }
  for (unsigned l = 0; l < kWarpSize; l++) {
    if ((lanes >> l & 1) == 0) continue;
    const int source = warp.source[l] & 31;
    // What a lane outside the collective holds is undefined.
    warp.result[l] = kind == kBallot ? ballot : (lanes >> source & 1) != 0 ? warp.value[source] : ~uint64_t{0};
  }
  warp.waiting &= ~lanes;
  b.waiting_lanes -= static_cast<unsigned>(__builtin_popcount(lanes));
  for (unsigned l = 0; l < kWarpSize; l++) {
    if ((lanes >> l & 1) != 0 && warp.fiber[l] != self) grid->release(warp.fiber[l]);
  }
  return true;
}

uint64_t collective(uint8_t kind, uint32_t mask, uint64_t value, int source, Where where) {
  Block& b = *block;
  if (b.warps.empty()) b.warps.resize(kMaxWarps);
  const unsigned index = linear_thread / kWarpSize, lane = linear_thread % kWarpSize;
  if ((mask >> lane & 1) == 0) grid->fail("the lane is not in the mask of its own collective at " + text(where));
  Warp& warp = b.warps[index];
  Fiber* self = fibers.running();
  warp.waiting |= 1u << lane;
  warp.mask[lane] = mask;
  warp.kind[lane] = kind;
  warp.source[lane] = source;
  warp.value[lane] = value;
  warp.fiber[lane] = self;
  b.waiting_lanes++;
  if (!complete(b, index, mask, kind, self)) grid->wait(Wait::kCollective, where);
  return warp.result[lane];
}

}  // namespace

// ---- what kernels call

int block_barrier(Combine combine, unsigned vote, Where where, Place place) {
  Block& b = *block;
  if (b.arrived == 0) {
    b.barrier = where;
    b.votes = 0;
  } else if (place == Place::kAny) {
    // Whichever it is: they have the same number.
  } else if (b.barrier.line != where.line || std::strcmp(b.barrier.file, where.file) != 0) {
    grid->fail("threads of one block wait at two barriers, " + text(b.barrier) + " and " + text(where) + ",");
  }
  b.votes += vote;
  if (++b.arrived < b.threads) {
    b.at_barrier.push_back(fibers.running());
    grid->wait(Wait::kBlockBarrier, where);
  } else {
    b.arrived = 0;
    b.combined = b.votes;
    for (Fiber* fiber : b.at_barrier) grid->release(fiber);
    b.at_barrier.clear();
  }
  // No thread of the block can complete its next barrier before this one has read the result.
  switch (combine) {
    case Combine::kOr: return b.combined != 0;
    case Combine::kAnd: return b.combined == b.threads;
    case Combine::kCount: return static_cast<int>(b.combined);
    default: return 0;
  }
}

void release_after_return() {
  Block& b = *block;
  const unsigned index = linear_thread / kWarpSize;
  Warp& warp = b.warps[index];
  for (uint32_t left = warp.waiting; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    if ((warp.waiting >> lane & 1) != 0) complete(b, index, warp.mask[lane], warp.kind[lane], nullptr);
  }
}

uint32_t warp_lanes() {
  const unsigned index = linear_thread / kWarpSize;
  return existing_lanes(*block, index) & ~block->exited[index];
}

uint64_t warp_exchange(uint32_t mask, uint64_t value, int source, Where where) {
  return collective(kExchange, mask, value, source, where);
}

uint32_t warp_ballot(uint32_t mask, bool vote, Where where) {
  return static_cast<uint32_t>(collective(kBallot, mask, vote, 0, where));
}

void warp_barrier(uint32_t mask, Where where) { collective(kWarpBarrier, mask, 0, 0, where); }

void spin(Where where) { grid->wait(Wait::kSpin, where); }

void trap(Where where) {
  grid->fail("trap at " + text(where));
  std::abort();  // a failed launch never comes back here
}

const Launch& running_launch() { return grid->launch(); }

void fail_thread(Result code, const std::string& what) {
  grid->fail(what, code);
  std::abort();  // a failed launch never comes back here
}

// ---- a launch

bool on_kernel_thread() { return grid != nullptr && fibers.running() != nullptr; }

void forget_thread_orders() { thread_orders().clear(); }

void execute(const Launch& launch, Random& random) {
  Grid running(launch, random);
  grid = &running;
  try {
    running.run();
  } catch (...) {
    grid = nullptr;
    throw;
  }
  grid = nullptr;
}

std::string shape(const Launch& launch) {
  return "grid " + text(uint3{launch.grid.x, launch.grid.y, launch.grid.z}) + " block " +
         text(uint3{launch.block.x, launch.block.y, launch.block.z});
}

}  // namespace simulator
