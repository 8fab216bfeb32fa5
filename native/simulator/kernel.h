// The kernels in this library, by name, with the types of their parameters as the compiler saw them.
#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "threads.h"

namespace simulator {

namespace ptx {
struct Function;
}

struct Parameter {
  size_t offset, bytes;
  bool pointer, floating;
};

struct Kernel {
  std::string name;
  std::vector<Parameter> parameters;
  size_t bytes;                         // of all parameters, each at its offset
  void (*threads)(const char* values);  // runs threads of the current block until all have started

  // Of a kernel that is interpreted; a compiled one has only dynamic shared memory.
  const ptx::Function* code = nullptr;
  unsigned static_shared_bytes = 0, local_bytes = 0, most_threads = kMaxThreads;

  // Where dynamic shared memory starts.
  unsigned dynamic_shared_offset() const { return (static_shared_bytes + 127) / 128 * 128; }
};

// Registers a kernel for as long as the library is loaded.
class KernelEntry {
 public:
  explicit KernelEntry(Kernel kernel);
};

const Kernel* find_kernel(const char* name);

// All kernels, a line each: its name and the types of its parameters as PTX writes them, "u64" for a pointer too.
const std::string& kernel_list();

template <auto function>
struct Signature;

template <typename... P, void (*function)(P...)>
struct Signature<function> {
  static std::vector<Parameter> parameters() {
    std::vector<Parameter> all;
    size_t end = 0;
    const auto add = [&](size_t bytes, size_t alignment, bool pointer, bool floating) {
      end = (end + alignment - 1) / alignment * alignment;
      all.push_back({end, bytes, pointer, floating});
      end += bytes;
    };
    (add(sizeof(P), alignof(P), std::is_pointer_v<P>, std::is_floating_point_v<P>), ...);
    return all;
  }

  static void threads(const char* values) { run(values, std::index_sequence_for<P...>{}); }

 private:
  template <size_t... I>
  static void run(const char* values, std::index_sequence<I...>) {
    run(*reinterpret_cast<const P*>(values + offset(I))...);
  }
  static void run(P... arguments) {
    while (next_thread()) {
      function(arguments...);
      thread_returned();
    }
  }
  static constexpr size_t offset(size_t index) {
    constexpr size_t sizes[] = {sizeof(P)..., 0}, alignments[] = {alignof(P)..., 1};
    size_t end = 0;
    for (size_t i = 0;; i++) {
      end = (end + alignments[i] - 1) / alignments[i] * alignments[i];
      if (i == index) return end;
      end += sizes[i];
    }
  }
};

template <auto function>
Kernel describe(const char* name) {
  Kernel kernel{name, Signature<function>::parameters(), 0, Signature<function>::threads};
  for (const Parameter& p : kernel.parameters) kernel.bytes = p.offset + p.bytes;
  return kernel;
}

}  // namespace simulator
