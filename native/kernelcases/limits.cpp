#include "limits.h"

#include <map>

namespace kernelcases {

const Limit* limit_of(const std::string& kernel) {
  static const std::map<std::string, Limit> limits = {};
  static const Limit any = {0, 0};
  const auto found = limits.find(kernel);
  return found == limits.end() ? &any : &found->second;
}

}  // namespace kernelcases
