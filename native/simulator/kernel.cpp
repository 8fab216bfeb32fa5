#include "kernel.h"

#include <map>

namespace simulator {

namespace {
// A function's variable: entries register while static objects of other files may not have been made yet.
std::map<std::string, Kernel>& kernels() {
  static std::map<std::string, Kernel> all;
  return all;
}
}  // namespace

KernelEntry::KernelEntry(Kernel kernel) {
  std::string name = kernel.name;
  kernels().emplace(std::move(name), std::move(kernel));
}

const Kernel* find_kernel(const char* name) {
  const auto found = kernels().find(name);
  return found == kernels().end() ? nullptr : &found->second;
}

const std::string& kernel_list() {
  static const std::string list = [] {
    std::string text;
    for (const auto& [name, kernel] : kernels()) {
      text += name;
      for (const Parameter& p : kernel.parameters) text += (p.floating ? " f" : " u") + std::to_string(8 * p.bytes);
      text += '\n';
    }
    return text;
  }();
  return list;
}

}  // namespace simulator
