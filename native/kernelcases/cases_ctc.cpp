// kernels/ctc.cu, launched as CudaEngine.ctcLoss does; what an earlier kernel leaves in the workspace is drawn.
#include "case.h"
#include "sequor/ctc.h"

namespace kernelcases {
namespace {

using namespace sequor;

// Labels are taken 32 at a time.
constexpr int kMostLabels = 35;

struct Batch {
  CtcSizes sizes;
  Ints labels, label_lengths, lengths;  // lengths: empty for null

  Batch(Draw& d, int most_labels) {
    const int N = d.size(40) + 1, S = d.size(most_labels), B = d.size(S > 9 ? 1 : 5);
    // Twice as many steps as labels are enough for labels that repeat.
    const int T = d.either() ? 2 * S : 2 * S + d.size(9);
    sizes = {T, B, N, S, d.below(N)};
    for (int i = 0; i < S * B; ++i) {
      // Half of them as the one before.
      const bool again = i >= B && d.either();
      const int other = d.below(N - 1);
      labels.push_back(again ? labels[static_cast<size_t>(i - B)] : other < sizes.blank ? other : other + 1);
    }
    const bool largest = d.number() == 1;
    if (!largest && d.either()) lengths = d.lengths(sizes.T, B);
    for (int b = 0; b < B; ++b) {
      const int steps = lengths.empty() ? sizes.T : lengths[static_cast<size_t>(b)], most = std::min(S, steps / 2);
      label_lengths.push_back(largest ? most : d.once_in(8) ? -1 : d.between(0, most));
    }
  }

  int64_t rows() const { return static_cast<int64_t>(sizes.T) * sizes.B; }
  int64_t symbols() const { return 2 * static_cast<int64_t>(sizes.S) + 1; }
  int64_t alphas() const { return sizes.B * sizes.T * symbols(); }
  int64_t before_likelihood() const { return 2 * alphas() + 4 * sizes.B * symbols(); }
  int64_t before_tops() const { return before_likelihood() + 2 * sizes.B; }
  int64_t workspace() const { return before_tops() + 2 * rows(); }
  // Of a logarithm of a path's probability: each step adds up to 6.
  float largest_logarithm() const { return 6.0f * static_cast<float>(sizes.T); }

  Case& begin(Case& c) const { return c.int32(sizes.T).int32(sizes.B).int32(sizes.N).int32(sizes.S).int32(sizes.blank); }
  Floats outputs(Draw& d) const { return d.values(rows() * sizes.N, -2, 2); }
};

Case ctc_rows(Draw& d) {
  const Batch q(d, 5);
  Case c;
  q.begin(c).in("outputs", d.preactivations(q.rows() * q.sizes.N)).anywhere(d).in("label_lengths", q.label_lengths);
  c.in("lengths", q.lengths).given(!q.lengths.empty()).out("workspace", q.workspace());
  // The logarithm of a sum of powers that is 1 or more.
  c.sums_up_to(1).warps(static_cast<int>(q.rows()));
  return c;
}

Case ctc_sequences(Draw& d) {
  const Batch q(d, kMostLabels);
  Case c;
  q.begin(c).in("outputs", q.outputs(d)).anywhere(d).in("labels", q.labels).in("label_lengths", q.label_lengths);
  c.in("lengths", q.lengths).given(!q.lengths.empty()).int32(d.below(2));
  Floats workspace(static_cast<size_t>(q.before_tops()));
  for (int64_t row = 0; row < q.rows(); ++row) workspace.push_back(2);
  for (int64_t row = 0; row < q.rows(); ++row) workspace.push_back(d.real(0, 2));
  c.in_out("workspace", workspace).first_are_fresh(q.before_tops()).sums_up_to(q.largest_logarithm());
  c.launch(q.sizes.B, 1, 128);
  return c;
}

Case ctc_gradients(Draw& d) {
  const Batch q(d, kMostLabels);
  Case c;
  const Floats outputs = q.outputs(d);
  const bool in_place = d.either();
  q.begin(c);
  if (in_place) {
    c.in_out("outputs", outputs).anywhere(d);
  } else {
    c.in("outputs", outputs).anywhere(d);
  }
  // Shares of one symbol are added up where its label repeats; with the scales.
  const float scale = 256 * static_cast<float>(q.sizes.S + 1);
  c.last().scale = in_place ? scale : 0;
  c.in("labels", q.labels).in("label_lengths", q.label_lengths).in("lengths", q.lengths).given(!q.lengths.empty());
  c.in("gradient_scale", d.values(1, 0.01f, 1)).given(d.either());
  c.in("loss_scale", Floats{256}).given(d.either());
  if (in_place) {
    c.at("outputs");
  } else {
    c.out("d_outputs", q.rows() * q.sizes.N).anywhere(d).sums_up_to(scale);
  }
  Floats workspace = d.values(q.before_tops(), 0, 1);  // shares
  for (int64_t row = 0; row < q.rows(); ++row) workspace.push_back(2);
  for (int64_t row = 0; row < q.rows(); ++row) workspace.push_back(d.real(0, 2));
  c.in("workspace", workspace).warps(static_cast<int>(q.rows()));
  return c;
}

Case finish_ctc(Draw& d) {
  const Batch q(d, kMostLabels);
  Case c;
  q.begin(c).in("label_lengths", q.label_lengths).in("lengths", q.lengths).given(!q.lengths.empty());
  Floats workspace = d.values(q.workspace(), -100, 0);
  for (int64_t i = 0; i < q.sizes.B; ++i)
    workspace[static_cast<size_t>(q.before_likelihood() + q.sizes.B + i)] = d.power(-22, -20);
  c.in("workspace", workspace).out("result", 2).launch(1, 1, 32);
  return c;
}

}  // namespace

void add_ctc_cases(Kernels& kernels) {
  kernels["ctc_rows"] = ctc_rows;
  kernels["ctc_sequences"] = ctc_sequences;
  kernels["ctc_gradients"] = ctc_gradients;
  kernels["finish_ctc"] = finish_ctc;
}

}  // namespace kernelcases
