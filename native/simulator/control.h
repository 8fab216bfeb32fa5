// The window through which tests watch and steer a simulated device: cuModuleGetGlobal(…, "sequor_simulator") gives its
// address in device memory; cuMemcpyDtoH and cuMemcpyHtoD reach it, at any time, without waiting for anything and without
// being counted. All integers are 64 bits. The Java side is SimulatorControl among the tests; keep both alike.
#pragma once

#include <cstdint>

namespace simulator {

struct Control {
  int64_t version = 1;
  int64_t seed = 0;             // of the process; writing it starts all choices anew
  int64_t fail_allocation = 0;  // the n-th allocation from now fails, also of page-locked memory and of graphs; 0: none
  int64_t allocations = 0;      // made so far
  int64_t live_bytes = 0;
  int64_t peak_bytes = 0;       // writing it starts anew from the live bytes
  int64_t driver_calls = 0;     // of the process, cuBLAS calls not counted
  int64_t kernel_launches = 0;  // kernels run, those of graphs too
  int64_t graph_launches = 0;
  int64_t gemms = 0;           // products run, a batch counts as one
  int64_t copies = 0;          // copies and fills run
  int64_t sanitized = 0;       // 1: AddressSanitizer finds writes out of bounds itself; 2: -fsanitize=undefined
  int64_t host_bytes = 0;      // page-locked and live, of the device's primary context
  int64_t graph_bytes = 0;     // of the live bytes, those of executable graphs
  int64_t graph_node_bytes = 10240;  // that a node takes from now on: about what it takes of a real device
  int64_t graph_nodes = 0;     // of the largest executable graph since this was written
  int64_t handles = 0;         // of the primary context: streams, events, modules, executable graphs, those of cuBLAS
  int64_t interpret = 0;       // 1: modules loaded from now on are run as their PTX says, 0: as compiled by g++
  int64_t refuse_work = 0;     // the n-th piece of work queued from now is refused, and no harm done; 0: none
  int64_t fail_work = 0;       // the n-th step of work that runs from now fails, and the context with it; 0: none
  int64_t failure_code = 700;  // CUresult of both
  char last_error[2048] = {};  // text of the last error, ended by zero
};
static_assert(sizeof(Control) == 21 * sizeof(int64_t) + 2048, "no padding: the tests know the offsets");

}  // namespace simulator
