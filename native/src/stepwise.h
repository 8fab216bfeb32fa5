// Drivers of options.h on rows of a batch (dev.sequor.backend.options.StepMaths): all of one step [B,·], or of a sequence [T,B,·].
#pragma once

#include "operations.h"
#include "sequor/options.h"

namespace sequor {
namespace SEQ_ISA {

static inline bool step_is_active(int k, int b, int T, const int32_t* lengths) { return k < (lengths ? lengths[b] : T); }

// The time of step k of a sequence; where it has none, a step of padding.
static inline long time_of_step(int k, int b, int T, bool reverse, const int32_t* lengths) {
  const int length = lengths ? lengths[b] : T;
  return k < length && reverse ? length - 1 - k : k;
}

// The Philox words of neighbouring elements of rows [..,B,width], a block of four at a time.
struct Words {
  const RandomKey* key;
  long width;
  uint32_t stream, block = ~0u, words[4] = {};

  Words(const RandomKey* key, int32_t stream, long width)
      : key(key), width(width), stream(key ? key->stream + uint32_t(stream) : 0) {}

  uint32_t at(int64_t index) {
    const int64_t place = key->place(index, width);
    const uint32_t wanted = uint32_t(place >> 2);
    if (wanted != block) philox_block(key->seed(), stream, key->offset(), block = wanted, words);
    return words[place & 3];
  }
};

static inline uint32_t drop_threshold(float p) { return uint32_t(uint64_t(double(p) * 4294967296.0)); }

// 0 or 1 / (1 - p).
struct Mask {
  float p, scale;
  uint32_t threshold;
  Words words;

  Mask(float p, const RandomKey* key, int32_t stream, long width)
      : p(p), scale(1.0f / (1.0f - p)), threshold(drop_threshold(p)), words(key, stream, width) {}

  float of(int64_t index, float value) {
    if (p == 0.0f) return value;
    return words.at(index) < threshold ? 0.0f : value * scale;
  }
};

static void gather_steps(SeqEngine& e, const StepRowsCall& c) {
  const long rows = long(c.T) * c.B;
  const int members = members_for(e, 4.0 * rows * c.width);
  run_team(*e.team, members, [&](int member) {
    Mask mask(c.p, c.key, c.stream, c.width);
    for (long r = part(rows, member, members); r < part(rows, member + 1, members); ++r) {
      const int k = int(r / c.B), b = int(r % c.B);
      float* to = c.to + r * c.width;
      if (!step_is_active(k, b, c.T, c.lengths)) {
        std::memset(to, 0, sizeof(float) * c.width);
        continue;
      }
      const float* from = c.from + (time_of_step(k, b, c.T, c.reverse, c.lengths) * c.B + b) * c.width;
      for (long j = 0; j < c.width; ++j) to[j] = mask.of(int64_t(b) * c.width + j, from[j]);
    }
  });
}

static void scatter_steps(SeqEngine& e, const StepRowsCall& c) {
  const long rows = long(c.T) * c.B;
  const int members = members_for(e, 4.0 * rows * c.width);
  run_team(*e.team, members, [&](int member) {
    Mask mask(c.p, c.key, c.stream, c.width);
    for (long r = part(rows, member, members); r < part(rows, member + 1, members); ++r) {
      const int k = int(r / c.B), b = int(r % c.B);
      const bool active = step_is_active(k, b, c.T, c.lengths);
      float* to = c.to + (time_of_step(k, b, c.T, c.reverse, c.lengths) * c.B + b) * c.width;
      const float* from = c.from + r * c.width;
      for (long j = 0; j < c.width; ++j) {
        const float value = active ? mask.of(int64_t(b) * c.width + j, from[j]) : 0.0f;
        to[j] = c.add ? to[j] + value : value;
      }
    }
  });
}

// work(b, j, width) for registers of units j of sequences b.
template <typename Work>
static void each_unit(SeqEngine& e, const StateRules& r, double operations, Work work) {
  const long in_row = (r.H + kLanes - 1) / kLanes, registers = r.B * in_row;
  const int members = members_for(e, operations * r.B * r.H);
  run_team(*e.team, members, [&](int member) {
    for (long i = part(registers, member, members); i < part(registers, member + 1, members); ++i) {
      const long j = i % in_row * kLanes;
      work(i / in_row, j, int(r.H - j < kLanes ? r.H - j : kLanes));
    }
  });
}

static void step_gates(SeqEngine& e, const OptionedStep& s, const StepGatesCall& c) {
  const OptionedCell& cell = s.cell;
  const long H = s.rules.H;
  const int G = cell.first_gates();
  each_unit(e, s.rules, 60, [&](long b, long j, int width) {
    Vec a[4], p[3];
    for (int g = 0; g < G; ++g) {
      const long at = (b * G + g) * H + j;
      a[g] = load_first(c.wx + at, width) + load_first(c.rh + at, width);
    }
    const long unit = b * H + j;
    if (cell.family == kFamilyRnn) {
      store_first(c.result + unit, rnn_forward(cell, a[0]), width);
    } else if (cell.family == kFamilyGru) {
      store_first(c.result + unit, gru_gated(cell, a[0], load_first(c.operand + unit, width)), width);
    } else if (cell.family == kFamilyLstm) {
      for (int n = 0; n < cell.peepholes; ++n) p[n] = load_first(c.peepholes + n * H + j, width);
      store_first(c.result + unit, lstm_cell(cell, a, p, load_first(c.c + unit, width)), width);
    }
    for (int g = 0; g < G; ++g) store_first(c.kept + (b * G + g) * H + j, a[g], width);
  });
}

static void step_output(SeqEngine& e, const OptionedStep& s, const StepOutputCall& c) {
  const OptionedCell& cell = s.cell;
  const long H = s.rules.H;
  const int G = cell.first_gates();
  each_unit(e, s.rules, 40, [&](long b, long j, int width) {
    const long unit = b * H + j;
    const Vec state = load_first(c.state + unit, width);
    if (cell.family == kFamilyLstm) {
      const Vec a_o = load_first(c.kept + (b * G + G - 1) * H + j, width);
      store_first(c.result + unit, lstm_output(cell, a_o, state), width);
      return;
    }
    const Vec a_r = load_first(c.kept + b * G * H + j, width), a_z = load_first(c.kept + (b * G + 1) * H + j, width);
    const Vec rh = load_first(c.rh + unit, width);
    const Vec a_n = gru_candidate(cell, load_first(c.wx + unit, width), rh, a_r);
    const int kept = cell.family == kFamilyGru ? 1 : 2;
    store_first(c.candidate + b * kept * H + j, a_n, width);
    if (kept == 2) store_first(c.candidate + (b * 2 + 1) * H + j, rh, width);
    store_first(c.result + unit, gru_output(cell, a_n, a_z, state), width);
  });
}

static void step_output_gradient(SeqEngine& e, const OptionedStep& s, const StepOutputCall& c) {
  const OptionedCell& cell = s.cell;
  const long H = s.rules.H;
  const int G = cell.first_gates();
  each_unit(e, s.rules, 60, [&](long b, long j, int width) {
    const long unit = b * H + j;
    const Vec dm = load_first(c.d_result + unit, width), state = load_first(c.state + unit, width);
    if (cell.family == kFamilyLstm) {
      Vec da_o, d_shown;
      const long at = (b * G + G - 1) * H + j;
      lstm_output_backward(cell, load_first(c.kept + at, width), state, dm, da_o, d_shown);
      store_first(c.d_gates + at, da_o, width);
      store_first(c.d_state + unit, d_shown, width);
      return;
    }
    const int kept = cell.family == kFamilyGru ? 1 : 2;
    const long at_r = b * G * H + j, at_z = (b * G + 1) * H + j;
    const Vec a_n = load_first(c.candidate + b * kept * H + j, width);
    const Vec rh = kept == 2 ? load_first(c.candidate + (b * 2 + 1) * H + j, width) : Vec(0.0f);
    Vec da_r(0.0f), da_z, d_wx, d_rh, dh = load_first(c.d_state + unit, width);
    gru_output_backward(cell, load_first(c.kept + at_r, width), load_first(c.kept + at_z, width), a_n, rh, state, dm, da_r,
                        da_z, d_wx, d_rh, dh);
    if (kept == 2) store_first(c.d_gates + at_r, da_r, width);
    store_first(c.d_gates + at_z, da_z, width);
    store_first(c.d_wx + unit, d_wx, width);
    store_first(c.d_rh + unit, d_rh, width);
    store_first(c.d_state + unit, dh, width);
  });
}

static void step_gates_gradient(SeqEngine& e, const OptionedStep& s, const StepGatesCall& c) {
  const OptionedCell& cell = s.cell;
  const long H = s.rules.H;
  const int G = cell.first_gates();
  each_unit(e, s.rules, 60, [&](long b, long j, int width) {
    const long unit = b * H + j, gates = b * G * H + j;
    if (cell.family == kFamilyRnn) {
      const Vec dh = load_first(c.d_result + unit, width);
      store_first(c.d_gates + gates, rnn_backward(cell, load_first(c.kept + gates, width), dh), width);
      return;
    }
    if (cell.family == kFamilyGru) {
      Vec d_gated = load_first(c.d_result + unit, width);
      const Vec a_r = load_first(c.kept + gates, width), h = load_first(c.operand + unit, width);
      store_first(c.d_gates + gates, gru_gated_backward(cell, a_r, h, d_gated), width);
      store_first(c.d_result + unit, d_gated, width);
      return;
    }
    Vec a[4], da[4], p[3], dp[3], dc = load_first(c.d_c + unit, width);
    for (int g = 0; g < G; ++g) a[g] = load_first(c.kept + gates + g * H, width);
    da[G - 1] = load_first(c.d_gates + gates + (G - 1) * H, width);
    for (int n = 0; n < cell.peepholes; ++n) {
      p[n] = load_first(c.peepholes + n * H + j, width);
      dp[n] = load_first(c.d_peepholes + long(n) * s.rules.B * H + unit, width);
    }
    lstm_cell_backward(cell, a, p, load_first(c.c + unit, width), load_first(c.new_cell + unit, width),
                       load_first(c.d_result + unit, width), da, dc, dp);
    for (int g = 0; g < G - 1; ++g) store_first(c.d_gates + gates + g * H, da[g], width);
    for (int n = 0; n < cell.peepholes; ++n) store_first(c.d_peepholes + long(n) * s.rules.B * H + unit, dp[n], width);
    store_first(c.d_c + unit, dc, width);
  });
}

// What zoneout with probability p makes of a vector of `width` units of sequence b at a time.
struct Zoneout {
  float p;
  bool training;
  uint32_t threshold;
  Words words;

  Zoneout(float p, bool training, const RandomKey* key, int32_t stream, long width)
      : p(p), training(training), threshold(drop_threshold(p)), words(key, stream, width) {}

  float part(int64_t index) { return part_kept(p, training, threshold, training && p > 0.0f ? words.at(index) : ~0u); }
};

static void step_keep(SeqEngine& e, const OptionedStep& s, const StepKeepCall& c) {
  const StateRules& r = s.rules;
  const int members = members_for(e, 10.0 * r.B * r.H);
  run_team(*e.team, members, [&](int member) {
    Zoneout of_h(r.hidden_zoneout, r.training != 0, c.key, r.hidden_stream, r.P);
    Zoneout of_c(r.cell_zoneout, r.training != 0, c.key, r.cell_stream, r.H);
    Mask mask(r.dropout, c.key, r.dropout_stream, r.operand_is_cell ? r.H : r.P);
    for (long b = part(r.B, member, members); b < part(r.B, member + 1, members); ++b) {
      const bool active = step_is_active(c.k, int(b), r.T, c.lengths);
      const long row = time_of_step(c.k, int(b), r.T, r.reverse != 0, c.lengths) * r.B + b;
      float* y = c.y + row * r.y_stride;
      for (long j = 0; j < r.P; ++j) {
        const long at = b * r.P + j;
        const float next = active ? mixed(of_h.part(row * r.P + j), c.h[at], c.result[at]) : c.h[at];
        c.next_h[at] = next;
        y[j] = active ? next : 0.0f;
        if (c.operand && !r.operand_is_cell) c.operand[at] = mask.of(at, next);
      }
      for (long j = 0; r.has_cell && j < r.H; ++j) {
        const long at = b * r.H + j;
        const float next = active ? mixed(of_c.part(row * r.H + j), c.c[at], c.new_cell[at]) : c.c[at];
        c.next_c[at] = next;
        if (c.operand && r.operand_is_cell) c.operand[at] = mask.of(at, next);
      }
    }
  });
}

static void step_keep_gradient(SeqEngine& e, const OptionedStep& s, const StepKeepCall& c) {
  const StateRules& r = s.rules;
  const int members = members_for(e, 10.0 * r.B * r.H);
  run_team(*e.team, members, [&](int member) {
    Zoneout of_h(r.hidden_zoneout, r.training != 0, c.key, r.hidden_stream, r.P);
    Zoneout of_c(r.cell_zoneout, r.training != 0, c.key, r.cell_stream, r.H);
    for (long b = part(r.B, member, members); b < part(r.B, member + 1, members); ++b) {
      const bool active = step_is_active(c.k, int(b), r.T, c.lengths);
      const long row = time_of_step(c.k, int(b), r.T, r.reverse != 0, c.lengths) * r.B + b;
      const float* dy = c.dy ? c.dy + row * r.y_stride : nullptr;
      for (long j = 0; j < r.P; ++j) {
        const long at = b * r.P + j;
        if (!active) {
          c.d_result[at] = 0.0f;
          continue;
        }
        const float d = c.dh[at] + (dy ? dy[j] : 0.0f), kept = of_h.part(row * r.P + j);
        c.dh[at] = mixed(kept, d, 0.0f);
        c.d_result[at] = mixed(kept, 0.0f, d);
      }
      for (long j = 0; r.has_cell && j < r.H; ++j) {
        const long at = b * r.H + j;
        if (!active) {
          c.d_new_cell[at] = 0.0f;
          continue;
        }
        const float d = c.dc[at], kept = of_c.part(row * r.H + j);
        c.dc[at] = mixed(kept, d, 0.0f);
        c.d_new_cell[at] = mixed(kept, 0.0f, d);
      }
    }
  });
}

static void step_operand_gradient(SeqEngine& e, const OptionedStep& s, const float* d_operand, const float* more,
                                  float* d_state, const RandomKey* key) {
  const StateRules& r = s.rules;
  const long elements = long(r.B) * r.P;
  const int members = members_for(e, 4.0 * elements);
  run_team(*e.team, members, [&](int member) {
    Mask mask(r.dropout, key, r.dropout_stream, r.P);
    for (long i = part(elements, member, members); i < part(elements, member + 1, members); ++i)
      d_state[i] += mask.of(i, d_operand[i] + (more ? more[i] : 0.0f));
  });
}

}  // namespace SEQ_ISA
}  // namespace sequor
