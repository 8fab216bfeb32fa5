// Runs a case on a device.
#pragma once

#include <map>
#include <string>

#include "cudadriver/driver.h"
#include "results.h"

namespace kernelcases {

// The kernels as they are shipped: a folder with kernels.properties and for each file FILE.fatbin and FILE.ptx.
class KernelFolder {
 public:
  KernelFolder(const std::string& folder, bool ptx);
  const std::map<std::string, std::string>& files() const { return files_; }  // by kernel
  // Loads a kernel's file when it is first asked for. The driver must be the same each time.
  void* function(const cuda::Driver& driver, const std::string& kernel);

 private:
  std::string folder_;
  bool ptx_;
  std::map<std::string, std::string> files_;
  std::map<std::string, void*> modules_;  // by file
  std::map<std::string, void*> functions_;
};

class Launcher {
 public:
  // Both must outlive it.
  Launcher(const cuda::Driver& driver, KernelFolder& folder) : driver_(driver), folder_(folder) {}
  ~Launcher();
  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;

  // Between guard zones, twice, with other bytes in what the kernel is to make: nothing outside the buffers and nothing that
  // is only read may change, and what is written must depend on nothing that was there before. Throws a cuda::Error if the
  // driver refuses or the kernel dies, after which the driver is of no use; a failure that it survives is in the result.
  Result run_guarded(const std::string& kernel, uint32_t number, const Case& c);

  // For compute-sanitizer: once, each buffer in memory of exactly its size, with what the kernel is to make as the driver
  // hands it out. Nothing is read back, since that alone would be a use of what is not initialised.
  void run_bare(const std::string& kernel, const Case& c);

 private:
  // Memory with guards between buffers, the same for all cases; grows.
  cuda::DevicePointer arena(size_t bytes);

  const cuda::Driver& driver_;
  KernelFolder& folder_;
  cuda::DevicePointer arena_ = 0;
  size_t arena_bytes_ = 0;
};

}  // namespace kernelcases
