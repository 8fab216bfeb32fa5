// libcublas.so.12: handles and matrix products, queued in streams of the simulated driver like kernels.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <set>
#include <string>

#include "capture.h"
#include "gemm.h"
#include "machine.h"

namespace simulator {
namespace {

enum Status : int {
  kOk = 0,
  kHandleMissing = 1,
  kAllocationFailed = 3,
  kStatusInvalidValue = 7,
  kExecutionFailed = 13,
  kStatusNotSupported = 15,
};

// The caller's; of 0 bytes, the library's own.
struct Workspace {
  char* data = nullptr;
  size_t bytes = 0;
};

struct Handle {
  Context* context;
  void* stream = nullptr;
  int math_mode = 0;
  Workspace workspace = {};
};

std::set<Handle*>& handles() {
  static std::set<Handle*> all;
  return all;
}

class Refusal : public std::runtime_error {
 public:
  Refusal(Status status, const std::string& what) : std::runtime_error(what), status(status) {}
  Status status;
};

template <typename Body>
int cublas(const char* name, const Body& body) {
  wait(machine().settings.delays.call);
  const std::lock_guard<std::recursive_mutex> guard(machine().lock);
  try {
    body();
    return kOk;
  } catch (const Refusal& refusal) {
    keep_text(std::string(name) + ": " + refusal.what());
    return refusal.status;
  } catch (const Fault& fault) {
    keep_text(std::string(name) + ": " + fault.what());
    return kExecutionFailed;
  }
}

Handle& handle_of(void* handle) {
  auto* known = static_cast<Handle*>(handle);
  if (handles().count(known) == 0) throw Refusal(kHandleMissing, "the handle does not exist");
  if (known->context != current_context_or_null()) {
    throw Refusal(kHandleMissing, "the handle belongs to another context than the current one");
  }
  return *known;
}

constexpr size_t kWorkspaceAlignment = 256;

// Refuses, as a call that waits or allocates, while a capture forbids that.
void forbid_to(const char* what, const char* call, Status status) {
  try {
    forbid_during_capture(call);
  } catch (const Fault& fault) {
    throw Refusal(status, std::string("it ") + what + ": " + fault.what());
  }
}

size_t bytes_of(Type type) { return type == Type::kFloat ? 4 : 2; }

Type type_of(int number, const char* what) {
  switch (number) {
    case 0: return Type::kFloat;
    case 2: return Type::kHalf;
    case 14: return Type::kBfloat16;
    default: throw Refusal(kStatusNotSupported, "type " + std::to_string(number) + " of " + what);
  }
}

// A float product's operands are rounded if the compute type, or the handle's math mode, allows it.
Rounding rounding_of(int compute, int math_mode) {
  constexpr int k32F = 68, kPedantic = 69, kFast16F = 74, kFast16Bf = 75, kFastTf32 = 77, kTf32Mode = 3;
  switch (compute) {
    case k32F: return (math_mode & 0xf) == kTf32Mode ? Rounding::kTf32 : Rounding::kNone;
    case kPedantic: return Rounding::kNone;
    case kFast16F: return Rounding::kHalf;
    case kFast16Bf: return Rounding::kBfloat16;
    case kFastTf32: return Rounding::kTf32;
    default: throw Refusal(kStatusNotSupported, "compute type " + std::to_string(compute));
  }
}

std::string describe_product(const char* name, int m, int n, int k) {
  return std::string(name) + " m=" + std::to_string(m) + " n=" + std::to_string(n) + " k=" + std::to_string(k);
}

// What a product keeps in its workspace between its two kernels, which other work of the same stream cannot come between: the
// first leaves partial sums there, the second adds them up. Here they are numbers that belong to this product alone, at the
// workspace's start and somewhere else in it, so that whoever else writes there is found, and whatever else lies there is lost.
class PartialSums {
 public:
  explicit PartialSums(Workspace workspace) : workspace_(workspace), seed_(++made_) {}

  const Workspace& workspace() const { return workspace_; }

  void write() const {
    each([](uint64_t* at, uint64_t value) {
      std::memcpy(at, &value, sizeof value);
      return true;
    });
  }

  bool intact() const {
    return each([](const uint64_t* at, uint64_t value) { return std::memcmp(at, &value, sizeof value) == 0; });
  }

 private:
  template <typename Visit>
  bool each(const Visit& visit) const {
    constexpr size_t kAtStart = 128, kElsewhere = 32;
    Random random(seed_);
    auto* const words = reinterpret_cast<uint64_t*>(workspace_.data);
    const size_t count = workspace_.bytes / sizeof(uint64_t), at_start = std::min(count, kAtStart);
    for (size_t i = 0; i < at_start; i++) {
      if (!visit(words + i, random.next())) return false;
    }
    if (count < kAtStart + kElsewhere) return true;
    const size_t first = kAtStart + random.next() % (count - kAtStart - kElsewhere + 1);
    for (size_t i = 0; i < kElsewhere; i++) {
      if (!visit(words + first + i, random.next())) return false;
    }
    return true;
  }

  static uint64_t made_;
  Workspace workspace_;
  uint64_t seed_;
};
uint64_t PartialSums::made_ = 0;

class Product : public Operation {
 public:
  Product(const char* name, const Gemm& gemm, std::array<long long, 3> strides, int batch,
          std::shared_ptr<PartialSums> partial)
      : name_(name), gemm_(gemm), strides_(strides), batch_(batch), partial_(std::move(partial)) {}

  bool advance(Context& context) override {
    Gemm g = gemm_;
    context.device.control.gemms++;
    if (partial_ != nullptr && !partial_->intact()) {
      throw Fault(kLaunchFailed, describe() + ": other work wrote into its workspace while it ran");
    }
    const Allocation* c = nullptr;
    for (int i = 0; i < batch_; i++) {
      g.a = static_cast<const char*>(gemm_.a) + i * strides_[0] * static_cast<long long>(bytes_of(g.type));
      g.b = static_cast<const char*>(gemm_.b) + i * strides_[1] * static_cast<long long>(bytes_of(g.type));
      g.c = static_cast<char*>(gemm_.c) + i * strides_[2] * static_cast<long long>(bytes_of(g.type_c));
      if (g.alpha != 0 && g.k > 0) {
        require(context, "A", g.a, g.transpose_a ? g.k : g.m, g.transpose_a ? g.m : g.k, g.lda, g.type);
        require(context, "B", g.b, g.transpose_b ? g.n : g.k, g.transpose_b ? g.k : g.n, g.ldb, g.type);
      }
      c = require(context, "C", g.c, g.m, g.n, g.ldc, g.type_c);
      multiply(g);
    }
    if (c != nullptr) machine().memory.check_guards(c, [&] { return describe(); });
    return true;
  }

 private:
  std::string describe() const { return describe_product(name_, gemm_.m, gemm_.n, gemm_.k); }

  const Allocation* require(const Context& context, const char* matrix, const void* data, int rows, int columns, int leading,
                            Type type) const {
    const size_t bytes = (static_cast<size_t>(leading) * (columns - 1) + rows) * bytes_of(type);
    const auto* first = static_cast<const char*>(data);
    if (partial_ != nullptr) {
      const Workspace& used = partial_->workspace();
      if (first < used.data + used.bytes && used.data < first + bytes) {
        throw Fault(kLaunchFailed, describe() + ", matrix " + matrix + ": it lies in the workspace");
      }
    }
    return machine().memory.check(reinterpret_cast<uintptr_t>(data), bytes, context.device.ordinal,
                                  [&] { return describe() + ", matrix " + matrix; });
  }

  const char* name_;
  Gemm gemm_;
  std::array<long long, 3> strides_;
  int batch_;
  std::shared_ptr<PartialSums> partial_;
};

// On which units a product runs, and how those add.
Adder adder_of(Type type, Rounding rounding) {
  if (type == Type::kFloat && rounding == Rounding::kNone) return {0, 0};
  const bool tf32 = type == Type::kFloat && rounding == Rounding::kTf32;
  const int major = machine().settings.major;
  const bool datacenter = major == 9 || major == 10;
  return datacenter ? Adder{tf32 ? 8 : 16, 2} : Adder{tf32 ? 4 : 8, 1};
}

// Which kernel cuBLAS takes depends on all of a problem but the numbers: on whether memory is aligned, too. Another device, or
// another version of it, would take another: so does another seed of the process.
uint64_t choice_of(const Gemm& g) {
  uint64_t choice = machine().settings.seed;
  const auto mix = [&](uint64_t value) { choice = Random(choice ^ value * 0x9e3779b97f4a7c15ull).next(); };
  const size_t bytes = g.type == Type::kFloat ? 4 : 2;
  const auto aligned = [](const void* data, size_t leading_bytes) {
    return (reinterpret_cast<uintptr_t>(data) | leading_bytes) % 16 == 0;
  };
  for (int size : {g.m, g.n, g.k}) mix(static_cast<uint64_t>(size));
  mix((g.transpose_a ? 1u : 0u) | (g.transpose_b ? 2u : 0u) | (aligned(g.a, g.lda * bytes) ? 4u : 0u) |
      (aligned(g.b, g.ldb * bytes) ? 8u : 0u) | static_cast<unsigned>(g.type) << 4 | static_cast<unsigned>(g.rounding) << 6);
  return choice;
}

class FirstKernel : public Operation {
 public:
  FirstKernel(std::string product, std::shared_ptr<PartialSums> partial)
      : product_(std::move(product)), partial_(std::move(partial)) {}

  bool advance(Context& context) override {
    const Workspace& used = partial_->workspace();
    machine().memory.check(reinterpret_cast<uintptr_t>(used.data), used.bytes, context.device.ordinal,
                           [&] { return product_ + ", workspace"; });
    partial_->write();
    return true;
  }

  bool invites_others() const override { return true; }
  // Most products are one kernel on a device.
  bool is_node() const override { return false; }

 private:
  std::string product_;
  std::shared_ptr<PartialSums> partial_;
};

struct Arguments {
  int op_a, op_b, m, n, k;
  const void* alpha;
  const void* a;
  int type_a, lda;
  long long stride_a;
  const void* b;
  int type_b, ldb;
  long long stride_b;
  const void* beta;
  void* c;
  int type_c, ldc;
  long long stride_c;
  int batch, compute;
};

void require_leading(const char* matrix, int leading, int rows) {
  if (leading < rows || leading < 1) {
    throw Refusal(kStatusInvalidValue, std::string("leading dimension ") + std::to_string(leading) + " of " + matrix +
                                           ", which has " + std::to_string(rows) + " rows");
  }
}

void product(const char* name, void* handle_pointer, const Arguments& x) {
  const Handle& handle = handle_of(handle_pointer);
  if (x.op_a < 0 || x.op_a > 2 || x.op_b < 0 || x.op_b > 2) throw Refusal(kStatusInvalidValue, "the operation on a matrix");
  if (x.m < 0 || x.n < 0 || x.k < 0 || x.batch < 0) {
    throw Refusal(kStatusInvalidValue, "m=" + std::to_string(x.m) + " n=" + std::to_string(x.n) +
                                           " k=" + std::to_string(x.k) + " batch=" + std::to_string(x.batch));
  }
  require_leading("A", x.lda, x.op_a == 0 ? x.m : x.k);
  require_leading("B", x.ldb, x.op_b == 0 ? x.k : x.n);
  require_leading("C", x.ldc, x.m);
  const Type type = type_of(x.type_a, "A"), type_c = type_of(x.type_c, "C");
  if (type_of(x.type_b, "B") != type) throw Refusal(kStatusNotSupported, "A and B of two types");
  if (type_c != type && type_c != Type::kFloat) throw Refusal(kStatusNotSupported, "C neither of the type of A nor float");
  const Rounding rounding = rounding_of(x.compute, handle.math_mode);
  if (x.alpha == nullptr || x.beta == nullptr) throw Refusal(kStatusInvalidValue, "alpha or beta is null");
  if (x.m == 0 || x.n == 0 || x.batch == 0) return;
  Gemm gemm{x.op_a != 0,
            x.op_b != 0,
            x.m,
            x.n,
            x.k,
            *static_cast<const float*>(x.alpha),
            *static_cast<const float*>(x.beta),
            type,
            type_c,
            rounding,
            x.a,
            x.b,
            x.c,
            x.lda,
            x.ldb,
            x.ldc,
            adder_of(type, rounding),
            {}};
  gemm.order = order_of(x.m, x.n, x.k, choice_of(gemm));
  Stream& stream = stream_of(handle.stream);
  std::shared_ptr<PartialSums> partial;
  if (handle.workspace.bytes > 0) {
    partial = std::make_shared<PartialSums>(handle.workspace);
    submit(stream, std::make_shared<FirstKernel>(describe_product(name, x.m, x.n, x.k), partial));
  } else if (stream.capture != nullptr) {
    // A real library would: each graph then has memory of its own.
    throw Refusal(kStatusNotSupported, describe_product(name, x.m, x.n, x.k) +
                                           " in a capture without a workspace of the caller's (cublasSetStream takes it"
                                           " away), and the simulator captures no allocations");
  }
  submit(stream, std::make_shared<Product>(name, gemm, std::array<long long, 3>{x.stride_a, x.stride_b, x.stride_c}, x.batch,
                                           std::move(partial)));
}

}  // namespace
}  // namespace simulator

using namespace simulator;

extern "C" {

SIMULATOR_API int cublasCreate_v2(void** handle) {
  return cublas("cublasCreate", [&] {
    wait(machine().settings.delays.cublas);
    Context* context = &current_context();
    forbid_to("allocates", "cublasCreate", kAllocationFailed);
    auto* made = new Handle{context};
    context->blas_handles++;
    handles().insert(made);
    *handle = made;
  });
}

SIMULATOR_API int cublasDestroy_v2(void* handle) {
  return cublas("cublasDestroy", [&] {
    Handle* known = &handle_of(handle);
    forbid_to("waits for the device", "cublasDestroy", kExecutionFailed);
    if (machine().is_context(known->context)) machine().run_until_empty(*known->context);
    known->context->blas_handles--;
    handles().erase(known);
    delete known;
  });
}

SIMULATOR_API int cublasSetStream_v2(void* handle, void* stream) {
  return cublas("cublasSetStream", [&] {
    Handle& known = handle_of(handle);
    stream_of(stream);
    known.stream = stream;
    known.workspace = {};  // as documented
  });
}

SIMULATOR_API int cublasGetStream_v2(void* handle, void** stream) {
  return cublas("cublasGetStream", [&] { *stream = handle_of(handle).stream; });
}

SIMULATOR_API int cublasSetWorkspace_v2(void* handle, void* workspace, size_t bytes) {
  return cublas("cublasSetWorkspace", [&] {
    Handle& known = handle_of(handle);
    const Context& context = current_context();
    if (workspace == nullptr && bytes == 0) {
      known.workspace = {};
      return;
    }
    const auto address = reinterpret_cast<uintptr_t>(workspace);
    if (address % kWorkspaceAlignment != 0) {
      throw Refusal(kStatusInvalidValue, "the workspace begins " + std::to_string(address % kWorkspaceAlignment) +
                                             " bytes after a multiple of " + std::to_string(kWorkspaceAlignment));
    }
    machine().memory.check(address, bytes, context.device.ordinal, [] { return std::string("the workspace"); });
    known.workspace = {static_cast<char*>(workspace), bytes};
  });
}

SIMULATOR_API int cublasSetMathMode(void* handle, int mode) {
  return cublas("cublasSetMathMode", [&] { handle_of(handle).math_mode = mode; });
}

SIMULATOR_API int cublasGetMathMode(void* handle, int* mode) {
  return cublas("cublasGetMathMode", [&] { *mode = handle_of(handle).math_mode; });
}

SIMULATOR_API int cublasSetPointerMode_v2(void* handle, int mode) {
  return cublas("cublasSetPointerMode", [&] {
    handle_of(handle);
    if (mode != 0) throw Refusal(kStatusNotSupported, "scalars in device memory");
  });
}

SIMULATOR_API int cublasGetPointerMode_v2(void* handle, int* mode) {
  return cublas("cublasGetPointerMode", [&] {
    handle_of(handle);
    *mode = 0;
  });
}

SIMULATOR_API int cublasSetAtomicsMode(void* handle, int) {
  return cublas("cublasSetAtomicsMode", [&] { handle_of(handle); });
}

SIMULATOR_API int cublasGetVersion_v2(void*, int* version) {
  *version = 120600;
  return kOk;
}

SIMULATOR_API int cublasGetProperty(int property, int* value) {
  static const int version[] = {12, 6, 0};
  if (property < 0 || property > 2) return kStatusInvalidValue;
  *value = version[property];
  return kOk;
}

SIMULATOR_API const char* cublasGetStatusString(int status) {
  switch (status) {
    case kOk: return "the operation succeeded";
    case kHandleMissing: return "the library was not initialized";
    case kAllocationFailed: return "resource allocation failed inside the library";
    case kStatusInvalidValue: return "an unsupported value or parameter was passed to the function";
    case kExecutionFailed: return "the function failed to launch on the GPU";
    case kStatusNotSupported: return "the functionality requested is not supported";
    default: return "unknown status";
  }
}

SIMULATOR_API int cublasGemmEx(void* handle, int op_a, int op_b, int m, int n, int k, const void* alpha, const void* a,
                               int type_a, int lda, const void* b, int type_b, int ldb, const void* beta, void* c,
                               int type_c, int ldc, int compute, int) {
  return cublas("cublasGemmEx", [&] {
    product("cublasGemmEx", handle,
            {op_a, op_b, m, n, k, alpha, a, type_a, lda, 0, b, type_b, ldb, 0, beta, c, type_c, ldc, 0, 1, compute});
  });
}

SIMULATOR_API int cublasGemmStridedBatchedEx(void* handle, int op_a, int op_b, int m, int n, int k, const void* alpha,
                                             const void* a, int type_a, int lda, long long stride_a, const void* b,
                                             int type_b, int ldb, long long stride_b, const void* beta, void* c, int type_c,
                                             int ldc, long long stride_c, int batch, int compute, int) {
  return cublas("cublasGemmStridedBatchedEx", [&] {
    product("cublasGemmStridedBatchedEx", handle,
            {op_a,   op_b, m,        n,    k, alpha,  a,   type_a,   lda,   stride_a, b,
             type_b, ldb,  stride_b, beta, c, type_c, ldc, stride_c, batch, compute});
  });
}

SIMULATOR_API int cublasSgemm_v2(void* handle, int op_a, int op_b, int m, int n, int k, const float* alpha, const float* a,
                                 int lda, const float* b, int ldb, const float* beta, float* c, int ldc) {
  return cublas("cublasSgemm", [&] {
    product("cublasSgemm", handle, {op_a, op_b, m, n, k, alpha, a, 0, lda, 0, b, 0, ldb, 0, beta, c, 0, ldc, 0, 1, 68});
  });
}

SIMULATOR_API int cublasSgemmStridedBatched(void* handle, int op_a, int op_b, int m, int n, int k, const float* alpha,
                                            const float* a, int lda, long long stride_a, const float* b, int ldb,
                                            long long stride_b, const float* beta, float* c, int ldc, long long stride_c,
                                            int batch) {
  return cublas("cublasSgemmStridedBatched", [&] {
    product("cublasSgemmStridedBatched", handle,
            {op_a, op_b, m, n, k, alpha, a, 0, lda, stride_a, b, 0, ldb, stride_b, beta, c, 0, ldc, stride_c, batch, 68});
  });
}

}  // extern "C"
