// The functions of the CUDA driver that programs without a JVM need (native/kernelcases, native/deviceconstants), from a
// library that is loaded by name: nothing is linked against CUDA.
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
#define CUDA_FUNCTIONS(X)                                                                                          \
  X(cuInit, "cuInit", (unsigned flags))                                                                            \
  X(cuDriverGetVersion, "cuDriverGetVersion", (int* version))                                                      \
  X(cuDeviceGet, "cuDeviceGet", (int* device, int ordinal))                                                        \
  X(cuDeviceGetName, "cuDeviceGetName", (char* name, int length, int device))                                      \
  X(cuDeviceGetAttribute, "cuDeviceGetAttribute", (int* value, int attribute, int device))                         \
  X(cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain", (void** context, int device))                            \
  X(cuDevicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2", (int device))                                       \
  X(cuCtxSetCurrent, "cuCtxSetCurrent", (void* context))                                                           \
  X(cuCtxSynchronize, "cuCtxSynchronize", ())                                                                      \
  X(cuModuleLoadData, "cuModuleLoadData", (void** module, const void* image))                                      \
  X(cuModuleGetFunction, "cuModuleGetFunction", (void** function, void* module, const char* name))                 \
  X(cuMemGetInfo, "cuMemGetInfo_v2", (size_t* free, size_t* total))                                                \
  X(cuMemAlloc, "cuMemAlloc_v2", (DevicePointer * address, size_t bytes))                                          \
  X(cuMemFree, "cuMemFree_v2", (DevicePointer address))                                                            \
  X(cuMemHostAlloc, "cuMemHostAlloc", (void** memory, size_t bytes, unsigned flags))                               \
  X(cuMemFreeHost, "cuMemFreeHost", (void* memory))                                                                \
  X(cuMemsetD8, "cuMemsetD8_v2", (DevicePointer to, unsigned char value, size_t bytes))                            \
  X(cuMemcpyHtoD, "cuMemcpyHtoD_v2", (DevicePointer to, const void* from, size_t bytes))                           \
  X(cuMemcpyDtoH, "cuMemcpyDtoH_v2", (void* to, DevicePointer from, size_t bytes))                                 \
  X(cuMemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2", (DevicePointer to, const void* from, size_t bytes, void* stream))   \
  X(cuMemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2", (void* to, DevicePointer from, size_t bytes, void* stream))         \
  X(cuMemcpyDtoDAsync, "cuMemcpyDtoDAsync_v2", (DevicePointer to, DevicePointer from, size_t bytes, void* stream)) \
  X(cuStreamCreate, "cuStreamCreate", (void** stream, unsigned flags))                                             \
  X(cuStreamDestroy, "cuStreamDestroy_v2", (void* stream))                                                         \
  X(cuStreamSynchronize, "cuStreamSynchronize", (void* stream))                                                    \
  X(cuStreamBeginCapture, "cuStreamBeginCapture_v2", (void* stream, int mode))                                     \
  X(cuStreamEndCapture, "cuStreamEndCapture", (void* stream, void** graph))                                        \
  X(cuGraphInstantiate, "cuGraphInstantiateWithFlags", (void** executable, void* graph, unsigned long long flags)) \
  X(cuGraphUpload, "cuGraphUpload", (void* executable, void* stream))                                              \
  X(cuGraphLaunch, "cuGraphLaunch", (void* executable, void* stream))                                              \
  X(cuGraphExecDestroy, "cuGraphExecDestroy", (void* executable))                                                  \
  X(cuGraphDestroy, "cuGraphDestroy", (void* graph))                                                               \
  X(cuEventCreate, "cuEventCreate", (void** event, unsigned flags))                                                \
  X(cuEventRecord, "cuEventRecord", (void* event, void* stream))                                                   \
  X(cuEventSynchronize, "cuEventSynchronize", (void* event))                                                       \
  X(cuEventElapsedTime, "cuEventElapsedTime", (float* milliseconds, void* from, void* to))                         \
  X(cuEventDestroy, "cuEventDestroy_v2", (void* event))                                                            \
  X(cuOccupancyMaxActiveBlocksPerMultiprocessor, "cuOccupancyMaxActiveBlocksPerMultiprocessor",                    \
    (int* blocks, void* function, int threads, size_t shared_bytes))                                               \
  X(cuLaunchKernel, "cuLaunchKernel",                                                                              \
    (void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,        \
     unsigned block_z, unsigned shared_bytes, void* stream, void** parameters, void** extra))                      \
  X(cuLaunchCooperativeKernel, "cuLaunchCooperativeKernel",                                                        \
    (void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,        \
     unsigned block_z, unsigned shared_bytes, void* stream, void** parameters))                                    \
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
  // Loads a fat binary or PTX from a file.
  void* load(const std::string& file) const;
  void* function(void* module, const char* name) const;

 private:
  void* find(const char* symbol) const;

  void* library_;
};

}  // namespace cuda
