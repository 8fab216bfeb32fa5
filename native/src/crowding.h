// How many threads of a team are worth using while other programs want the cores too.
#pragma once

#include <chrono>
#include <cstdint>

#if defined(__linux__)
#include <time.h>
#endif

namespace sequor {

using Nanos = int64_t;

inline Nanos now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

#if defined(__linux__)
// Processor time of the calling thread. The kernel answers, in up to a microsecond.
inline Nanos processor_time() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return Nanos(t.tv_sec) * 1000000000 + t.tv_nsec;
}
constexpr bool kSeesCrowding = true;
#else
inline Nanos processor_time() { return 0; }
constexpr bool kSeesCrowding = false;
#endif

// Decides how many threads of a team are worth using, from how long its threads did not run during jobs: asleep at a barrier, or
// without a core. While that is much, the team uses half as many, and tries again after a pause. The first is short, for most that
// takes a core away is gone at once; it doubles each time the trial was in vain, until it is long beside what the trial took, every
// barrier of which may have waited for the scheduler.
// docs/decisions/0006 has the figures.
class Crowding {
 public:
  explicit Crowding(int size) : size_(size), allowed_(size) {}

  // How many are worth using now. When a pause is over that begins a trial with all of them.
  int advisable() {
    if (fixed_ > 0) return fixed_;
    if (allowed_ < size_ && now() >= retry_at_) {
      allowed_ = size_;
      begin_window();
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

  // A job of `members` threads took `wall`; together its threads lost `lost`. Jobs of other numbers of threads may come between.
  void report(int members, Nanos wall, Nanos lost) {
    job_time_ += wall;
    lost_ += lost;
    much_ += kMuch * (members - 1) * wall;
    if (members > widest_) widest_ = members;
    if (job_time_ < kWindow) return;
    if (lost_ > much_) {
      allowed_ = widest_ / 2;
      const Nanos of_trial = (over_trial_ < kMostOverTrial ? over_trial_ : kMostOverTrial) * job_time_;
      const Nanos least = kShortestPause * over_trial_, pause = least > of_trial ? least : of_trial;
      retry_at_ = now() + (pause < kLongestPause ? pause : kLongestPause);
      if (least < kLongestPause) over_trial_ *= 2;
    } else {
      over_trial_ = 1;
    }
    begin_window();
  }

 private:
  void begin_window() {
    job_time_ = lost_ = 0;
    much_ = 0;
    widest_ = 0;
  }

  static constexpr Nanos kSampleEvery = 200000, kWindow = 4000000, kShortestPause = 20000000, kLongestPause = 5000000000;
  static constexpr Nanos kMostOverTrial = 16;
  // Of two threads, one that shares its core with another program loses half of its time and the other waits as long: 1. Uneven
  // slices lose 0.5 at most.
  static constexpr double kMuch = 0.65;

  int size_, allowed_, fixed_ = 0;
  // Of the jobs of this window: how long they took, what their threads lost, how much would be too much, and the most threads of one.
  Nanos job_time_ = 0, lost_ = 0;
  double much_ = 0;
  int widest_ = 0;
  Nanos sampled_at_ = 0, retry_at_ = 0, over_trial_ = 1;
};

}  // namespace sequor
