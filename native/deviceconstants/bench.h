// What the measurements are made with: memory, launches, graphs and clocks of one device.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

#include "cudadriver/driver.h"

namespace deviceconstants {

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

inline double host_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class DeviceBlock {
 public:
  DeviceBlock(const cuda::Driver& driver, size_t bytes) : driver_(driver) {
    driver.require(driver.cuMemAlloc(&address, bytes), "allocating " + std::to_string(bytes) + " bytes");
    bytes_ = bytes;
    clear();
  }
  ~DeviceBlock() { driver_.cuMemFree(address); }
  DeviceBlock(const DeviceBlock&) = delete;
  DeviceBlock& operator=(const DeviceBlock&) = delete;

  // Done when this returns: the call itself does not wait, and the stream of the measurements does not wait for it.
  void clear() const {
    driver_.require(driver_.cuMemsetD8(address, 0, bytes_), "clearing memory");
    driver_.require(driver_.cuCtxSynchronize(), "clearing memory");
  }

  cuda::DevicePointer address = 0;

 private:
  const cuda::Driver& driver_;
  size_t bytes_ = 0;
};

class PinnedBlock {
 public:
  PinnedBlock(const cuda::Driver& driver, size_t bytes) : driver_(driver) {
    driver.require(driver.cuMemHostAlloc(&memory, bytes, 0), "allocating " + std::to_string(bytes) + " page-locked bytes");
  }
  ~PinnedBlock() { driver_.cuMemFreeHost(memory); }
  PinnedBlock(const PinnedBlock&) = delete;
  PinnedBlock& operator=(const PinnedBlock&) = delete;

  void* memory = nullptr;

 private:
  const cuda::Driver& driver_;
};

class Bench {
 public:
  Bench(const cuda::Driver& driver, const std::string& kernels)
      : driver(driver), module_(driver.load(kernels)), multiprocessors(driver.attribute(16)) {
    driver.require(driver.cuStreamCreate(&stream, 1), "making a stream");
    for (void*& each : events_) driver.require(driver.cuEventCreate(&each, 0), "making an event");
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void* kernel(const char* name) const { return driver.function(module_, name); }

  // Queues a kernel whose arguments these are.
  template <typename... A>
  void launch(void* kernel, int blocks, int threads, A... arguments) const {
    void* parameters[] = {&arguments..., nullptr};
    driver.require(driver.cuLaunchKernel(kernel, static_cast<unsigned>(blocks), 1, 1, static_cast<unsigned>(threads), 1, 1,
                                         0, stream, parameters, nullptr),
                   "launching a kernel");
  }
  template <typename... A>
  int launch_cooperative(void* kernel, int blocks, int threads, A... arguments) const {
    void* parameters[] = {&arguments..., nullptr};
    return driver.cuLaunchCooperativeKernel(kernel, static_cast<unsigned>(blocks), 1, 1, static_cast<unsigned>(threads), 1,
                                            1, 0, stream, parameters);
  }

  void synchronize() const { driver.require(driver.cuStreamSynchronize(stream), "waiting for the device"); }

  // Seconds by the device's clock of what is queued: the median of some, after one that does not count.
  double device_seconds(const std::function<void()>& queue, int times = 5) const {
    std::vector<double> all;
    for (int i = 0; i <= times; ++i) {
      driver.require(driver.cuEventRecord(events_[0], stream), "recording an event");
      queue();
      driver.require(driver.cuEventRecord(events_[1], stream), "recording an event");
      driver.require(driver.cuEventSynchronize(events_[1]), "waiting for the device");
      float milliseconds;
      driver.require(driver.cuEventElapsedTime(&milliseconds, events_[0], events_[1]), "cuEventElapsedTime");
      if (i > 0) all.push_back(static_cast<double>(milliseconds) * 1e-3);
    }
    return median(all);
  }

  // Two numbers that a kernel has left, the second of which must be 1.
  double result(const DeviceBlock& block) const {
    unsigned long long two[2];
    synchronize();
    driver.require(driver.cuMemcpyDtoH(two, block.address, sizeof two), "copying from the device");
    if (two[1] != 1) throw cuda::Error("a block waited for another one in vain");
    return static_cast<double>(two[0]);
  }

  const cuda::Driver& driver;

 private:
  void* module_;
  void* events_[2];

 public:
  const int multiprocessors;
  void* stream = nullptr;
};

// A graph of kernels that depend on one another, one after the other.
class ChainGraph {
 public:
  ChainGraph(const Bench& bench, int nodes, long long cycles, int blocks) : driver_(bench.driver) {
    void* const spin = bench.kernel("constants_spin");
    driver_.require(driver_.cuStreamBeginCapture(bench.stream, 1), "recording a graph");
    for (int i = 0; i < nodes; ++i) bench.launch(spin, blocks, 128, cycles);
    driver_.require(driver_.cuStreamEndCapture(bench.stream, &graph_), "recording a graph");
    driver_.require(driver_.cuGraphInstantiate(&executable, graph_, 0),
                    "making a graph of " + std::to_string(nodes) + " kernels");
    driver_.require(driver_.cuGraphUpload(executable, bench.stream), "uploading a graph");
    bench.synchronize();
  }
  ~ChainGraph() {
    driver_.cuGraphExecDestroy(executable);
    driver_.cuGraphDestroy(graph_);
  }
  ChainGraph(const ChainGraph&) = delete;
  ChainGraph& operator=(const ChainGraph&) = delete;

  void launch(const Bench& bench) const {
    driver_.require(driver_.cuGraphLaunch(executable, bench.stream), "launching a graph");
  }

  void* executable = nullptr;

 private:
  const cuda::Driver& driver_;
  void* graph_ = nullptr;
};

}  // namespace deviceconstants
