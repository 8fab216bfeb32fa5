// Probabilities of rows, or their logarithms (dev.sequor.backend.SoftmaxShape, native/src/softmax.h). A warp works on one row.
// Launch: grid (ceil(M / 4)), block 128, no shared memory.
#include "device.h"
#include "sequor/math.h"
#include "warp.h"

using namespace sequor;

// y [M,N]; may be x.
SEQ_KERNEL softmax_forward(int M, int N, int logarithm, const float* x, float* y) {
  const int lane = threadIdx.x % 32, row = blockIdx.x * 4 + threadIdx.x / 32;
  if (row >= M) return;
  const float* from = x + static_cast<long long>(row) * N;
  float* to = y + static_cast<long long>(row) * N;
  float top = -INFINITY;
  for (int j = lane; j < N; j += 32) top = from[j] > top ? from[j] : top;
  top = warp_max(top);
  double sum = 0;
  for (int j = lane; j < N; j += 32) {
    const float power = exponential(from[j] - top);
    if (!logarithm) to[j] = power;
    sum += power;
  }
  const double total = warp_sum(sum);
  const float scale = static_cast<float>(1.0 / total), shift = static_cast<float>(log(total));
  for (int j = lane; j < N; j += 32) to[j] = logarithm ? from[j] - top - shift : to[j] * scale;
}
SEQ_REGISTER(softmax_forward)

// dx [M,N] = y∘(dy - sum of dy∘y), or of logarithms dy - exp(y)∘(sum of dy); may be dy.
SEQ_KERNEL softmax_backward(int M, int N, int logarithm, const float* y, const float* dy, float* dx) {
  const int lane = threadIdx.x % 32, row = blockIdx.x * 4 + threadIdx.x / 32;
  if (row >= M) return;
  const long long at = static_cast<long long>(row) * N;
  double sum = 0;
  for (int j = lane; j < N; j += 32) sum += logarithm ? dy[at + j] : static_cast<double>(y[at + j]) * dy[at + j];
  const float total = static_cast<float>(warp_sum(sum));
  for (int j = lane; j < N; j += 32) {
    dx[at + j] = logarithm ? dy[at + j] - exponential(y[at + j]) * total : y[at + j] * (dy[at + j] - total);
  }
}
SEQ_REGISTER(softmax_backward)
