#include <alloca.h>

#include <algorithm>

#include "execution.h"
#include "machine.h"
#include "ptx/program.h"

namespace simulator::ptx {

namespace {

constexpr unsigned char kPoison = 0xff;

uint32_t value_of(Special special) {
  switch (special) {
    case Special::kThreadX: return threadIdx.x;
    case Special::kThreadY: return threadIdx.y;
    case Special::kThreadZ: return threadIdx.z;
    case Special::kThreadsX: return blockDim.x;
    case Special::kThreadsY: return blockDim.y;
    case Special::kThreadsZ: return blockDim.z;
    case Special::kBlockX: return blockIdx.x;
    case Special::kBlockY: return blockIdx.y;
    case Special::kBlockZ: return blockIdx.z;
    case Special::kBlocksX: return gridDim.x;
    case Special::kBlocksY: return gridDim.y;
    case Special::kBlocksZ: return gridDim.z;
    case Special::kLane: return static_cast<uint32_t>(warp_lane());
    default: break;
  }
  // Dynamic shared memory follows what the kernel declares, at an alignment that suits all.
  return static_cast<uint32_t>(running_launch().kernel->dynamic_shared_offset());
}

}  // namespace

// Not inlined: what alloca takes must go when a thread has ended.
[[gnu::noinline]] void execute(const Function& function, Thread* caller, const Call* call, const char* values) {
  Thread t{};
  t.function = &function;
  t.values = values;
  t.slots = static_cast<uint64_t*>(alloca(8 * function.slots()));
  std::memset(t.slots, kPoison, 8 * function.registers);
  std::copy(function.constants.begin(), function.constants.end(), t.slots + function.registers);
  for (const auto& [slot, special] : function.specials) t.slots[slot] = value_of(special);
  t.frame = static_cast<char*>(alloca(function.frame_bytes + 1));
  std::memset(t.frame, kPoison, function.frame_bytes);
  if (caller == nullptr) {
    t.branches_left = machine().settings.branches;
    t.local_bytes = function.local_bytes;
    auto* local = static_cast<char*>(alloca(t.local_bytes + 16));
    t.local = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(local) + 15) / 16 * 16);
    std::memset(t.local, kPoison, t.local_bytes);
  } else {
    t.branches_left = caller->branches_left;
    t.branches = caller->branches;
    t.local = caller->local;
    t.local_bytes = caller->local_bytes;
    for (size_t k = 0; k < call->arguments.size(); k++) {
      const Slice& to = function.parameters[k];
      std::memcpy(t.frame + to.offset, caller->frame + call->arguments[k], to.bytes);
    }
  }
  const Instruction* code = function.code.data();
  while (t.pc != kEnd) {
    const Instruction& i = code[t.pc++];
    if (i.guarded && t.holds(i.guard) == i.negated) continue;
    i.run(t, i);
  }
  if (caller == nullptr) return;
  caller->branches_left = t.branches_left;
  caller->branches = t.branches;
  if (t.exited) {
    caller->exited = true;
    caller->pc = kEnd;
  }
  for (size_t k = 0; k < call->results.size(); k++) {
    const Slice& from = function.results[k];
    std::memcpy(caller->frame + call->results[k], t.frame + from.offset, from.bytes);
  }
}

void run_threads(const char* values) {
  const Function& function = *running_launch().kernel->code;
  while (next_thread()) {
    execute(function, nullptr, nullptr, values);
    thread_returned();
  }
}

}  // namespace simulator::ptx
