// The loss of sequences of labels without alignment, see sequor/ctc.h. labels [S,B], of which sequence b has label_lengths[b], -1
// for no target; lengths [B] or null; outputs [T,B,N]; d_outputs may be outputs, and is written only when all that is needed of them
// is in the workspace. Each kernel runs after the one before it.
#include <cmath>

#include "device.h"
#include "sequor/ctc.h"
#include "warp.h"

using namespace sequor;

namespace {
// Whether row t·B + b of the outputs is one of a sequence that counts.
__device__ inline bool row_counts(long long row, const CtcSizes& c, const int* label_lengths, const int* lengths) {
  const int b = static_cast<int>(row % c.B);
  return CtcSequence::counts(b, label_lengths, lengths) && (!lengths || row / c.B < lengths[b]);
}
}  // namespace

// The largest output of each row, and the logarithm of the sum of the powers. A warp works on a row.
// Launch: grid (ceil(T·B / 4)), block 128.
SEQ_KERNEL ctc_rows(int T, int B, int N, int S, int blank, const float* outputs, const int* label_lengths,
                    const int* lengths, float* workspace) {
  const CtcSizes c = {T, B, N, S, blank};
  const int lane = threadIdx.x % 32;
  const long long row = blockIdx.x * 4LL + threadIdx.x / 32;
  if (row >= static_cast<long long>(T) * B || !row_counts(row, c, label_lengths, lengths)) return;
  const float* a = outputs + row * N;
  float top = a[0];
  for (int j = lane; j < N; j += 32) top = a[j] > top ? a[j] : top;
  top = warp_max(top);
  double total = 0;
  for (int j = lane; j < N; j += 32) total += std::exp(a[j] - top);
  total = warp_sum(total);
  if (lane == 0) {
    const CtcWorkspace w = CtcWorkspace::of(workspace, c);
    w.top[row] = top;
    w.log_total[row] = static_cast<float>(std::log(total));
  }
}
SEQ_REGISTER(ctc_rows)

// Over the steps of each sequence, and back if there shall be a gradient: a block works on one, and meets after each step.
// Launch: grid (B), block 128.
SEQ_KERNEL ctc_sequences(int T, int B, int N, int S, int blank, const float* outputs, const int* labels,
                         const int* label_lengths, const int* lengths, int backward, float* workspace) {
  const CtcSizes c = {T, B, N, S, blank};
  const int b = blockIdx.x;
  if (!CtcSequence::counts(b, label_lengths, lengths)) return;
  const CtcWorkspace w = CtcWorkspace::of(workspace, c);
  const CtcSequence q = CtcSequence::of(b, c, outputs, labels, label_lengths, lengths, w);
  for (int t = 0; t < q.steps; ++t) {
    for (int s = threadIdx.x; s < q.symbols; s += blockDim.x) q.forward(t, s);
    __syncthreads();
  }
  const double likelihood = q.log_likelihood();
  if (threadIdx.x == 0) store_wide(likelihood, w.likelihood + b, w.likelihood_rest + b);
  if (!backward) return;
  __syncthreads();  // backward overwrites the last alphas, which all threads have read now
  for (int t = q.steps - 1; t >= 0; --t) {
    for (int s = threadIdx.x; s < q.symbols; s += blockDim.x) q.backward(t, s, likelihood);
    __syncthreads();
  }
}
SEQ_REGISTER(ctc_sequences)

// d_outputs = scale·softmax less scale·(the shares of the symbols). A warp works on a row. Labels are taken 32 at a time; the lowest
// lane of those with the same label adds up all of theirs, in the order of the lanes. Launch: grid (ceil(T·B / 4)), block 128.
SEQ_KERNEL ctc_gradients(int T, int B, int N, int S, int blank, const float* outputs, const int* labels,
                         const int* label_lengths, const int* lengths, const float* gradient_scale, const float* loss_scale,
                         float* d_outputs, float* workspace) {
  const CtcSizes c = {T, B, N, S, blank};
  const int lane = threadIdx.x % 32;
  const long long row = blockIdx.x * 4LL + threadIdx.x / 32;
  if (row >= static_cast<long long>(T) * B) return;
  float* d = d_outputs + row * N;
  if (!row_counts(row, c, label_lengths, lengths)) {
    for (int j = lane; j < N; j += 32) d[j] = 0.0f;
    return;
  }
  const int b = static_cast<int>(row % B), t = static_cast<int>(row / B);
  const CtcWorkspace w = CtcWorkspace::of(workspace, c);
  const CtcSequence q = CtcSequence::of(b, c, outputs, labels, label_lengths, lengths, w);
  const float scale = (gradient_scale ? gradient_scale[0] : 1.0f) * (loss_scale ? loss_scale[0] : 1.0f);
  const float top = w.top[row];
  const float factor = static_cast<float>(scale * std::exp(-static_cast<double>(w.log_total[row])));
  const float* a = outputs + row * N;
  for (int j = lane; j < N; j += 32) d[j] = std::exp(a[j] - top) * factor;
  double blanks = 0;
  for (int s = 2 * lane; s < q.symbols; s += 64) blanks += q.share(t, s);
  blanks = warp_sum(blanks);
  __syncwarp();  // Another lane may have written d[blank].
  if (lane == 0) d[blank] -= scale * static_cast<float>(blanks);
  __syncwarp();
  for (int first = 0; first < q.symbols / 2; first += 32) {
    const int i = first + lane;
    const bool present = i < q.symbols / 2;
    const int label = present ? q.label(i) : -1;
    const float share = present ? q.share(t, 2 * i + 1) : 0.0f;
    float sum = 0;
    bool lowest = present;
    for (int other = 0; other < 32; ++other) {
      const int its_label = __shfl_sync(kAllLanes, label, other);
      const float its_share = __shfl_sync(kAllLanes, share, other);
      if (its_label == label) {
        sum += its_share;
        lowest = lowest && other >= lane;
      }
    }
    if (lowest) d[label] -= scale * sum;
    __syncwarp();
  }
}
SEQ_REGISTER(ctc_gradients)

// result[2] = sum of the losses, number of sequences that count. Launch: one block of 32.
SEQ_KERNEL finish_ctc(int T, int B, int N, int S, int blank, const int* label_lengths, const int* lengths, float* workspace,
                      float* result) {
  const CtcSizes c = {T, B, N, S, blank};
  const CtcWorkspace w = CtcWorkspace::of(workspace, c);
  double loss = 0, count = 0;
  for (int b = threadIdx.x; b < B; b += 32) {
    if (!CtcSequence::counts(b, label_lengths, lengths)) continue;
    loss -= load_wide(w.likelihood + b, w.likelihood_rest + b);
    count += 1;
  }
  loss = warp_sum(loss);
  count = warp_sum(count);
  if (threadIdx.x == 0) {
    result[0] = static_cast<float>(loss);
    result[1] = static_cast<float>(count);
  }
}
SEQ_REGISTER(finish_ctc)
