#include "memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace simulator {

namespace {

constexpr size_t kAlignment = 256;
constexpr size_t kQuarantineBytes = 256u << 20, kQuarantineEntries = 4096;
constexpr unsigned char kPoison = 0xff;

// Under AddressSanitizer the memory begins and ends where its allocation does, so that its red zones take the place of the
// guards.
#if defined(__SANITIZE_ADDRESS__)
constexpr size_t kGuardBytes = 0;
constexpr bool kQuarantine = false;
#else
constexpr size_t kGuardBytes = 256;
constexpr bool kQuarantine = true;
#endif

// NaN as float, as double and in both 16-bit formats, so that what is read from it shows; and no NaN that arithmetic makes.
const unsigned char* guard_pattern() {
  static const auto pattern = [] {
    struct Pattern {
      alignas(64) unsigned char bytes[kGuardBytes + 64];
    } made;
    for (size_t i = 0; i < sizeof made.bytes; i++) made.bytes[i] = i % 2 == 0 ? 0xc5 : 0xff;
    return made;
  }();
  return pattern.bytes;
}

// Large memory is filled by mapping this over and over: a page is made when it is written to, so that memory of which little is
// used, as a workspace of cuBLAS, costs little. Small memory is the C library's.
constexpr size_t kPoisonFileBytes = 16u << 20, kMappedBytes = 256u << 10, kPageBytes = 4096;

int poison_file() {
  static const int file = [] {
    const int made = memfd_create("poison", MFD_CLOEXEC);
    if (made < 0) return -1;
    const std::string poison(1u << 20, static_cast<char>(kPoison));
    for (size_t written = 0; written < kPoisonFileBytes; written += poison.size()) {
      if (write(made, poison.data(), poison.size()) != ssize_t(poison.size())) {
        close(made);
        return -1;
      }
    }
    return made;
  }();
  return file;
}

bool is_mapped(size_t bytes) { return kQuarantine && bytes >= kMappedBytes; }

size_t mapped_bytes(size_t bytes) { return (bytes + 2 * kGuardBytes + kPageBytes - 1) / kPageBytes * kPageBytes; }

// Pages of poison in place of whatever is mapped at `base`.
bool map_poison(void* base, size_t bytes) {
  for (size_t done = 0; done < bytes; done += kPoisonFileBytes) {
    void* at = static_cast<char*>(base) + done;
    if (mmap(at, std::min(kPoisonFileBytes, bytes - done), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
             poison_file(), 0) == MAP_FAILED)
      return false;
  }
  return true;
}

// Memory for so many bytes between guards, filled with poison; null if the host has not so much.
void* poisoned(size_t bytes) {
  void* base = nullptr;
  if (!is_mapped(bytes)) {
    if (posix_memalign(&base, kAlignment, bytes + 2 * kGuardBytes) != 0) return nullptr;
    std::memset(static_cast<char*>(base) + kGuardBytes, kPoison, bytes);
    return base;
  }
  const size_t mapped = mapped_bytes(bytes);
  base = mmap(nullptr, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) return nullptr;
  if (map_poison(base, mapped)) return base;
  munmap(base, mapped);
  return nullptr;
}

// What was written to freed memory, guards too, gives way to poison.
void poison_again(const Allocation& freed) {
  if (!is_mapped(freed.bytes) || !map_poison(freed.base, mapped_bytes(freed.bytes)))
    std::memset(reinterpret_cast<void*>(freed.address), kPoison, freed.bytes);
}

void give_back(const Allocation& freed) {
  if (is_mapped(freed.bytes) && freed.base != nullptr) {
    munmap(freed.base, mapped_bytes(freed.bytes));
  } else {
    std::free(freed.base);
  }
}

std::string hex(uintptr_t value) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

std::string place(int device) { return device < 0 ? "page-locked host memory" : "device " + std::to_string(device); }

}  // namespace

uintptr_t Memory::allocate(Context* context, int device, size_t bytes) {
  void* base = poisoned(bytes);
  if (base == nullptr) throw Fault(kOutOfMemory, "the host has not " + std::to_string(bytes) + " bytes left");
  auto* begin = static_cast<unsigned char*>(base) + kGuardBytes;
  std::memcpy(base, guard_pattern(), kGuardBytes);
  std::memcpy(begin + bytes, guard_pattern(), kGuardBytes);
  const auto address = reinterpret_cast<uintptr_t>(begin);
  // Memory that the quarantine has given back may lie here again.
  if (!kQuarantine)
    freed_.erase(std::remove_if(freed_.begin(), freed_.end(),
                                [&](const Allocation& a) {
                                  return a.base == nullptr && a.address < address + bytes && address < a.address + a.bytes;
                                }),
                 freed_.end());
  live_[address] = {address, bytes, base, context, device};
  generation_++;
  return address;
}

void Memory::add_foreign(const void* address, size_t bytes, int device) {
  const auto at = reinterpret_cast<uintptr_t>(address);
  live_[at] = {at, bytes, nullptr, nullptr, device};
  generation_++;
}

void Memory::remove_foreign(uintptr_t address) {
  live_.erase(address);
  generation_++;
}

Allocation Memory::release(uintptr_t address, bool host) {
  const auto found = live_.find(address);
  if (found == live_.end() || (found->second.device < 0) != host || found->second.base == nullptr) {
    for (const Allocation& a : freed_) {
      if (a.address == address) throw Fault(kInvalidValue, "free of " + hex(address) + ", which has been freed already");
    }
    throw Fault(kInvalidValue, "free of " + hex(address) + ", which no allocation returned");
  }
  const Allocation allocation = found->second;
  live_.erase(found);
  const bool bad = damaged(allocation);
  if (bad) {
    const Allocation copy = allocation;
    try {
      report_damage(copy, "some work before its release");
    } catch (...) {
      retire(allocation);
      throw;
    }
  }
  retire(allocation);
  return allocation;
}

void Memory::retire(const Allocation& allocation) {
  generation_++;
  Allocation freed = allocation;
  if (kQuarantine) {
    poison_again(freed);
    freed_bytes_ += freed.bytes;
  } else {
    give_back(freed);
    freed.base = nullptr;
  }
  freed_.push_front(freed);
  while (freed_.size() > kQuarantineEntries || freed_bytes_ > kQuarantineBytes) {
    Allocation& oldest = freed_.back();
    if (oldest.base != nullptr) freed_bytes_ -= oldest.bytes;
    give_back(oldest);
    freed_.pop_back();
  }
}

size_t Memory::release_all(const Context* context) {
  size_t bytes = 0;
  for (auto each = live_.begin(); each != live_.end();) {
    if (each->second.context != context || each->second.base == nullptr) {
      ++each;
      continue;
    }
    if (each->second.device >= 0) bytes += each->second.bytes;
    retire(each->second);
    each = live_.erase(each);
  }
  return bytes;
}

size_t Memory::page_locked_bytes(const Context* context) const {
  size_t bytes = 0;
  for (const auto& [address, each] : live_) {
    if (each.device < 0 && each.context == context) bytes += each.bytes;
  }
  return bytes;
}

const Allocation* Memory::find(uintptr_t address) const {
  auto after = live_.upper_bound(address);
  if (after == live_.begin()) return nullptr;
  const Allocation& before = std::prev(after)->second;
  return address - before.address <= before.bytes ? &before : nullptr;
}

bool Memory::page_locked(const void* address, size_t bytes) const {
  const auto at = reinterpret_cast<uintptr_t>(address);
  const Allocation* found = find(at);
  return found != nullptr && found->device < 0 && bytes <= found->bytes - (at - found->address);
}

bool Memory::damaged(const Allocation& allocation) const {
  if (kGuardBytes == 0 || allocation.base == nullptr) return false;
  return std::memcmp(allocation.base, guard_pattern(), kGuardBytes) != 0 ||
         std::memcmp(reinterpret_cast<const void*>(allocation.address + allocation.bytes), guard_pattern(), kGuardBytes) !=
             0;
}

void Memory::report_damage(const Allocation& allocation, const std::string& who) const {
  const auto* before = static_cast<const unsigned char*>(allocation.base);
  const auto* after = reinterpret_cast<const unsigned char*>(allocation.address + allocation.bytes);
  const unsigned char* pattern = guard_pattern();
  std::string where;
  for (size_t i = 0; i < kGuardBytes && where.empty(); i++) {
    if (after[i] != pattern[i]) where = std::to_string(i) + " bytes past the end";
  }
  for (size_t i = kGuardBytes; i-- > 0 && where.empty();) {
    if (before[i] != pattern[i]) where = std::to_string(kGuardBytes - i) + " bytes before the start";
  }
  throw Fault(kIllegalAddress, who + " wrote out of bounds: " + where + " of an allocation of " +
                                   std::to_string(allocation.bytes) + " bytes at " + hex(allocation.address) + " on " +
                                   place(allocation.device));
}

void Memory::check_all_guards(const std::string& who) const {
  for (const auto& each : live_) {
    if (damaged(each.second)) report_damage(each.second, who);
  }
}

void Memory::refuse(uintptr_t address, size_t bytes, int device, const std::string& who) const {
  const std::string given = who + ": " + hex(address);
  if (const Allocation* found = find(address)) {
    if (found->device != device && found->device >= 0) {
      throw Fault(kIllegalAddress,
                  given + " is memory of " + place(found->device) + ", not of device " + std::to_string(device));
    }
    const size_t offset = address - found->address;
    throw Fault(kIllegalAddress, given + " and " + std::to_string(bytes) + " bytes from there reach " +
                                     std::to_string(bytes - (found->bytes - offset)) +
                                     " bytes past the end of an allocation of " + std::to_string(found->bytes) + " bytes");
  }
  for (const Allocation& a : freed_) {
    if (address >= a.address && address - a.address < a.bytes) {
      throw Fault(kIllegalAddress, given + " is use after free: it points into freed memory, " +
                                       std::to_string(address - a.address) + " bytes into " + std::to_string(a.bytes));
    }
  }
  throw Fault(kIllegalAddress, given + " is not a pointer into device memory");
}

}  // namespace simulator
