// Global norm, clipping and the update of all parameters (dev.sequor.backend.OptimizerStep), without asking the host.
#include "device.h"
#include "operand.h"

using namespace sequor;

namespace {
enum Rule : int { kSgd = 0, kAdam = 1, kAdamW = 2 };

__device__ inline double warp_sum(double x) {
  for (int m = 16; m; m >>= 1) x += __shfl_xor_sync(0xffffffffu, x, m);
  return x;
}
}  // namespace

// partial[block·4 + warp] = sum of squares of the elements that the warp visits. Launch: grid (blocks), block 128.
SEQ_KERNEL partial_squares(long long elements, const float* x, double* partial) {
  double sum = 0;
  const long long step = static_cast<long long>(gridDim.x) * blockDim.x;
  for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; i < elements; i += step)
    sum += static_cast<double>(x[i]) * x[i];
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) partial[blockIdx.x * 4 + threadIdx.x / 32] = sum;
}
SEQ_REGISTER(partial_squares)

// norm[0] = sqrt(Σ partial). Launch: one block of 32.
SEQ_KERNEL finish_norm(int partials, const double* partial, float* norm) {
  double sum = 0;
  for (int i = threadIdx.x; i < partials; i += 32) sum += partial[i];
  sum = warp_sum(sum);
  if (threadIdx.x == 0) norm[0] = static_cast<float>(sqrt(sum));
}
SEQ_REGISTER(finish_norm)

// rates = {learning rate, momentum, beta1, beta2, epsilon, weight decay, clip norm, clip value, 1/(1-beta1^t), 1/(1-beta2^t)} lies
// in device memory, so that a captured graph sees each step's own. Does nothing if the norm is not finite.
// Launch: a thread per element, block 128.
SEQ_KERNEL optimizer_step(int rule, long long elements, const float* rates, const float* norm, const float* gradients,
                          float* parameters, float* moments) {
  const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  const float length = norm[0];
  if (i >= elements || !(length <= 3.402823466e38f)) return;
  const float learning_rate = rates[0], weight_decay = rates[5], clip_norm = rates[6], clip_value = rates[7];
  float w = parameters[i];
  float g = gradients[i] * (clip_norm > 0 && length > clip_norm ? clip_norm / length : 1.0f);
  if (clip_value > 0) g = g > clip_value ? clip_value : g < -clip_value ? -clip_value : g;
  if (rule == kAdamW) {
    w -= w * (learning_rate * weight_decay);
  } else if (weight_decay > 0) {
    g += w * weight_decay;
  }
  if (rule == kSgd) {
    const float v = moments[i] * rates[1] + g;
    moments[i] = v;
    w -= v * learning_rate;
  } else {
    const float beta1 = rates[2], beta2 = rates[3];
    const float m = moments[i] * beta1 + g * (1.0f - beta1);
    const float v = moments[elements + i] * beta2 + g * g * (1.0f - beta2);
    moments[i] = m;
    moments[elements + i] = v;
    w -= learning_rate * (m * rates[8]) / (sqrtf(v * rates[9]) + rates[4]);
  }
  parameters[i] = w;
}
SEQ_REGISTER(optimizer_step)
