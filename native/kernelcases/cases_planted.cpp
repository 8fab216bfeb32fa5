// Kernels of native/simulator/faults.cu that do, or are said not to do, what a run must find: the tests run these.
#include "case.h"

namespace kernelcases {
namespace {

// The fault: one element too many.
Case out_of_bounds(Draw& d) {
  const int n = d.size(100);
  Case c;
  c.out("to", n).int32(n).threads(n + 1);
  return c;
}

// Reads what it is said to make.
Case add(Draw& d) {
  const int n = d.size(100);
  Case c;
  c.out("to", n).in("from", d.values(n)).int32(n).threads(n);
  return c;
}

// Writes what it is said to read.
Case fill(Draw& d) {
  const int n = d.size(100);
  Case c;
  c.in("to", d.values(n)).int64(n).float32(3).threads(n);
  return c;
}

// Takes the device with it.
Case endless_spin(Draw&) {
  Case c;
  c.in("flag", Ints{0}).launch(1, 1, 1);
  return c;
}

}  // namespace

void add_planted_cases(Kernels& kernels) {
  kernels["simulator_out_of_bounds"] = out_of_bounds;
  kernels["simulator_add"] = add;
  kernels["simulator_fill"] = fill;
  kernels["simulator_endless_spin"] = endless_spin;
}

}  // namespace kernelcases
