// Layer normalisation of rows (dev.sequor.backend.NormShape, native/src/norms.h). A warp works on one row; parameters [2,N] are gain
// and bias, saved [M,2] the mean of each row and 1 / sqrt(variance + epsilon).
#include <cmath>

#include "device.h"
#include "warp.h"

using namespace sequor;

// Launch: grid (ceil(M / 4)), block 128.
SEQ_KERNEL layer_norm_forward(int M, int N, float epsilon, const float* x, const float* parameters, float* y, float* saved) {
  const int lane = threadIdx.x % 32, row = blockIdx.x * 4 + threadIdx.x / 32;
  if (row >= M) return;
  const float* from = x + static_cast<long long>(row) * N;
  float* to = y + static_cast<long long>(row) * N;
  double sum = 0;
  for (int j = lane; j < N; j += 32) sum += from[j];
  const float mean = static_cast<float>(warp_sum(sum) / N);
  double squares = 0;
  for (int j = lane; j < N; j += 32) {
    const float difference = from[j] - mean;
    squares += static_cast<double>(difference) * difference;
  }
  const float scale = static_cast<float>(1.0 / sqrt(warp_sum(squares) / N + static_cast<double>(epsilon)));
  for (int j = lane; j < N; j += 32) to[j] = (from[j] - mean) * scale * parameters[j] + parameters[N + j];
  if (lane == 0) {
    saved[row * 2LL] = mean;
    saved[row * 2LL + 1] = scale;
  }
}
SEQ_REGISTER(layer_norm_forward)

// dx, given dy. Launch: grid (ceil(M / 4)), block 128.
SEQ_KERNEL layer_norm_backward(int M, int N, const float* x, const float* parameters, const float* saved, const float* dy,
                               float* dx) {
  const int lane = threadIdx.x % 32, row = blockIdx.x * 4 + threadIdx.x / 32;
  if (row >= M) return;
  const long long at = static_cast<long long>(row) * N;
  const float mean = saved[row * 2LL], scale = saved[row * 2LL + 1];
  double sum = 0, along = 0;
  for (int j = lane; j < N; j += 32) {
    const float g = dy[at + j] * parameters[j];
    sum += g;
    along += static_cast<double>(g) * ((x[at + j] - mean) * scale);
  }
  const float mean_g = static_cast<float>(warp_sum(sum) / N), mean_gu = static_cast<float>(warp_sum(along) / N);
  for (int j = lane; j < N; j += 32) {
    const float g = dy[at + j] * parameters[j], u = (x[at + j] - mean) * scale;
    dx[at + j] = scale * (g - mean_g - u * mean_gu);
  }
}
SEQ_REGISTER(layer_norm_backward)

// partial[c] [2,n] = sums of dy·u and of dy over the rows [c·chunk, (c+1)·chunk), of the first n columns of x and dy [M,N];
// add_partial_sums does the rest. Launch: grid (ceil(n / 128), chunks), block 128.
SEQ_KERNEL partial_norm_sums(int M, int N, int n, int chunk, const float* x, const float* saved, const float* dy,
                             float* partial) {
  const int j = blockIdx.x * blockDim.x + threadIdx.x;
  if (j >= n) return;
  const long long first = static_cast<long long>(blockIdx.y) * chunk;
  const long long end = first + chunk < M ? first + chunk : M;
  float gain = 0, bias = 0;
  for (long long row = first; row < end; ++row) {
    const float d = dy[row * N + j];
    gain += d * ((x[row * N + j] - saved[row * 2]) * saved[row * 2 + 1]);
    bias += d;
  }
  float* to = partial + static_cast<long long>(blockIdx.y) * 2 * n;
  to[j] = gain;
  to[n + j] = bias;
}
SEQ_REGISTER(partial_norm_sums)
