#include "occupancy.h"

#include <algorithm>
#include <map>
#include <utility>

namespace simulator {

namespace {

constexpr int kWarp = 32, kMostThreads = 1024;
// Registers are given out to whole warps, in units, by one of four schedulers, each of which owns a quarter of them.
constexpr int kRegisterUnit = 256, kSchedulers = 4;
// Shared memory is given out in units; the system keeps some of it for itself in each block.
constexpr int kSharedUnit = 128, kSharedReserved = 1 << 10;

int rounded_up(int count, int unit) { return (count + unit - 1) / unit * unit; }

// Warps that the registers of a multiprocessor are enough for.
int warps_by_registers(const Limits& limits, const Resources& kernel) {
  const int of_warp = rounded_up(std::max(kernel.registers, 1) * kWarp, kRegisterUnit);
  return limits.registers / kSchedulers / of_warp * kSchedulers;
}

struct Row {
  const char *kernel, *target;
  Resources resources;
};

const std::map<std::pair<std::string, std::string>, Resources>& table() {
  static const auto made = [] {
    static const Row rows[] = {
#include "resources.inc"
    };
    std::map<std::pair<std::string, std::string>, Resources> all;
    for (const Row& row : rows) all[{row.kernel, row.target}] = row.resources;
    return all;
  }();
  return made;
}

}  // namespace

Limits limits_of(int major, int minor) {
  constexpr int kRegisters = 65536;
  switch (major * 10 + minor) {
    case 75: return {32, 16, kRegisters, 64 << 10, 64 << 10};
    case 80: return {64, 32, kRegisters, 164 << 10, 163 << 10};
    case 86: return {48, 16, kRegisters, 100 << 10, 99 << 10};
    case 87: return {48, 16, kRegisters, 164 << 10, 163 << 10};
    case 89: return {48, 24, kRegisters, 100 << 10, 99 << 10};
    case 120:
    case 121: return {48, 24, kRegisters, 100 << 10, 99 << 10};
    default: return {64, 32, kRegisters, 228 << 10, 227 << 10};  // 9.0, 10.x
  }
}

Resources resources_of(const std::string& kernel, int major) {
  // Another device compiles the PTX, which is made for 8.0.
  const char* target = major == 9 ? "90a" : major == 10 ? "100" : major == 12 ? "120" : "80";
  for (const char* each : {target, "*"}) {
    if (const auto found = table().find({kernel, each}); found != table().end()) return found->second;
  }
  return {32, 0, 0};
}

int blocks_per_multiprocessor(const Limits& limits, const Resources& kernel, int threads, size_t shared_bytes) {
  if (threads < 1 || threads > most_threads(limits, kernel)) return 0;
  const size_t shared = static_cast<size_t>(kernel.shared_bytes) + shared_bytes;
  if (shared > static_cast<size_t>(limits.block_shared_bytes)) return 0;
  const int warps = (threads + kWarp - 1) / kWarp;
  return std::min({limits.blocks, limits.warps / warps, warps_by_registers(limits, kernel) / warps,
                   limits.shared_bytes / rounded_up(static_cast<int>(shared) + kSharedReserved, kSharedUnit)});
}

int most_threads(const Limits& limits, const Resources& kernel) {
  return std::min(kMostThreads, warps_by_registers(limits, kernel) * kWarp);
}

}  // namespace simulator
