// Stands in for libcublas.so.13: prints each call with its arguments, so that a test sees what arrives.
// WITHOUT_GEMM leaves out one function.
#include <cstdio>

#define FAKE extern "C" __attribute__((visibility("default"))) int

namespace {
float at(const void* value) { return *static_cast<const float*>(value); }
}  // namespace

FAKE cublasCreate_v2(void** handle) {
  *handle = reinterpret_cast<void*>(0x1234);
  std::puts("cublasCreate_v2");
  return 0;
}
FAKE cublasDestroy_v2(void* handle) { return std::printf("cublasDestroy_v2 %p\n", handle), std::fflush(stdout), 0; }
FAKE cublasGetVersion_v2(void* handle, int* version) {
  *version = 130000;
  return std::printf("cublasGetVersion_v2 %p\n", handle), 0;
}
FAKE cublasSetStream_v2(void* handle, void* stream) { return std::printf("cublasSetStream_v2 %p %p\n", handle, stream), 0; }
FAKE cublasGetStream_v2(void* handle, void** stream) {
  *stream = reinterpret_cast<void*>(0x77);
  return std::printf("cublasGetStream_v2 %p\n", handle), 0;
}
FAKE cublasSetWorkspace_v2(void* handle, void* workspace, size_t bytes) {
  return std::printf("cublasSetWorkspace_v2 %p %p %zu\n", handle, workspace, bytes), 0;
}
FAKE cublasSetPointerMode_v2(void* handle, int mode) { return std::printf("cublasSetPointerMode_v2 %p %d\n", handle, mode), 0; }
FAKE cublasGetPointerMode_v2(void* handle, int* mode) {
  *mode = 1;
  return std::printf("cublasGetPointerMode_v2 %p\n", handle), 0;
}
FAKE cublasSetMathMode(void* handle, int mode) { return std::printf("cublasSetMathMode %p %d\n", handle, mode), 0; }
FAKE cublasGetMathMode(void* handle, int* mode) {
  *mode = 3;
  return std::printf("cublasGetMathMode %p\n", handle), 0;
}
#ifndef WITHOUT_GEMM
FAKE cublasGemmEx(void* handle, int ta, int tb, int m, int n, int k, const void* alpha, const void* a, int a_type, int lda,
                  const void* b, int b_type, int ldb, const void* beta, void* c, int c_type, int ldc, int compute, int algorithm) {
  std::printf("cublasGemmEx %p %d %d %d %d %d %g %p %d %d %p %d %d %g %p %d %d %d %d\n", handle, ta, tb, m, n, k, at(alpha), a,
              a_type, lda, b, b_type, ldb, at(beta), c, c_type, ldc, compute, algorithm);
  return 15;  // CUBLAS_STATUS_NOT_SUPPORTED, to see that it comes back
}
#endif
FAKE cublasGemmStridedBatchedEx(void* handle, int ta, int tb, int m, int n, int k, const void* alpha, const void* a, int a_type,
                                int lda, long long a_stride, const void* b, int b_type, int ldb, long long b_stride,
                                const void* beta, void* c, int c_type, int ldc, long long c_stride, int count, int compute,
                                int algorithm) {
  std::printf("cublasGemmStridedBatchedEx %p %d %d %d %d %d %g %p %d %d %lld %p %d %d %lld %g %p %d %d %lld %d %d %d\n", handle,
              ta, tb, m, n, k, at(alpha), a, a_type, lda, a_stride, b, b_type, ldb, b_stride, at(beta), c, c_type, ldc, c_stride,
              count, compute, algorithm);
  return 0;
}
FAKE cublasSgemm_v2(void* handle, int ta, int tb, int m, int n, int k, const float* alpha, const float* a, int lda,
                    const float* b, int ldb, const float* beta, float* c, int ldc) {
  std::printf("cublasSgemm_v2 %p %d %d %d %d %d %g %p %d %p %d %g %p %d\n", handle, ta, tb, m, n, k, *alpha,
              static_cast<const void*>(a), lda, static_cast<const void*>(b), ldb, *beta, static_cast<void*>(c), ldc);
  return 0;
}
