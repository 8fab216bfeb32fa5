// Driver calls about devices, contexts and modules.
#include <cstring>

#include "capture.h"
#include "machine.h"
#include "ptx/syntax.h"

namespace simulator {
namespace {

Device& device_of(int ordinal) {
  Machine& m = machine();
  if (!m.initialized) throw Fault(kNotInitialized, "cuInit has not been called");
  if (ordinal < 0 || ordinal >= m.settings.devices) {
    throw Fault(kInvalidDevice, "device " + std::to_string(ordinal) + " of " + std::to_string(m.settings.devices));
  }
  return m.devices[static_cast<size_t>(ordinal)];
}

// As an H200 answers, but for what depends on the compute capability, and for the number of multiprocessors, which settings
// give: each more costs time here.
int attribute(int number) {
  const Settings& s = machine().settings;
  const Limits limits = limits_of(s.major, s.minor);
  switch (number) {
    case 1: return 1024;        // MAX_THREADS_PER_BLOCK
    case 2: return 1024;        // MAX_BLOCK_DIM_X
    case 3: return 1024;        // MAX_BLOCK_DIM_Y
    case 4: return 64;          // MAX_BLOCK_DIM_Z
    case 5: return 2147483647;  // MAX_GRID_DIM_X
    case 6: return 65535;       // MAX_GRID_DIM_Y
    case 7: return 65535;       // MAX_GRID_DIM_Z
    case 8: return 48 << 10;    // MAX_SHARED_MEMORY_PER_BLOCK
    case 9: return 64 << 10;    // TOTAL_CONSTANT_MEMORY
    case 10: return 32;         // WARP_SIZE
    case 12: return 65536;      // MAX_REGISTERS_PER_BLOCK
    case 13: return 1980000;    // CLOCK_RATE, kHz
    case 15: return 1;          // GPU_OVERLAP
    case 16: return s.multiprocessors;
    case 17: return 0;                 // KERNEL_EXEC_TIMEOUT
    case 18: return 0;                 // INTEGRATED
    case 19: return 1;                 // CAN_MAP_HOST_MEMORY
    case 31: return 1;                 // CONCURRENT_KERNELS
    case 36: return 3201000;           // MEMORY_CLOCK_RATE, kHz
    case 37: return 6144;              // GLOBAL_MEMORY_BUS_WIDTH, bits
    case 38: return 50 << 20;          // L2_CACHE_SIZE
    case 39: return limits.threads();  // MAX_THREADS_PER_MULTIPROCESSOR
    case 40: return 3;                 // ASYNC_ENGINE_COUNT
    case 41: return 1;                 // UNIFIED_ADDRESSING
    case 75: return s.major;
    case 76: return s.minor;
    case 78: return 1;                          // STREAM_PRIORITIES_SUPPORTED
    case 81: return limits.shared_bytes;        // MAX_SHARED_MEMORY_PER_MULTIPROCESSOR
    case 82: return limits.registers;           // MAX_REGISTERS_PER_MULTIPROCESSOR
    case 83: return 0;                          // MANAGED_MEMORY
    case 95: return 1;                          // COOPERATIVE_LAUNCH
    case 97: return limits.block_shared_bytes;  // MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
    case 106: return limits.blocks;             // MAX_BLOCKS_PER_MULTIPROCESSOR
    case 111: return 1 << 10;                   // RESERVED_SHARED_MEMORY_PER_BLOCK
    case 115: return 1;                         // MEMORY_POOLS_SUPPORTED
    default: throw Fault(kInvalidValue, "the simulator has no device attribute " + std::to_string(number));
  }
}

bool is_machine_code(const void* image) {
  static const unsigned char fatbin[] = {0x50, 0xed, 0x55, 0xba}, elf[] = {0x7f, 'E', 'L', 'F'};
  return std::memcmp(image, fatbin, 4) == 0 || std::memcmp(image, elf, 4) == 0;
}

bool is_ptx(const void* image) {
  const char* text = static_cast<const char*>(image);
  return std::strncmp(text, "//", 2) == 0 || std::strncmp(text, ".version", 8) == 0;
}

std::shared_ptr<ptx::Program> interpreted(const Context& context, const void* image) {
  const Settings& s = machine().settings;
  if (!is_ptx(image)) throw Fault(kNoBinaryForGpu, "this device interprets PTX and runs no machine code");
  try {
    auto program = ptx::load(static_cast<const char*>(image), context.device.ordinal);
    const auto capability = static_cast<unsigned>(10 * s.major + s.minor);
    if (program->target_exact ? program->target != capability : program->target > capability) {
      throw Fault(kNoBinaryForGpu, "PTX for sm_" + std::to_string(program->target) + (program->target_exact ? "a" : "") +
                                       " on a device of compute capability " + std::to_string(s.major) + "." +
                                       std::to_string(s.minor));
    }
    return program;
  } catch (const ptx::Malformed& malformed) {
    throw Fault(kInvalidPtx, malformed.what());
  }
}

void load(void** module, const void* image) {
  Context& context = current_context();
  forbid_during_capture("cuModuleLoadData");
  if (image == nullptr) throw Fault(kInvalidValue, "cuModuleLoadData of null");
  if (!is_machine_code(image) && !is_ptx(image)) {
    throw Fault(kInvalidImage, "the image is neither a fat binary nor a cubin nor PTX");
  }
  wait(machine().settings.delays.module);
  auto made = std::make_unique<Module>();
  made->context = &context;
  // Otherwise the code is what was compiled into this library, whatever the image has.
  if (context.device.control.interpret != 0) made->program = interpreted(context, image);
  *module = made.get();
  context.modules[made.get()] = std::move(made);
}

Module& module_of(void* handle) {
  Context& context = current_context();
  const auto found = context.modules.find(static_cast<Module*>(handle));
  if (found == context.modules.end()) throw Fault(kInvalidHandle, "the module does not exist in the current context");
  return *found->second;
}

// In either mode the simulator has kernels of its own, for its tests.
std::shared_ptr<const Kernel> kernel_of(const Module& module, const std::string& name) {
  if (module.program != nullptr && name.compare(0, 10, "simulator_") != 0) {
    const auto found = module.program->kernels.find(name);
    if (found == module.program->kernels.end()) return nullptr;
    return {module.program, &found->second};
  }
  return {std::shared_ptr<void>(), find_kernel(name.c_str())};
}

Context& context_of(void* handle) {
  auto* context = static_cast<Context*>(handle);
  if (!machine().is_context(context)) throw Fault(kInvalidContext, "the context does not exist");
  return *context;
}

}  // namespace
}  // namespace simulator

using namespace simulator;

extern "C" {

SIMULATOR_API int cuInit(unsigned flags) {
  return call([&] {
    if (flags != 0) throw Fault(kInvalidValue, "cuInit with flags");
    if (machine().settings.devices == 0) throw Fault(kNoDevice, "SEQUOR_SIMULATOR_DEVICES is 0");
    if (!machine().initialized) wait(machine().settings.delays.init);
    machine().initialized = true;
  });
}

SIMULATOR_API int cuDriverGetVersion(int* version) {
  return call([&] { *version = machine().settings.driver_version; });
}

SIMULATOR_API int cuDeviceGetCount(int* count) {
  return call([&] {
    if (!machine().initialized) throw Fault(kNotInitialized, "cuInit has not been called");
    *count = machine().settings.devices;
  });
}

SIMULATOR_API int cuDeviceGet(int* device, int ordinal) {
  return call([&] { *device = device_of(ordinal).ordinal; });
}

SIMULATOR_API int cuDeviceGetName(char* name, int length, int device) {
  return call([&] {
    device_of(device);
    if (length <= 0) throw Fault(kInvalidValue, "cuDeviceGetName into no bytes");
    std::strncpy(name, machine().settings.name, static_cast<size_t>(length));
    name[length - 1] = 0;
  });
}

SIMULATOR_API int cuDeviceGetAttribute(int* value, int number, int device) {
  return call([&] {
    device_of(device);
    *value = attribute(number);
  });
}

SIMULATOR_API int cuDeviceComputeCapability(int* major, int* minor, int device) {
  return call([&] {
    device_of(device);
    *major = machine().settings.major;
    *minor = machine().settings.minor;
  });
}

SIMULATOR_API int cuDeviceTotalMem_v2(size_t* bytes, int device) {
  return call([&] {
    device_of(device);
    *bytes = machine().settings.memory_bytes;
  });
}

SIMULATOR_API int cuDeviceCanAccessPeer(int* can, int device, int peer) {
  return call([&] {
    device_of(device);
    device_of(peer);
    *can = device != peer && machine().settings.peers ? 1 : 0;
  });
}

// From now on kernels of the current context may use the other's memory, and not the other way round.
SIMULATOR_API int cuCtxEnablePeerAccess(void* handle, unsigned flags) {
  return call([&] {
    Context& context = current_context();
    Context& peer = context_of(handle);
    if (flags != 0) throw Fault(kInvalidValue, "cuCtxEnablePeerAccess with flags");
    if (&peer == &context) throw Fault(kInvalidContext, "peer access of a context to itself");
    if (!machine().settings.peers || peer.device.ordinal == context.device.ordinal) {
      throw Fault(kPeerAccessUnsupported, "device " + std::to_string(context.device.ordinal) + " does not reach device " +
                                              std::to_string(peer.device.ordinal));
    }
    if (!context.peers.insert(&peer).second) throw Fault(kPeerAccessAlreadyEnabled, "peer access is enabled already");
  });
}

SIMULATOR_API int cuCtxDisablePeerAccess(void* handle) {
  return call([&] {
    Context& context = current_context();
    if (context.peers.erase(&context_of(handle)) == 0) throw Fault(kPeerAccessNotEnabled, "peer access is not enabled");
  });
}

SIMULATOR_API int cuDevicePrimaryCtxRetain(void** context, int ordinal) {
  return call([&] {
    Device& device = device_of(ordinal);
    if (device.retained++ == 0) wait(machine().settings.delays.context);
    *context = device.primary.get();
  });
}

SIMULATOR_API int cuDevicePrimaryCtxRelease_v2(int ordinal) {
  return call([&] {
    Device& device = device_of(ordinal);
    if (device.retained == 0) throw Fault(kInvalidContext, "the primary context is not retained");
    if (--device.retained == 0) device.primary->clear();
  });
}

SIMULATOR_API int cuDevicePrimaryCtxReset_v2(int ordinal) {
  return call([&] { device_of(ordinal).primary->clear(); });
}

SIMULATOR_API int cuDevicePrimaryCtxGetState(int ordinal, unsigned* flags, int* active) {
  return call([&] {
    *active = device_of(ordinal).retained > 0;
    *flags = 0;
  });
}

SIMULATOR_API int cuCtxCreate_v2(void** context, unsigned, int ordinal) {
  return call([&] {
    auto made = std::make_unique<Context>(device_of(ordinal));
    wait(machine().settings.delays.context);
    Context* added = machine().contexts.add(std::move(made));
    context_stack().push_back(added);
    *context = added;
  });
}

SIMULATOR_API int cuCtxDestroy_v2(void* handle) {
  return call([&] {
    Context& context = context_of(handle);
    if (context.device.primary.get() == &context)
      throw Fault(kInvalidContext, "a primary context is released, not destroyed");
    context.clear();
    if (current_context_or_null() == &context) context_stack().pop_back();
    machine().contexts.remove(&context);
  });
}

SIMULATOR_API int cuCtxSetCurrent(void* handle) {
  return call([&] {
    auto& stack = context_stack();
    Context* context = handle == nullptr ? nullptr : &context_of(handle);
    if (!stack.empty()) stack.pop_back();
    if (context != nullptr) stack.push_back(context);
  });
}

SIMULATOR_API int cuCtxGetCurrent(void** handle) {
  return call([&] { *handle = current_context_or_null(); });
}

SIMULATOR_API int cuCtxPushCurrent_v2(void* handle) {
  return call([&] { context_stack().push_back(&context_of(handle)); });
}

SIMULATOR_API int cuCtxPopCurrent_v2(void** handle) {
  return call([&] {
    auto& stack = context_stack();
    if (stack.empty()) throw Fault(kInvalidContext, "no context is current in the calling thread");
    if (handle != nullptr) *handle = stack.back();
    stack.pop_back();
  });
}

SIMULATOR_API int cuCtxGetDevice(int* device) {
  return call([&] { *device = current_context().device.ordinal; });
}

SIMULATOR_API int cuCtxGetStreamPriorityRange(int* least, int* greatest) {
  return call([&] {
    current_context();
    *least = 0;
    *greatest = -5;
  });
}

SIMULATOR_API int cuCtxSynchronize() {
  return call([&] {
    Context& context = current_context();
    forbid_during_capture("cuCtxSynchronize");
    machine().run_until_empty(context);
    current_context();
    machine().memory.check_all_guards("some work before cuCtxSynchronize");
  });
}

SIMULATOR_API int cuModuleLoadData(void** module, const void* image) {
  return call([&] { load(module, image); });
}

SIMULATOR_API int cuModuleLoadDataEx(void** module, const void* image, unsigned, int*, void**) {
  return call([&] { load(module, image); });
}

SIMULATOR_API int cuModuleLoadFatBinary(void** module, const void* image) {
  return call([&] { load(module, image); });
}

SIMULATOR_API int cuModuleUnload(void* handle) {
  return call([&] {
    Module& module = module_of(handle);
    forbid_during_capture("cuModuleUnload");
    machine().run_until_empty(*module.context);
    for (const auto& each : module.functions) module.context->functions.erase(each.second.get());
    module.context->modules.erase(&module);
  });
}

SIMULATOR_API int cuModuleGetFunction(void** function, void* handle, const char* name) {
  return call([&] {
    Module& module = module_of(handle);
    const auto kernel = kernel_of(module, name);
    if (kernel == nullptr) throw Fault(kNotFound, std::string("there is no kernel ") + name);
    auto& made = module.functions[name];
    if (made == nullptr) {
      Resources resources = resources_of(name, machine().settings.major);
      if (kernel->code != nullptr) {
        resources.shared_bytes = static_cast<int>(kernel->static_shared_bytes);
        resources.local_bytes = static_cast<int>(kernel->local_bytes);
      }
      made.reset(new Function{kernel, &module, resources});
    }
    module.context->functions.insert(made.get());
    *function = made.get();
  });
}

SIMULATOR_API int cuModuleGetGlobal_v2(uintptr_t* address, size_t* bytes, void* handle, const char* name) {
  return call([&] {
    Module& module = module_of(handle);
    const auto give = [&](const void* at, size_t size) {
      if (address != nullptr) *address = reinterpret_cast<uintptr_t>(at);
      if (bytes != nullptr) *bytes = size;
    };
    if (module.program != nullptr) {
      const auto found = module.program->variables.find(name);
      if (found != module.program->variables.end()) {
        return give(reinterpret_cast<const void*>(found->second.address), found->second.bytes);
      }
    }
    if (std::strcmp(name, "sequor_simulator") == 0) return give(&module.context->device.control, sizeof(Control));
    if (std::strcmp(name, "sequor_simulator_kernels") == 0) return give(kernel_list().data(), kernel_list().size());
    throw Fault(kNotFound, std::string("there is no variable ") + name);
  });
}

SIMULATOR_API int cuGetErrorName(int code, const char** name) {
  const ErrorName* known = error_name(code);
  *name = known == nullptr ? nullptr : known->name;
  return known == nullptr ? kInvalidValue : kSuccess;
}

SIMULATOR_API int cuGetErrorString(int code, const char** text) {
  const ErrorName* known = error_name(code);
  *text = known == nullptr ? nullptr : known->text;
  return known == nullptr ? kInvalidValue : kSuccess;
}

}  // extern "C"
