#include "team.h"

#include <atomic>
#include <memory>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#include "crowding.h"
#include "placement.h"
#include "waiting.h"

namespace sequor {

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
  Placement placement;
  std::vector<std::thread> threads;

  explicit State(int size) : crowding(size), placement(size) {}

  // Runs the calling thread's part of the job. If it is measured, adds the time since the job began that the thread did not run.
  void run_member(int member) {
    placement.here(member);
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
  try {
    std::unique_ptr<Team> team(new Team(size));
    for (int member = 1; member < size; ++member) {
      team->state_->threads.emplace_back([members = team.get(), member] { members->work(member); });
    }
    return team.release();
  } catch (const std::system_error&) {
    return nullptr;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

Team::Team(int size) : size_(size), state_(new State(size)) {}

Team::~Team() {
  state_->ending = true;
  state_->job_number.add(1);
  for (std::thread& thread : state_->threads) thread.join();
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
  s.running.wait(s.placement, 0, [](unsigned running) { return running == 0; });
  if (s.sampled) s.crowding.report(members, now() - s.started, s.lost.load(std::memory_order_relaxed));
}

int Team::advisable() { return state_->crowding.advisable(); }

void Team::fix_advisable(int threads) { state_->crowding.fix(threads < size_ ? threads : size_); }

void Team::work(int member) {
  State& s = *state_;
#if defined(__linux__)
  pthread_setname_np(pthread_self(), "sequor-team");
#endif
  for (unsigned seen = 0;; ++seen) {
    s.job_number.wait(s.placement, member, [seen](unsigned number) { return number != seen; });
    if (s.ending) return;
    if (member < s.members) s.run_member(member);
    s.running.add(unsigned(-1));
  }
}

void Team::barrier(int member) {
  State& s = *state_;
  if (s.members == 1) return;
  s.placement.here(member);
  const unsigned phase = s.barrier_phase.value();
  if (s.barrier_arrived.fetch_add(1, std::memory_order_acq_rel) == s.members - 1) {
    s.barrier_arrived.store(0, std::memory_order_relaxed);
    s.barrier_phase.set(phase + 1);
  } else {
    s.barrier_phase.wait(s.placement, member, [phase](unsigned now) { return now != phase; });
  }
}

}  // namespace sequor
