// Driver calls about memory.
#include <cstddef>
#include <cstring>

#include "capture.h"
#include "operations.h"

namespace simulator {

void admit(const char* call, Control& control, size_t bytes) {
  if (bytes == 0) throw Fault(kInvalidValue, std::string(call) + " of 0 bytes");
  if (control.fail_allocation > 0 && --control.fail_allocation == 0) {
    throw Fault(kOutOfMemory, std::string(call) + " of " + std::to_string(bytes) + " bytes fails as the control asked");
  }
}

void admit_device_bytes(const char* call, Control& control, size_t bytes) {
  admit(call, control, bytes);
  const uint64_t limit = machine().settings.memory_bytes, live = static_cast<uint64_t>(control.live_bytes);
  if (bytes > limit || live > limit - bytes) {
    throw Fault(kOutOfMemory, std::string(call) + " of " + std::to_string(bytes) + " bytes: " + std::to_string(live) +
                                  " of " + std::to_string(limit) + " bytes are in use");
  }
}

void take_device_bytes(Control& control, size_t bytes) {
  control.live_bytes += static_cast<int64_t>(bytes);
  if (control.live_bytes > control.peak_bytes) control.peak_bytes = control.live_bytes;
}

namespace {

uintptr_t allocate(const char* call, size_t bytes) {
  Context& context = current_context();
  Control& control = context.device.control;
  admit_device_bytes(call, control, bytes);
  const uintptr_t address = machine().memory.allocate(&context, context.device.ordinal, bytes);
  control.allocations++;
  take_device_bytes(control, bytes);
  return address;
}

int allocate_host(void** memory, size_t bytes) {
  return call([&] {
    Context& context = current_context();
    forbid_during_capture("cuMemHostAlloc");
    admit("cuMemHostAlloc", context.device.control, bytes);
    *memory = reinterpret_cast<void*>(machine().memory.allocate(&context, -1, bytes));
  });
}

// ---- the control block: see control.h

Control* control_at(uintptr_t address, size_t bytes) {
  for (Device& device : machine().devices) {
    const auto begin = reinterpret_cast<uintptr_t>(&device.control);
    if (address >= begin && address - begin < sizeof(Control) && bytes <= sizeof(Control) - (address - begin))
      return &device.control;
  }
  return nullptr;
}

bool read_control(void* to, uintptr_t from, size_t bytes) {
  Machine& m = machine();
  const std::lock_guard<std::recursive_mutex> guard(m.lock);
  Control* control = control_at(from, bytes);
  if (control == nullptr) return false;
  control->driver_calls = m.driver_calls;
  for (const Device& device : m.devices) {
    if (control != &device.control) continue;
    control->host_bytes = static_cast<int64_t>(m.memory.page_locked_bytes(device.primary.get()));
    control->handles = m.handles(*device.primary);
  }
  std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
  return true;
}

bool write_control(uintptr_t to, const void* from, size_t bytes) {
  Machine& m = machine();
  const std::lock_guard<std::recursive_mutex> guard(m.lock);
  Control* control = control_at(to, bytes);
  if (control == nullptr) return false;
  std::memcpy(reinterpret_cast<void*>(to), from, bytes);
  const size_t first = to - reinterpret_cast<uintptr_t>(control);
  const auto written = [&](size_t offset) { return first <= offset && offset < first + bytes; };
  if (written(offsetof(Control, seed))) m.reseed(static_cast<uint64_t>(control->seed));
  if (written(offsetof(Control, peak_bytes))) control->peak_bytes = control->live_bytes;
  if (written(offsetof(Control, driver_calls))) m.driver_calls = control->driver_calls;
  return true;
}

// ---- copies

enum class Kind { kHostToDevice, kDeviceToHost, kDeviceToDevice };

// The device that memory lies on; the current one if it lies nowhere, which the copy itself will report.
int device_of_memory(uintptr_t address) {
  const Allocation* memory = machine().memory.find(address);
  return memory != nullptr && memory->device >= 0 ? memory->device : current_context().device.ordinal;
}

Copy::End end(Side side, uintptr_t address, bool anywhere) {
  return {side, address, anywhere ? device_of_memory(address) : current_context().device.ordinal};
}

std::shared_ptr<Copy> make_copy(const char* call, Kind kind, uintptr_t to, uintptr_t from, size_t bytes) {
  const bool peers = kind == Kind::kDeviceToDevice;  // addresses are unified, so both ends know their device
  return std::make_shared<Copy>(call, end(kind == Kind::kDeviceToHost ? Side::kHost : Side::kDevice, to, peers),
                                end(kind == Kind::kHostToDevice ? Side::kHost : Side::kDevice, from, peers), bytes);
}

// The synchronous calls work in the default stream; between device memories they do not wait for the end.
int copy(const char* name, Kind kind, uintptr_t to, uintptr_t from, size_t bytes) {
  return call([&] {
    Stream& stream = stream_of(nullptr);
    forbid_during_capture(name);
    if (bytes == 0) return;
    submit(stream, make_copy(name, kind, to, from, bytes));
    if (kind == Kind::kDeviceToDevice) return;
    machine().run_until_empty(stream);
    current_context();
  });
}

// With page-locked host memory the copy happens when the stream gets there, reading or writing what is there then. Other
// host memory is read at the call, and written before the call returns.
int copy_async(const char* name, Kind kind, uintptr_t to, uintptr_t from, size_t bytes, void* handle) {
  return call([&] {
    Stream& stream = stream_of(handle);
    if (bytes == 0) return;
    auto made = make_copy(name, kind, to, from, bytes);
    const uintptr_t host = kind == Kind::kHostToDevice ? from : to;
    const bool deferred =
        kind == Kind::kDeviceToDevice || machine().memory.page_locked(reinterpret_cast<const void*>(host), bytes);
    if (!deferred) forbid_waiting_for(stream, name);
    if (!deferred && kind == Kind::kHostToDevice) made->stage();
    submit(stream, made);
    if (deferred || kind == Kind::kHostToDevice) return;
    machine().run_until_empty(stream);
    current_context();
  });
}

int fill(const char* name, uintptr_t address, uint32_t value, size_t unit, size_t count, void* handle) {
  return call([&] {
    Stream& stream = stream_of(handle);
    if (count > 0) submit(stream, std::make_shared<Fill>(name, address, value, unit, count));
  });
}

uintptr_t number(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

}  // namespace
}  // namespace simulator

using namespace simulator;

extern "C" {

SIMULATOR_API int cuMemGetInfo_v2(size_t* free, size_t* total) {
  return call([&] {
    const Context& context = current_context();
    *total = machine().settings.memory_bytes;
    *free = *total - static_cast<size_t>(context.device.control.live_bytes);
  });
}

SIMULATOR_API int cuMemAlloc_v2(uintptr_t* address, size_t bytes) {
  return call([&] {
    current_context();
    forbid_during_capture("cuMemAlloc");
    *address = allocate("cuMemAlloc", bytes);
  });
}

// A free waits for all work of the context, as the real one does.
SIMULATOR_API int cuMemFree_v2(uintptr_t address) {
  return call([&] {
    Context& context = current_context();
    if (address == 0) return;
    forbid_during_capture("cuMemFree");
    machine().run_until_empty(context);
    release_device_memory(address);
    current_context();
  });
}

SIMULATOR_API int cuMemAllocAsync(uintptr_t* address, size_t bytes, void* handle) {
  return call([&] {
    Stream& stream = stream_of(handle);
    if (stream.capture != nullptr) throw Fault(kNotSupported, "the simulator captures no allocations");
    *address = allocate("cuMemAllocAsync", bytes);
  });
}

SIMULATOR_API int cuMemFreeAsync(uintptr_t address, void* handle) {
  return call([&] {
    Stream& stream = stream_of(handle);
    if (stream.capture != nullptr) throw Fault(kNotSupported, "the simulator captures no releases");
    submit(stream, std::make_shared<Release>(address));
  });
}

SIMULATOR_API int cuMemGetAddressRange_v2(uintptr_t* base, size_t* bytes, uintptr_t address) {
  return call([&] {
    current_context();
    const Allocation* found = machine().memory.find(address);
    if (found == nullptr || found->device < 0) throw Fault(kNotFound, "the address is not in device memory");
    if (base != nullptr) *base = found->address;
    if (bytes != nullptr) *bytes = found->bytes;
  });
}

SIMULATOR_API int cuMemHostAlloc(void** memory, size_t bytes, unsigned) { return allocate_host(memory, bytes); }

SIMULATOR_API int cuMemAllocHost_v2(void** memory, size_t bytes) { return allocate_host(memory, bytes); }

SIMULATOR_API int cuMemFreeHost(void* memory) {
  return call([&] {
    Context& context = current_context();
    forbid_during_capture("cuMemFreeHost");
    machine().run_until_empty(context);
    machine().memory.release(number(memory), true);
    current_context();
  });
}

SIMULATOR_API int cuMemHostGetDevicePointer_v2(uintptr_t* address, void* memory, unsigned) {
  return call([&] {
    current_context();
    if (!machine().memory.page_locked(memory, 0)) throw Fault(kInvalidValue, "the host memory is not page-locked");
    *address = number(memory);
  });
}

SIMULATOR_API int cuMemcpyHtoD_v2(uintptr_t to, const void* from, size_t bytes) {
  if (write_control(to, from, bytes)) return kSuccess;
  return copy("cuMemcpyHtoD", Kind::kHostToDevice, to, number(from), bytes);
}

SIMULATOR_API int cuMemcpyDtoH_v2(void* to, uintptr_t from, size_t bytes) {
  if (read_control(to, from, bytes)) return kSuccess;
  return copy("cuMemcpyDtoH", Kind::kDeviceToHost, number(to), from, bytes);
}

SIMULATOR_API int cuMemcpyDtoD_v2(uintptr_t to, uintptr_t from, size_t bytes) {
  return copy("cuMemcpyDtoD", Kind::kDeviceToDevice, to, from, bytes);
}

SIMULATOR_API int cuMemcpyHtoDAsync_v2(uintptr_t to, const void* from, size_t bytes, void* stream) {
  return copy_async("cuMemcpyHtoDAsync", Kind::kHostToDevice, to, number(from), bytes, stream);
}

SIMULATOR_API int cuMemcpyDtoHAsync_v2(void* to, uintptr_t from, size_t bytes, void* stream) {
  return copy_async("cuMemcpyDtoHAsync", Kind::kDeviceToHost, number(to), from, bytes, stream);
}

SIMULATOR_API int cuMemcpyDtoDAsync_v2(uintptr_t to, uintptr_t from, size_t bytes, void* stream) {
  return copy_async("cuMemcpyDtoDAsync", Kind::kDeviceToDevice, to, from, bytes, stream);
}

// Each end must be memory of its context's device. Between devices that do not reach each other the driver copies by way of the
// host, so this needs no peer access.
SIMULATOR_API int cuMemcpyPeerAsync(uintptr_t to, void* to_context, uintptr_t from, void* from_context, size_t bytes,
                                    void* handle) {
  return call([&] {
    Stream& stream = stream_of(handle);
    const auto device_of = [&](void* context) {
      if (!machine().is_context(static_cast<Context*>(context))) throw Fault(kInvalidContext, "the context does not exist");
      return static_cast<Context*>(context)->device.ordinal;
    };
    const Copy::End target = {Side::kDevice, to, device_of(to_context)};
    const Copy::End source = {Side::kDevice, from, device_of(from_context)};
    if (bytes > 0) submit(stream, std::make_shared<Copy>("cuMemcpyPeerAsync", target, source, bytes));
  });
}

SIMULATOR_API int cuMemsetD8_v2(uintptr_t address, unsigned char value, size_t count) {
  return fill("cuMemsetD8", address, value, 1, count, nullptr);
}

SIMULATOR_API int cuMemsetD16_v2(uintptr_t address, unsigned short value, size_t count) {
  return fill("cuMemsetD16", address, value, 2, count, nullptr);
}

SIMULATOR_API int cuMemsetD32_v2(uintptr_t address, unsigned value, size_t count) {
  return fill("cuMemsetD32", address, value, 4, count, nullptr);
}

SIMULATOR_API int cuMemsetD8Async(uintptr_t address, unsigned char value, size_t count, void* stream) {
  return fill("cuMemsetD8Async", address, value, 1, count, stream);
}

SIMULATOR_API int cuMemsetD16Async(uintptr_t address, unsigned short value, size_t count, void* stream) {
  return fill("cuMemsetD16Async", address, value, 2, count, stream);
}

SIMULATOR_API int cuMemsetD32Async(uintptr_t address, unsigned value, size_t count, void* stream) {
  return fill("cuMemsetD32Async", address, value, 4, count, stream);
}

}  // extern "C"
