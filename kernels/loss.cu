// Losses of a padded batch, each with the gradient of its own row. A warp works on one row.
#include "device.h"
#include "sequor/losses.h"
#include "warp.h"

using namespace sequor;

namespace {
// What a call of partial_losses works on.
struct LossBatch {
  int T, B, N;
  const float* outputs;
  const void* targets;
  const int* lengths;
  const float* weights;
  float scale;
  float* d_outputs;
};

// The loss of one row, in nats where it is a likelihood; its gradient if d is not null. d may be a. t is null where the target is a
// class.
template <typename Loss>
__device__ inline double row_loss(const float* constants, const float* a, int N, const float* t, int target, float scale,
                                  float* d) {
  const int lane = threadIdx.x % 32;
  LossRow row{};
  row.constants = constants;
  row.outputs = N;
  if (Loss::kClasses) row.target = a[target];
  if (Loss::kShifted) {
    float top = a[0];
    for (int j = lane; j < N; j += 32) top = a[j] > top ? a[j] : top;
    row.top = warp_max(top);
  }
  const auto target_of = [=](int j) { return Loss::kClasses ? 0.0f : t[j]; };
  for (int j = lane; j < N; j += 32) {
    if (Loss::kSums > 0) Loss::add(Loss::keep(Loss::kShifted ? a[j] - row.top : a[j], target_of(j)), row.sums);
    if (Loss::kTerms) row.terms += Loss::term(constants, a[j], target_of(j));
  }
  for (int s = 0; s < Loss::kSums; ++s) row.sums[s] = warp_sum(row.sums[s]);
  if (Loss::kTerms) row.terms = warp_sum(row.terms);
  if (d) {
    __syncwarp();  // All lanes have read a[target].
    const typename Loss::Factors f = Loss::factors(row, scale);
    for (int j = lane; j < N; j += 32) {
      const float kept = Loss::keep(Loss::kShifted ? a[j] - row.top : a[j], target_of(j));
      const float gradient = Loss::gradient(kept, target_of(j), f);
      d[j] = Loss::kClasses && j == target ? gradient - f.target : gradient;
    }
  }
  return Loss::loss(row);
}

template <typename Loss>
__device__ inline void warp_losses(const float* constants, const LossBatch& c, int warp, int warps, double* partial) {
  const int lane = threadIdx.x % 32, N = c.N;
  double total = 0, count = 0;
  for (long long row = warp; row < static_cast<long long>(c.T) * c.B; row += warps) {
    float* d = c.d_outputs ? c.d_outputs + row * N : nullptr;
    const int target = Loss::kClasses ? static_cast<const int*>(c.targets)[row] : 0;
    const float weight = c.weights ? c.weights[row] : 1.0f;
    if (weight != 0 && target >= 0 && (!c.lengths || row / c.B < c.lengths[row % c.B])) {
      const float* t = Loss::kClasses ? nullptr : static_cast<const float*>(c.targets) + row * N;
      total += weight * row_loss<Loss>(constants, c.outputs + row * N, N, t, target, c.scale * weight, d);
      count += weight;
    } else if (d) {
      for (int j = lane; j < N; j += 32) d[j] = 0.0f;
    }
  }
  if (lane == 0) {
    partial[warp * 2LL] = total;
    partial[warp * 2LL + 1] = count;
  }
}
}  // namespace

// function: a number of losses.h, with its constants; targets are int [T,B] where they are classes, else float [T,B,N].
// outputs [T,B,N]; weights [T,B] or null for 1; d_outputs may be null or outputs. partial[w] [2] = sums of the weighted losses and of
// the weights of the rows that warp w works on. gradient_scale and loss_scale lie in device memory, because they change from step to step; each may
// be null. Launch: grid (blocks), block 128; any number of blocks.
SEQ_KERNEL partial_losses(int function, float constant0, float constant1, float constant2, float constant3, int T, int B,
                          int N, const float* outputs, const void* targets, const int* lengths, const float* weights,
                          const float* gradient_scale, const float* loss_scale, float* d_outputs, double* partial) {
  const float constants[kMostLossConstants] = {constant0, constant1, constant2, constant3};
  const int warp = blockIdx.x * 4 + threadIdx.x / 32, warps = gridDim.x * 4;
  const float scale = (gradient_scale ? gradient_scale[0] : 1.0f) * (loss_scale ? loss_scale[0] : 1.0f);
  const LossBatch c = {T, B, N, outputs, targets, lengths, weights, scale, d_outputs};
#define SEQ_LOSS(number, Loss) \
  if (function == number) warp_losses<Loss>(constants, c, warp, warps, partial);
  SEQUOR_LOSSES(SEQ_LOSS)
#undef SEQ_LOSS
}
SEQ_REGISTER(partial_losses)

// result[2] = sums of the rows' weighted losses and of their weights. Launch: one block of 32.
SEQ_KERNEL finish_loss(int partials, const double* partial, float* result) {
  double loss = 0, count = 0;
  for (int i = threadIdx.x; i < partials; i += 32) {
    loss += partial[i * 2LL];
    count += partial[i * 2LL + 1];
  }
  loss = warp_sum(loss);
  count = warp_sum(count);
  if (threadIdx.x == 0) {
    result[0] = static_cast<float>(loss);
    result[1] = static_cast<float>(count);
  }
}
SEQ_REGISTER(finish_loss)
