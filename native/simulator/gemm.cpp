#include "gemm.h"

namespace simulator {

#define SIMULATOR_VARIANT(isa)     \
  namespace isa {                  \
  void multiply(const Gemm& gemm); \
  }
SIMULATOR_VARIANT(baseline)
#if defined(__x86_64__)
SIMULATOR_VARIANT(avx2)
SIMULATOR_VARIANT(avx512)
#endif

void multiply(const Gemm& gemm) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return avx512::multiply(gemm);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2::multiply(gemm);
#endif
  baseline::multiply(gemm);
}

}  // namespace simulator
