// Keeps the threads of a team on different processors.
#pragma once

#include <atomic>
#include <memory>

#if defined(__linux__)
#include <sched.h>
#endif

namespace sequor {

// Where each member runs, or ran last. A thread that wakes up is often put on the processor of the one that woke it; always so on
// virtual machines that report no cache shared by their processors. There each waits at a barrier until the other falls asleep, and
// both stay where they are, since the kernel never sees two threads that want to run. docs/decisions/0009 has the figures.
class Placement {
 public:
  explicit Placement(int members) : members_(members), seats_(new Seat[members]) {}

  // The member runs, where the calling thread does. May be called often: it takes some nanoseconds.
  void here(int member) {
    seats_[member].cpu.store(current(), std::memory_order_relaxed);
    seats_[member].awake.store(true, std::memory_order_relaxed);
  }

  // Whether another member was awake when last seen, on the same processor as this one.
  bool shared(int member) const {
    const int cpu = seats_[member].cpu.load(std::memory_order_relaxed);
    if (cpu == kUnknown) return false;
    for (int other = 0; other < members_; ++other) {
      const Seat& seat = seats_[other];
      if (other != member && seat.awake.load(std::memory_order_relaxed) && seat.cpu.load(std::memory_order_relaxed) == cpu)
        return true;
    }
    return false;
  }

  // The sleep of a member, on its own thread. It wakes where no other member was last seen, if there is such a processor, and may
  // then run wherever it could before: nothing stays pinned.
  class Sleep {
   public:
    Sleep(Placement& placement, int member) : placement_(placement), member_(member) {
      placement_.seats_[member].awake.store(false, std::memory_order_relaxed);
#if defined(__linux__)
      // Fails where there are more processors than the set can hold; then everything stays as it is.
      if (sched_getaffinity(0, sizeof allowed_, &allowed_) != 0) return;
      cpu_set_t free = allowed_;
      for (int other = 0; other < placement_.members_; ++other) {
        const int taken = placement_.seats_[other].cpu.load(std::memory_order_relaxed);
        if (other != member && taken >= 0 && taken < CPU_SETSIZE) CPU_CLR(taken, &free);
      }
      confined_ = CPU_COUNT(&free) > 0 && sched_setaffinity(0, sizeof free, &free) == 0;
#endif
    }

    ~Sleep() {
      placement_.here(member_);
#if defined(__linux__)
      if (confined_) sched_setaffinity(0, sizeof allowed_, &allowed_);
#endif
    }

    Sleep(const Sleep&) = delete;
    Sleep& operator=(const Sleep&) = delete;

   private:
    Placement& placement_;
    const int member_;
#if defined(__linux__)
    cpu_set_t allowed_;
    bool confined_ = false;
#endif
  };

 private:
  static constexpr int kUnknown = -1;

  // On a cache line of its own: each member writes its own at every barrier.
  struct alignas(64) Seat {
    std::atomic<int> cpu{kUnknown};
    std::atomic<bool> awake{false};
  };

  static int current() {
#if defined(__linux__)
    return sched_getcpu();
#else
    return kUnknown;
#endif
  }

  int members_;
  std::unique_ptr<Seat[]> seats_;
};

}  // namespace sequor
