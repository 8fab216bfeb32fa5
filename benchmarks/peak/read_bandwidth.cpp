// How fast this machine's cores read so many bytes again and again, each core its own share: from whichever level of the caches,
// or memory, holds them. A recurrent layer reads its weights so, once a time step.
// usage: read_bandwidth THREADS BYTES MILLIS; prints the best GB/s over windows of about ten milliseconds.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <new>
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
#define LOADED(a) asm volatile("" : : "w"(a))
#else
#define LOADED(a) asm volatile("" : : "x"(a))
#endif

typedef float Vector __attribute__((vector_size(kBytes)));
constexpr long kUnroll = 8;

using Clock = std::chrono::steady_clock;

static void read(const Vector* from, long vectors, long times) {
  for (long t = 0; t < times; ++t) {
    for (long i = 0; i < vectors; i += kUnroll) {
#pragma GCC unroll 8
      for (long u = 0; u < kUnroll; ++u) {
        const Vector a = from[i + u];
        LOADED(a);
      }
    }
  }
}

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 0;
  const long bytes = argc > 2 ? std::atol(argv[2]) : 0;
  const int millis = argc > 3 ? std::atoi(argv[3]) : 0;
  if (threads < 1 || bytes < 1 || millis < 1) {
    std::fprintf(stderr, "usage: read_bandwidth THREADS BYTES MILLIS, each at least 1\n");
    return 2;
  }
  const long vectors = (bytes / threads / kBytes + kUnroll - 1) / kUnroll * kUnroll;
  const long share = std::max(vectors, kUnroll);
  const int windows = std::max(2, millis / 10);
  std::vector<double> best(threads, 0.0);
  std::vector<std::thread> team;
  for (int t = 0; t < threads; ++t) {
    team.emplace_back([&, t] {
      auto* data = static_cast<Vector*>(::operator new(share * kBytes, std::align_val_t(4096)));
      std::fill(data, data + share, Vector{} + 1.0f);  // pages of its own, made by the core that reads them
      long times = 1;
      for (int w = 0; w < windows;) {
        const auto start = Clock::now();
        read(data, share, times);
        const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
        if (seconds < 0.005) {  // not a window yet
          times *= 2;
          continue;
        }
        best[t] = std::max(best[t], static_cast<double>(share) * kBytes * times / seconds);
        ++w;
      }
      ::operator delete(data, std::align_val_t(4096));
    });
  }
  double total = 0;
  for (int t = 0; t < threads; ++t) {
    team[t].join();
    total += best[t];
  }
  std::printf("%.3f\n", total * 1e-9);
}
