// Stands in for a libcublas.so.12 and hands its calls on to a libcublas.so.13. JCublas2 12.6 asks for the former, with symbols
// of version libcublas.so.12; many machines carry only the latter. The functions here have the same parameters in both, so each
// is one jump through a pointer that open() fills in, and no parameter list is repeated.
// It bears a name of its own, for which JCublas2 is made to ask (CublasLibrary): if it had that of cuBLAS 12, whatever else this
// process loads and needs cuBLAS 12 would be given these few functions.
#include <dlfcn.h>
#include <jni.h>

#include <string>

#if !defined(__x86_64__)
#error "JCuda's libraries are for x86-64, and so is this"
#endif

// What the backend calls, and what belongs to it. JCublas2 binds each function when it is first called, so the others may be
// missing; calling one of those would end the process.
#define SEQ_CUBLAS_FUNCTIONS(X) \
  X(cublasCreate_v2)            \
  X(cublasDestroy_v2)           \
  X(cublasGetVersion_v2)        \
  X(cublasSetStream_v2)         \
  X(cublasGetStream_v2)         \
  X(cublasSetWorkspace_v2)      \
  X(cublasSetPointerMode_v2)    \
  X(cublasGetPointerMode_v2)    \
  X(cublasSetMathMode)          \
  X(cublasGetMathMode)          \
  X(cublasGemmEx)               \
  X(cublasGemmStridedBatchedEx) \
  X(cublasSgemm_v2)

namespace {

// Where the functions lead until there is a library: CUBLAS_STATUS_NOT_INITIALIZED.
int not_initialized() { return 1; }

struct Forward {
  const char* name;
  void** target;
};

}  // namespace

#define SEQ_FORWARD(name)                                                                                    \
  __attribute__((visibility("hidden"))) void* seq_target_##name = reinterpret_cast<void*>(&not_initialized); \
  __attribute__((naked, visibility("default"))) void name() { __asm__("jmp *seq_target_" #name "(%rip)"); }
extern "C" {
SEQ_CUBLAS_FUNCTIONS(SEQ_FORWARD)
}

namespace {

#define SEQ_ENTRY(name) {#name, &seq_target_##name},
const Forward kForwards[] = {SEQ_CUBLAS_FUNCTIONS(SEQ_ENTRY)};

// Fills in all pointers, or none; says what was wrong.
std::string open(const char* library) {
  // Bound in full now: what the library itself lacks shall be an error here, not the end of the process later.
  void* handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return dlerror();
  std::string missing;
  for (const Forward& forward : kForwards) {
    if (dlsym(handle, forward.name) == nullptr) missing += (missing.empty() ? "" : ", ") + std::string(forward.name);
  }
  if (!missing.empty()) {
    dlclose(handle);
    return std::string(library) + " has no " + missing;
  }
  for (const Forward& forward : kForwards) *forward.target = dlsym(handle, forward.name);
  return "";
}

}  // namespace

extern "C" JNIEXPORT jstring JNICALL Java_dev_sequor_backend_cuda_CublasForwarder_open(JNIEnv* env, jclass,
                                                                                       jstring library) {
  const char* name = env->GetStringUTFChars(library, nullptr);
  if (name == nullptr) return nullptr;  // out of memory; Java throws
  const std::string error = open(name);
  env->ReleaseStringUTFChars(library, name);
  return env->NewStringUTF(error.c_str());
}
