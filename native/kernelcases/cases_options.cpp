// kernels/options.cu, launched as CudaStepMaths.java and CudaEngine.java do, for the cells of StepwiseLayer.java.
#include "case.h"
#include "sequor/options.h"

namespace kernelcases {
namespace {

using namespace sequor;

constexpr int kGateKinds = kGateSoftplus + 1;

// A cell with options, and one step of a batch of it.
struct Step {
  int B, H, k, family;
  bool has_cell;
  OptionedStep step;
  Ints lengths;  // empty: null

  // families: that the kernel is made for.
  Step(Draw& d, std::initializer_list<int> families) {
    family = families.begin()[static_cast<size_t>(d.number()) % families.size()];
    B = d.size(9);
    H = d.number() == 1 ? 129 : d.size(65);
    has_cell = family == kFamilyLstm;
    const int T = d.size(5);
    k = d.below(T);
    if (d.either()) lengths = d.lengths(T, B);
    std::memset(&step, 0, sizeof step);
    step.cell.family = family;
    step.cell.coupled = has_cell && d.once_in(3) ? 1 : 0;
    step.cell.peepholes = has_cell && d.either() ? (step.cell.coupled ? 2 : 3) : 0;
    step.cell.gate_clip = d.once_in(3) ? d.real(0.5f, 3) : 0;
    step.cell.cell_clip = has_cell && d.once_in(3) ? d.real(0.5f, 3) : 0;
    for (int i = 0; i < (has_cell ? 3 : family == kFamilyRnn ? 1 : 2); ++i) step.cell.functions[i] = function(d, i);
    const bool projects = has_cell && d.either(), training = !d.once_in(3);
    const int P = projects ? d.between(1, H) : H;
    const bool operand_is_cell = has_cell && P == H && d.once_in(3);
    const int directions = d.between(1, 2);
    StateRules& r = step.rules;
    r.T = T;
    r.B = B;
    r.P = P;
    r.H = H;
    r.has_cell = has_cell;
    r.reverse = d.below(2);
    r.y_stride = directions * P;
    r.operand_is_cell = operand_is_cell;
    r.training = training;
    r.hidden_zoneout = d.probability();
    r.hidden_stream = d.below(50);
    r.cell_zoneout = has_cell ? d.probability() : 0;
    r.cell_stream = d.below(50);
    r.dropout = training ? d.probability() : 0;
    r.dropout_stream = d.below(50);
  }

  // The usual one of each place in half of all cases, else any.
  static GateFunction function(Draw& d, int place) {
    const int kind = d.either() ? (place == 0 ? kGateSigmoid : kGateTanh) : d.below(kGateKinds);
    switch (kind) {
      case kGateHardSigmoid: return {kind, 0.2f, 0.5f};
      case kGateAffine: return {kind, d.real(0.5f, 1.5f), 0.25f};
      case kGateLeakyRelu: return {kind, 0.01f, 0};
      case kGateThresholdedRelu: return {kind, 1, 0};
      case kGateScaledTanh: return {kind, 1.5f, 0.75f};
      case kGateElu: return {kind, 1, 0};
      default: return {kind, 0, 0};
    }
  }

  int64_t units() const { return static_cast<int64_t>(B) * H; }
  int64_t states() const { return static_cast<int64_t>(B) * step.rules.P; }
  int64_t outputs() const { return static_cast<int64_t>(step.rules.T) * B * step.rules.y_stride; }
  int gates() const { return step.cell.first_gates(); }
  bool is_gru() const { return family == kFamilyGru || family == kFamilyGruResetAfter; }
  int candidates() const { return family == kFamilyGru ? 1 : 2; }

  Words words() const {
    Words all(sizeof step / 4);
    std::memcpy(all.data(), &step, sizeof step);
    return all;
  }
  Case& begin(Case& c) const { return c.int32(B).int32(H).in("step", words()); }
  Case& launch(Case& c) const { return c.threads(units()); }
};

// What gates get where functions have no bound: an ELU or a softplus of 200 is 200, so products of them would be large.
Floats gate_values(Draw& d, int64_t count) { return d.values(count, -6, 6); }

// The LSTM has most options.
constexpr std::initializer_list<int> kAll = {kFamilyRnn,  kFamilyLstm,          kFamilyGru,
                                             kFamilyLstm, kFamilyGruResetAfter, kFamilyLstm};

// Products of up to three functions of up to 12, most of which are bound by 1, and of states and gradients up to 2.
constexpr float kProducts = 100, kGradients = 200;

Case step_gates(Draw& d) {
  const Step q(d, kAll);
  const int64_t gates = q.units() * q.gates();
  Case c;
  q.begin(c).in("wx", gate_values(d, gates)).in("rh", gate_values(d, gates));
  c.in("operand", d.values(q.units())).given(q.is_gru()).in("c", d.values(q.units())).given(q.has_cell);
  c.in("peepholes", d.values(q.step.cell.peepholes * q.H)).given(q.step.cell.peepholes > 0);
  c.out("kept", gates).sums_up_to(kProducts);
  if (q.family == kFamilyGruResetAfter) {
    c.null();
  } else {
    c.out("result", q.units()).sums_up_to(kProducts);
  }
  q.launch(c);
  return c;
}

Case step_output(Draw& d) {
  const Step q(d, {kFamilyGru, kFamilyGruResetAfter, kFamilyLstm});
  Case c;
  q.begin(c).in("wx", gate_values(d, q.units())).given(q.is_gru()).in("rh", gate_values(d, q.units())).given(q.is_gru());
  c.in("state", d.values(q.units())).in("kept", gate_values(d, q.units() * q.gates()));
  if (q.is_gru()) {
    c.out("candidate", q.units() * q.candidates()).sums_up_to(kProducts);
  } else {
    c.null();
  }
  c.out("result", q.units()).sums_up_to(kProducts);
  q.launch(c);
  return c;
}

Case step_output_gradient(Draw& d) {
  const Step q(d, {kFamilyGru, kFamilyGruResetAfter, kFamilyLstm});
  Case c;
  q.begin(c).in("d_result", d.values(q.units())).in("state", d.values(q.units()));
  c.in("kept", gate_values(d, q.units() * q.gates()));
  c.in("candidate", gate_values(d, q.units() * q.candidates())).given(q.is_gru());
  c.out("d_gates", q.units() * q.gates()).sums_up_to(kGradients);
  if (q.is_gru()) {
    c.in_out("d_state", d.values(q.units())).sums_up_to(kGradients).out("d_wx", q.units()).sums_up_to(kGradients);
    // With the reset gate first both are the same, and one array.
    if (q.family == kFamilyGru) {
      c.at("d_wx");
    } else {
      c.out("d_rh", q.units()).sums_up_to(kGradients);
    }
  } else {
    c.out("d_state", q.units()).sums_up_to(kGradients).null().null();
  }
  q.launch(c);
  return c;
}

Case step_gates_gradient(Draw& d) {
  const Step q(d, {kFamilyRnn, kFamilyGru, kFamilyLstm});
  const int peepholes = q.step.cell.peepholes;
  Case c;
  q.begin(c).in("kept", gate_values(d, q.units() * q.gates()));
  c.in("operand", d.values(q.units())).given(q.family == kFamilyGru).in("c", d.values(q.units())).given(q.has_cell);
  c.in("new_cell", d.values(q.units())).given(q.has_cell);
  c.in("peepholes", d.values(peepholes * q.H)).given(peepholes > 0);
  if (q.family == kFamilyGru) {
    c.in_out("d_result", d.values(q.units())).sums_up_to(kGradients);
  } else {
    c.in("d_result", d.values(q.units()));
  }
  if (q.has_cell) {
    c.in_out("d_gates", d.values(q.units() * q.gates())).sums_up_to(kGradients);
    c.in_out("d_c", d.values(q.units())).sums_up_to(kGradients);
  } else {
    c.out("d_gates", q.units() * q.gates()).sums_up_to(kGradients).null();
  }
  if (peepholes > 0) {
    c.in_out("d_peepholes", d.values(peepholes * q.units())).sums_up_to(kGradients);
  } else {
    c.null();
  }
  q.launch(c);
  return c;
}

Case step_keep(Draw& d) {
  const Step q(d, kAll);
  const StateRules& r = q.step.rules;
  Case c;
  q.begin(c).int32(q.k).in("result", d.values(q.states())).in("new_cell", d.values(q.units())).given(q.has_cell);
  c.in("h", d.values(q.states())).in("c", d.values(q.units())).given(q.has_cell);
  c.out("next_h", q.states()).sums_up_to(2);
  if (q.has_cell) {
    c.out("next_c", q.units()).sums_up_to(2);
  } else {
    c.null();
  }
  if (r.dropout > 0) {
    c.out("operand", q.states()).sums_up_to(32);  // 1 / (1 - p) is up to 16
  } else {
    c.null();
  }
  c.out("y", q.outputs()).anywhere(d).sums_up_to(2).from(r.y_stride - r.P);
  c.in("lengths", q.lengths).given(!q.lengths.empty()).in("key", d.random_keys(1));
  q.launch(c);
  return c;
}

Case step_keep_gradient(Draw& d) {
  const Step q(d, kAll);
  const StateRules& r = q.step.rules;
  Case c;
  q.begin(c).int32(q.k);
  if (d.once_in(4)) {
    c.null();
  } else {
    c.in("dy", d.values(q.outputs())).anywhere(d).from(r.y_stride - r.P);
  }
  c.in_out("dh", d.values(q.states())).sums_up_to(4);
  if (q.has_cell) {
    c.in_out("dc", d.values(q.units())).sums_up_to(4);
  } else {
    c.null();
  }
  c.out("d_result", q.states()).sums_up_to(4);
  if (q.has_cell) {
    c.out("d_new_cell", q.units()).sums_up_to(4);
  } else {
    c.null();
  }
  c.in("lengths", q.lengths).given(!q.lengths.empty()).in("key", d.random_keys(1));
  q.launch(c);
  return c;
}

Case step_operand_gradient(Draw& d) {
  const Step q(d, kAll);
  Case c;
  c.int64(q.states())
      .in("step", q.words())
      .in("d_operand", d.values(q.states()))
      .in("more", d.values(q.states()))
      .given(d.either());
  // Sums of two within ±2, times up to 16.
  c.in_out("d_state", d.values(q.states())).sums_up_to(64).in("key", d.random_keys(1)).threads(q.states());
  return c;
}

// What gather_steps and scatter_steps begin with.
struct Rows {
  int T, B, width;
  float p;
  Ints lengths;

  Rows(Draw& d, Case& c) : T(d.size(7)), B(d.size(9)), width(d.size(33)), p(d.probability()) {
    if (d.either()) lengths = d.lengths(T, B);
    c.int32(T).int32(B).int32(width).int32(d.below(2)).float32(p).int32(d.below(50));
  }
  int64_t elements() const { return static_cast<int64_t>(T) * B * width; }
  Case& more(Case& c, Draw& d) const {
    c.in("lengths", lengths).given(!lengths.empty());
    return c.in("key", d.random_keys(1)).given(p > 0);
  }
};

Case gather_steps(Draw& d) {
  Case c;
  const Rows q(d, c);
  c.in("x", d.values(q.elements())).anywhere(d);
  q.more(c, d).out("target", q.elements()).threads(q.elements());
  return c;
}

Case scatter_steps(Draw& d) {
  Case c;
  const Rows q(d, c);
  c.in("from", d.values(q.elements()));
  const int add = d.below(2);
  q.more(c, d).int32(add);
  if (add) {
    c.in_out("dx", d.values(q.elements())).anywhere(d).sums_up_to(32);
  } else {
    c.out("dx", q.elements()).anywhere(d);
  }
  c.threads(q.elements());
  return c;
}

}  // namespace

void add_option_cases(Kernels& kernels) {
  kernels["gather_steps"] = gather_steps;
  kernels["scatter_steps"] = scatter_steps;
  kernels["step_gates"] = step_gates;
  kernels["step_output"] = step_output;
  kernels["step_output_gradient"] = step_output_gradient;
  kernels["step_gates_gradient"] = step_gates_gradient;
  kernels["step_keep"] = step_keep;
  kernels["step_keep_gradient"] = step_keep_gradient;
  kernels["step_operand_gradient"] = step_operand_gradient;
}

}  // namespace kernelcases
