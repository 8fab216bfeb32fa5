#include "driver.h"

#include <dlfcn.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

namespace cuda {

Driver::Driver(const std::string& library) : library_(dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  if (library_ == nullptr) throw Error(std::string("the CUDA driver does not load: ") + dlerror());
#define CUDA_RESOLVE(name, symbol, parameters)              \
  name = reinterpret_cast<int(*) parameters>(find(symbol)); \
  if (name == nullptr) throw Error(library + " has no function " + symbol);
  CUDA_FUNCTIONS(CUDA_RESOLVE)
#undef CUDA_RESOLVE
  require(cuInit(0), "cuInit");
  require(cuDeviceGet(&device, 0), "cuDeviceGet of device 0");
  char name[256] = "";
  require(cuDeviceGetName(name, sizeof name, device), "cuDeviceGetName");
  device_name = name;
  void* context;
  require(cuDevicePrimaryCtxRetain(&context, device), "cuDevicePrimaryCtxRetain");
  require(cuCtxSetCurrent(context), "cuCtxSetCurrent");
}

// The library stays loaded: drivers have threads of their own.
Driver::~Driver() { cuDevicePrimaryCtxRelease(device); }

void Driver::require(int result, const std::string& what) const {
  if (result == 0) return;
  const char* name = nullptr;
  cuGetErrorName(result, &name);
  throw Error(what + ": " + (name == nullptr ? "error " + std::to_string(result) : name));
}

int Driver::attribute(int number) const {
  int value;
  require(cuDeviceGetAttribute(&value, number, device), "cuDeviceGetAttribute of " + std::to_string(number));
  return value;
}

void* Driver::load(const std::string& file) const {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw Error(file + " cannot be read: " + std::strerror(errno));
  std::vector<char> image{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  image.push_back(0);  // PTX is a text
  void* module;
  require(cuModuleLoadData(&module, image.data()), "loading " + file);
  return module;
}

void* Driver::function(void* module, const char* name) const {
  void* function;
  require(cuModuleGetFunction(&function, module, name), std::string("finding the kernel ") + name);
  return function;
}

void* Driver::find(const char* symbol) const { return dlsym(library_, symbol); }

}  // namespace cuda
