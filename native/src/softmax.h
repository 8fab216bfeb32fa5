// Probabilities of rows (dev.sequor.backend.SoftmaxShape), shifted by the row's largest element m:
//   y_j = exp(x_j - m) / sum_k exp(x_k - m)        dx = y·(dy - sum of dy·y)
// or their logarithms:
//   y_j = x_j - m - log sum_k exp(x_k - m)         dx = dy - exp(y)·(sum of dy)
#pragma once

#include "norms.h"
#include "operations.h"

namespace sequor {
namespace SEQ_ISA {

static void softmax_forward(SeqEngine& e, long rows, long n, bool logarithm, const float* x, float* y) {
  const int members = members_for(e, 20.0 * rows * n);
  run_team(*e.team, members, [&](int member) {
    for (long r = part(rows, member, members); r < part(rows, member + 1, members); ++r) {
      const float* from = x + r * n;
      float* to = y + r * n;
      float top = from[0];
      for (long j = 1; j < n; ++j) top = from[j] > top ? from[j] : top;
      const double total = row_sums(n, [&](long j, int width, Vec& a, Vec&) {
                             const Vec power = first_lanes(exponential(load_first(from + j, width) - Vec(top)), width);
                             if (!logarithm) store_first(to + j, power, width);
                             a = a + power;
                           }).first;
      const Vec scale(float(1.0 / total)), shift(float(std::log(total)));
      for (long j = 0; j < n; j += kLanes) {
        const int width = int(n - j < kLanes ? n - j : kLanes);
        const Vec of_row = logarithm ? load_first(from + j, width) - Vec(top) - shift : load_first(to + j, width) * scale;
        store_first(to + j, of_row, width);
      }
    }
  });
}

static void softmax_backward(SeqEngine& e, long rows, long n, bool logarithm, const float* y, const float* dy, float* dx) {
  const int members = members_for(e, 6.0 * rows * n);
  run_team(*e.team, members, [&](int member) {
    for (long r = part(rows, member, members); r < part(rows, member + 1, members); ++r) {
      const float *p = y + r * n, *d = dy + r * n;
      const Vec total(float(row_sums(n, [&](long j, int width, Vec& a, Vec&) {
                              const Vec v = load_first(d + j, width);
                              a = a + (logarithm ? v : load_first(p + j, width) * v);
                            }).first));
      for (long j = 0; j < n; j += kLanes) {
        const int width = int(n - j < kLanes ? n - j : kLanes);
        const Vec of_row = load_first(p + j, width), v = load_first(d + j, width);
        store_first(dx + r * n + j, logarithm ? v - exponential(of_row) * total : of_row * (v - total), width);
      }
    }
  });
}

}  // namespace SEQ_ISA
}  // namespace sequor
