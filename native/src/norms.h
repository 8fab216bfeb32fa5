// Layer normalisation of rows (dev.sequor.backend.NormShape). With the mean m of a row, s = 1 / sqrt(variance + eps), u = (x - m)·s:
//   y = gain·u + bias
//   g = dy·gain        dx = s·(g - mean(g) - u·mean(g·u))        dgain += sum of dy·u over the rows        dbias += sum of dy
// parameters [2,N] are gain and bias; saved [M,2] is m and s of each row.
#pragma once

#include <cmath>

#include "operations.h"
#include "row_sums.h"

namespace sequor {
namespace SEQ_ISA {

static void layer_norm_forward(SeqEngine& e, const NormCall& c) {
  const long n = c.width;
  const int members = members_for(e, 8.0 * c.rows * n);
  run_team(*e.team, members, [&](int member) {
    for (long r = part(c.rows, member, members); r < part(c.rows, member + 1, members); ++r) {
      const float* x = c.x + r * n;
      float* y = c.y + r * n;
      const float mean =
          float(row_sums(n, [&](long j, int width, Vec& a, Vec&) { a = a + load_first(x + j, width); }).first / n);
      const RowSums squares = row_sums(n, [&](long j, int width, Vec& a, Vec&) {
        const Vec d = first_lanes(load_first(x + j, width) - Vec(mean), width);
        a = a + d * d;
      });
      const float scale = float(1.0 / std::sqrt(squares.first / n + c.epsilon));
      for (long j = 0; j < n; j += kLanes) {
        const int width = int(n - j < kLanes ? n - j : kLanes);
        const Vec u = (load_first(x + j, width) - Vec(mean)) * Vec(scale);
        store_first(y + j, u * load_first(c.parameters + j, width) + load_first(c.parameters + n + j, width), width);
      }
      c.saved[2 * r] = mean;
      c.saved[2 * r + 1] = scale;
    }
  });
}

static void layer_norm_backward(SeqEngine& e, const NormCall& c) {
  const long n = c.width, blocks = (n + kLanes - 1) / kLanes;
  const int members = members_for(e, 16.0 * c.rows * n);
  run_team(*e.team, members, [&](int member) {
    // A block of columns belongs to one thread, which adds the rows in their order; blocks of 64 rows apart, as in column_sums.h.
    for (long block = part(blocks, member, members); block < part(blocks, member + 1, members); ++block) {
      const long j = block * kLanes;
      const int width = int(n - j < kLanes ? n - j : kLanes);
      Vec gain(0.0f), bias(0.0f);
      for (long begin = 0; begin < c.rows; begin += 64) {
        const long end = begin + 64 < c.rows ? begin + 64 : c.rows;
        Vec gain_part(0.0f), bias_part(0.0f);
        for (long r = begin; r < end; ++r) {
          const Vec d = load_first(c.dy + r * n + j, width);
          gain_part = gain_part + d * ((load_first(c.x + r * n + j, width) - Vec(c.saved[2 * r])) * Vec(c.saved[2 * r + 1]));
          bias_part = bias_part + d;
        }
        gain = gain + gain_part;
        bias = bias + bias_part;
      }
      store_first(c.d_parameters + j, load_first(c.d_parameters + j, width) + gain, width);
      store_first(c.d_parameters + n + j, load_first(c.d_parameters + n + j, width) + bias, width);
    }
    if (!c.dx) return;
    for (long r = part(c.rows, member, members); r < part(c.rows, member + 1, members); ++r) {
      const float *x = c.x + r * n, *dy = c.dy + r * n;
      float* dx = c.dx + r * n;
      const Vec mean(c.saved[2 * r]), scale(c.saved[2 * r + 1]);
      const RowSums sums = row_sums(n, [&](long j, int width, Vec& a, Vec& b) {
        const Vec g = load_first(dy + j, width) * load_first(c.parameters + j, width);  // zero in lanes past the row
        a = a + g;
        b = b + g * ((load_first(x + j, width) - mean) * scale);
      });
      const Vec mean_g(float(sums.first / n)), mean_gu(float(sums.second / n));
      for (long j = 0; j < n; j += kLanes) {
        const int width = int(n - j < kLanes ? n - j : kLanes);
        const Vec g = load_first(dy + j, width) * load_first(c.parameters + j, width);
        const Vec u = (load_first(x + j, width) - mean) * scale;
        store_first(dx + j, scale * (g - mean_g - u * mean_gu), width);
      }
    }
  });
}

}  // namespace SEQ_ISA
}  // namespace sequor
