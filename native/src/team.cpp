#include "team.h"

#include <atomic>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#include <sched.h>
#endif

namespace sequor {
namespace {

// A waiting thread first spins, since the others usually arrive within a microsecond. Then it sleeps: if they are that late,
// something else has a core, and the others may need just this one to arrive at all. docs/decisions/0004 has the figures.
constexpr int kSpins = 400;

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// A word that threads wait for: it spins first and sleeps in the kernel then.
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

  // Returns once done(value()); every change of the value looks again.
  template <typename Done>
  void wait(Done done) {
    for (int i = 0; i < kSpins; ++i) {
      if (done(value())) return;
      pause();
    }
    // Seen by wake() unless its change is seen here.
    sleepers_.fetch_add(1, std::memory_order_seq_cst);
    for (unsigned seen = value_.load(std::memory_order_seq_cst); !done(seen); seen = value_.load(std::memory_order_seq_cst)) {
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
    if (sleepers_.load(std::memory_order_seq_cst) > 0)
      syscall(SYS_futex, reinterpret_cast<unsigned*>(&value_), FUTEX_WAKE_PRIVATE, 1 << 30, nullptr, nullptr, 0);
#endif
  }

  std::atomic<unsigned> value_{0};
  std::atomic<int> sleepers_{0};
};

}  // namespace

struct Team::State {
  // Each on its own cache line: the waiting threads read one while the arriving ones write the other.
  alignas(64) Signal job_number;
  alignas(64) Signal running;
  alignas(64) Signal barrier_phase;
  alignas(64) std::atomic<int> barrier_arrived{0};
  int members = 1;
  void (*job)(void*, int) = nullptr;
  void* context = nullptr;
  bool ending = false;
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
  state_->ending = true;
  state_->job_number.add(1);
  for (std::thread& thread : state_->threads) thread.join();
  delete state_;
}

void Team::run(int members, void (*job)(void*, int), void* context) {
  State& s = *state_;
  s.members = members;
  if (members <= 1) {
    job(context, 0);
    return;
  }
  s.job = job;
  s.context = context;
  s.running.set(unsigned(size_ - 1));
  s.job_number.add(1);
  job(context, 0);
  s.running.wait([](unsigned running) { return running == 0; });
}

void Team::work(int member) {
  State& s = *state_;
  for (unsigned seen = 0;; ++seen) {
    s.job_number.wait([seen](unsigned number) { return number != seen; });
    if (s.ending) return;
    if (member < s.members) s.job(s.context, member);
    s.running.add(unsigned(-1));
  }
}

void Team::barrier() {
  State& s = *state_;
  if (s.members == 1) return;
  const unsigned phase = s.barrier_phase.value();
  if (s.barrier_arrived.fetch_add(1, std::memory_order_acq_rel) == s.members - 1) {
    s.barrier_arrived.store(0, std::memory_order_relaxed);
    s.barrier_phase.set(phase + 1);
  } else {
    s.barrier_phase.wait([phase](unsigned now) { return now != phase; });
  }
}

}  // namespace sequor
