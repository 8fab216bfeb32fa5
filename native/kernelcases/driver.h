// The few functions of the CUDA driver that these programs need, from a library that is loaded by name: nothing is linked against CUDA.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace cuda {

using DevicePointer = uint64_t;

// A driver call that failed: its name, what it was to do, and the driver's name of the error.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Function, and the name it is exported by: with CUDA's suffixes of newer versions of a call.
#define CUDA_FUNCTIONS(X)                                                                                                     \
  X(cuInit, "cuInit", (unsigned flags))                                                                                       \
  X(cuDriverGetVersion, "cuDriverGetVersion", (int* version))                                                                 \
  X(cuDeviceGet, "cuDeviceGet", (int* device, int ordinal))                                                                   \
  X(cuDeviceGetName, "cuDeviceGetName", (char* name, int length, int device))                                                 \
  X(cuDeviceGetAttribute, "cuDeviceGetAttribute", (int* value, int attribute, int device))                                    \
  X(cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain", (void** context, int device))                                       \
  X(cuDevicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2", (int device))                                                  \
  X(cuCtxSetCurrent, "cuCtxSetCurrent", (void* context))                                                                      \
  X(cuCtxSynchronize, "cuCtxSynchronize", ())                                                                                 \
  X(cuModuleLoadData, "cuModuleLoadData", (void** module, const void* image))                                                 \
  X(cuModuleGetFunction, "cuModuleGetFunction", (void** function, void* module, const char* name))                            \
  X(cuMemAlloc, "cuMemAlloc_v2", (DevicePointer * address, size_t bytes))                                                     \
  X(cuMemFree, "cuMemFree_v2", (DevicePointer address))                                                                       \
  X(cuMemcpyHtoD, "cuMemcpyHtoD_v2", (DevicePointer to, const void* from, size_t bytes))                                      \
  X(cuMemcpyDtoH, "cuMemcpyDtoH_v2", (void* to, DevicePointer from, size_t bytes))                                            \
  X(cuLaunchKernel, "cuLaunchKernel",                                                                                         \
    (void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y, unsigned block_z, \
     unsigned shared_bytes, void* stream, void** parameters, void** extra))                                                   \
  X(cuGetErrorName, "cuGetErrorName", (int error, const char** name))

// The loaded library, and its first device with the primary context current on the calling thread.
class Driver {
 public:
  // library: a path, or a name for the loader to find.
  explicit Driver(const std::string& library);
  ~Driver();
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

#define CUDA_MEMBER(name, symbol, parameters) int(*name) parameters = nullptr;
  CUDA_FUNCTIONS(CUDA_MEMBER)
#undef CUDA_MEMBER

  int device = 0;
  std::string device_name;

  // Throws an Error unless the result is 0. what: "launch of fill_f32".
  void require(int result, const std::string& what) const;
  int attribute(int number) const;
  // One of a newer driver, or null.
  void* find(const char* symbol) const;

 private:
  void* library_;
};

}  // namespace cuda
