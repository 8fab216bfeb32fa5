// Losses of a padded batch, each with the gradient of its own row. A warp works on one row.
#include "device.h"
#include "sequor/math.h"
#include "sequor/numbers.h"
#include "warp.h"

using namespace sequor;

namespace {
// Row losses in nats; d may be a, since each lane has read an element when it writes it.
__device__ inline double softmax_cross_entropy(const float* a, int N, int target, float scale, float* d) {
  const int lane = threadIdx.x % 32;
  float top = a[0];
  for (int j = lane; j < N; j += 32) top = a[j] > top ? a[j] : top;
  top = warp_max(top);
  const float target_output = a[target];
  float sum = 0;
  for (int j = lane; j < N; j += 32) sum += expf(a[j] - top);
  sum = warp_sum(sum);  // also orders the reads of a above before the writes below
  if (d) {
    const float factor = scale / sum;
    for (int j = lane; j < N; j += 32) d[j] = expf(a[j] - top) * factor - (j == target ? scale : 0.0f);
  }
  return log(static_cast<double>(sum)) + static_cast<double>(top) - static_cast<double>(target_output);
}

__device__ inline double binary_cross_entropy(const float* a, int N, const float* t, float scale, float* d) {
  double loss = 0;
  for (int j = threadIdx.x % 32; j < N; j += 32) {
    const float v = a[j];
    loss += static_cast<double>(v > 0 ? v : 0.0f) - static_cast<double>(v) * t[j] + log1pf(expf(-fabsf(v)));
    if (d) d[j] = (sigmoid(v) - t[j]) * scale;
  }
  return warp_sum(loss);
}

__device__ inline double mean_squared_error(const float* a, int N, const float* t, float scale, float* d) {
  double loss = 0;
  const float factor = 2.0f * scale / static_cast<float>(N);
  for (int j = threadIdx.x % 32; j < N; j += 32) {
    const float difference = a[j] - t[j];
    loss += static_cast<double>(difference) * difference;
    if (d) d[j] = factor * difference;
  }
  return warp_sum(loss) / N;
}
}  // namespace

// function: a LossFunction; targets are int [T,B] for softmax cross-entropy, else float [T,B,N].
// outputs [T,B,N]; d_outputs may be null or outputs. partial[w] [2] = sum of the losses and number of the rows that count, of the
// rows that warp w works on. gradient_scale lies in device memory, because it changes from step to step; loss_scale may be null.
// Launch: grid (blocks), block 128; any number of blocks.
SEQ_KERNEL partial_losses(int function, int T, int B, int N, const float* outputs, const void* targets, const int* lengths,
                          const float* gradient_scale, const float* loss_scale, float* d_outputs, double* partial) {
  const int lane = threadIdx.x % 32, warp = blockIdx.x * 4 + threadIdx.x / 32, warps = gridDim.x * 4;
  const float scale = gradient_scale[0] * (loss_scale ? loss_scale[0] : 1.0f);
  double total = 0, count = 0;
  for (long long row = warp; row < static_cast<long long>(T) * B; row += warps) {
    const float* a = outputs + row * N;
    float* d = d_outputs ? d_outputs + row * N : nullptr;
    const int target = function == kSoftmaxCrossEntropy ? static_cast<const int*>(targets)[row] : 0;
    if (target >= 0 && (!lengths || row / B < lengths[row % B])) {
      const float* t = static_cast<const float*>(targets) + (function == kSoftmaxCrossEntropy ? 0 : row * N);
      total += function == kSoftmaxCrossEntropy ? softmax_cross_entropy(a, N, target, scale, d)
               : function == kBinaryCrossEntropy  ? binary_cross_entropy(a, N, t, scale, d)
                               : mean_squared_error(a, N, t, scale, d);
      count += 1;
    } else if (d) {
      for (int j = lane; j < N; j += 32) d[j] = 0.0f;
    }
  }
  if (lane == 0) {
    partial[warp * 2LL] = total;
    partial[warp * 2LL + 1] = count;
  }
}
SEQ_REGISTER(partial_losses)

// result[2] = sum of the rows' losses, number of rows that count. Launch: one block of 32.
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
