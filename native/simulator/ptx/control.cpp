// Branches, calls, barriers and what the lanes of a warp do together.
#include "execution.h"
#include "machine.h"
#include "ptx/decoder.h"

namespace simulator::ptx {

namespace {

constexpr uint32_t kMostBranches = 4096;

// So that a thread which waits for another in a loop lets it run.
void branch(Thread& t, const Instruction& i) {
  if (i.target <= t.pc - 1) {
    if (--t.branches_left == 0) {
      fail_thread(kLaunchTimeout, "more backward branches than SEQUOR_SIMULATOR_BRANCHES allows, at line " +
                                      std::to_string(i.line) + " of " + t.function->place);
    }
    if (++t.branches == kMostBranches) {
      t.branches = 0;
      spin(t.where(i));
    }
  }
  t.pc = i.target;
}

void decode_bra(Decoder& d) {
  d.take("uni");
  d.done(1);
  if (d.operand(0).kind != Operand::kName) d.refuse("a label is needed");
  d.i.run = &branch;
  d.names().branch(d.operand(0).name);
}

void leave(Thread& t, const Instruction&) { t.pc = kEnd; }
void end_thread(Thread& t, const Instruction&) {
  t.pc = kEnd;
  t.exited = true;
}

void decode_ret(Decoder& d) {
  d.take("uni");
  d.done(0);
  d.i.run = &leave;
}

void decode_exit(Decoder& d) {
  d.done(0);
  d.i.run = &end_thread;
}

void call(Thread& t, const Instruction& i) {
  const Call& one = t.function->calls[i.target];
  execute(*one.callee, &t, &one, t.values);
}

void decode_call(Decoder& d) {
  d.take("uni");
  d.done(d.operands());
  d.i.run = &call;
  d.i.target = d.names().call(d.statement());
}

void trapped(Thread& t, const Instruction& i) { trap(t.where(i)); }
void pause(Thread& t, const Instruction& i) { spin(t.where(i)); }
void nothing(Thread&, const Instruction&) {}

void decode_trap(Decoder& d) {
  d.done(0);
  d.i.run = &trapped;
}

void decode_nanosleep(Decoder& d) {
  const Type type = d.take_type({"u32"});
  d.done(1);
  d.i.a = d.reads(0, type);
  d.i.run = &pause;
}

// One thread runs at a time and memory is one, so all is in order already.
void decode_fence(Decoder& d) {
  if (d.statement().opcode == "fence") d.take_one_of({"sc", "acq_rel"}, "order");
  d.take_one_of({"gpu", "cta", "sys", "cluster", "gl"}, "scope");
  d.done(0);
  d.i.run = &nothing;
}

// ---- barriers of a block

template <Combine combine>
void barrier(Thread& t, const Instruction& i) {
  const bool vote = combine != Combine::kNone && t.holds(i.a) != i.vote_negated;
  const int result = block_barrier(combine, vote, t.where(i), Place::kAny);
  if (combine != Combine::kNone) t.set<uint32_t>(i.d, static_cast<uint32_t>(result));
}

void barrier_number(Decoder& d, size_t index) {
  if (d.operands() <= index || d.operand(index).kind != Operand::kInteger || d.operand(index).bits != 0) {
    d.refuse("only barrier 0 of all threads is implemented");
  }
}

void decode_bar(Decoder& d) {
  d.take("cta");
  if (d.take("sync")) {
    d.done(1);
    barrier_number(d, 0);
    d.i.run = &barrier<Combine::kNone>;
    return;
  }
  if (d.take("warp")) {
    d.take_one_of({"sync"}, "form");
    d.done(1);
    d.i.a = d.reads(0, {'b', 32});
    d.i.run = [](Thread& t, const Instruction& i) { warp_barrier(t.get<uint32_t>(i.a), t.where(i)); };
    return;
  }
  d.take_one_of({"red"}, "form");
  const std::string operation = d.take_one_of({"popc", "and", "or"}, "operation");
  const Type type = operation == "popc" ? d.take_type({"u32"}) : d.take_type({"pred"});
  d.done(3);
  barrier_number(d, 1);
  d.i.d = d.writes(0, type);
  const Operand& vote = d.operand(2);
  d.i.vote_negated = vote.negated;
  const Declared* found = d.names().find(vote.name);
  if (found == nullptr || found->type.kind != 'p') d.refuse("'" + vote.name + "' is not a predicate");
  d.i.a = found->slot;
  d.i.run = operation == "popc"  ? &barrier<Combine::kCount>
            : operation == "and" ? &barrier<Combine::kAnd>
                                 : &barrier<Combine::kOr>;
}

// ---- warps

enum class Shuffle : uint8_t { kUp, kDown, kButterfly, kIndex };

// The manual's rule: c has a clamp in its low five bits and, from bit 8, a mask that cuts the warp into segments.
template <Shuffle kind>
void shuffle(Thread& t, const Instruction& i) {
  const int lane = warp_lane(), b = t.get<int32_t>(i.b) & 31, c = t.get<int32_t>(i.c), clamp = c & 31, mask = c >> 8 & 31;
  const int last = (lane & mask) | (clamp & ~mask), first = lane & mask;
  int source;
  bool inside;
  switch (kind) {
    case Shuffle::kUp:
      source = lane - b;
      inside = source >= last;
      break;
    case Shuffle::kDown:
      source = lane + b;
      inside = source <= last;
      break;
    case Shuffle::kButterfly:
      source = lane ^ b;
      inside = source <= last;
      break;
    default: source = first | (b & ~mask); inside = source <= last;
  }
  if (!inside) source = lane;
  const uint64_t value = warp_exchange(t.get<uint32_t>(i.m), t.get<uint32_t>(i.a), source, t.where(i));
  t.set<uint32_t>(i.d, static_cast<uint32_t>(value));
  if (i.writes_e) t.slots[i.e] = inside;
}

void decode_shfl(Decoder& d) {
  if (!d.take("sync")) d.refuse("only shfl.sync is implemented");
  const std::string kind = d.take_one_of({"up", "down", "bfly", "idx"}, "mode");
  const Type type = d.take_type({"b32"});
  d.i.run = kind == "up"     ? &shuffle<Shuffle::kUp>
            : kind == "down" ? &shuffle<Shuffle::kDown>
            : kind == "bfly" ? &shuffle<Shuffle::kButterfly>
                             : &shuffle<Shuffle::kIndex>;
  d.done(5);
  d.i.d = d.writes(0, type);
  if (!d.operand(0).second.empty()) {
    d.i.writes_e = true;
    d.i.e = d.writes_second(0, {'p', 0});
  }
  d.i.a = d.reads(1, type);
  d.i.b = d.reads(2, type);
  d.i.c = d.reads(3, type);
  d.i.m = d.reads(4, type);
}

enum class Vote : uint8_t { kBallot, kAll, kAny };

template <Vote kind>
void vote(Thread& t, const Instruction& i) {
  const bool mine = t.holds(i.a) != i.vote_negated;
  const auto mask = t.get<uint32_t>(i.m);
  switch (kind) {
    case Vote::kBallot: return t.set<uint32_t>(i.d, warp_ballot(mask, mine, t.where(i)));
    case Vote::kAll: t.slots[i.d] = warp_ballot(mask, !mine, t.where(i)) == 0; return;
    default: t.slots[i.d] = warp_ballot(mask, mine, t.where(i)) != 0;
  }
}

void decode_vote(Decoder& d) {
  if (!d.take("sync")) d.refuse("only vote.sync is implemented");
  const std::string kind = d.take_one_of({"ballot", "all", "any"}, "mode");
  const Type type = kind == "ballot" ? d.take_type({"b32"}) : d.take_type({"pred"});
  d.i.run = kind == "ballot" ? &vote<Vote::kBallot> : kind == "all" ? &vote<Vote::kAll> : &vote<Vote::kAny>;
  d.done(3);
  d.i.d = d.writes(0, type);
  const Operand& mine = d.operand(1);
  if (mine.kind == Operand::kInteger) {
    d.i.a = d.reads(1, {'p', 0});
  } else {
    d.i.vote_negated = mine.negated;
    const Declared* found = d.names().find(mine.name);
    if (found == nullptr || found->type.kind != 'p') d.refuse("'" + mine.name + "' is not a predicate");
    d.i.a = found->slot;
  }
  d.i.m = d.reads(2, {'b', 32});
}

void decode_activemask(Decoder& d) {
  const Type type = d.take_type({"b32"});
  d.done(1);
  d.i.d = d.writes(0, type);
  d.i.run = [](Thread& t, const Instruction& i) { t.set<uint32_t>(i.d, warp_lanes()); };
}

}  // namespace

void add_control(std::map<std::string, Decode>& to) {
  to["bra"] = &decode_bra;
  to["ret"] = &decode_ret;
  to["exit"] = &decode_exit;
  to["call"] = &decode_call;
  to["trap"] = &decode_trap;
  to["nanosleep"] = &decode_nanosleep;
  to["membar"] = &decode_fence;
  to["fence"] = &decode_fence;
  to["bar"] = &decode_bar;
  to["barrier"] = &decode_bar;
  to["shfl"] = &decode_shfl;
  to["vote"] = &decode_vote;
  to["activemask"] = &decode_activemask;
}

}  // namespace simulator::ptx
