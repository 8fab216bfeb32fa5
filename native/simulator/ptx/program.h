// PTX, decoded: what a thread executes. A register, a constant and a special register are each a slot of 64 bits of the
// thread, so an instruction has the numbers of slots and nothing to look up. A value lies in the low bits of its slot.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernel.h"

namespace simulator::ptx {

struct Type {
  char kind = 0;  // 'b', 'u', 's', 'f', 'p': a predicate
  uint8_t bits = 0;

  bool operator==(Type other) const { return kind == other.kind && bits == other.bits; }
  bool operator!=(Type other) const { return !(*this == other); }
  unsigned bytes() const { return bits / 8u; }
  std::string text() const { return kind == 'p' ? "pred" : kind + std::to_string(bits); }
};

enum class Space : uint8_t { kGeneric, kGlobal, kShared, kLocal, kParameter };

// How floating point results are rounded, and, when a number becomes integral, how that is.
enum class Rounding : uint8_t { kNearest, kZero, kDown, kUp };

struct Thread;
struct Instruction;
using Handler = void (*)(Thread&, const Instruction&);

// The last allocation that a load or store was in: mostly it is in that again.
struct Site {
  uintptr_t begin = 1, end = 0;
  uint64_t generation = 0;
};

struct Instruction {
  Handler run = nullptr;
  uint32_t d = 0, e = 0;                // slots that it writes
  uint32_t a = 0, b = 0, c = 0, m = 0;  // slots that it reads
  uint32_t vector[4] = {0, 0, 0, 0};    // slots of a vector
  uint32_t guard = 0;
  bool guarded = false, negated = false;  // is executed if the guard is true; or, negated, false
  bool flush = false, saturate = false;
  bool writes_e = false, vote_negated = false;
  Rounding rounding = Rounding::kNearest;
  Space space = Space::kGeneric;
  Type type, from;      // from: of what is converted
  uint8_t width = 0;    // bits of the register that a load or conversion writes
  uint8_t count = 1;    // of a vector
  uint32_t target = 0;  // of a branch: an instruction; of a call: one of the function's calls
  int64_t offset = 0;   // of an address
  unsigned line = 0;
  mutable Site site;
};

struct Function;

struct Call {
  const Function* callee;
  // Where each parameter lies in the caller's frame; in the callee's they lie as it declares them.
  std::vector<uint32_t> arguments, results;
};

enum class Special : uint8_t {
  kThreadX,
  kThreadY,
  kThreadZ,
  kThreadsX,
  kThreadsY,
  kThreadsZ,
  kBlockX,
  kBlockY,
  kBlockZ,
  kBlocksX,
  kBlocksY,
  kBlocksZ,
  kLane,
  kDynamicShared
};

// Bytes of the .param space.
struct Slice {
  uint32_t offset, bytes;
};

struct Function {
  std::string name, place;  // place: for messages, "the PTX of softmax_forward"
  bool entry = false, defined = false;
  std::vector<Instruction> code;    // ends with a return
  std::vector<uint64_t> constants;  // the slots behind the registers
  std::vector<std::pair<uint32_t, Special>> specials;
  uint32_t registers = 0;
  std::vector<Call> calls;
  std::vector<Slice> parameters, results;  // of an entry: in the launch's values; else in the frame
  uint32_t frame_bytes = 0;                // of the frame's .param space
  uint32_t local_bytes = 0, shared_bytes = 0;
  unsigned most_threads = kMaxThreads;  // of a block

  uint32_t slots() const { return registers + static_cast<uint32_t>(constants.size()); }
};

// One variable of a module in global or constant memory.
struct Variable {
  uintptr_t address;
  size_t bytes;
};

// A module. Its kernels share it, so it lives as long as one of them may be launched.
struct Program {
  Program() = default;
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  std::map<std::string, std::unique_ptr<Function>> functions;
  std::map<std::string, Variable> variables;
  std::vector<std::unique_ptr<char[]>> data;
  std::map<std::string, Kernel> kernels;
  unsigned target = 0;        // 80
  bool target_exact = false;  // sm_90a: that device only
};

// Understands the text of a module, or throws Malformed: whatever is not understood is refused, nothing is skipped.
// device: which has its variables.
std::shared_ptr<Program> load(const std::string& text, int device);

// Runs threads of the current block until all have started.
void run_threads(const char* values);

// ---- a thread that runs

constexpr uint32_t kEnd = ~0u;

struct Thread {
  const Function* function;
  uint64_t* slots;
  uint32_t pc;
  const char* values;  // of the kernel's parameters
  char* frame;         // the function's .param space
  char* local;
  uint32_t local_bytes;
  uint32_t branches;  // backward, since the thread last let others run
  uint64_t branches_left;
  bool exited;

  template <typename T>
  T get(uint32_t slot) const {
    T value;
    std::memcpy(&value, slots + slot, sizeof value);
    return value;
  }
  template <typename T>
  void set(uint32_t slot, T value) {
    uint64_t wide = 0;
    std::memcpy(&wide, &value, sizeof value);
    slots[slot] = wide;
  }
  bool holds(uint32_t slot) const { return slots[slot] != 0; }
  Where where(const Instruction& i) const { return {function->place.c_str(), static_cast<int>(i.line)}; }
};

// Executes the function in a frame of its own. Arguments are in the launch's values, or, of a call, in the caller's frame.
void execute(const Function& function, Thread* caller, const Call* call, const char* values);

}  // namespace simulator::ptx
