// Device memory, and page-locked host memory: host memory that knows its bounds. Fresh device memory is filled with NaN
// bytes and stands between guards whose damage shows a write out of bounds; freed memory is remembered for a while, so
// that a pointer into it is told from one that never was valid. Addresses are unique over all devices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "errors.h"

namespace simulator {

struct Context;
struct Control;

// What every allocation begins with: the control may want it to fail.
void admit(const char* call, Control& control, size_t bytes);
// The same for device memory, which there is only so much of; and counting what was taken.
void admit_device_bytes(const char* call, Control& control, size_t bytes);
void take_device_bytes(Control& control, size_t bytes);

struct Allocation {
  uintptr_t address;
  size_t bytes;
  void* base;  // of the guards and the memory; null once freed for good
  Context* context;
  int device;  // -1: page-locked host memory
};

class SIMULATOR_API Memory {
 public:
  Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  uintptr_t allocate(Context* context, int device, size_t bytes);
  // Takes back the memory that begins at the address; throws if there is none.
  Allocation release(uintptr_t address, bool host);
  // Memory that is not the allocator's to check: always valid on its device.
  void add_foreign(const void* address, size_t bytes, int device);
  void remove_foreign(uintptr_t address);
  size_t release_all(const Context* context);  // bytes taken back
  size_t page_locked_bytes(const Context* context) const;

  // Changes with every allocation and release.
  uint64_t generation() const { return generation_; }

  // The live allocation that holds the address, or ends there, or null. (A pointer to an empty part at the end is valid.)
  const Allocation* find(uintptr_t address) const;
  bool page_locked(const void* address, size_t bytes) const;

  // Throws a fault that says what is wrong unless [address, address + bytes) is live memory that the device may use.
  // who: "kernel fill_f32, argument 1".
  template <typename Who>
  const Allocation* check(uintptr_t address, size_t bytes, int device, const Who& who) const {
    const Allocation* found = find(address);
    if (found != nullptr && (found->device == device || found->device < 0) &&
        bytes <= found->bytes - (address - found->address)) {
      return found;
    }
    refuse(address, bytes, device, who());
  }

  // Throws if the guards of the allocation, or of all, are damaged. who: "kernel fill_f32".
  template <typename Who>
  void check_guards(const Allocation* allocation, const Who& who) const {
    if (damaged(*allocation)) report_damage(*allocation, who());
  }
  void check_all_guards(const std::string& who) const;

 private:
  bool damaged(const Allocation& allocation) const;
  [[noreturn]] void report_damage(const Allocation& allocation, const std::string& who) const;
  [[noreturn]] void refuse(uintptr_t address, size_t bytes, int device, const std::string& who) const;
  void retire(const Allocation& allocation);

  std::map<uintptr_t, Allocation> live_;
  std::deque<Allocation> freed_;  // latest first
  size_t freed_bytes_ = 0;
  uint64_t generation_ = 1;
};

}  // namespace simulator
