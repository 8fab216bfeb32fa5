// Cells with options (dev.sequor.backend.CellOptions), for one element, forward and backward: what is between the products of a step.
// Options are read as values; cells without any are cells.h.
//   a = wx + rh, with wx = W·x + bW or LN(W·x), and rh = R·h + bR or LN(R·h); each gate is f(clip(a))
//   RNN    h' = f(a)
//   GRU    r, z = f(a_r), f(a_z)     n = g(wx_n + rh_n), with rh_n of r∘h, or r∘rh_n of h     h' = (1 - z)·n + z·h
//   LSTM   i, f = f(a_i + p_i·c), f(a_f + p_f·c) or 1 - i     g = g(a_g)     c' = clip(f·c + i·g)
//          o = f(a_o + p_o·c')     h' = o·h(c') or o·h(LN(c'))
// Forward keeps what functions get, before clipping, so that backward has all digits of gates that are nearly open or closed.
#pragma once

#include <cstdint>

#include "sequor/math.h"

namespace sequor {

// The numbers are those of dev.sequor.backend.GateFunction.Kind.
enum GateKind : int {
  kGateSigmoid,
  kGateTanh,
  kGateRelu,
  kGateHardSigmoid,
  kGateAffine,
  kGateLeakyRelu,
  kGateThresholdedRelu,
  kGateScaledTanh,
  kGateElu,
  kGateSoftsign,
  kGateSoftplus
};

// The numbers are those of dev.sequor.backend.options.CellMaths.Family.
enum CellFamily : int { kFamilyRnn, kFamilyGru, kFamilyGruResetAfter, kFamilyLstm };

struct GateFunction {
  int32_t kind;
  float alpha, beta;
};

// dev.sequor.backend.options.CellMaths.
struct OptionedCell {
  int32_t family, coupled, peepholes;
  float gate_clip, cell_clip;
  GateFunction functions[3];

  // Gate vectors that the first products are made for.
  SEQ_HD int first_gates() const { return family == kFamilyRnn ? 1 : family == kFamilyLstm ? (coupled ? 3 : 4) : 2; }
};

// dev.sequor.backend.options.StateRules.
struct StateRules {
  int32_t T, B, P, H, has_cell, reverse, y_stride, operand_is_cell, training;
  float hidden_zoneout;
  int32_t hidden_stream;
  float cell_zoneout;
  int32_t cell_stream;
  float dropout;
  int32_t dropout_stream;
};

// All of it, as it lies in memory.
struct OptionedStep {
  OptionedCell cell;
  StateRules rules;
};

template <typename T>
struct Gate {
  T value, rest, slope;  // rest = 1 - value
};

template <typename T>
SEQ_HD Gate<T> gate_of(T value, T slope) {
  return {value, T(1) - value, slope};
}

template <typename T>
SEQ_HD Gate<T> gate_function(const GateFunction& f, T x) {
  const T alpha(f.alpha), beta(f.beta);
  switch (f.kind) {
    case kGateSigmoid: {
      const Sigmoid<T> s = Sigmoid<T>::of(x);
      return {s.value, s.rest, s.slope};
    }
    case kGateTanh: {
      const Tanh<T> t = Tanh<T>::of(x);
      return gate_of(t.value, t.slope);
    }
    case kGateRelu: return gate_of(relu(x), where_positive(x, T(1)));
    case kGateHardSigmoid: {
      const T line = alpha * x + beta;
      return gate_of(unit_part(line), within_unit(line, alpha));
    }
    case kGateAffine: return gate_of(alpha * x + beta, alpha);
    case kGateLeakyRelu: return gate_of(where_negative(x, alpha * x, x), where_negative(x, alpha, T(1)));
    case kGateThresholdedRelu: return gate_of(where_positive(x - alpha, x), where_positive(x - alpha, T(1)));
    case kGateScaledTanh: {
      const Tanh<T> t = Tanh<T>::of(beta * x);
      return gate_of(alpha * t.value, alpha * beta * t.slope);
    }
    case kGateElu: {
      const Decay<T> e = Decay<T>::of(magnitude(x));
      return gate_of(where_negative(x, alpha * e.less_one, x), where_negative(x, alpha * e.power, T(1)));
    }
    case kGateSoftsign: {
      const T part = T(1) / (T(1) + magnitude(x));
      return gate_of(x * part, part * part);
    }
    default: return gate_of(softplus(x), sigmoid(x));
  }
}

template <typename T>
SEQ_HD T clipped(T x, float limit) {
  return limit > 0 ? at_least(at_most(x, limit), -limit) : x;
}

// value, but 0 where x is beyond the limit.
template <typename T>
SEQ_HD T within(T x, float limit, T value) {
  return limit > 0 ? where_negative(T(limit) - magnitude(x), T(0), value) : value;
}

// Function `which` of what is clipped.
template <typename T>
SEQ_HD Gate<T> gate(const OptionedCell& cell, int which, T a) {
  Gate<T> g = gate_function(cell.functions[which], clipped(a, cell.gate_clip));
  g.slope = within(a, cell.gate_clip, g.slope);
  return g;
}

// ---- RNN ---------------------------------------------------------------------------------------------------------------------

template <typename T>
SEQ_HD T rnn_forward(const OptionedCell& cell, T a) {
  return gate(cell, 0, a).value;
}

template <typename T>
SEQ_HD T rnn_backward(const OptionedCell& cell, T a, T dh) {
  return dh * gate(cell, 0, a).slope;
}

// ---- GRU ---------------------------------------------------------------------------------------------------------------------

// r∘h, with the reset gate before the product.
template <typename T>
SEQ_HD T gru_gated(const OptionedCell& cell, T a_r, T h) {
  return gate(cell, 0, a_r).value * h;
}

// d_gated becomes the direct part of the gradient by h.
template <typename T>
SEQ_HD T gru_gated_backward(const OptionedCell& cell, T a_r, T h, T& d_gated) {
  const Gate<T> r = gate(cell, 0, a_r);
  const T da_r = d_gated * h * r.slope;
  d_gated = d_gated * r.value;
  return da_r;
}

// a_n is what the candidate's function gets.
template <typename T>
SEQ_HD T gru_candidate(const OptionedCell& cell, T wx, T rh, T a_r) {
  return cell.family == kFamilyGru ? wx + rh : wx + gate(cell, 0, a_r).value * rh;
}

template <typename T>
SEQ_HD T gru_output(const OptionedCell& cell, T a_n, T a_z, T h) {
  const Gate<T> z = gate(cell, 0, a_z);
  return z.rest * gate(cell, 1, a_n).value + z.value * h;
}

// d_wx, d_rh of the candidate; da_r only where the reset gate comes after the product; dh is added to.
template <typename T>
SEQ_HD void gru_output_backward(const OptionedCell& cell, T a_r, T a_z, T a_n, T rh, T h, T dm, T& da_r, T& da_z, T& d_wx,
                                T& d_rh, T& dh) {
  const Gate<T> z = gate(cell, 0, a_z), n = gate(cell, 1, a_n);
  d_wx = dm * z.rest * n.slope;
  da_z = dm * (h - n.value) * z.slope;
  dh = dh + dm * z.value;
  if (cell.family == kFamilyGru) {
    d_rh = d_wx;
  } else {
    const Gate<T> r = gate(cell, 0, a_r);
    d_rh = d_wx * r.value;
    da_r = d_wx * rh * r.slope;
  }
}

// ---- LSTM: gates i, f, g, o, or i, g, o where f = 1 - i; peepholes of i, f, o or of i, o ----------------------------------------

template <typename T>
SEQ_HD Gate<T> forget_gate(const OptionedCell& cell, const T* a, const Gate<T>& i) {
  return cell.coupled ? Gate<T>{i.rest, i.value, -i.slope} : gate(cell, 0, a[1]);
}

// a becomes what functions get.
template <typename T>
SEQ_HD T lstm_cell(const OptionedCell& cell, T* a, const T* p, T c) {
  const int last = cell.coupled ? 2 : 3;
  if (cell.peepholes > 0) {
    a[0] = a[0] + p[0] * c;
    if (!cell.coupled) a[1] = a[1] + p[1] * c;
  }
  const Gate<T> i = gate(cell, 0, a[0]), f = forget_gate(cell, a, i), g = gate(cell, 1, a[last - 1]);
  const T next = clipped(f.value * c + i.value * g.value, cell.cell_clip);
  if (cell.peepholes > 0) a[last] = a[last] + p[cell.peepholes - 1] * next;
  return next;
}

template <typename T>
SEQ_HD T lstm_output(const OptionedCell& cell, T a_o, T shown) {
  return gate(cell, 0, a_o).value * gate_function(cell.functions[2], shown).value;
}

template <typename T>
SEQ_HD void lstm_output_backward(const OptionedCell& cell, T a_o, T shown, T dm, T& da_o, T& d_shown) {
  const Gate<T> o = gate(cell, 0, a_o), seen = gate_function(cell.functions[2], shown);
  da_o = dm * seen.value * o.slope;
  d_shown = dm * o.value * seen.slope;
}

// da[last] is o's and is there already; dc is added to, and so is dp.
template <typename T>
SEQ_HD void lstm_cell_backward(const OptionedCell& cell, const T* a, const T* p, T c, T next, T d_next, T* da, T& dc,
                               T* dp) {
  const int last = cell.coupled ? 2 : 3;
  const Gate<T> i = gate(cell, 0, a[0]), f = forget_gate(cell, a, i), g = gate(cell, 1, a[last - 1]);
  if (cell.peepholes > 0) {
    const int of_o = cell.peepholes - 1;
    d_next = d_next + da[last] * p[of_o];
    dp[of_o] = dp[of_o] + da[last] * next;
  }
  const T d = within(f.value * c + i.value * g.value, cell.cell_clip, d_next);
  dc = dc + d * f.value;
  da[last - 1] = d * i.value * g.slope;
  if (cell.coupled) {
    da[0] = d * (g.value - c) * i.slope;
  } else {
    da[0] = d * g.value * i.slope;
    da[1] = d * c * f.slope;
  }
  if (cell.peepholes > 0) {
    dc = dc + da[0] * p[0];
    dp[0] = dp[0] + da[0] * c;
    if (!cell.coupled) {
      dc = dc + da[1] * p[1];
      dp[1] = dp[1] + da[1] * c;
    }
  }
}

// ---- state -------------------------------------------------------------------------------------------------------------------

// The part of the old value in the new one: of zoneout with probability p in training 0 or 1, by the word of its element.
SEQ_HD float part_kept(float p, bool training, uint32_t threshold, uint32_t word) {
  return training ? (word < threshold ? 1.0f : 0.0f) : p;
}

SEQ_HD float mixed(float part, float old_value, float new_value) {
  return part == 0.0f ? new_value : part == 1.0f ? old_value : part * old_value + (1.0f - part) * new_value;
}

}  // namespace sequor
