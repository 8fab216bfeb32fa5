// Global norm, clipping and the update of all parameters (dev.sequor.backend.OptimizerStep), without asking the host.
#include "device.h"
#include "sequor/loss_scale.h"
#include "sequor/numbers.h"
#include "warp.h"

using namespace sequor;

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

// The norm of the gradient, and what follows from it for this update and the next (dev.sequor.backend.UpdateReport):
// report = {norm, skipped updates, loss scale, updates since the scale changed}.
// rates = {learning rate, momentum, beta1, beta2, epsilon, weight decay, clip norm, clip value, step} lies in device memory, so
// that a recorded graph sees each step's own. applied = {1 if the update is to be made, factor of the gradient, 1/(1-beta1^t),
// 1/(1-beta2^t)}. Launch: one block of 32.
SEQ_KERNEL begin_update(int partials, const double* partial, const float* rates, float* report, float* applied) {
  double sum = 0;
  for (int i = threadIdx.x; i < partials; i += 32) sum += partial[i];
  sum = warp_sum(sum);
  if (threadIdx.x != 0) return;
  const float scale = report[2], norm = static_cast<float>(sqrt(sum) / static_cast<double>(scale));
  const bool finite = norm <= 3.402823466e38f;  // not so of NaN
  if (!finite) report[1] += 1.0f;
  const LossScale next = next_loss_scale({scale, report[3]}, finite);
  report[0] = norm;
  report[2] = next.scale;
  report[3] = next.updates;
  const double t = static_cast<double>(rates[8]) - static_cast<double>(report[1]);
  const float clip_norm = rates[6];
  applied[0] = finite ? 1.0f : 0.0f;
  applied[1] = (clip_norm > 0 && norm > clip_norm ? clip_norm / norm : 1.0f) / scale;
  applied[2] = static_cast<float>(1.0 / (1.0 - pow(static_cast<double>(rates[2]), t)));
  applied[3] = static_cast<float>(1.0 / (1.0 - pow(static_cast<double>(rates[3]), t)));
}
SEQ_REGISTER(begin_update)

// Launch: a thread per element, block 128.
SEQ_KERNEL optimizer_step(int rule, long long elements, const float* rates, const float* applied, const float* gradients,
                          float* parameters, float* moments) {
  const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= elements || applied[0] == 0.0f) return;
  const float learning_rate = rates[0], weight_decay = rates[5], clip_value = rates[7];
  float w = parameters[i];
  float g = gradients[i] * applied[1];
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
    w -= learning_rate * (m * applied[2]) / (sqrtf(v * applied[3]) + rates[4]);
  }
  parameters[i] = w;
}
SEQ_REGISTER(optimizer_step)
