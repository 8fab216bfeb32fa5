// What code compiled with -fsanitize=alignment or -fsanitize=undefined calls when it has found something: in a kernel it ends
// the launch as a device would, anywhere else the process. The data that the compiler hands over begin with the place in
// the source; the names and layouts are those of its own runtime library, whose place this takes.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "execution.h"

namespace simulator {
namespace {

struct SourcePlace {
  const char* file;
  uint32_t line, column;
};

struct TypeName {
  uint16_t kind, info;
  char name[1];  // ended by zero; with quotes
};

struct AccessData {
  SourcePlace place;
  const TypeName* type;
  unsigned char log_alignment, access;
};

[[noreturn]] void end(Result code, const std::string& what, const SourcePlace& place) {
  const char* slash = std::strrchr(place.file, '/');
  const std::string text = what + " at " + (slash != nullptr ? slash + 1 : place.file) + ":" + std::to_string(place.line);
#if !defined(SIMULATOR_WITHOUT_KERNELS)  // libcublas has its own copy, and no kernels
  if (on_kernel_thread()) fail_thread(code, text);
#endif
  std::fprintf(stderr, "Sequor simulator: error %d: %s\n", code, text.c_str());
  std::abort();
}

[[noreturn]] void access(const AccessData* data, uintptr_t address) {
  static const char* const names[] = {"load of", "store to", "reference to", "access within", "call on"};
  const std::string how = data->access < 5 ? names[data->access] : "use of";
  const std::string what = how + " " + data->type->name;
  const uintptr_t alignment = uintptr_t{1} << data->log_alignment;
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(address));
  if (address != 0 && address % alignment != 0) {
    end(kMisalignedAddress,
        "misaligned " + what + " at " + text + ", which is not a multiple of " + std::to_string(alignment), data->place);
  }
  end(kIllegalAddress, "invalid " + what + " at " + text, data->place);
}

}  // namespace
}  // namespace simulator

using namespace simulator;

extern "C" {

// Each has a twin, which the compiler calls where it need not come back.
#define SIMULATOR_ACCESS(name) \
  void name(const AccessData* data, uintptr_t address) { access(data, address); }
SIMULATOR_ACCESS(__ubsan_handle_type_mismatch_v1)
SIMULATOR_ACCESS(__ubsan_handle_type_mismatch_v1_abort)
#undef SIMULATOR_ACCESS

#define SIMULATOR_UNDEFINED(name, what)                                                              \
  void __ubsan_handle_##name(const SourcePlace* place) { end(kLaunchFailed, "undefined: " what, *place); } \
  void __ubsan_handle_##name##_abort(const SourcePlace* place) { end(kLaunchFailed, "undefined: " what, *place); }
SIMULATOR_UNDEFINED(add_overflow, "overflow of a signed sum")
SIMULATOR_UNDEFINED(sub_overflow, "overflow of a signed difference")
SIMULATOR_UNDEFINED(mul_overflow, "overflow of a signed product")
SIMULATOR_UNDEFINED(negate_overflow, "overflow of a negation")
SIMULATOR_UNDEFINED(divrem_overflow, "division by zero, or overflow of a quotient")
SIMULATOR_UNDEFINED(shift_out_of_bounds, "shift of a negative number or by too much")
SIMULATOR_UNDEFINED(out_of_bounds, "index outside its array")
SIMULATOR_UNDEFINED(builtin_unreachable, "code that cannot be reached")
SIMULATOR_UNDEFINED(missing_return, "function that ends without its result")
SIMULATOR_UNDEFINED(vla_bound_not_positive, "array without elements")
SIMULATOR_UNDEFINED(float_cast_overflow, "conversion of a number that the integer cannot hold")
SIMULATOR_UNDEFINED(load_invalid_value, "bool or enumeration with another value than it can have")
SIMULATOR_UNDEFINED(invalid_builtin, "builtin called with zero")
SIMULATOR_UNDEFINED(nonnull_arg, "null passed where it must not be")
SIMULATOR_UNDEFINED(pointer_overflow, "pointer beyond the address space")
#undef SIMULATOR_UNDEFINED
void __ubsan_handle_nonnull_return_v1(const void*, const SourcePlace* place) {
  end(kLaunchFailed, "undefined: null returned where it must not be", *place);
}

}  // extern "C"
