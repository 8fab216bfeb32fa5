// kernels/softmax.cu and kernels/norm.cu: a warp a row, launched as CudaEngine.java does.
#include "case.h"

namespace kernelcases {
namespace {

Case softmax_forward(Draw& d) {
  const int M = d.size(17), N = d.size(100), logarithm = d.below(2);
  const Floats x = d.preactivations(static_cast<int64_t>(M) * N);
  Case c;
  c.int32(M).int32(N).int32(logarithm);
  // Logarithms are differences of what may be 200 and of its largest.
  if (d.either()) {
    c.in_out("x", x).anywhere(d).at("x");
  } else {
    c.in("x", x).anywhere(d).out("y", static_cast<int64_t>(M) * N).anywhere(d);
  }
  c.sums_up_to(logarithm ? c.magnitude("x") : 0).warps(M);
  return c;
}

Case softmax_backward(Draw& d) {
  const int M = d.size(17), N = d.size(100), logarithm = d.below(2);
  const int64_t elements = static_cast<int64_t>(M) * N;
  const Floats y = logarithm ? d.values(elements, -20, 0) : d.values(elements, 0, 2.0f / static_cast<float>(N)),
               dy = d.values(elements);
  Case c;
  c.int32(M).int32(N).int32(logarithm).in("y", y).anywhere(d);
  if (d.either()) {
    c.in_out("dy", dy).anywhere(d).at("dy");
  } else {
    c.in("dy", dy).anywhere(d).out("dx", elements).anywhere(d);
  }
  // The sum of dy, of up to N times 2, and dy itself.
  c.sums_up_to(logarithm ? 2.0f * static_cast<float>(N) : 4.0f).warps(M);
  return c;
}

Case layer_norm_forward(Draw& d) {
  const int M = d.size(17), N = d.size(100);
  Case c;
  c.int32(M).int32(N).float32(1e-5f).in("x", d.values(static_cast<int64_t>(M) * N)).anywhere(d);
  c.in("parameters", d.values(2 * N)).anywhere(d);
  // (x - mean)·scale is at most the square root of N, or of 1 / epsilon times the difference where all x of a row are the same.
  c.out("y", static_cast<int64_t>(M) * N).anywhere(d).sums_up_to(2 * std::sqrt(static_cast<float>(N)) + 2);
  c.out("saved", 2 * M).warps(M);
  return c;
}

Case layer_norm_backward(Draw& d) {
  const int M = d.size(17), N = d.size(100);
  const int64_t elements = static_cast<int64_t>(M) * N;
  Floats saved;
  for (int row = 0; row < M; ++row) {
    saved.push_back(d.real(-1, 1));
    saved.push_back(d.real(0.25f, 4));
  }
  Case c;
  c.int32(M).int32(N).in("x", d.values(elements)).anywhere(d);
  c.in("parameters", d.values(2 * N)).anywhere(d).in("saved", saved);
  c.in("dy", d.values(elements)).anywhere(d);
  // scale·(g - mean_g - u·mean_gu), with scale up to 4, g up to 4, u up to 12, and a mean of their products of which 2 is much.
  c.out("dx", elements).anywhere(d).sums_up_to(4 * 12 * 2.0f).warps(M);
  return c;
}

}  // namespace

void add_row_cases(Kernels& kernels) {
  kernels["softmax_forward"] = softmax_forward;
  kernels["softmax_backward"] = softmax_backward;
  kernels["layer_norm_forward"] = layer_norm_forward;
  kernels["layer_norm_backward"] = layer_norm_backward;
}

}  // namespace kernelcases
