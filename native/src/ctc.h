// The loss of sequences of labels without alignment, see sequor/ctc.h.
#pragma once

#include <cmath>
#include <cstring>

#include "operations.h"
#include "row_sums.h"
#include "sequor/ctc.h"

namespace sequor {
namespace SEQ_ISA {

// The largest of a [n], and the logarithm of the sum of e^(a - top).
static void log_total(const float* a, long n, float& top, float& log_total) {
  Vec m(a[0]);
  long j = 0;
  for (; j + kLanes <= n; j += kLanes) {
    const Vec v = load(a + j);
    m = Vec(v.v > m.v ? v.v : m.v);
  }
  top = largest(m);
  for (; j < n; ++j) top = a[j] > top ? a[j] : top;
  const Vec shift(top);
  log_total = float(std::log(row_sums(n, [&](long at, int width, Vec& sum, Vec&) {
                               sum = sum + first_lanes(exponential(load_first(a + at, width) - shift), width);
                             }).first));
}

// softmax(a)·scale - scale·(the shares of its symbols), for row t of a sequence; d may be a.
static void ctc_gradient(const CtcSequence& q, int t, float scale, float* d) {
  const long row = long(t) * q.B + q.b;
  const float* a = q.outputs + row * q.N;
  const Vec shift(q.top[row]), factor(float(scale * std::exp(-double(q.log_total[row]))));
  for (long j = 0; j < q.N; j += kLanes) {
    const int width = int(q.N - j < kLanes ? q.N - j : kLanes);
    store_first(d + j, exponential(load_first(a + j, width) - shift) * factor, width);
  }
  double blanks = 0;
  for (int s = 0; s < q.symbols; s += 2) blanks += q.share(t, s);
  d[q.blank] -= scale * float(blanks);
  for (int s = 1; s < q.symbols; s += 2) d[q.symbol(s)] -= scale * q.share(t, s);
}

static void ctc_loss(SeqEngine& e, const CtcCall& c) {
  const CtcSizes& z = c.sizes;
  const long rows = long(z.T) * z.B, n = z.N;
  const CtcWorkspace w = CtcWorkspace::of(c.workspace, z);
  const auto counts = [&](long row) {
    const int b = int(row % z.B);
    return CtcSequence::counts(b, c.label_lengths, c.lengths) && (!c.lengths || row / z.B < c.lengths[b]);
  };
  const auto sequence = [&](int b) { return CtcSequence::of(b, z, c.outputs, c.labels, c.label_lengths, c.lengths, w); };
  // A symbol takes about as long as ten outputs, and comes twice.
  const int members = members_for(e, 20.0 * rows * n + 400.0 * rows * (2.0 * z.S + 1));
  run_team(*e.team, members, [&](int member) {
    for (long r = part(rows, member, members); r < part(rows, member + 1, members); ++r) {
      if (counts(r)) log_total(c.outputs + r * n, n, w.top[r], w.log_total[r]);
    }
    e.team->barrier(member);
    for (int b = member; b < z.B; b += members) {
      if (!CtcSequence::counts(b, c.label_lengths, c.lengths)) continue;
      const CtcSequence q = sequence(b);
      for (int t = 0; t < q.steps; ++t) {
        for (int s = 0; s < q.symbols; ++s) q.forward(t, s);
      }
      const double likelihood = q.log_likelihood();
      store_wide(likelihood, w.likelihood + b, w.likelihood_rest + b);
      for (int t = q.steps - 1; c.d_outputs && t >= 0; --t) {
        for (int s = 0; s < q.symbols; ++s) q.backward(t, s, likelihood);
      }
    }
    if (!c.d_outputs) return;
    e.team->barrier(member);
    for (long r = part(rows, member, members); r < part(rows, member + 1, members); ++r) {
      if (counts(r)) {
        ctc_gradient(sequence(int(r % z.B)), int(r / z.B), c.gradient_scale, c.d_outputs + r * n);
      } else {
        std::memset(c.d_outputs + r * n, 0, sizeof(float) * n);
      }
    }
  });
  double loss = 0, count = 0;
  for (int b = 0; b < z.B; ++b) {
    if (!CtcSequence::counts(b, c.label_lengths, c.lengths)) continue;
    loss -= load_wide(w.likelihood + b, w.likelihood_rest + b);
    count += 1;
  }
  c.result[0] = float(loss);
  c.result[1] = float(count);
}

}  // namespace SEQ_ISA
}  // namespace sequor
