#include "limits.h"

#include <map>

namespace kernelcases {

namespace {

// Values are moved, converted, compared or counted; or added up in an order that is fixed; or there is one product, quotient
// or root, which IEEE 754 rounds in one way. Products of two float32 are exact in double precision.
constexpr Limit kExact = {0, 0};

// A device's compiler makes one operation, rounded once, of a product and a sum, and may choose other pairs than g++: each
// choice moves the sum by half a digit of the product. In gradients some four of them follow one another.
constexpr Limit kContracted = {8, 2};

// exp, expm1, log and log1p in float32 besides, which CUDA's manual lets be wrong by 2, 1, 1 and 1 digits. The C library's
// are within 1. Measured with a simulator whose functions are wrong by that, at random, and that contracts nothing
// (native/simulator/inexact.h): 1.2 parts.
constexpr Limit kTranscendental = {8, 2};

// Sums of such functions, and logarithms of such sums: 1.7 parts.
constexpr Limit kSummed = {8, 4};

// The same functions in double precision, rounded to float32 in the end.
constexpr Limit kRounded = {1, 0};

// An exponential in double precision, where a digit is 2^-29 of float32's: four of them.
constexpr Limit kDouble = {0x1p-27f, 0};

}  // namespace

const Limit* limit_of(const std::string& kernel) {
  static const std::map<std::string, Limit> limits = {
      // cells.cu
      {"cell_traits_Gru", kExact},
      {"cell_traits_GruResetAfter", kExact},
      {"cell_traits_Lstm", kExact},
      {"cell_traits_LstmCellRecurrent", kExact},
      {"cell_traits_LstmPeephole", kExact},
      {"cell_traits_RnnLinear", kExact},
      {"cell_traits_RnnRelu", kExact},
      {"cell_traits_RnnTanh", kExact},
      {"forward_step_RnnLinear", kExact},
      {"forward_step_RnnRelu", kExact},
      {"backward_step_RnnLinear", kExact},
      {"backward_step_RnnRelu", kExact},
      {"backward_step_RnnTanh", kContracted},
      {"backward_step_GruResetAfter", kContracted},
      {"backward_candidate_Gru", kContracted},
      {"backward_reset_Gru", kContracted},
      {"forward_step_RnnTanh", kTranscendental},
      {"forward_step_GruResetAfter", kTranscendental},
      {"forward_step_Lstm", kTranscendental},
      {"forward_step_LstmCellRecurrent", kTranscendental},
      {"forward_step_LstmPeephole", kTranscendental},
      {"forward_gates_Gru", kTranscendental},
      {"forward_candidate_Gru", kTranscendental},
      {"backward_step_Lstm", kTranscendental},
      {"backward_step_LstmCellRecurrent", kTranscendental},
      {"backward_step_LstmPeephole", kTranscendental},
      // sequence.cu, stretch.cu, sums.cu, replicas.cu
      {"pack_weights", kExact},
      {"pack_vectors", kExact},
      {"gather_input", kExact},
      {"begin_forward", kExact},
      {"end_backward", kExact},
      {"scatter_add_input", kExact},
      {"stretch_lengths", kExact},
      {"take_stretch", kExact},
      {"put_stretch", kExact},
      {"partial_column_sums", kExact},
      {"partial_column_sums_any", kExact},
      {"add_partial_sums", kExact},
      {"add_replicas", kExact},
      // dense.cu
      {"maximum_over_time", kExact},
      {"embedding_forward", kExact},
      {"embedding_backward", kExact},
      {"dropout", kExact},
      {"multiply", kContracted},
      {"copy_columns", kContracted},
      {"bias_activation", kTranscendental},
      {"activation", kTranscendental},
      {"activation_gradient", kTranscendental},
      // softmax.cu, norm.cu
      {"softmax_forward", kTranscendental},
      {"softmax_backward", kTranscendental},
      {"layer_norm_forward", kContracted},
      {"layer_norm_backward", kContracted},
      {"partial_norm_sums", kContracted},
      // loss.cu, ctc.cu
      {"partial_losses", kSummed},
      {"finish_loss", kExact},
      {"ctc_rows", kTranscendental},
      {"ctc_sequences", kTranscendental},
      {"ctc_gradients", kTranscendental},
      {"finish_ctc", kExact},
      // draw.cu
      {"rank_tokens", kExact},
      {"draw_token", kDouble},
      {"likeliest_tokens", kRounded},
      {"mix_tokens", kExact},
      // optimizer.cu
      {"partial_squares", kExact},
      {"begin_update", kRounded},
      {"optimizer_step", kContracted},
      // options.cu
      {"gather_steps", kExact},
      {"scatter_steps", kContracted},
      {"step_keep", kContracted},
      {"step_keep_gradient", kContracted},
      {"step_operand_gradient", kContracted},
      {"step_gates", kTranscendental},
      {"step_output", kTranscendental},
      {"step_gates_gradient", kTranscendental},
      {"step_output_gradient", kTranscendental},
  };
  const auto found = limits.find(kernel);
  return found == limits.end() ? nullptr : &found->second;
}

}  // namespace kernelcases
