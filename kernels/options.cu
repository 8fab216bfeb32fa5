// Cells with options: what is between the products of a step (dev.sequor.backend.options.StepMaths, sequor/options.h). A thread per
// element; arguments by their names in StepMaths, null where the cell has no use for them.
// Launch, where a kernel says nothing else: grid (ceil(B·H / 128)), block 128, no shared memory.
#include "operand.h"
#include "random.h"
#include "rows.h"
#include "sequor/options.h"

using namespace sequor;

namespace sequor {

__device__ inline uint32_t drop_threshold(float p) {
  return static_cast<uint32_t>(static_cast<unsigned long long>(static_cast<double>(p) * 4294967296.0));
}

// Element `index` of rows [..,B,width].
__device__ inline float masked(float p, const RandomKey* key, int stream, long long index, int width, float value) {
  if (p == 0.0f) return value;
  return random_word(key, stream, index, width) < drop_threshold(p) ? 0.0f : value * (1.0f / (1.0f - p));
}

// What zoneout keeps of the old value.
__device__ inline float zoneout_part(float p, int training, const RandomKey* key, int stream, long long index, int width) {
  return part_kept(p, training != 0, drop_threshold(p),
                   training && p > 0.0f ? random_word(key, stream, index, width) : 0xffffffffu);
}

// Unit j of sequence b.
struct Unit {
  long long at;  // b·H + j
  int b, j;
};

__device__ inline bool find_unit(int B, int H, Unit& unit) {
  unit.at = thread_index();
  if (unit.at >= static_cast<long long>(B) * H) return false;
  unit.b = static_cast<int>(unit.at / H);
  unit.j = static_cast<int>(unit.at % H);
  return true;
}

}  // namespace sequor

// target [k,b] = x [time,b], masked; 0 past a sequence's end. Launch: a thread per element.
SEQ_KERNEL gather_steps(int T, int B, int width, int reverse, float p, int stream, const float* x, const int* lengths,
                        const RandomKey* key, float* target) {
  const long long i = thread_index();
  if (i >= static_cast<long long>(T) * B * width) return;
  const long long row = i / width;
  const int j = static_cast<int>(i % width), b = static_cast<int>(row % B);
  const Row at = row_at(static_cast<int>(row / B), b, T, reverse != 0, lengths);
  const long long from = (static_cast<long long>(at.time) * B + b) * width + j;
  target[i] = at.active ? masked(p, key, stream, static_cast<long long>(b) * width + j, width, x[from]) : 0.0f;
}
SEQ_REGISTER(gather_steps)

// dx [time,b] (+)= from [k,b], masked; padding becomes 0 if nothing is added. Launch: a thread per element.
SEQ_KERNEL scatter_steps(int T, int B, int width, int reverse, float p, int stream, const float* from, const int* lengths,
                         const RandomKey* key, int add, float* dx) {
  const long long i = thread_index();
  if (i >= static_cast<long long>(T) * B * width) return;
  const long long row = i / width;
  const int j = static_cast<int>(i % width), b = static_cast<int>(row % B);
  const Row at = row_at(static_cast<int>(row / B), b, T, reverse != 0, lengths);
  float* to = dx + (static_cast<long long>(at.time) * B + b) * width + j;
  const float value = at.active ? masked(p, key, stream, static_cast<long long>(b) * width + j, width, from[i]) : 0.0f;
  *to = add ? *to + value : value;
}
SEQ_REGISTER(scatter_steps)

SEQ_KERNEL step_gates(int B, int H, const OptionedStep* step, const float* wx, const float* rh, const float* operand,
                      const float* c, const float* peepholes, float* kept, float* result) {
  Unit u;
  if (!find_unit(B, H, u)) return;
  const OptionedCell cell = step->cell;
  const int G = cell.first_gates();
  const long long gates = static_cast<long long>(u.b) * G * H + u.j;
  float a[4] = {}, p[3] = {};
  for (int g = 0; g < 4; ++g)
    if (g < G) a[g] = wx[gates + g * H] + rh[gates + g * H];
  if (cell.family == kFamilyRnn) {
    result[u.at] = rnn_forward(cell, a[0]);
  } else if (cell.family == kFamilyGru) {
    result[u.at] = gru_gated(cell, a[0], operand[u.at]);
  } else if (cell.family == kFamilyLstm) {
    for (int n = 0; n < 3; ++n)
      if (n < cell.peepholes) p[n] = peepholes[n * H + u.j];
    result[u.at] = lstm_cell(cell, a, p, c[u.at]);
  }
  for (int g = 0; g < 4; ++g)
    if (g < G) kept[gates + g * H] = a[g];
}
SEQ_REGISTER(step_gates)

SEQ_KERNEL step_output(int B, int H, const OptionedStep* step, const float* wx, const float* rh, const float* state,
                       const float* kept, float* candidate, float* result) {
  Unit u;
  if (!find_unit(B, H, u)) return;
  const OptionedCell cell = step->cell;
  const int G = cell.first_gates();
  const long long gates = static_cast<long long>(u.b) * G * H + u.j;
  if (cell.family == kFamilyLstm) {
    result[u.at] = lstm_output(cell, kept[gates + (G - 1) * H], state[u.at]);
    return;
  }
  const int vectors = cell.family == kFamilyGru ? 1 : 2;
  const long long at = static_cast<long long>(u.b) * vectors * H + u.j;
  const float a_n = gru_candidate(cell, wx[u.at], rh[u.at], kept[gates]);
  candidate[at] = a_n;
  if (vectors == 2) candidate[at + H] = rh[u.at];
  result[u.at] = gru_output(cell, a_n, kept[gates + H], state[u.at]);
}
SEQ_REGISTER(step_output)

SEQ_KERNEL step_output_gradient(int B, int H, const OptionedStep* step, const float* d_result, const float* state,
                                const float* kept, const float* candidate, float* d_gates, float* d_state, float* d_wx,
                                float* d_rh) {
  Unit u;
  if (!find_unit(B, H, u)) return;
  const OptionedCell cell = step->cell;
  const int G = cell.first_gates();
  const long long gates = static_cast<long long>(u.b) * G * H + u.j;
  if (cell.family == kFamilyLstm) {
    float da_o, d_shown;
    lstm_output_backward(cell, kept[gates + (G - 1) * H], state[u.at], d_result[u.at], da_o, d_shown);
    d_gates[gates + (G - 1) * H] = da_o;
    d_state[u.at] = d_shown;
    return;
  }
  const int vectors = cell.family == kFamilyGru ? 1 : 2;
  const long long at = static_cast<long long>(u.b) * vectors * H + u.j;
  const float rh = vectors == 2 ? candidate[at + H] : 0.0f;
  float da_r = 0, da_z, by_wx, by_rh, dh = d_state[u.at];
  gru_output_backward(cell, kept[gates], kept[gates + H], candidate[at], rh, state[u.at], d_result[u.at], da_r, da_z, by_wx,
                      by_rh, dh);
  if (vectors == 2) d_gates[gates] = da_r;
  d_gates[gates + H] = da_z;
  d_wx[u.at] = by_wx;
  d_rh[u.at] = by_rh;
  d_state[u.at] = dh;
}
SEQ_REGISTER(step_output_gradient)

SEQ_KERNEL step_gates_gradient(int B, int H, const OptionedStep* step, const float* kept, const float* operand,
                               const float* c, const float* new_cell, const float* peepholes, float* d_result,
                               float* d_gates, float* d_c, float* d_peepholes) {
  Unit u;
  if (!find_unit(B, H, u)) return;
  const OptionedCell cell = step->cell;
  const int G = cell.first_gates();
  const long long gates = static_cast<long long>(u.b) * G * H + u.j, plane = static_cast<long long>(B) * H;
  if (cell.family == kFamilyRnn) {
    d_gates[gates] = rnn_backward(cell, kept[gates], d_result[u.at]);
    return;
  }
  if (cell.family == kFamilyGru) {
    float d_gated = d_result[u.at];
    d_gates[gates] = gru_gated_backward(cell, kept[gates], operand[u.at], d_gated);
    d_result[u.at] = d_gated;
    return;
  }
  float a[4] = {}, da[4] = {}, p[3] = {}, dp[3] = {}, dc = d_c[u.at];
  for (int g = 0; g < 4; ++g)
    if (g < G) a[g] = kept[gates + g * H];
  if (G == 4) {
    da[3] = d_gates[gates + 3 * H];
  } else {
    da[2] = d_gates[gates + 2 * H];
  }
  for (int n = 0; n < 3; ++n)
    if (n < cell.peepholes) {
      p[n] = peepholes[n * H + u.j];
      dp[n] = d_peepholes[n * plane + u.at];
    }
  lstm_cell_backward(cell, a, p, c[u.at], new_cell[u.at], d_result[u.at], da, dc, dp);
  for (int g = 0; g < 3; ++g)
    if (g < G - 1) d_gates[gates + g * H] = da[g];
  for (int n = 0; n < 3; ++n)
    if (n < cell.peepholes) d_peepholes[n * plane + u.at] = dp[n];
  d_c[u.at] = dc;
}
SEQ_REGISTER(step_gates_gradient)

// H is the larger of P and H, and j a unit of both vectors where it is in them.
SEQ_KERNEL step_keep(int B, int H, const OptionedStep* step, int k, const float* result, const float* new_cell,
                     const float* h, const float* c, float* next_h, float* next_c, float* operand, float* y,
                     const int* lengths, const RandomKey* key) {
  Unit u;
  if (!find_unit(B, H, u)) return;
  const StateRules r = step->rules;
  const Row row = row_at(k, u.b, r.T, r.reverse != 0, lengths);
  const long long at_time = static_cast<long long>(row.time) * B + u.b;
  if (u.j < r.P) {
    const long long at = static_cast<long long>(u.b) * r.P + u.j;
    float next = h[at];
    if (row.active) {
      const float part = zoneout_part(r.hidden_zoneout, r.training, key, r.hidden_stream, at_time * r.P + u.j, r.P);
      next = mixed(part, next, result[at]);
    }
    next_h[at] = next;
    y[at_time * r.y_stride + u.j] = row.active ? next : 0.0f;
    if (operand && !r.operand_is_cell) operand[at] = masked(r.dropout, key, r.dropout_stream, at, r.P, next);
  }
  if (r.has_cell) {
    float next = c[u.at];
    if (row.active) {
      const float part = zoneout_part(r.cell_zoneout, r.training, key, r.cell_stream, at_time * H + u.j, H);
      next = mixed(part, next, new_cell[u.at]);
    }
    next_c[u.at] = next;
    if (operand && r.operand_is_cell) operand[u.at] = masked(r.dropout, key, r.dropout_stream, u.at, H, next);
  }
}
SEQ_REGISTER(step_keep)

SEQ_KERNEL step_keep_gradient(int B, int H, const OptionedStep* step, int k, const float* dy, float* dh, float* dc,
                              float* d_result, float* d_new_cell, const int* lengths, const RandomKey* key) {
  Unit u;
  if (!find_unit(B, H, u)) return;
  const StateRules r = step->rules;
  const Row row = row_at(k, u.b, r.T, r.reverse != 0, lengths);
  const long long at_time = static_cast<long long>(row.time) * B + u.b;
  if (u.j < r.P) {
    const long long at = static_cast<long long>(u.b) * r.P + u.j;
    float by_result = 0.0f;
    if (row.active) {
      const float part = zoneout_part(r.hidden_zoneout, r.training, key, r.hidden_stream, at_time * r.P + u.j, r.P);
      const float d = dh[at] + (dy ? dy[at_time * r.y_stride + u.j] : 0.0f);
      dh[at] = mixed(part, d, 0.0f);
      by_result = mixed(part, 0.0f, d);
    }
    d_result[at] = by_result;
  }
  if (r.has_cell) {
    float by_cell = 0.0f;
    if (row.active) {
      const float part = zoneout_part(r.cell_zoneout, r.training, key, r.cell_stream, at_time * H + u.j, H);
      const float d = dc[u.at];
      dc[u.at] = mixed(part, d, 0.0f);
      by_cell = mixed(part, 0.0f, d);
    }
    d_new_cell[u.at] = by_cell;
  }
}
SEQ_REGISTER(step_keep_gradient)

// elements: B·P. Launch: a thread per element.
SEQ_KERNEL step_operand_gradient(long long elements, const OptionedStep* step, const float* d_operand, const float* more,
                                 float* d_state, const RandomKey* key) {
  const long long i = thread_index();
  if (i >= elements) return;
  const float d = d_operand[i] + (more ? more[i] : 0.0f);
  d_state[i] += masked(step->rules.dropout, key, step->rules.dropout_stream, i, step->rules.P, d);
}
SEQ_REGISTER(step_operand_gradient)
