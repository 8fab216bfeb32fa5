// The elementary functions that kernels call, as nvcc has them, each as a function of PTX (ci/ptx-check).
#include <cmath>

extern "C" {
__device__ float device_expf(float x) { return expf(x); }
__device__ float device_expm1f(float x) { return expm1f(x); }
__device__ float device_log1pf(float x) { return log1pf(x); }
__device__ float device_tanhf(float x) { return tanhf(x); }
__device__ double device_exp(double x) { return exp(x); }
__device__ double device_log(double x) { return log(x); }
__device__ double device_pow(double x, double y) { return pow(x, y); }
}
