#include "team.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#include <sched.h>

namespace sequor {
namespace {

// A waiting thread first spins, since the others usually arrive within a microsecond; then it offers its core to whoever
// else is runnable, since with more threads than cores the others may need just this core to arrive at all.
constexpr int kSpins = 1000;
// After a job, threads stay awake for a while: the next call usually follows at once. Then they sleep.
constexpr int kYieldsBeforeSleep = 200;

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

template <typename Ready>
void spin_until(Ready ready) {
  for (int i = 0; !ready(); ++i) {
    if (i < kSpins) {
      pause();
    } else {
      sched_yield();
    }
  }
}

}  // namespace

struct Team::State {
  // Each on its own cache line: the waiting threads read one while the arriving ones write the other.
  alignas(64) std::atomic<unsigned> job_number{0};
  alignas(64) std::atomic<unsigned> barrier_phase{0};
  alignas(64) std::atomic<int> barrier_arrived{0};
  alignas(64) std::atomic<int> running{0};
  int members = 1;
  void (*job)(void*, int) = nullptr;
  void* context = nullptr;
  bool ending = false;
  std::mutex mutex;
  std::condition_variable wake;
  std::atomic<int> sleeping{0};
  std::vector<std::thread> threads;
};

Team* Team::create(int size) {
  State* state = new (std::nothrow) State;
  if (state == nullptr) return nullptr;
  Team* team = new (std::nothrow) Team(size, state);
  if (team == nullptr) {
    delete state;
    return nullptr;
  }
  try {
    for (int member = 1; member < size; ++member) {
      state->threads.emplace_back([team, member] { team->work(member); });
    }
  } catch (const std::system_error&) {
    delete team;
    return nullptr;
  } catch (const std::bad_alloc&) {
    delete team;
    return nullptr;
  }
  return team;
}

Team::~Team() {
  {
    std::lock_guard<std::mutex> lock(state_->mutex);
    state_->ending = true;
    state_->job_number.fetch_add(1, std::memory_order_seq_cst);
  }
  state_->wake.notify_all();
  for (std::thread& thread : state_->threads) thread.join();
  delete state_;
}

void Team::run(int members, void (*job)(void*, int), void* context) {
  State& s = *state_;
  if (members <= 1) {
    s.members = 1;
    job(context, 0);
    return;
  }
  s.members = members;
  s.job = job;
  s.context = context;
  s.running.store(size_ - 1, std::memory_order_relaxed);
  s.job_number.fetch_add(1, std::memory_order_seq_cst);
  if (s.sleeping.load(std::memory_order_seq_cst) > 0) {
    std::lock_guard<std::mutex> lock(s.mutex);
    s.wake.notify_all();
  }
  job(context, 0);
  spin_until([&] { return s.running.load(std::memory_order_acquire) == 0; });
}

void Team::work(int member) {
  State& s = *state_;
  unsigned seen = 0;
  for (;;) {
    auto changed = [&] { return s.job_number.load(std::memory_order_seq_cst) != seen; };
    for (int i = 0; !changed() && i < kSpins + kYieldsBeforeSleep; ++i) {
      if (i < kSpins) {
        pause();
      } else {
        sched_yield();
      }
    }
    if (!changed()) {
      std::unique_lock<std::mutex> lock(s.mutex);
      s.sleeping.fetch_add(1, std::memory_order_seq_cst);
      s.wake.wait(lock, changed);
      s.sleeping.fetch_sub(1, std::memory_order_relaxed);
    }
    ++seen;
    if (s.ending) return;
    if (member < s.members) s.job(s.context, member);
    s.running.fetch_sub(1, std::memory_order_release);
  }
}

void Team::barrier() {
  State& s = *state_;
  if (s.members == 1) return;
  const unsigned phase = s.barrier_phase.load(std::memory_order_relaxed);
  if (s.barrier_arrived.fetch_add(1, std::memory_order_acq_rel) == s.members - 1) {
    s.barrier_arrived.store(0, std::memory_order_relaxed);
    s.barrier_phase.store(phase + 1, std::memory_order_release);
  } else {
    spin_until([&] { return s.barrier_phase.load(std::memory_order_acquire) != phase; });
  }
}

}  // namespace sequor
