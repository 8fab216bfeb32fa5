// The C interface: memory, the choice of an instruction set, and calls into its kernels.
#include "sequor/engine.h"

#include <cstdlib>
#include <cstring>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "variant.h"

namespace sequor {

extern const Variant variant_baseline;
#if defined(__x86_64__)
extern const Variant variant_avx2;
extern const Variant variant_avx512;
extern const PairKernels pair_kernels_avx512_bf16;
#endif

namespace {

struct Choice {
  const char* name;
  const Variant* variant;
  bool (*usable)();
  const PairKernels* faster_pairs;  // for processors with AVX512_BF16; null if this instruction set has none for them
};

// Best first.
const Choice kChoices[] = {
#if defined(__x86_64__)
    {"AVX-512", &variant_avx512,
     [] {
       return bool(__builtin_cpu_supports("avx512f")) && __builtin_cpu_supports("avx512bw") &&
              __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
     },
     &pair_kernels_avx512_bf16},
    {"AVX2", &variant_avx2, [] { return bool(__builtin_cpu_supports("avx2")) && __builtin_cpu_supports("fma"); }, nullptr},
#endif
    {"baseline", &variant_baseline, [] { return true; }, nullptr},
};

// The kernels for products of bfloat16 that this processor has an instruction for; null if it has none.
const PairKernels* faster_pairs(const Choice& choice) {
#if defined(__x86_64__)
  return choice.faster_pairs != nullptr && __builtin_cpu_supports("avx512bf16") ? choice.faster_pairs : nullptr;
#else
  return nullptr;
#endif
}

const PairKernels* pair_kernels(const Choice& choice, SeqProducts products) {
  if (products == SEQ_FLOAT32_PRODUCTS) return nullptr;
  const PairKernels* faster = faster_pairs(choice);
  return products == SEQ_BFLOAT16_PRODUCTS && faster != nullptr ? faster : choice.variant->pair_kernels;
}

constexpr size_t kAlignment = 64;

size_t rounded(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

constexpr size_t kHugePage = size_t(2) << 20;

// Weights and saved values are swept once a time step, and pages of 4 KiB cost layers of 1,024 units 3 % (docs/decisions/0010). The
// kernel is asked for large pages; where it has none, it gives small ones.
void* allocate_huge(size_t size) {
  void* memory = nullptr;
  if (posix_memalign(&memory, kHugePage, size) != 0) return nullptr;
#if defined(__linux__)
  madvise(memory, size, MADV_HUGEPAGE);
#endif
  return memory;
}

// Row strides that are multiples of 4 KiB would put all rows of a tile into the same few cache sets.
int row_stride(long width) {
  const long rounded = (width + 15) / 16 * 16;
  return int(rounded % 1024 == 0 ? rounded + 16 : rounded);
}

}  // namespace
}  // namespace sequor

using namespace sequor;

void* sequor_allocate(int64_t bytes) {
  const size_t size = rounded(bytes > 0 ? size_t(bytes) : 1);
  void* memory = size < kHugePage ? std::aligned_alloc(kAlignment, size) : allocate_huge(size);
  if (memory != nullptr) std::memset(memory, 0, size);
  return memory;
}

void sequor_free(void* memory) { std::free(memory); }

void sequor_copy(void* to, const void* from, int64_t bytes) { std::memmove(to, from, size_t(bytes)); }

void sequor_fill(float* to, int64_t elements, float value) {
  for (int64_t i = 0; i < elements; ++i) to[i] = value;
}

const char* sequor_best_instruction_set(void) {
  for (const Choice& choice : kChoices)
    if (choice.usable()) return choice.name;
  return "";
}

int sequor_multiplies_bfloat16(const char* instruction_set) {
  for (const Choice& choice : kChoices)
    if (std::strcmp(choice.name, instruction_set) == 0 && choice.usable()) return faster_pairs(choice) != nullptr;
  return 0;
}

SeqEngine* sequor_engine_create(const char* instruction_set, int threads, int share_everything, int products) {
  for (const Choice& choice : kChoices) {
    if (std::strcmp(choice.name, instruction_set) != 0 || !choice.usable()) continue;
    SeqEngine* engine = new (std::nothrow) SeqEngine{
        choice.variant, share_everything != 0, nullptr, pair_kernels(choice, SeqProducts(products)), nullptr, nullptr};
    if (engine == nullptr) return nullptr;
    engine->team = Team::create(threads);
    engine->gemm_scratch =
        static_cast<float*>(sequor_allocate(int64_t(threads) * choice.variant->gemm_scratch_floats * sizeof(float)));
    engine->partial_sums = static_cast<double*>(sequor_allocate(int64_t(kMostParts) * kPartialStride * sizeof(double)));
    if (engine->team == nullptr || engine->gemm_scratch == nullptr || engine->partial_sums == nullptr) {
      sequor_engine_destroy(engine);
      return nullptr;
    }
    return engine;
  }
  return nullptr;
}

void sequor_engine_destroy(SeqEngine* engine) {
  if (engine == nullptr) return;
  delete engine->team;
  sequor_free(engine->gemm_scratch);
  sequor_free(engine->partial_sums);
  delete engine;
}

namespace {

struct Part {
  float** pointer;
  long floats;
};

// Memory for all parts, in one piece, whose start is returned; null if there is not enough.
template <size_t count>
float* allocate_parts(const Part (&parts)[count]) {
  int64_t bytes = 0;
  for (const Part& part : parts) bytes += int64_t(rounded(size_t(part.floats) * sizeof(float)));
  char* const arena = static_cast<char*>(sequor_allocate(bytes));
  if (arena == nullptr) return nullptr;
  char* next = arena;
  for (const Part& part : parts) {
    *part.pointer = reinterpret_cast<float*>(next);
    next += rounded(size_t(part.floats) * sizeof(float));
  }
  return reinterpret_cast<float*>(arena);
}

}  // namespace

SeqWeights* sequor_weights_create(const SeqLayer* l) {
  SeqWeights* w = new (std::nothrow) SeqWeights{};
  if (w == nullptr) return nullptr;
  w->arena = allocate_parts({
      {&w->input_pack, l->input_pack_size},
      {&w->recurrent_pack, l->recurrent_pack_size},
      {&w->input_scales, l->scales_size},
      {&w->recurrent_scales, l->scales_size},
      {&w->bias_pack, l->bias_pack_size},
      {&w->peephole_pack, l->peephole_pack_size},
  });
  if (w->arena == nullptr) {
    delete w;
    return nullptr;
  }
  return w;
}

void sequor_weights_destroy(SeqWeights* weights) {
  if (weights == nullptr) return;
  sequor_free(weights->arena);
  delete weights;
}

void sequor_layer_use_weights(SeqLayer* layer, const SeqWeights* weights) { layer->packed = weights; }

SeqLayer* sequor_layer_create(SeqEngine* engine, const char* cell, int time_steps, int batch, int input, int hidden,
                              int output_stride, int training, int weights, const SeqBlockLayout* block) {
  SeqLayer* l = new (std::nothrow) SeqLayer{};
  if (l == nullptr) return nullptr;
  l->engine = engine;
  l->T = time_steps;
  l->B = batch;
  l->I = input;
  l->H = hidden;
  l->Hs = row_stride(hidden);
  l->ldy = output_stride;
  l->training = training != 0;
  l->weights = engine->pair_kernels ? WeightFormat::kBfloat16 : WeightFormat(weights);
  l->block = *block;
  // Every variant gives the same traits; ldg needs the gates before the sizes are computed from it.
  if (!engine->variant->bind_cell(*l, cell)) {
    delete l;
    return nullptr;
  }
  l->ldg = row_stride(long(l->traits.gates) * l->Hs);
  engine->variant->bind_cell(*l, cell);

  const bool two = l->traits.two_products;
  const Part parts[] = {
      {&l->backward_pack, l->backward_pack_size},
      {&l->backward_peepholes, l->backward_peepholes_size},
      {&l->state, l->state_size},
      {&l->rounded_state, l->rounded_state_size},
      {&l->gates, two ? l->gates_size : 0},
      {&l->gated, two ? l->gated_size : 0},
      {&l->dwx, l->dwx_size},
      {&l->drh, l->drh_size},
      {&l->carry, l->carry_size},
      {&l->thread_scratch, l->scratch_size},
  };
  l->arena = allocate_parts(parts);
  const int64_t rows = int64_t(time_steps) * batch;
  l->rows.offsets = static_cast<int32_t*>(sequor_allocate((time_steps + 1LL) * 4));
  l->rows.padded = static_cast<int32_t*>(sequor_allocate(rows * 4));
  l->rows.padding = static_cast<int32_t*>(sequor_allocate(rows * 4));
  l->rows.order = static_cast<int32_t*>(sequor_allocate(batch * 4LL));
  if (!l->arena || !l->rows.offsets || !l->rows.padded || !l->rows.padding || !l->rows.order) {
    sequor_layer_destroy(l);
    return nullptr;
  }
  if (l->traits.shared_gate_gradients) l->drh = l->dwx;
  return l;
}

void sequor_layer_destroy(SeqLayer* layer) {
  if (layer == nullptr) return;
  sequor_free(layer->arena);
  sequor_free(layer->rows.offsets);
  sequor_free(layer->rows.padded);
  sequor_free(layer->rows.padding);
  sequor_free(layer->rows.order);
  delete layer;
}

int64_t sequor_layer_saved_elements(const SeqLayer* l) {
  if (!l->training) return 0;
  const CellTraits& t = l->traits;
  const int64_t plane = int64_t(l->T) * l->B * l->Hs, operands = t.two_products ? 2 : 1;
  // What products multiply: of floats the states serve, bfloat16 are copies of half the size.
  return plane * (t.states + t.saved) + (l->engine->pair_kernels ? plane / 2 * operands : plane * (operands - 1));
}

void sequor_layer_rows(SeqLayer* l, int steps, int identity, const int32_t* offsets, const int32_t* padded_rows,
                       const int32_t* order, const int32_t* padding, int padding_count) {
  l->rows.steps = steps;
  l->rows.identity = identity != 0;
  l->rows.padding_count = padding_count;
  std::memcpy(l->rows.offsets, offsets, (steps + size_t(1)) * 4);
  std::memcpy(l->rows.padded, padded_rows, size_t(offsets[steps]) * 4);
  std::memcpy(l->rows.order, order, size_t(l->B) * 4);
  std::memcpy(l->rows.padding, padding, size_t(padding_count) * 4);
}

void sequor_layer_forward(SeqLayer* layer, const float* parameters, int repack, const float* x, const float* s0, float* y,
                          float* sT, float* saved) {
  layer->forward_function(*layer, {parameters, repack != 0, x, s0, y, sT, saved});
}

void sequor_layer_backward(SeqLayer* layer, const float* parameters, int repack, const float* x, const float* saved,
                           const float* dy, const float* dsT, float* d_parameters, float* dx, int add_to_dx, float* ds0) {
  layer->backward_function(*layer, {parameters, repack != 0, x, saved, dy, dsT, d_parameters, dx, add_to_dx != 0, ds0});
}

SeqStack* sequor_stack_create(const int64_t* layers, const int64_t* blocks, int count) {
  SeqStack* stack = new (std::nothrow) SeqStack{};
  if (stack == nullptr) return nullptr;
  const SeqLayer& lowest = *reinterpret_cast<SeqLayer*>(layers[0]);
  const int64_t output_bytes = int64_t(lowest.B) * lowest.H * sizeof(float);
  stack->count = count;
  stack->layers = static_cast<SeqLayer**>(sequor_allocate(count * int64_t(sizeof(SeqLayer*))));
  stack->blocks = static_cast<int64_t*>(sequor_allocate(count * int64_t(sizeof(int64_t))));
  for (float*& output : stack->between) output = static_cast<float*>(sequor_allocate(output_bytes));
  int32_t* sequences = static_cast<int32_t*>(sequor_allocate(lowest.B * 4LL));
  if (!stack->layers || !stack->blocks || !stack->between[0] || !stack->between[1] || !sequences) {
    sequor_free(sequences);
    sequor_stack_destroy(stack);
    return nullptr;
  }
  for (int i = 0; i < count; ++i) {
    stack->layers[i] = reinterpret_cast<SeqLayer*>(layers[i]);
    stack->blocks[i] = blocks[i];
  }
  for (int b = 0; b < lowest.B; ++b) sequences[b] = b;
  const int32_t offsets[2] = {0, lowest.B};
  sequor_stack_rows(stack, 1, 1, offsets, sequences, sequences, sequences, 0);
  sequor_free(sequences);
  return stack;
}

void sequor_stack_destroy(SeqStack* stack) {
  if (stack == nullptr) return;
  for (float* output : stack->between) sequor_free(output);
  sequor_free(stack->layers);
  sequor_free(stack->blocks);
  delete stack;
}

void sequor_stack_rows(SeqStack* stack, int steps, int identity, const int32_t* offsets, const int32_t* padded_rows,
                       const int32_t* order, const int32_t* padding, int padding_count) {
  for (int i = 0; i < stack->count; ++i)
    sequor_layer_rows(stack->layers[i], steps, identity, offsets, padded_rows, order, padding, padding_count);
}

void sequor_stack_step(SeqStack* stack, const float* parameters, int repack, const float* x, const float* s0, float* y,
                       float* sT) {
  for (int i = 0; i < stack->count; ++i) {
    SeqLayer& l = *stack->layers[i];
    float* output = i == stack->count - 1 ? y : stack->between[i % 2];
    l.forward_function(l, {parameters + stack->blocks[i], repack != 0, x, s0, output, sT, nullptr});
    const int64_t state = int64_t(l.traits.states) * l.B * l.H;
    if (s0) s0 += state;
    if (sT) sT += state;
    x = output;
  }
}

void sequor_dropout(SeqEngine* engine, int64_t elements, int width, float p, const int32_t* key, int stream, const float* x,
                    float* y) {
  engine->variant->dropout(*engine, elements, width, p, *reinterpret_cast<const RandomKey*>(key), uint32_t(stream), x, y);
}

void sequor_activation(SeqEngine* engine, int function, int64_t elements, const float* x, float* y) {
  engine->variant->activation(*engine, function, elements, x, y);
}

void sequor_activation_gradient(SeqEngine* engine, int function, int64_t elements, const float* y, const float* dy,
                                float* dx) {
  engine->variant->activation_gradient(*engine, function, elements, y, dy, dx);
}

void sequor_copy_columns(SeqEngine* engine, int rows, int width, int source_column, int source_stride, int target_column,
                         int target_stride, float factor, int add, const float* source, float* target) {
  engine->variant->copy_columns(*engine, {rows, width, source_stride, target_stride, factor, add != 0,
                                          source + source_column, target + target_column});
}

void sequor_layer_norm_forward(SeqEngine* engine, int rows, int width, float epsilon, const float* x,
                               const float* parameters, float* y, float* saved) {
  engine->variant->layer_norm_forward(*engine, {rows, width, epsilon, x, parameters, y, saved, nullptr, nullptr, nullptr});
}

void sequor_layer_norm_backward(SeqEngine* engine, int rows, int width, const float* x, const float* parameters,
                                float* saved, const float* dy, float* dx, float* d_parameters) {
  engine->variant->layer_norm_backward(*engine, {rows, width, 0.0f, x, parameters, nullptr, saved, dy, dx, d_parameters});
}

void sequor_multiply(SeqEngine* engine, int64_t elements, int add, const float* a, const float* b, float* y) {
  engine->variant->multiply(*engine, elements, add != 0, a, b, y);
}

void sequor_maximum_over_time(SeqEngine* engine, int time_steps, int batch, int width, const float* x,
                              const int32_t* lengths, float* y, int32_t* from) {
  engine->variant->maximum_over_time(*engine, time_steps, batch, width, x, lengths, y, from);
}

void sequor_softmax_forward(SeqEngine* engine, int rows, int width, int logarithm, const float* x, float* y) {
  engine->variant->softmax_forward(*engine, rows, width, logarithm != 0, x, y);
}

void sequor_softmax_backward(SeqEngine* engine, int rows, int width, int logarithm, const float* y, const float* dy,
                             float* dx) {
  engine->variant->softmax_backward(*engine, rows, width, logarithm != 0, y, dy, dx);
}

namespace {

const OptionedStep& optioned(const int32_t* step) { return *reinterpret_cast<const OptionedStep*>(step); }

const RandomKey* random_key(const int32_t* key) { return reinterpret_cast<const RandomKey*>(key); }

}  // namespace

void sequor_gather_steps(SeqEngine* engine, int time_steps, int batch, int width, int reverse, float p, int stream,
                         const float* x, const int32_t* lengths, const int32_t* key, float* target) {
  engine->variant->gather_steps(
      *engine, {time_steps, batch, width, reverse != 0, p, stream, x, lengths, random_key(key), false, target});
}

void sequor_scatter_steps(SeqEngine* engine, int time_steps, int batch, int width, int reverse, float p, int stream,
                          const float* from, const int32_t* lengths, const int32_t* key, int add, float* dx) {
  engine->variant->scatter_steps(
      *engine, {time_steps, batch, width, reverse != 0, p, stream, from, lengths, random_key(key), add != 0, dx});
}

void sequor_step_gates(SeqEngine* engine, const int32_t* step, const float* wx, const float* rh, const float* operand,
                       const float* c, const float* peepholes, float* kept, float* result) {
  StepGatesCall call = {};
  call.wx = wx;
  call.rh = rh;
  call.operand = operand;
  call.c = c;
  call.peepholes = peepholes;
  call.kept = kept;
  call.result = result;
  engine->variant->step_gates(*engine, optioned(step), call);
}

void sequor_step_gates_gradient(SeqEngine* engine, const int32_t* step, const float* kept, const float* operand,
                                const float* c, const float* new_cell, const float* peepholes, float* d_result,
                                float* d_gates, float* d_c, float* d_peepholes) {
  StepGatesCall call = {};
  call.kept = const_cast<float*>(kept);
  call.operand = operand;
  call.c = c;
  call.new_cell = new_cell;
  call.peepholes = peepholes;
  call.d_result = d_result;
  call.d_gates = d_gates;
  call.d_c = d_c;
  call.d_peepholes = d_peepholes;
  engine->variant->step_gates_gradient(*engine, optioned(step), call);
}

void sequor_step_output(SeqEngine* engine, const int32_t* step, const float* wx, const float* rh, const float* state,
                        const float* kept, float* candidate, float* result) {
  engine->variant->step_output(*engine, optioned(step),
                               {wx, rh, state, kept, candidate, result, nullptr, nullptr, nullptr, nullptr, nullptr});
}

void sequor_step_output_gradient(SeqEngine* engine, const int32_t* step, const float* d_result, const float* state,
                                 const float* kept, const float* candidate, float* d_gates, float* d_state, float* d_wx,
                                 float* d_rh) {
  engine->variant->step_output_gradient(
      *engine, optioned(step),
      {nullptr, nullptr, state, kept, const_cast<float*>(candidate), nullptr, d_result, d_gates, d_state, d_wx, d_rh});
}

void sequor_step_keep(SeqEngine* engine, const int32_t* step, int k, const float* result, const float* new_cell,
                      const float* h, const float* c, float* next_h, float* next_c, float* operand, float* y,
                      const int32_t* lengths, const int32_t* key) {
  StepKeepCall call = {};
  call.k = k;
  call.result = result;
  call.new_cell = new_cell;
  call.h = h;
  call.c = c;
  call.next_h = next_h;
  call.next_c = next_c;
  call.operand = operand;
  call.y = y;
  call.lengths = lengths;
  call.key = random_key(key);
  engine->variant->step_keep(*engine, optioned(step), call);
}

void sequor_step_keep_gradient(SeqEngine* engine, const int32_t* step, int k, const float* dy, float* dh, float* dc,
                               float* d_result, float* d_new_cell, const int32_t* lengths, const int32_t* key) {
  StepKeepCall call = {};
  call.k = k;
  call.dy = dy;
  call.dh = dh;
  call.dc = dc;
  call.d_result = d_result;
  call.d_new_cell = d_new_cell;
  call.lengths = lengths;
  call.key = random_key(key);
  engine->variant->step_keep_gradient(*engine, optioned(step), call);
}

void sequor_step_operand_gradient(SeqEngine* engine, const int32_t* step, const float* d_operand, const float* more,
                                  float* d_state, const int32_t* key) {
  engine->variant->step_operand_gradient(*engine, optioned(step), d_operand, more, d_state, random_key(key));
}

void sequor_linear_forward(SeqEngine* engine, int rows, int input, int output, int activation, const float* x,
                           const float* weight, const float* bias, float* y) {
  LinearCall call{};
  call.rows = rows;
  call.input = input;
  call.output = output;
  call.activation = activation;
  call.x = x;
  call.weight = weight;
  call.bias = bias;
  call.y_out = y;
  engine->variant->linear_forward(*engine, call);
}

void sequor_linear_backward(SeqEngine* engine, int rows, int input, int output, int activation, const float* x,
                            const float* weight, const float* y, float* dy, float* dx, float* d_weight, float* d_bias) {
  LinearCall call{};
  call.rows = rows;
  call.input = input;
  call.output = output;
  call.activation = activation;
  call.x = x;
  call.weight = weight;
  call.y = y;
  call.dy = dy;
  call.dx = dx;
  call.d_weight = d_weight;
  call.d_bias = d_bias;
  engine->variant->linear_backward(*engine, call);
}

void sequor_embedding_forward(SeqEngine* engine, int rows, int width, const int32_t* tokens, const float* table, float* y) {
  engine->variant->embedding_forward(*engine, rows, width, tokens, table, y);
}

void sequor_embedding_backward(SeqEngine* engine, int rows, int width, const int32_t* tokens, const float* dy,
                               float* d_table) {
  engine->variant->embedding_backward(*engine, rows, width, tokens, dy, d_table);
}

// A factor, which is 1 where there is none.
static float one_or(const float* factor) { return factor ? factor[0] : 1.0f; }

void sequor_loss(SeqEngine* engine, int function, const float* constants, int time_steps, int batch, int output,
                 const float* outputs, const void* targets, const int32_t* lengths, const float* weights,
                 const float* gradient_scale, const float* loss_scale, float* d_outputs, float* result) {
  const float scale = one_or(gradient_scale) * one_or(loss_scale);
  engine->variant->loss(*engine, {function, constants, time_steps, batch, output, outputs, targets, lengths, weights, scale,
                                  d_outputs, result});
}

void sequor_ctc_loss(SeqEngine* engine, int time_steps, int batch, int output, int most_labels, int blank,
                     const float* outputs, const int32_t* labels, const int32_t* label_lengths, const int32_t* lengths,
                     const float* gradient_scale, const float* loss_scale, float* d_outputs, float* workspace,
                     float* result) {
  engine->variant->ctc_loss(*engine, {{time_steps, batch, output, most_labels, blank},
                                      outputs,
                                      labels,
                                      label_lengths,
                                      lengths,
                                      one_or(gradient_scale) * one_or(loss_scale),
                                      d_outputs,
                                      workspace,
                                      result});
}

void sequor_optimizer_step(SeqEngine* engine, int rule, const float* rates, int regions, const int32_t* ends,
                           const int32_t* groups, int64_t elements, float* parameters, const float* gradients,
                           float* moments, float* report) {
  engine->variant->optimizer_step(*engine, {rule,
                                            reinterpret_cast<const Rates*>(rates),
                                            {regions, ends, groups},
                                            elements,
                                            parameters,
                                            gradients,
                                            moments,
                                            reinterpret_cast<UpdateReport*>(report)});
}

void sequor_engine_fix_threads(SeqEngine* engine, int threads) { engine->team->fix_advisable(threads); }

void sequor_elementary_function(SeqEngine* engine, int function, int64_t n, const float* x, float* y) {
  engine->variant->elementary_function(function, n, x, y);
}
