// A fixed team of threads that runs one job at a time, with a barrier cheap enough for one per time step.
#pragma once

#include <cstddef>

namespace sequor {

class Team {
 public:
  // Starts size - 1 threads; the caller of run is the remaining member. Null if a thread cannot be started.
  static Team* create(int size);
  ~Team();

  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return size_; }

  // Runs job(context, member) on members 0 … members-1 and waits for all. Member 0 is the caller.
  void run(int members, void (*job)(void* context, int member), void* context);

  // Waits until all members of the current job have come here.
  void barrier();

 private:
  struct State;
  Team(int size, State* state) : size_(size), state_(state) {}
  void work(int member);

  int size_;
  State* state_;
};

// Runs f(member) on the team.
template <typename F>
inline void run_team(Team& team, int members, F&& f) {
  team.run(members, [](void* context, int member) { (*static_cast<F*>(context))(member); }, &f);
}

}  // namespace sequor
