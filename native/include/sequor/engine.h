// The CPU engine's C interface: what the Java side calls. Pointers are host memory, float32 unless said otherwise, row-major.
// Nothing is checked here; functions that can run out of memory return null or a non-zero status.
#pragma once

#include <stdint.h>

extern "C" {

// A team of threads and the kernels of one instruction set.
typedef struct SeqEngine SeqEngine;
// One direction of one layer: sizes and scratch.
typedef struct SeqLayer SeqLayer;
// The packed weights of one direction of one layer, for forward passes.
typedef struct SeqWeights SeqWeights;
// Layers on top of each other, for one time step at a time.
typedef struct SeqStack SeqStack;

// Where the parameters of one layer and direction lie, in floats from where its block starts (dev.sequor.backend.BlockLayout):
// W[G·H,I], R[G·H,H], bW[G·H], bR[G·H] and p[P·H].
typedef struct SeqBlockLayout {
  int64_t input_weights, recurrent_weights, input_bias, recurrent_bias, peepholes;
} SeqBlockLayout;

// 64-byte aligned, zero-filled; null if there is not enough memory.
void* sequor_allocate(int64_t bytes);
void sequor_free(void* memory);
void sequor_copy(void* to, const void* from, int64_t bytes);
void sequor_fill(float* to, int64_t elements, float value);

// The best instruction set of this processor: "AVX-512", "AVX2" or "baseline".
const char* sequor_best_instruction_set(void);

// What matrix products multiply; sums are float32 in any case. Of bfloat16 both operands are rounded to it, to nearest, and results
// are the same whether the processor has an instruction for such products or not, but for numbers below 2^-126, which the
// instruction takes for 0. SEQ_BFLOAT16_PRODUCTS uses it where it is, SEQ_BFLOAT16_PRODUCTS_IN_FLOATS does not.
typedef enum SeqProducts {
  SEQ_FLOAT32_PRODUCTS = 0,
  SEQ_BFLOAT16_PRODUCTS = 1,
  SEQ_BFLOAT16_PRODUCTS_IN_FLOATS = 2
} SeqProducts;

// Whether this processor has an instruction for products of bfloat16 beside that instruction set; without it they take longer than
// those of float32.
int sequor_multiplies_bfloat16(const char* instruction_set);

// products is one of SeqProducts. Null if this build or processor lacks the instruction set, or a thread cannot be started.
// share_everything, for tests: all threads share even layers that one alone does faster.
SeqEngine* sequor_engine_create(const char* instruction_set, int threads, int share_everything, int products);
void sequor_engine_destroy(SeqEngine* engine);

// cell is CellType.id(). weights says how W and R are kept: 0 float32, 1 bfloat16, 2 int8 with a factor for each row; training
// needs 0. Where products multiply bfloat16, so are the weights. block is copied. Null if the cell is unknown or there is not enough memory.
SeqLayer* sequor_layer_create(SeqEngine* engine, const char* cell, int time_steps, int batch, int input, int hidden,
                              int output_stride, int training, int weights, const SeqBlockLayout* block);
void sequor_layer_destroy(SeqLayer* layer);
int64_t sequor_layer_saved_elements(const SeqLayer* layer);

// Room for the weights of this layer, and of any other with its cell, input, hidden and weights on the same engine. Null if there is
// not enough memory.
SeqWeights* sequor_weights_create(const SeqLayer* layer);
void sequor_weights_destroy(SeqWeights* weights);
// Which weights the layer's forward passes read, and pack into where they are told to; before the first, and until the next call.
// They stay the caller's.
void sequor_layer_use_weights(SeqLayer* layer, const SeqWeights* weights);

// The valid rows in processing order (dev.sequor.backend.host.SequenceRows): offsets [steps+1], padded_rows [N], order [B],
// padding [padding_count]. They are copied.
void sequor_layer_rows(SeqLayer* layer, int steps, int identity, const int32_t* offsets, const int32_t* padded_rows,
                       const int32_t* order, const int32_t* padding, int padding_count);

// parameters: where the layer's block starts; repack says that they changed since its weights, or in backward its own copies, were
// last packed. x [T,B,I]; s0, sT
// [S,B,H] or null; y points at this direction's first column of [T,B,output_stride]; saved or null in inference.
void sequor_layer_forward(SeqLayer* layer, const float* parameters, int repack, const float* x, const float* s0, float* y,
                          float* sT, float* saved);

// dy like y, or null; dsT, ds0 [S,B,H] or null; d_parameters is added to; dx [T,B,I] or null, added to if add_to_dx.
void sequor_layer_backward(SeqLayer* layer, const float* parameters, int repack, const float* x, const float* saved,
                           const float* dy, const float* dsT, float* d_parameters, float* dx, int add_to_dx, float* ds0);

// One call a step for a whole stack of one direction, in inference. layers: addresses of SeqLayers with T = 1, lowest first; they
// stay the caller's. blocks: where each layer's block starts in the parameters of a step, in floats; copied. Null if there is not
// enough memory.
SeqStack* sequor_stack_create(const int64_t* layers, const int64_t* blocks, int count);
void sequor_stack_destroy(SeqStack* stack);
// As sequor_layer_rows, for all layers; a new stack runs every sequence.
void sequor_stack_rows(SeqStack* stack, int steps, int identity, const int32_t* offsets, const int32_t* padded_rows,
                       const int32_t* order, const int32_t* padding, int padding_count);
// parameters: the blocks of all layers; x [B,I]; s0, sT [L,S,B,H] or null, and may be the same; y [B,H].
void sequor_stack_step(SeqStack* stack, const float* parameters, int repack, const float* x, const float* s0, float* y,
                       float* sT);

// y[i] = word(i) < p·2^32 ? 0 : x[i] / (1 - p), with the Philox words of key (struct RandomKey of philox.h), stream added to its
// own; y may be x. x and y are rows [..,B,width], or elements of no sequence with width 0.
void sequor_dropout(SeqEngine* engine, int64_t elements, int width, float p, const int32_t* key, int stream, const float* x,
                    float* y);

// function: as activation below. y = f(x), which may be the same memory; dx = dy·f', given y; dx may be dy.
void sequor_activation(SeqEngine* engine, int function, int64_t elements, const float* x, float* y);
void sequor_activation_gradient(SeqEngine* engine, int function, int64_t elements, const float* y, const float* dy,
                                float* dx);

// target[r,target_column+j] (+)= factor·source[r,source_column+j], of matrices with so many columns (strides).
void sequor_copy_columns(SeqEngine* engine, int rows, int width, int source_column, int source_stride, int target_column,
                         int target_stride, float factor, int add, const float* source, float* target);

// Layer normalisation of rows, see dev.sequor.backend.NormShape: parameters[2,N] are gain and bias, saved[M,2] what backward needs;
// dx (or null) is overwritten, d_parameters added to.
void sequor_layer_norm_forward(SeqEngine* engine, int rows, int width, float epsilon, const float* x,
                               const float* parameters, float* y, float* saved);
void sequor_layer_norm_backward(SeqEngine* engine, int rows, int width, const float* x, const float* parameters,
                                float* saved, const float* dy, float* dx, float* d_parameters);

// y (+)= a∘b; without add y may be a or b.
void sequor_multiply(SeqEngine* engine, int64_t elements, int add, const float* a, const float* b, float* y);

// y[B,width] = the largest of x[T,B,width] over the first lengths[B] steps (null: all), from[B,width] its element in x, see
// dev.sequor.backend.MaximumShape.
void sequor_maximum_over_time(SeqEngine* engine, int time_steps, int batch, int width, const float* x,
                              const int32_t* lengths, float* y, int32_t* from);

// Probabilities of rows [M,N], or their logarithms; y may be x, dx may be dy.
void sequor_softmax_forward(SeqEngine* engine, int rows, int width, int logarithm, const float* x, float* y);
void sequor_softmax_backward(SeqEngine* engine, int rows, int width, int logarithm, const float* y, const float* dy,
                             float* dx);

// activation: enum Activation of activations.h. y[M,N] = f(x[M,K]·weight[N,K]^T + bias[N]); bias may be null.
void sequor_linear_forward(SeqEngine* engine, int rows, int input, int output, int activation, const float* x,
                           const float* weight, const float* bias, float* y);
// dy is multiplied by f' in place; dx is overwritten; d_weight and d_bias are added to; each may be null.
void sequor_linear_backward(SeqEngine* engine, int rows, int input, int output, int activation, const float* x,
                            const float* weight, const float* y, float* dy, float* dx, float* d_weight, float* d_bias);

// y[rows,width] = table[tokens]; without table one-hot rows; a negative token gives zeros.
void sequor_embedding_forward(SeqEngine* engine, int rows, int width, const int32_t* tokens, const float* table, float* y);
void sequor_embedding_backward(SeqEngine* engine, int rows, int width, const int32_t* tokens, const float* dy,
                               float* d_table);

// ---- cells with options: dev.sequor.backend.options.StepMaths and OptionsEngine say what each does. step is a struct OptionedStep of
// options.h; key a struct RandomKey of philox.h, or null. What a cell has no use for may be null.

void sequor_gather_steps(SeqEngine* engine, int time_steps, int batch, int width, int reverse, float p, int stream,
                         const float* x, const int32_t* lengths, const int32_t* key, float* target);
void sequor_scatter_steps(SeqEngine* engine, int time_steps, int batch, int width, int reverse, float p, int stream,
                          const float* from, const int32_t* lengths, const int32_t* key, int add, float* dx);
void sequor_step_gates(SeqEngine* engine, const int32_t* step, const float* wx, const float* rh, const float* operand,
                       const float* c, const float* peepholes, float* kept, float* result);
void sequor_step_gates_gradient(SeqEngine* engine, const int32_t* step, const float* kept, const float* operand,
                                const float* c, const float* new_cell, const float* peepholes, float* d_result,
                                float* d_gates, float* d_c, float* d_peepholes);
void sequor_step_output(SeqEngine* engine, const int32_t* step, const float* wx, const float* rh, const float* state,
                        const float* kept, float* candidate, float* result);
void sequor_step_output_gradient(SeqEngine* engine, const int32_t* step, const float* d_result, const float* state,
                                 const float* kept, const float* candidate, float* d_gates, float* d_state, float* d_wx,
                                 float* d_rh);
void sequor_step_keep(SeqEngine* engine, const int32_t* step, int k, const float* result, const float* new_cell,
                      const float* h, const float* c, float* next_h, float* next_c, float* operand, float* y,
                      const int32_t* lengths, const int32_t* key);
void sequor_step_keep_gradient(SeqEngine* engine, const int32_t* step, int k, const float* dy, float* dh, float* dc,
                               float* d_result, float* d_new_cell, const int32_t* lengths, const int32_t* key);
void sequor_step_operand_gradient(SeqEngine* engine, const int32_t* step, const float* d_operand, const float* more,
                                  float* d_state, const int32_t* key);

// function: a number of losses.h, with its constants; targets [T,B] int32 or [T,B,N] float32. lengths [B] or null; weights
// [T,B] of the rows, or null for 1; the gradient's factor is gradient_scale[0]·loss_scale[0], each 1 where it is null; d_outputs or
// null, may be outputs; result[2] = sums of the valid rows' weighted losses and of their weights.
void sequor_loss(SeqEngine* engine, int function, const float* constants, int time_steps, int batch, int output,
                 const float* outputs, const void* targets, const int32_t* lengths, const float* weights,
                 const float* gradient_scale, const float* loss_scale, float* d_outputs, float* result);

// See sequor/ctc.h. labels [most_labels,B], of which sequence b has label_lengths[b], -1 for no target; the rest as for
// sequor_loss. workspace: dev.sequor.backend.CtcShape.workspaceElements() floats, overwritten.
void sequor_ctc_loss(SeqEngine* engine, int time_steps, int batch, int output, int most_labels, int blank,
                     const float* outputs, const int32_t* labels, const int32_t* label_lengths, const int32_t* lengths,
                     const float* gradient_scale, const float* loss_scale, float* d_outputs, float* workspace,
                     float* result);

// rule: a number of updates.h; rates is a struct Rates of each group, ends and groups [regions] a struct UpdateGroups (0 regions: all
// are of one group) and report a struct UpdateReport of updates/update.h.
void sequor_optimizer_step(SeqEngine* engine, int rule, const float* rates, int regions, const int32_t* ends,
                           const int32_t* groups, int64_t elements, float* parameters, const float* gradients,
                           float* moments, float* report);

// For tests: works with so many threads from now on, as if other programs kept the other cores busy; 0 to find out again.
void sequor_engine_fix_threads(SeqEngine* engine, int threads);

// For tests: the vector functions of gates on n floats. function: 0 sigmoid, 1 tanh, 2 exponential.
void sequor_elementary_function(SeqEngine* engine, int function, int64_t n, const float* x, float* y);
}
