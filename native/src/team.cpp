#include "team.h"

#include <atomic>
#include <chrono>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#else
#include <sched.h>
#endif

namespace sequor {
namespace {

// A waiting thread first spins, since the others usually arrive within a microsecond. Then it sleeps: if they are that late,
// something else has a core, and the others may need just this one to arrive at all. docs/decisions/0004 has the figures.
constexpr int kSpins = 400;

// Whoever has just woken another spins longer the next time, about as long as waking takes: falling asleep meanwhile, it would
// have to be woken in turn, and so on at every barrier.
constexpr int kSpinsAfterWaking = 4000;
thread_local bool has_woken = false;

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

using Nanos = int64_t;

Nanos now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

#if defined(__linux__)
// Processor time of the calling thread. The kernel answers, in up to a microsecond.
Nanos processor_time() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return Nanos(t.tv_sec) * 1000000000 + t.tv_nsec;
}
constexpr bool kSeesCrowding = true;
#else
Nanos processor_time() { return 0; }
constexpr bool kSeesCrowding = false;
#endif

// Decides how many threads of a team are worth using, from how long its threads did not run during jobs: asleep at a barrier, or
// without a core. While that is much, the team uses half as many, and tries again after a pause that doubles each time it
// was in vain, and is long beside what the trial took: every barrier of it may have waited for the scheduler.
// docs/decisions/0006 has the figures.
class Crowding {
 public:
  explicit Crowding(int size) : size_(size), allowed_(size) {}

  int advisable() {
    if (fixed_ > 0) return fixed_;
    if (allowed_ < size_ && now() >= retry_at_) {
      allowed_ = allowed_ * 2 < size_ ? allowed_ * 2 : size_;
      job_time_ = lost_ = 0;
    }
    return allowed_;
  }

  void fix(int threads) { fixed_ = threads; }

  // Whether the job that begins now is to be measured: asking for the processor time takes too long to do it for every short one.
  bool samples(Nanos time) {
    if (!kSeesCrowding || time - sampled_at_ < kSampleEvery) return false;
    sampled_at_ = time;
    return true;
  }

  // A job of `members` threads took `wall`; together its threads lost `lost`.
  void report(int members, Nanos wall, Nanos lost) {
    job_time_ += wall;
    lost_ += lost;
    if (job_time_ < kWindow) return;
    if (lost_ > kMuch * (members - 1) * job_time_) {
      allowed_ = members / 2;
      const Nanos fair = kPauseOverTrial * job_time_, pause = pause_ > fair ? pause_ : fair;
      retry_at_ = now() + (pause < kLongestPause ? pause : kLongestPause);
      pause_ = pause_ * 2 < kLongestPause ? pause_ * 2 : kLongestPause;
    } else {
      pause_ = kShortestPause;
    }
    job_time_ = lost_ = 0;
  }

 private:
  static constexpr Nanos kSampleEvery = 200000, kWindow = 4000000, kShortestPause = 20000000, kLongestPause = 5000000000;
  static constexpr Nanos kPauseOverTrial = 16;
  // Of two threads, one that shares its core with another program loses half of its time and the other waits as long: 1. Uneven
  // slices lose 0.5 at most.
  static constexpr double kMuch = 0.65;

  int size_, allowed_, fixed_ = 0;
  Nanos job_time_ = 0, lost_ = 0, sampled_at_ = 0, retry_at_ = 0, pause_ = kShortestPause;
};

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
    const int spins = has_woken ? kSpinsAfterWaking : kSpins;
    has_woken = false;
    for (int i = 0; i < spins; ++i) {
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
    if (sleepers_.load(std::memory_order_seq_cst) > 0) {
      syscall(SYS_futex, reinterpret_cast<unsigned*>(&value_), FUTEX_WAKE_PRIVATE, 1 << 30, nullptr, nullptr, 0);
      has_woken = true;
    }
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
  bool sampled = false;
  Nanos started = 0;
  std::atomic<Nanos> lost{0};
  Crowding crowding;
  void (*job)(void*, int) = nullptr;
  void* context = nullptr;
  bool ending = false;
  std::vector<std::thread> threads;

  explicit State(int size) : crowding(size) {}

  // Runs the calling thread's part of the job. If it is measured, adds the time since the job began that the thread did not run.
  void run_member(int member) {
    if (!sampled) {
      job(context, member);
      return;
    }
    const Nanos before = processor_time();
    job(context, member);
    lost.fetch_add(now() - started - (processor_time() - before), std::memory_order_relaxed);
  }
};

Team* Team::create(int size) {
  State* state = new (std::nothrow) State(size);
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
  s.started = now();
  s.sampled = s.crowding.samples(s.started);
  s.lost.store(0, std::memory_order_relaxed);
  s.running.set(unsigned(size_ - 1));
  s.job_number.add(1);
  s.run_member(0);
  s.running.wait([](unsigned running) { return running == 0; });
  if (s.sampled) s.crowding.report(members, now() - s.started, s.lost.load(std::memory_order_relaxed));
}

int Team::advisable() { return state_->crowding.advisable(); }

void Team::fix_advisable(int threads) { state_->crowding.fix(threads < size_ ? threads : size_); }

void Team::work(int member) {
  State& s = *state_;
  for (unsigned seen = 0;; ++seen) {
    s.job_number.wait([seen](unsigned number) { return number != seen; });
    if (s.ending) return;
    if (member < s.members) s.run_member(member);
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
