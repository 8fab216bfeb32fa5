// Stands in for a library that needs cuBLAS 12, and says what it was given when it is loaded.
#include <cstdio>

extern "C" int cublasGetVersion_v2(void* handle, int* version);
extern "C" int only_of_twelve();

namespace {
__attribute__((constructor)) void say() {
  int version = 0;
  cublasGetVersion_v2(nullptr, &version);
  std::printf("the other library sees version %d and %d\n", version, only_of_twelve());
  std::fflush(stdout);
}
}  // namespace
