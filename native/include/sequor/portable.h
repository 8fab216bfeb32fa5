// Lets one header serve g++ (host), nvcc (host and device) and SIMD types.
#pragma once

#if defined(__CUDACC__)
#define SEQ_HD __host__ __device__ __forceinline__
#else
#define SEQ_HD inline __attribute__((always_inline))
#endif
