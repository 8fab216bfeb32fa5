// A fixed team of threads that runs one job at a time, with a barrier cheap enough for one per time step.
#pragma once

#include <memory>

namespace sequor {

class Team {
 public:
  // Starts size - 1 threads; the caller of run is the remaining member. Null if a thread cannot be started.
  static Team* create(int size);
  ~Team();

  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return size_; }

  // How many threads to use for the next job: fewer than size() while other programs keep the cores busy, for then threads that
  // wait for each other at barriers run slower than one alone.
  int advisable();
  // For tests: takes so many for advisable from now on; 0 to find out again.
  void fix_advisable(int threads);

  // Runs job(context, member) on members 0 … members-1 and waits for all. Member 0 is the caller. The members run at once, so
  // they may meet at barriers.
  void run(int members, void (*job)(void* context, int member), void* context);

  // Called by each member of the current job: waits until all have come here.
  void barrier(int member);

 private:
  struct State;
  explicit Team(int size);
  void work(int member);

  int size_;
  std::unique_ptr<State> state_;
};

// Runs f(member) on the team.
template <typename F>
inline void run_team(Team& team, int members, const F& f) {
  team.run(members, [](void* context, int member) { (*static_cast<const F*>(context))(member); }, const_cast<F*>(&f));
}

// Runs f(part) for parts 0 … parts-1, which meet at no barrier, on as many threads as advisable: neighbours on the same one.
template <typename F>
inline void run_parts(Team& team, int parts, const F& f) {
  const int advisable = team.advisable(), threads = parts < advisable ? parts : advisable;
  run_team(team, threads, [&](int member) {
    const int end = int(long(parts) * (member + 1) / threads);
    for (int part = int(long(parts) * member / threads); part < end; ++part) f(part);
  });
}

}  // namespace sequor
