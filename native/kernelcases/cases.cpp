#include "case.h"

namespace kernelcases {

Kernels all_kernels() {
  Kernels kernels;
  add_cell_cases(kernels);
  add_sequence_cases(kernels);
  add_stretch_cases(kernels);
  add_sum_cases(kernels);
  add_replica_cases(kernels);
  add_dense_cases(kernels);
  add_row_cases(kernels);
  add_loss_cases(kernels);
  add_ctc_cases(kernels);
  add_token_cases(kernels);
  add_optimizer_cases(kernels);
  add_option_cases(kernels);
  return kernels;
}

}  // namespace kernelcases
