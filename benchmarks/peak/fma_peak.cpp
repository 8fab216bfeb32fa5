// The most float32 arithmetic this machine can do: independent chains of fused multiply-adds that never leave registers.
// usage: fma_peak THREADS MILLIS; prints the best GFLOP/s over windows of about ten milliseconds.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#if defined(__AVX512F__)
constexpr int kBytes = 64;
#elif defined(__AVX__)
constexpr int kBytes = 32;
#else
constexpr int kBytes = 16;
#endif

#if defined(__aarch64__)
#define IN_REGISTER(a) asm volatile("" : "+w"(a))
#else
#define IN_REGISTER(a) asm volatile("" : "+x"(a))
#endif

typedef float Vector __attribute__((vector_size(kBytes)));
constexpr int kLanes = kBytes / sizeof(float);
// Two units of four or five cycles' latency need ten chains in flight; twelve fit in sixteen registers.
constexpr int kChains = 12;

using Clock = std::chrono::steady_clock;

// Asked of the clock once per call, so the loop itself is nothing but arithmetic.
static float chains(long steps, Vector factor, Vector term) {
  // Unrolled everywhere: an array that is indexed by a variable anywhere would live in memory.
  Vector a[kChains];
#pragma GCC unroll 12
  for (int i = 0; i < kChains; ++i) a[i] = term + float(i);
  for (long s = 0; s < steps; ++s) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) {
      a[i] = a[i] * factor + term;
      IN_REGISTER(a[i]);  // and apart from the other chains
    }
  }
  Vector sum = a[0];
#pragma GCC unroll 12
  for (int i = 1; i < kChains; ++i) sum += a[i];
  return sum[0];
}

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  const int millis = argc > 2 ? std::atoi(argv[2]) : 100;
  if (threads < 1 || millis < 1) {
    std::fprintf(stderr, "usage: fma_peak THREADS MILLIS, both at least 1\n");
    return 2;
  }
  constexpr long kSteps = 2000000;
  const int windows = std::max(2, millis / 10);
  std::vector<double> best(threads, 0.0);
  std::vector<std::thread> team;
  volatile float sink = 0;
  for (int t = 0; t < threads; ++t) {
    team.emplace_back([&, t] {
      const Vector factor = Vector{} + 0.999f, term = Vector{} + 0.001f * float(t + 1);
      for (int w = 0; w < windows; ++w) {
        const auto start = Clock::now();
        sink = sink + chains(kSteps, factor, term);
        const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
        best[t] = std::max(best[t], 2.0 * kLanes * kChains * kSteps / seconds);
      }
    });
  }
  double total = 0;
  for (int t = 0; t < threads; ++t) {
    team[t].join();
    total += best[t];
  }
  std::printf("%.3f\n", total * 1e-9);
}
