// Elementary functions that take the place of the C library's in a driver whose kernels g++ has compiled: each is interpreted as
// nvcc compiled it (device_math.cu). With these, and without contraction on either side, the two compilers must agree in
// every bit. SEQUOR_SIMULATOR_MATH names the PTX.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "ptx/program.h"
#include "ptx/syntax.h"

namespace {

using namespace simulator::ptx;

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "Sequor simulator: SEQUOR_SIMULATOR_MATH: %s\n", what.c_str());
  std::abort();
}

const Program& program() {
  static const std::shared_ptr<Program> loaded = [] {
    const char* path = std::getenv("SEQUOR_SIMULATOR_MATH");
    std::ifstream file(path == nullptr ? "" : path);
    if (!file) give_up(path == nullptr ? "is not set" : std::string(path) + " cannot be read");
    try {
      return load(std::string(std::istreambuf_iterator<char>(file), {}), 0);
    } catch (const Malformed& malformed) {
      give_up(malformed.what());
    }
  }();
  return *loaded;
}

const Function& function(const char* name) {
  const auto found = program().functions.find(name);
  if (found == program().functions.end()) give_up(std::string("it has no function ") + name);
  return *found->second;
}

// Calls it as PTX would: arguments and result lie in the caller's frame.
template <typename T, size_t N>
T evaluate(const Function& callee, const T (&arguments)[N]) {
  Call call{&callee, {}, {0}};
  T frame[N + 1] = {};
  for (size_t k = 0; k < N; k++) {
    frame[k + 1] = arguments[k];
    call.arguments.push_back(static_cast<uint32_t>((k + 1) * sizeof(T)));
  }
  Thread caller{};
  caller.frame = reinterpret_cast<char*>(frame);
  caller.branches_left = 1u << 20;
  execute(callee, &caller, &call, nullptr);
  return frame[0];
}

}  // namespace

#define SEQ_FUNCTION(name, T)                                  \
  extern "C" T name(T x) noexcept {                            \
    static const Function& device = function("device_" #name); \
    return evaluate<T, 1>(device, {x});                        \
  }
SEQ_FUNCTION(expf, float)
SEQ_FUNCTION(expm1f, float)
SEQ_FUNCTION(log1pf, float)
SEQ_FUNCTION(tanhf, float)
SEQ_FUNCTION(exp, double)
SEQ_FUNCTION(log, double)

extern "C" double pow(double x, double y) noexcept {
  static const Function& device = function("device_pow");
  return evaluate<double, 2>(device, {x, y});
}
