// Measures the constants of a device that kernels are planned with; see usage. On the simulator it shows that each of them
// can be measured.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "bench.h"
#include "report.h"

namespace {

using namespace deviceconstants;

constexpr char kUsage[] =
    "usage: device-constants [--driver FILE] [--kernels FILE] [--out FILE.json]\n"
    "  --driver FILE    the CUDA driver, a path or a name for the loader; libcuda.so.1 unless given\n"
    "  --kernels FILE   constants.fatbin or constants.ptx; native/deviceconstants/prebuilt/constants.fatbin unless given\n"
    "  --out FILE       where the numbers go besides the table\n";

// Where predictions come from. Estimates are those by which the kernels that keep their weights on chip were planned (none
// was measured).
constexpr char kEstimate[] = "estimate", kDeviceSays[] = "the device's attributes";

// Attributes of a device, by their numbers in cuda.h.
constexpr int kClockRate = 13, kMemoryClockRate = 36, kMemoryBusWidth = 37, kL2CacheSize = 38;

// Sizes that a simulator can do as well.
struct Sizes {
  explicit Sizes(bool simulated)
      : nodes(simulated ? 20 : 1000),
        many_nodes(simulated ? 200 : 10000),
        rounds(simulated ? 10 : 2000),
        launches(simulated ? 10 : 500),
        cached_bytes(simulated ? 1 << 14 : 16 << 20),
        large_bytes(simulated ? 1 << 16 : size_t{2} << 30),
        pinned_bytes(simulated ? 1 << 16 : 256 << 20),
        passes(simulated ? 2 : 200),
        cycles(simulated ? 1000 : 200'000'000) {}
  int nodes, many_nodes, rounds, launches;
  size_t cached_bytes, large_bytes, pinned_bytes;
  int passes;
  long long cycles;
};

class Measuring {
 public:
  Measuring(const Bench& bench, Report& report)
      : bench_(bench), driver_(bench.driver), report_(report), sizes_(report.simulated) {}

  void all() {
    device();
    clocks();
    launches();
    graphs();
    exchange();
    residency();
    memory();
    copies();
  }

 private:
  // Adds what `measure` returns, or why it does not.
  void add(const std::string& name, const std::string& unit, double predicted, const std::string& source,
           const std::function<double()>& measure) {
    Constant c{name, unit, NAN, predicted, std::isfinite(predicted) ? source : "", ""};
    try {
      c.measured = measure();
    } catch (const cuda::Error& e) {
      c.failure = e.what();
    }
    report_.constants.push_back(c);
  }
  void add(const std::string& name, const std::string& unit, const std::function<double()>& measure) {
    add(name, unit, NAN, "", measure);
  }

  // NaN if the driver does not say.
  double attribute(int number) const {
    int value;
    return driver_.cuDeviceGetAttribute(&value, number, driver_.device) == 0 && value > 0 ? value : NAN;
  }

  void device() {
    // As NVIDIA's data sheets of the H100 SXM and the H200.
    add("multiprocessors", "", 132, "H100 SXM, H200", [&] { return bench_.multiprocessors; });
    add("L2 cache", "MB", 50, "H100 SXM, H200", [&] { return attribute(kL2CacheSize) / (1 << 20); });
  }

  void clocks() {
    add("clock of a multiprocessor, all of them multiplying", "MHz", attribute(kClockRate) / 1e3, kDeviceSays, [&] {
      const DeviceBlock result(driver_, 16), sink(driver_, 4);
      bench_.launch(bench_.kernel("constants_clock"), 2 * bench_.multiprocessors, 512, sizes_.cycles, sink.address,
                    result.address);
      bench_.synchronize();
      unsigned long long two[2];
      driver_.require(driver_.cuMemcpyDtoH(two, result.address, sizeof two), "copying from the device");
      return static_cast<double>(two[0]) / static_cast<double>(two[1]) * 1e3;
    });
    add("step of the timer that kernels read", "ns", [&] {
      const DeviceBlock result(driver_, 16);
      bench_.launch(bench_.kernel("constants_timer"), 1, 1, 50, result.address);
      bench_.synchronize();
      unsigned long long two[2];
      driver_.require(driver_.cuMemcpyDtoH(two, result.address, sizeof two), "copying from the device");
      return static_cast<double>(two[0]);
    });
  }

  void launches() {
    void* const spin = bench_.kernel("constants_spin");
    add("launch of a kernel, time of the host", "us", [&] {
      std::vector<double> all;
      for (int i = 0; i < 5; ++i) {
        bench_.synchronize();
        const double start = host_seconds();
        for (int n = 0; n < sizes_.launches; ++n) bench_.launch(spin, 1, 128, 0LL);
        all.push_back((host_seconds() - start) / sizes_.launches * 1e6);
      }
      bench_.synchronize();
      return median(all);
    });
    add("launch of a kernel until the host knows that it is done", "us", [&] {
      std::vector<double> all;
      for (int i = 0; i < sizes_.launches; ++i) {
        const double start = host_seconds();
        bench_.launch(spin, 1, 128, 0LL);
        bench_.synchronize();
        all.push_back((host_seconds() - start) * 1e6);
      }
      return median(all);
    });
    add("an empty kernel after another in a stream", "us", [&] {
      return bench_.device_seconds([&] {
        for (int n = 0; n < sizes_.launches; ++n) bench_.launch(spin, 1, 128, 0LL);
      }) / sizes_.launches *
             1e6;
    });
  }

  void graphs() {
    for (const int blocks : {1, bench_.multiprocessors}) {
      const std::string which = blocks == 1 ? ", one block" : ", a block a multiprocessor";
      const auto period = [&](long long cycles) {
        const ChainGraph graph(bench_, sizes_.nodes, cycles, blocks);
        return bench_.device_seconds([&] { graph.launch(bench_); }) / sizes_.nodes * 1e6;
      };
      add("an empty kernel after another in a graph" + which, "us", [&] { return period(0); });
      // What is left of a kernel's time when the cycles that it works are taken away: work of 8000 cycles less that of 4000
      // is 4000 cycles.
      add("gap between dependent kernels of a graph" + which, "us", 0.9, kEstimate,
          [&] { return 2 * period(4000) - period(8000); });
    }
    for (const int nodes : {1, sizes_.nodes}) {
      add("launch of a graph of " + std::to_string(nodes) + (nodes == 1 ? " kernel" : " kernels") + ", time of the host",
          "us", [&] {
            const ChainGraph graph(bench_, nodes, 0, 1);
            std::vector<double> all;
            for (int i = 0; i < 20; ++i) {
              const double start = host_seconds();
              graph.launch(bench_);
              all.push_back((host_seconds() - start) * 1e6);
              bench_.synchronize();
            }
            return median(all);
          });
    }
    // NVIDIA/cccl pull request 3768 speaks of some 10 KB.
    double of_nodes[2] = {NAN, NAN}, of_host[2] = {NAN, NAN}, seconds = NAN;
    const int counts[] = {sizes_.nodes, sizes_.many_nodes};
    for (int i = 0; i < 2; ++i) {
      add("memory of the device for each of " + std::to_string(counts[i]) + " kernels of a graph", "bytes", 10240,
          "NVIDIA/cccl #3768", [&] {
            size_t before, after, total;
            bench_.synchronize();
            driver_.require(driver_.cuMemGetInfo(&before, &total), "cuMemGetInfo");
            const double resident = resident_bytes(), start = host_seconds();
            const ChainGraph graph(bench_, counts[i], 0, 1);
            seconds = host_seconds() - start;
            driver_.require(driver_.cuMemGetInfo(&after, &total), "cuMemGetInfo");
            of_nodes[i] = static_cast<double>(before) - static_cast<double>(after);
            of_host[i] = resident_bytes() - resident;
            return of_nodes[i] / counts[i];
          });
    }
    add("memory of the device for each further kernel", "bytes", 10240, "NVIDIA/cccl #3768",
        [&] { return (of_nodes[1] - of_nodes[0]) / (counts[1] - counts[0]); });
    add("memory of the host for each further kernel", "bytes",
        [&] { return (of_host[1] - of_host[0]) / (counts[1] - counts[0]); });
    add("recording and instantiating a graph, for each kernel", "us", [&] { return seconds / counts[1] * 1e6; });
  }

  static double resident_bytes() {
    std::ifstream file("/proc/self/statm");
    double pages = 0, resident = 0;
    file >> pages >> resident;
    return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
  }

  // One word from one multiprocessor to another: the median over words and partners, and the ends.
  void exchange() {
    for (const bool ordered : {true, false}) {
      const std::string kind = ordered ? "release and acquire" : "relaxed";
      std::vector<double> all;
      // A store that is seen by a poll: 0.18 and 0.25.
      add("a word from one multiprocessor to another, " + kind, "us", 0.43, kEstimate, [&] {
        const int words = 8, stride = 4096;
        const DeviceBlock block(driver_, static_cast<size_t>(words) * stride), result(driver_, 16);
        void* const kernel = bench_.kernel(ordered ? "constants_ping_pong_ordered" : "constants_ping_pong_relaxed");
        for (int word = 0; word < words; ++word) {
          unsigned before = 0;
          for (const int partner : {1, bench_.multiprocessors / 3, bench_.multiprocessors / 2, bench_.multiprocessors - 1}) {
            result.clear();
            driver_.require(bench_.launch_cooperative(kernel, bench_.multiprocessors, 32, partner, sizes_.rounds, before,
                                                      block.address + static_cast<size_t>(word) * stride, result.address),
                            "launching a kernel");
            before += static_cast<unsigned>(sizes_.rounds);
            all.push_back(bench_.result(result) / (2.0 * sizes_.rounds) * 1e-3);
          }
        }
        return median(all);
      });
      add("  the fastest pair and address", "us",
          [&] { return all.empty() ? NAN : *std::min_element(all.begin(), all.end()); });
      add("  the slowest", "us", [&] { return all.empty() ? NAN : *std::max_element(all.begin(), all.end()); });
    }
    add("all multiprocessors meet", "us", 1.25, kEstimate, [&] {
      const DeviceBlock counter(driver_, 4), result(driver_, 16);
      driver_.require(bench_.launch_cooperative(bench_.kernel("constants_meet"), bench_.multiprocessors, 256, sizes_.rounds,
                                                counter.address, result.address),
                      "launching a kernel");
      return bench_.result(result) / sizes_.rounds * 1e-3;
    });
  }

  // As many blocks as the driver says run at once, and one more is refused.
  void residency() {
    void* const meet = bench_.kernel("constants_meet");
    for (const int threads : {128, 256, 512}) {
      add("blocks of " + std::to_string(threads) + " threads at once", "", [&] {
        int each;
        driver_.require(driver_.cuOccupancyMaxActiveBlocksPerMultiprocessor(&each, meet, threads, 0),
                        "asking for the occupancy");
        const int most = each * bench_.multiprocessors;
        const DeviceBlock counter(driver_, 4), result(driver_, 16);
        driver_.require(bench_.launch_cooperative(meet, most, threads, 1, counter.address, result.address),
                        "launching " + std::to_string(most) + " blocks at once");
        bench_.result(result);
        counter.clear();
        if (bench_.launch_cooperative(meet, most + 1, threads, 1, counter.address, result.address) == 0) {
          throw cuda::Error("a cooperative launch of " + std::to_string(most + 1) + " blocks was not refused");
        }
        return static_cast<double>(most);
      });
    }
  }

  void memory() {
    void *const read = bench_.kernel("constants_read"), *const copy = bench_.kernel("constants_copy");
    const int blocks = 4 * bench_.multiprocessors, threads = 512;
    const auto reading = [&](size_t bytes, int passes) {
      const DeviceBlock block(driver_, bytes), sink(driver_, 4);
      const double seconds = bench_.device_seconds([&] {
        bench_.launch(read, blocks, threads, block.address, static_cast<long long>(bytes / 16), passes, sink.address);
      });
      return static_cast<double>(bytes) * passes / seconds * 1e-12;
    };
    // Twice a clock on each line.
    const double peak = 2 * attribute(kMemoryClockRate) * 1e3 * attribute(kMemoryBusWidth) / 8 * 1e-12;
    add("reading 16 MB over and over (L2)", "TB/s", 5.5, kEstimate,
        [&] { return reading(sizes_.cached_bytes, sizes_.passes); });
    add("reading 2 GB", "TB/s", peak, kDeviceSays, [&] { return reading(sizes_.large_bytes, 1); });
    add("copying 1 GB by a kernel, both ways counted", "TB/s", peak, kDeviceSays, [&] {
      const size_t bytes = sizes_.large_bytes / 2;
      const DeviceBlock from(driver_, bytes), to(driver_, bytes);
      return 2 * static_cast<double>(bytes) * 1e-12 / bench_.device_seconds([&] {
        bench_.launch(copy, blocks, threads, from.address, to.address, static_cast<long long>(bytes / 16));
      });
    });
    add("copying 1 GB by the driver, both ways counted", "TB/s", peak, kDeviceSays, [&] {
      const size_t bytes = sizes_.large_bytes / 2;
      const DeviceBlock from(driver_, bytes), to(driver_, bytes);
      return 2 * static_cast<double>(bytes) * 1e-12 / bench_.device_seconds([&] {
        driver_.require(driver_.cuMemcpyDtoDAsync(to.address, from.address, bytes, bench_.stream), "copying");
      });
    });
  }

  void copies() {
    const std::string ways[] = {"from the host to the device", "from the device to the host"};
    for (const bool up : {true, false}) {
      const auto copy = [&](const DeviceBlock& device, const PinnedBlock& host, size_t bytes) {
        driver_.require(up ? driver_.cuMemcpyHtoDAsync(device.address, host.memory, bytes, bench_.stream)
                           : driver_.cuMemcpyDtoHAsync(host.memory, device.address, bytes, bench_.stream),
                        "copying");
      };
      add("4 bytes " + ways[up ? 0 : 1] + ", until the host knows", "us", [&] {
        const DeviceBlock device(driver_, 4);
        const PinnedBlock host(driver_, 4);
        std::vector<double> all;
        for (int i = 0; i < sizes_.launches; ++i) {
          const double start = host_seconds();
          copy(device, host, 4);
          bench_.synchronize();
          all.push_back((host_seconds() - start) * 1e6);
        }
        return median(all);
      });
      // 16 lanes of 32 billion bits, of which 128 of 130 are data.
      add("256 MB " + ways[up ? 0 : 1] + ", page-locked", "GB/s", 63, "the bound of PCIe 5.0 x16", [&] {
        const DeviceBlock device(driver_, sizes_.pinned_bytes);
        const PinnedBlock host(driver_, sizes_.pinned_bytes);
        std::memset(host.memory, 1, sizes_.pinned_bytes);
        return static_cast<double>(sizes_.pinned_bytes) * 1e-9 /
               bench_.device_seconds([&] { copy(device, host, sizes_.pinned_bytes); });
      });
    }
  }

  const Bench& bench_;
  const cuda::Driver& driver_;
  Report& report_;
  const Sizes sizes_;
};

int run(const std::string& library, const std::string& kernels, const std::string& out) {
  const cuda::Driver driver(library);
  const Bench bench(driver, kernels);
  Report report;
  report.device = driver.device_name;
  report.simulated = report.device.find("Sequor") != std::string::npos;  // whatever else it is called
  const double start = host_seconds();
  Measuring(bench, report).all();
  report.print(stdout);
  std::printf("\n%.1f s\n", host_seconds() - start);
  if (!out.empty()) {
    std::ofstream file(out);
    file << report.json();
    if (!file.flush()) throw cuda::Error(out + " cannot be written: " + std::strerror(errno));
  }
  return std::all_of(report.constants.begin(), report.constants.end(), [](const Constant& c) { return c.failure.empty(); })
             ? 0
             : 1;
}

}  // namespace

int main(int count, char** words) {
  std::string driver = "libcuda.so.1", kernels = "native/deviceconstants/prebuilt/constants.fatbin", out;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    std::string* const to = word == "--driver" ? &driver : word == "--kernels" ? &kernels : word == "--out" ? &out : nullptr;
    if (to == nullptr || i + 1 == count) {
      std::fprintf(stderr, "device-constants: %s\n%s",
                   to == nullptr ? ("there is no option " + word).c_str() : (word + " needs a value").c_str(), kUsage);
      return 2;
    }
    *to = words[++i];
  }
  try {
    return run(driver, kernels, out);
  } catch (const std::exception& e) {
    std::fflush(stdout);
    std::fprintf(stderr, "device-constants: %s\n", e.what());
    return 1;
  }
}
