// Stands in for a libcublas.so.12 that another library of the process brings along.
#define FAKE extern "C" __attribute__((visibility("default"))) int

FAKE cublasGetVersion_v2(void*, int* version) {
  *version = 120000;
  return 0;
}
FAKE only_of_twelve() { return 12; }
