// How the threads of a team wait for each other.
#pragma once

#include <atomic>

#include "placement.h"

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#include <sched.h>
#endif

namespace sequor {

// A waiting thread first spins, since the others usually arrive within a microsecond. Then it sleeps: if they are that late,
// something else has a core, and the others may need just this one to arrive at all. docs/decisions/0004 has the figures.
constexpr int kSpins = 400;

// Whoever has just woken another spins longer the next time, about as long as waking takes: falling asleep meanwhile, it would
// have to be woken in turn, and so on at every barrier.
constexpr int kSpinsAfterWaking = 4000;
inline thread_local bool has_woken = false;

// How often a spinning thread looks whether it stands in another's way.
constexpr int kSpinsBetweenLooks = 64;

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// A word that threads wait for.
class Signal {
 public:
  unsigned value() const { return value_.load(std::memory_order_acquire); }

  void set(unsigned value) {
    value_.store(value, std::memory_order_seq_cst);
    wake();
  }

  unsigned add(unsigned amount) {
    const unsigned result = value_.fetch_add(amount, std::memory_order_seq_cst) + amount;
    wake();
    return result;
  }

  // Returns once done(value()); every change of the value looks again. The calling thread is `member`.
  template <typename Done>
  void wait(Placement& placement, int member, Done done) {
    const int spins = has_woken ? kSpinsAfterWaking : kSpins;
    has_woken = false;
    for (int i = 0; i < spins; ++i) {
      if (done(value())) return;
      // Whoever it waits for cannot run while it spins. Not at once: the look costs as much as most waits take.
      if (i % kSpinsBetweenLooks == kSpinsBetweenLooks - 1 && placement.shared(member)) break;
      pause();
    }
    // Seen by wake() unless its change is seen here.
    sleepers_.fetch_add(1, std::memory_order_seq_cst);
    const Placement::Sleep sleep(placement, member);
    for (unsigned seen = value_.load(std::memory_order_seq_cst); !done(seen);
         seen = value_.load(std::memory_order_seq_cst)) {
#if defined(__linux__)
      syscall(SYS_futex, reinterpret_cast<unsigned*>(&value_), FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0);
#else
      sched_yield();
#endif
    }
    sleepers_.fetch_sub(1, std::memory_order_relaxed);
  }

 private:
  void wake() {
#if defined(__linux__)
    if (sleepers_.load(std::memory_order_seq_cst) > 0) {
      syscall(SYS_futex, reinterpret_cast<unsigned*>(&value_), FUTEX_WAKE_PRIVATE, 1 << 30, nullptr, nullptr, 0);
      has_woken = true;
    }
#endif
  }

  std::atomic<unsigned> value_{0};
  std::atomic<int> sleepers_{0};
};

}  // namespace sequor
