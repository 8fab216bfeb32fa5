#include "operations.h"

#include <cstring>

namespace simulator {

KernelLaunch::KernelLaunch(const Launch& launch, void** parameters) : launch_(launch), values_(launch.kernel->bytes) {
  const auto& all = launch.kernel->parameters;
  for (size_t i = 0; i < all.size(); i++) std::memcpy(values_.data() + all[i].offset, parameters[i], all[i].bytes);
  launch_.values = values_.data();
}

std::string KernelLaunch::who() const { return "kernel " + launch_.kernel->name; }

std::string KernelLaunch::who(size_t argument) const {
  return who() + ", argument " + std::to_string(argument + 1) + " of " + std::to_string(launch_.kernel->parameters.size());
}

bool KernelLaunch::advance(Context& context) {
  constexpr size_t kMostChecked = 64;
  const Allocation* used[kMostChecked];
  size_t count = 0;
  Machine& m = machine();
  const auto& parameters = launch_.kernel->parameters;
  for (size_t i = 0; i < parameters.size(); i++) {
    if (!parameters[i].pointer) continue;
    uintptr_t address;
    std::memcpy(&address, values_.data() + parameters[i].offset, sizeof address);
    if (address == 0) continue;
    const Allocation* found = m.memory.find(address);
    const bool of_peer = found != nullptr && found->device >= 0 && context.peers.count(found->context) != 0;
    const int device = of_peer ? found->device : context.device.ordinal;
    const Allocation* memory = m.memory.check(address, 0, device, [&] { return who(i); });
    if (count < kMostChecked) used[count++] = memory;
  }
  context.device.control.kernel_launches++;
  try {
    execute(launch_, m.random);
  } catch (const LaunchFailure& failure) {
    throw Fault(failure.code, failure.what());
  }
  // A write past an allocation mostly starts from a pointer into it, so looking at the arguments finds it at once.
  for (size_t i = 0; i < count; i++) m.memory.check_guards(used[i], [&] { return who() + ", " + shape(launch_) + ","; });
  return true;
}

void Copy::stage() {
  const auto* from = reinterpret_cast<const char*>(from_.address);
  staged_.assign(from, from + bytes_);
}

bool Copy::advance(Context& context) {
  Machine& m = machine();
  const auto who = [&] { return std::string(call_) + " of " + std::to_string(bytes_) + " bytes"; };
  for (const End& end : {to_, from_}) {
    if (end.side == Side::kDevice) m.memory.check(end.address, bytes_, end.device, who);
  }
  const void* from = staged_.empty() ? reinterpret_cast<const void*>(from_.address) : staged_.data();
  std::memmove(reinterpret_cast<void*>(to_.address), from, bytes_);
  context.device.control.copies++;
  return true;
}

bool Fill::advance(Context& context) {
  const auto who = [&] { return std::string(call_) + " of " + std::to_string(count_ * unit_) + " bytes"; };
  machine().memory.check(address_, count_ * unit_, context.device.ordinal, who);
  auto* to = reinterpret_cast<char*>(address_);
  if (unit_ == 1) {
    std::memset(to, static_cast<int>(value_), count_);
  } else {
    for (size_t i = 0; i < count_; i++) std::memcpy(to + i * unit_, &value_, unit_);
  }
  context.device.control.copies++;
  return true;
}

bool Record::advance(Context&) {
  event_->completed = ticket_;
  event_->time = std::chrono::steady_clock::now();
  return true;
}

bool Release::advance(Context&) {
  release_device_memory(address_);
  return true;
}

void release_device_memory(uintptr_t address) {
  Machine& m = machine();
  const Allocation freed = m.memory.release(address, false);
  freed.context->device.control.live_bytes -= static_cast<int64_t>(freed.bytes);
}

}  // namespace simulator
