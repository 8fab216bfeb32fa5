// Compiled once per instruction set, with SEQ_ISA naming its namespace; see ci/build-native.
#include <cstring>

#include "ctc.h"
#include "layer.h"
#include "norms.h"
#include "operations.h"
#include "softmax.h"
#include "stepwise.h"

#define SEQ_STRING_OF(x) #x
#define SEQ_STRING(x) SEQ_STRING_OF(x)
#define SEQ_JOIN_OF(a, b) a##b
#define SEQ_JOIN(a, b) SEQ_JOIN_OF(a, b)

namespace sequor {
namespace SEQ_ISA {

static bool bind_cell(SeqLayer& layer, const char* cell) {
#define SEQ_BIND(id, Cell)          \
  if (std::strcmp(cell, id) == 0) { \
    Layer<Cell>::bind(layer);       \
    return true;                    \
  }
  SEQUOR_CELLS(SEQ_BIND)
#undef SEQ_BIND
  return false;
}

}  // namespace SEQ_ISA

extern const Variant SEQ_JOIN(variant_, SEQ_ISA);
const Variant SEQ_JOIN(variant_, SEQ_ISA) = {
    SEQ_STRING(SEQ_ISA),
    SEQ_ISA::kGemmScratch,
    &SEQ_ISA::kKernels<SEQ_ISA::Bfloat16Pairs>,
    SEQ_ISA::bind_cell,
    SEQ_ISA::linear_forward,
    SEQ_ISA::linear_backward,
    SEQ_ISA::embedding_forward,
    SEQ_ISA::embedding_backward,
    SEQ_ISA::loss,
    SEQ_ISA::optimizer_step,
    SEQ_ISA::dropout,
    SEQ_ISA::activation,
    SEQ_ISA::activation_gradient,
    SEQ_ISA::copy_columns,
    SEQ_ISA::layer_norm_forward,
    SEQ_ISA::layer_norm_backward,
    SEQ_ISA::multiply,
    SEQ_ISA::maximum_over_time,
    SEQ_ISA::softmax_forward,
    SEQ_ISA::softmax_backward,
    SEQ_ISA::gather_steps,
    SEQ_ISA::scatter_steps,
    SEQ_ISA::step_gates,
    SEQ_ISA::step_gates_gradient,
    SEQ_ISA::step_output,
    SEQ_ISA::step_output_gradient,
    SEQ_ISA::step_keep,
    SEQ_ISA::step_keep_gradient,
    SEQ_ISA::step_operand_gradient,
    SEQ_ISA::ctc_loss,
    SEQ_ISA::elementary_function,
};

}  // namespace sequor
