// What one instruction set's build of the kernels offers to engine.cpp, and the state that both share.
#pragma once

#include <cstdint>

#include "kernel_table.h"
#include "sequor/ctc.h"
#include "sequor/engine.h"
#include "sequor/options.h"
#include "sequor/philox.h"
#include "sequor/updates/update.h"
#include "team.h"

namespace sequor {

struct Variant;

// Micro-kernels of Bfloat16Pairs (weights.h).
using PairKernels = KernelTable<uint32_t, uint32_t>;

// The constants of a cell that decide sizes.
struct CellTraits {
  int gates, states, saved, peepholes;
  bool two_products, shared_gate_gradients;
};

// How packed matrices are stored, see weights.h; the numbers are those of engine.h.
enum class WeightFormat : int { kFloat32 = 0, kBfloat16 = 1, kInt8 = 2 };

// The valid rows in processing order; see SequenceRows on the Java side.
struct Rows {
  int steps = 0;
  bool identity = false;
  int32_t* offsets = nullptr;
  int32_t* padded = nullptr;
  int32_t* order = nullptr;
  int32_t* padding = nullptr;
  int padding_count = 0;

  int total() const { return offsets[steps]; }
  int count(int k) const { return k < steps ? offsets[k + 1] - offsets[k] : 0; }
};

struct ForwardCall {
  const float* parameters;
  bool repack;
  const float* x;
  const float* s0;
  float* y;
  float* sT;
  float* saved;
};

struct BackwardCall {
  const float* parameters;
  bool repack;
  const float* x;
  const float* saved;
  const float* dy;
  const float* dsT;
  float* d_parameters;
  float* dx;
  bool add_to_dx;
  float* ds0;
};

struct LinearCall {
  long rows, input, output;
  int activation;
  const float *x, *weight, *bias, *y;
  float *y_out, *dy, *dx, *d_weight, *d_bias;
};

struct ColumnCopyCall {
  long rows, width, source_stride, target_stride;
  float factor;
  bool add;
  const float* source;  // the first column of each
  float* target;
};

struct NormCall {
  long rows, width;
  float epsilon;
  const float *x, *parameters;
  float *y, *saved;
  const float* dy;
  float *dx, *d_parameters;
};

// Of rows [T,B,width], see dev.sequor.backend.options.StepRows.
struct StepRowsCall {
  int T, B;
  long width;
  bool reverse;
  float p;
  int32_t stream;
  const float* from;
  const int32_t* lengths;
  const RandomKey* key;
  bool add;
  float* to;
};

// Arguments of dev.sequor.backend.options.StepMaths, by their names there; a gradient's call has those of its function too.
struct StepGatesCall {
  const float *wx, *rh, *operand, *c, *peepholes;
  float *kept, *result;
  const float* new_cell;
  float *d_result, *d_gates, *d_c, *d_peepholes;
};

struct StepOutputCall {
  const float *wx, *rh, *state, *kept;
  float *candidate, *result;
  const float* d_result;
  float *d_gates, *d_state, *d_wx, *d_rh;
};

struct StepKeepCall {
  int k;
  const float *result, *new_cell, *h, *c;
  float *next_h, *next_c, *operand, *y;
  const float* dy;
  float *dh, *dc, *d_result, *d_new_cell;
  const int32_t* lengths;
  const RandomKey* key;
};

struct LossCall {
  int function;
  const float* constants;
  long time_steps, batch, output;
  const float* outputs;
  const void* targets;
  const int32_t* lengths;
  const float* weights;
  float gradient_scale;
  float* d_outputs;
  float* result;
};

struct CtcCall {
  CtcSizes sizes;
  const float* outputs;
  const int32_t *labels, *label_lengths, *lengths;
  float gradient_scale;
  float *d_outputs, *workspace, *result;
};

struct OptimizerCall {
  int rule;
  const Rates* rates;
  UpdateGroups groups;
  int64_t elements;
  float* parameters;
  const float* gradients;
  float* moments;
  UpdateReport* report;
};

}  // namespace sequor

struct SeqEngine {
  const sequor::Variant* variant;
  bool share_everything;
  sequor::Team* team;
  const sequor::PairKernels* pair_kernels;  // products multiply bfloat16 by these; null: they multiply float32
  float* gemm_scratch;                      // one part per thread
  double* partial_sums;                     // kMostParts, a cache line each
};

namespace sequor {

// Doubles from one part's partial sums to the next: a cache line each.
constexpr int kPartialStride = 8;
// Most parts that a sum is made of. Enough that they divide almost evenly among any number of threads.
constexpr int kMostParts = 256;

// The entry points of one instruction set.
struct Variant {
  const char* name;
  long gemm_scratch_floats;
  const PairKernels* pair_kernels;  // with the variant's own instructions
  // Sets the cell-dependent members of a layer: traits, functions and the sizes of its arrays. False if there is no such cell.
  bool (*bind_cell)(SeqLayer& layer, const char* cell);
  void (*linear_forward)(SeqEngine&, const LinearCall&);
  void (*linear_backward)(SeqEngine&, const LinearCall&);
  void (*embedding_forward)(SeqEngine&, long rows, long width, const int32_t* tokens, const float* table, float* y);
  void (*embedding_backward)(SeqEngine&, long rows, long width, const int32_t* tokens, const float* dy, float* d_table);
  void (*loss)(SeqEngine&, const LossCall&);
  void (*optimizer_step)(SeqEngine&, const OptimizerCall&);
  void (*dropout)(SeqEngine&, int64_t elements, int width, float p, const RandomKey& key, uint32_t stream, const float* x,
                  float* y);
  void (*activation)(SeqEngine&, int function, int64_t elements, const float* x, float* y);
  void (*activation_gradient)(SeqEngine&, int function, int64_t elements, const float* y, const float* dy, float* dx);
  void (*copy_columns)(SeqEngine&, const ColumnCopyCall&);
  void (*layer_norm_forward)(SeqEngine&, const NormCall&);
  void (*layer_norm_backward)(SeqEngine&, const NormCall&);
  void (*multiply)(SeqEngine&, int64_t elements, bool add, const float* a, const float* b, float* y);
  void (*maximum_over_time)(SeqEngine&, long time_steps, long batch, long width, const float* x, const int32_t* lengths,
                            float* y, int32_t* from);
  void (*softmax_forward)(SeqEngine&, long rows, long width, bool logarithm, const float* x, float* y);
  void (*softmax_backward)(SeqEngine&, long rows, long width, bool logarithm, const float* y, const float* dy, float* dx);
  void (*gather_steps)(SeqEngine&, const StepRowsCall&);
  void (*scatter_steps)(SeqEngine&, const StepRowsCall&);
  void (*step_gates)(SeqEngine&, const OptionedStep&, const StepGatesCall&);
  void (*step_gates_gradient)(SeqEngine&, const OptionedStep&, const StepGatesCall&);
  void (*step_output)(SeqEngine&, const OptionedStep&, const StepOutputCall&);
  void (*step_output_gradient)(SeqEngine&, const OptionedStep&, const StepOutputCall&);
  void (*step_keep)(SeqEngine&, const OptionedStep&, const StepKeepCall&);
  void (*step_keep_gradient)(SeqEngine&, const OptionedStep&, const StepKeepCall&);
  void (*step_operand_gradient)(SeqEngine&, const OptionedStep&, const float* d_operand, const float* more, float* d_state,
                                const RandomKey* key);
  void (*ctc_loss)(SeqEngine&, const CtcCall&);
  void (*elementary_function)(int function, int64_t n, const float* x, float* y);
};

}  // namespace sequor

// A layer's parameters as forward reads them: nothing in them depends on T, B or the number of threads.
struct SeqWeights {
  float* input_pack;      // W, gate-interleaved panels in the layer's format
  float* recurrent_pack;  // R, likewise
  float* input_scales;    // of the columns of input_pack, where the format has them
  float* recurrent_scales;
  float* bias_pack;      // bW then bR, gate-interleaved
  float* peephole_pack;  // p, interleaved by unit block
  float* arena;
};

struct SeqLayer {
  SeqEngine* engine;
  sequor::CellTraits traits;
  void (*forward_function)(SeqLayer&, const sequor::ForwardCall&);
  void (*backward_function)(SeqLayer&, const sequor::BackwardCall&);

  int T, B, I, H;
  int Hs;   // row stride of states and gates: H rounded up to the widest register, kept off multiples of 4 KiB
  int ldg;  // row stride of gate gradients: G·Hs, likewise
  int ldy;
  bool training;
  SeqBlockLayout block;
  sequor::WeightFormat weights;  // of input_pack and recurrent_pack; training's are what products multiply
  bool rows_apart;               // what a row comes to does not depend on how many there are in a step
  int most_threads;              // that may work on the time steps
  int threads;                   // that do in the current call
  int backward_threads;          // for which backward_pack was made
  int chunk_steps;               // time steps whose input product is made at once
  unsigned steps_done;           // time steps of all forward calls so far
  sequor::Rows rows;

  // Lengths in floats of the arrays of its weights, and of those below; engine.cpp allocates each in one piece.
  long input_pack_size, recurrent_pack_size, scales_size, bias_pack_size, peephole_pack_size;
  long backward_pack_size, backward_peepholes_size, state_size, rounded_state_size, gates_size, gated_size, dwx_size,
      drh_size, carry_size, scratch_size;

  const SeqWeights* packed;   // what forward reads of the parameters
  float* backward_pack;       // R, panels over k = gate rows
  float* backward_peepholes;  // p, interleaved by unit block
  float* state;               // inference: two slots [S,B,Hs]
  float* rounded_state;       // inference, bfloat16 products: two slots [B,Hs] of bfloat16
  float* gates;               // inference, two products: what the second part needs of the first [B,K,Hs]
  float* gated;               // inference, two products: r∘h [B,Hs], of what products multiply
  float* dwx;                 // [N,ldg], of what products multiply
  float* drh;                 // [N,ldg]; the same memory as dwx where the cell shares them
  float* carry;               // [S,B,Hs]
  float* thread_scratch;      // thread_size floats a thread
  long thread_size;
  float* arena;
};

struct SeqStack {
  int count;
  SeqLayer** layers;
  int64_t* blocks;    // where each layer's parameters start
  float* between[2];  // [B,H] each: what a layer puts out and the next takes in
};
