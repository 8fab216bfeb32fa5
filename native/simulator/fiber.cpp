#include "fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define SIMULATOR_ASAN 1
#else
#define SIMULATOR_ASAN 0
#endif

#if !defined(__x86_64__) || defined(SIMULATOR_UCONTEXT)
#include <ucontext.h>
#endif

namespace simulator {

FiberPool fibers;

namespace {

// AddressSanitizer's frames are larger.
constexpr size_t kStackBytes = SIMULATOR_ASAN ? 256 << 10 : 64 << 10;
constexpr uint64_t kStackEnd = 0x5e9f1be25e9f1be2ull;

#if defined(__x86_64__) && !defined(SIMULATOR_UCONTEXT)
// Saves what a call must preserve on the stack in use, the stack pointer in *save, and goes on with the stack `load`. A
// switch through ucontext, which saves the signal mask with a system call, makes a kernel full of barriers ten times slower.
extern "C" void simulator_switch(void** save, void* load);
asm(R"(
.text
.globl simulator_switch
.hidden simulator_switch
.type simulator_switch, @function
simulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size simulator_switch, .-simulator_switch
)");

void* first_stack_pointer(char* stack, void (*entry)()) {
  // As if entry had been called: its return address slot lies 8 bytes below a multiple of 16.
  void** top = reinterpret_cast<void**>(stack + kStackBytes) - 2;
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(entry);
  for (int i = 0; i < 6; i++) *--top = nullptr;
  return top;
}
#else
void simulator_switch(void** save, void* load) {
  ucontext_t here;
  *save = &here;  // valid while this frame is, which is as long as it is needed
  swapcontext(&here, static_cast<ucontext_t*>(load));
}

void* first_stack_pointer(char* stack, void (*entry)()) {
  auto* context = new (stack + sizeof(uint64_t) * 2) ucontext_t;
  getcontext(context);
  context->uc_stack.ss_sp = stack + 4096;
  context->uc_stack.ss_size = kStackBytes - 4096;
  context->uc_link = nullptr;
  makecontext(context, entry, 0);
  return context;
}
#endif

}  // namespace

Fiber* FiberPool::take() {
  if (!idle_.empty()) {
    Fiber* fiber = idle_.back();
    idle_.pop_back();
    return fiber;
  }
  auto fiber = std::make_unique<Fiber>();
  void* stack = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stack == MAP_FAILED) throw std::bad_alloc();
  fiber->stack = static_cast<char*>(stack);
  *reinterpret_cast<uint64_t*>(fiber->stack) = kStackEnd;
  prepare(fiber.get());
  all_.push_back(std::move(fiber));
  return all_.back().get();
}

void FiberPool::prepare(Fiber* fiber) { fiber->stack_pointer = first_stack_pointer(fiber->stack, &FiberPool::enter); }

void FiberPool::abandon(Fiber* fiber) {
#if SIMULATOR_ASAN
  __asan_unpoison_memory_region(fiber->stack, kStackBytes);
#endif
  prepare(fiber);
  idle_.push_back(fiber);
}

void FiberPool::check_stack(const Fiber* fiber) const {
  if (*reinterpret_cast<const uint64_t*>(fiber->stack) == kStackEnd) return;
  std::fprintf(stderr, "Sequor simulator: a kernel's thread used more than its stack of %zu bytes; memory is damaged\n",
               kStackBytes);
  std::abort();
}

bool FiberPool::resume(Fiber* fiber) {
  running_ = fiber;
  ended_ = false;
#if SIMULATOR_ASAN
  void* fake = nullptr;
  __sanitizer_start_switch_fiber(&fake, fiber->stack, kStackBytes);
#endif
  simulator_switch(&host_stack_pointer_, fiber->stack_pointer);
#if SIMULATOR_ASAN
  __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
  check_stack(fiber);
  running_ = nullptr;
  return ended_;
}

void FiberPool::leave() {
  Fiber* self = running_;
#if SIMULATOR_ASAN
  void* fake = nullptr;
  __sanitizer_start_switch_fiber(&fake, host_stack_, host_stack_bytes_);
#endif
  simulator_switch(&self->stack_pointer, host_stack_pointer_);
#if SIMULATOR_ASAN
  __sanitizer_finish_switch_fiber(fake, &host_stack_, &host_stack_bytes_);
#endif
}

void FiberPool::enter() {
#if SIMULATOR_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &fibers.host_stack_, &fibers.host_stack_bytes_);
#endif
  for (;;) {
    fibers.task();
    fibers.ended_ = true;
    fibers.leave();
  }
}

}  // namespace simulator
