// Global norm, clipping and the update of all parameters (dev.sequor.backend.UpdateRule), without asking the host.
#include "device.h"
#include "sequor/updates.h"
#include "warp.h"

using namespace sequor;

// partial[block·4 + warp] = sum of squares of the elements that the warp visits. Launch: grid (blocks), block 128.
// Without regions (see UpdateGroups) all elements count.
SEQ_KERNEL partial_squares(long long elements, const float* x, int regions, const int* ends, const int* groups,
                           double* partial) {
  const UpdateGroups by_group = {regions, ends, groups};
  double sum = 0;
  const long long step = static_cast<long long>(gridDim.x) * blockDim.x;
  for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; i < elements; i += step) {
    if (regions && group_of(by_group, i) == kNoGroup) continue;
    sum += static_cast<double>(x[i]) * x[i];
  }
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) partial[blockIdx.x * 4 + threadIdx.x / 32] = sum;
}
SEQ_REGISTER(partial_squares)

// Room for what begin_update leaves for optimizer_step, a Prepared of the rule for each group (dev.sequor.backend.cuda.CudaEngine).
constexpr int kPreparedBytes = 64;

// The norm of the gradient, and what follows from it for this update and the next. rule: a number of updates.h. rates [groups]
// lies in device memory, so that a recorded graph sees each step's own. Launch: one block of 32.
SEQ_KERNEL begin_update(int rule, int groups, int partials, const double* partial, const Rates* rates, UpdateReport* report,
                        void* prepared) {
  UpdateReport next = *report;
  double sum = 0;
  for (int i = threadIdx.x; i < partials; i += 32) sum += partial[i];
  sum = warp_sum(sum);
  const Update update = start_update(sum, rates[0], next);
  __syncwarp();  // All lanes have read the report.
  if (threadIdx.x == 0) *report = next;
  for (int g = threadIdx.x; g < groups; g += 32) {
#define SEQ_UPDATE(number, Rule)                                                             \
  static_assert(sizeof(Prepared<Rule>) <= kPreparedBytes, "CudaEngine has too little room"); \
  if (rule == number) static_cast<Prepared<Rule>*>(prepared)[g] = prepare_update<Rule>(update, rates[g]);
    SEQUOR_UPDATES(SEQ_UPDATE)
#undef SEQ_UPDATE
  }
}
SEQ_REGISTER(begin_update)

namespace {
template <typename Rule>
__device__ inline void update(const Prepared<Rule>& prepared, long long elements, long long i, const float* gradients,
                              float* parameters, float* moments) {
  if (!prepared.applied) return;
  float w = parameters[i], m[Rule::kMoments];
  for (int k = 0; k < Rule::kMoments; ++k) m[k] = moments[k * elements + i];
  update_element(prepared, gradients[i], w, m);
  for (int k = 0; k < Rule::kMoments; ++k) moments[k * elements + i] = m[k];
  parameters[i] = w;
}
}  // namespace

// parameters, gradients [elements]; moments [M,elements]. Launch: a thread per element, block 128.
SEQ_KERNEL optimizer_step(int rule, long long elements, int regions, const int* ends, const int* groups,
                          const void* prepared, const float* gradients, float* parameters, float* moments) {
  const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= elements) return;
  const int group = group_of({regions, ends, groups}, i);
  if (group == kNoGroup) return;
#define SEQ_UPDATE(number, Rule) \
  if (rule == number)            \
    update(static_cast<const Prepared<Rule>*>(prepared)[group], elements, i, gradients, parameters, moments);
  SEQUOR_UPDATES(SEQ_UPDATE)
#undef SEQ_UPDATE
}
SEQ_REGISTER(optimizer_step)
