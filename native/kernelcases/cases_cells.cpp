// kernels/cells.cu, launched as StepForward.java and StepBackward.java do: in training the states of all steps lie behind
// one another and products read operands of their own unless the mode is FP32; in inference steps take turns with two
// places.
#include "case.h"
#include "sequor/cells.h"

namespace kernelcases {
namespace {

using namespace sequor;

struct Step {
  int T, B, H, Hp, k, type;
  bool reverse, training;
  Ints lengths;  // empty: null

  explicit Step(Draw& d)
      : T(d.number() == 1 ? 2 : d.size(5)),
        B(d.size(9)),
        H(d.number() == 1 ? 129 : d.size(65)),
        Hp(padded(H)),
        k(d.below(T)),
        type(d.below(4)),
        reverse(d.either()),
        training(d.either()) {
    if (d.either()) lengths = d.lengths(T, B);
  }

  int64_t state() const { return static_cast<int64_t>(B) * Hp; }

  Case& begin(Case& c) const {
    return c.int32(T)
        .int32(B)
        .int32(H)
        .int32(Hp)
        .int32(reverse ? 1 : 0)
        .in("lengths", lengths)
        .given(!lengths.empty())
        .int32(k);
  }
  Case& launch(Case& c) const { return c.threads(state() / 4); }
};

// What a cell keeps for backward, one after another.
template <typename Cell>
struct KeptOf {
  static constexpr Type types[] = {Type::kKeptSigmoid, Type::kKeptSigmoid, Type::kKeptTanh, Type::kKeptSigmoid};
};
template <>
struct KeptOf<Gru> {
  static constexpr Type types[] = {Type::kKeptSigmoid, Type::kKeptSigmoid, Type::kKeptTanh};
};
template <>
struct KeptOf<GruResetAfter> {
  static constexpr Type types[] = {Type::kKeptSigmoid, Type::kKeptSigmoid, Type::kKeptTanh, Type::kFloat32};
};
template <>
struct KeptOf<RnnTanh> {
  static constexpr Type types[] = {Type::kKeptTanh};
};
template <>
struct KeptOf<RnnRelu> {
  static constexpr Type types[] = {Type::kFloat32};
};
template <>
struct KeptOf<RnnLinear> {
  static constexpr Type types[] = {Type::kFloat32};  // kSaved is 0
};

// Of saved [B][K][Hp].
template <typename Cell>
std::vector<Type> kept_types(const Step& q) {
  std::vector<Type> all;
  for (const Type each : KeptOf<Cell>::types) all.insert(all.end(), static_cast<size_t>(q.Hp), each);
  return all;
}

// Rows of Hp of which the units past H are `past`.
Floats padded_rows(const Step& q, Floats values, float past) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (static_cast<int>(i % static_cast<size_t>(q.Hp)) >= q.H) values[i] = past;
  }
  return values;
}

// Of pre-activations the units past H are never looked at: they are made of weights of zero and anything.
Floats pre(Draw& d, const Step& q, int gates) {
  return padded_rows(q, d.preactivations(q.B * static_cast<int64_t>(gates) * q.Hp), NAN);
}

// R·h apart from W·x. That of the last gate, which the reset gate multiplies, is not large: an error in the reset gate is
// one in the sum.
Floats recurrent(Draw& d, const Step& q, int gates) {
  Floats all = pre(d, q, gates);
  for (size_t i = 0; i < all.size(); ++i) {
    const bool last = static_cast<int>(i) / q.Hp % gates == gates - 1;
    if (last && std::fabs(all[i]) > 2) all[i] = d.real(-2, 2);
  }
  return all;
}

template <typename Cell>
Floats vectors(Draw& d, const Step& q) {
  return padded_rows(q, d.values((2 * Cell::kGates + Cell::kPeepholes) * static_cast<int64_t>(q.Hp)), 0);
}

// The states, and where those before step k lie in them.
template <typename Cell>
Floats states(Draw& d, const Step& q) {
  return padded_rows(q, d.values((q.training ? q.T : 2) * Cell::kStates * q.state()), 0);
}
template <typename Cell>
int64_t slot(const Step& q, int k) {
  return q.training ? k * q.state() : (k & 1) * Cell::kStates * q.state();
}
int64_t plane(const Step& q) { return (q.training ? q.T : 1) * q.state(); }

template <typename Cell>
Case& new_state(Case& c, Draw& d, const Step& q) {
  const int directions = d.between(1, 2), stride = directions * q.H;
  const bool last = q.k + 1 == q.T;
  c.out("y", static_cast<int64_t>(q.T) * q.B * stride).anywhere(d).from((directions - 1) * q.H);
  c.sums_up_to(8);
  c.int32(stride);
  if (last) {
    c.null();
  } else {
    c.at("states", slot<Cell>(q, q.k + 1));
  }
  c.int64(plane(q));
  if (last || q.type == 0) {
    c.null();
  } else {
    c.out("operand", operand_of(q.type), q.state()).sums_up_to(8);
  }
  c.int32(q.type);
  if (d.either()) return c.null();
  return c.out("sT", Cell::kStates * static_cast<int64_t>(q.B) * q.H).anywhere(d).sums_up_to(8);
}

template <typename Cell>
Case forward_step(Draw& d) {
  const Step q(d);
  Case c;
  q.begin(c).in("pre", pre(d, q, Cell::kGates));
  c.in("rh", recurrent(d, q, Cell::kGates)).given(!Cell::kSharedGateGradients).in("vectors", vectors<Cell>(d, q));
  c.in_out("states", states<Cell>(d, q)).sums_up_to(8).from(slot<Cell>(q, q.k));
  new_state<Cell>(c, d, q);
  if (q.training) {
    c.out("saved", q.state() * Cell::kSaved).of(kept_types<Cell>(q)).sums_up_to(Cell::kSharedGateGradients ? 8 : 32);
  } else {
    c.null();
  }
  q.launch(c);
  return c;
}

// saved [B][K][Hp]
template <typename Cell>
Floats saved(Draw& d, const Step& q) {
  Floats all(static_cast<size_t>(q.state() * Cell::kSaved));
  const std::vector<Type> types = kept_types<Cell>(q);
  for (size_t i = 0; i < all.size(); ++i) {
    const Type type = types[i % types.size()];
    all[i] = type == Type::kKeptSigmoid ? d.kept_sigmoid() : type == Type::kKeptTanh ? d.kept_tanh() : d.value();
  }
  return all;
}

// dy, its stride, dsT and dstate.
template <typename Cell>
Case& gradients(Case& c, Draw& d, const Step& q) {
  const int directions = d.between(1, 2), stride = directions * q.H;
  if (d.once_in(4)) {
    c.null();
  } else {
    c.in("dy", d.values(static_cast<int64_t>(q.T) * q.B * stride)).anywhere(d);
    c.from((directions - 1) * q.H);
  }
  c.int32(stride);
  c.in("dsT", d.values(Cell::kStates * static_cast<int64_t>(q.B) * q.H)).anywhere(d).given(d.either());
  // Sums of up to three gradients within ±2, times states within ±2 or their differences.
  return c.in_out("dstate", padded_rows(q, d.values(Cell::kStates * q.state()), 0)).sums_up_to(32);
}

template <typename Cell>
Case backward_step(Draw& d) {
  Step q(d);
  q.training = true;
  Case c;
  q.begin(c).in("saved", saved<Cell>(d, q)).in("vectors", vectors<Cell>(d, q));
  c.in("states", states<Cell>(d, q)).from(slot<Cell>(q, q.k)).int64(plane(q));
  gradients<Cell>(c, d, q);
  const int64_t gates = q.state() * Cell::kGates;
  c.out("dwx", operand_of(q.type), gates).sums_up_to(32);
  if (Cell::kSharedGateGradients) {
    c.null();
  } else {
    c.out("drh", operand_of(q.type), gates).sums_up_to(32);
  }
  c.int32(q.type);
  if (Cell::kPeepholes == 0) {
    c.null();
  } else {
    c.in_out("dp", d.values(Cell::kPeepholes * q.state())).sums_up_to(64);
  }
  q.launch(c);
  return c;
}

template <typename Cell>
Case forward_gates(Draw& d) {
  const Step q(d);
  Case c;
  q.begin(c).in("pre", pre(d, q, Cell::kGates)).in("vectors", vectors<Cell>(d, q));
  c.in("states", states<Cell>(d, q)).from(slot<Cell>(q, q.k));
  c.out("gates", q.state() * Cell::kSaved).of(kept_types<Cell>(q)).out("gated", operand_of(q.type), q.state()).int32(q.type);
  q.launch(c);
  return c;
}

template <typename Cell>
Case forward_candidate(Draw& d) {
  const Step q(d);
  Case c;
  q.begin(c).in("pre", pre(d, q, Cell::kGates)).in("vectors", vectors<Cell>(d, q));
  c.in_out("states", states<Cell>(d, q)).sums_up_to(4).from(slot<Cell>(q, q.k));
  new_state<Cell>(c, d, q);
  c.in_out("gates", saved<Cell>(d, q)).of(kept_types<Cell>(q)).sums_up_to(Cell::kSharedGateGradients ? 8 : 32);
  q.launch(c);
  return c;
}

template <typename Cell>
Case backward_candidate(Draw& d) {
  Step q(d);
  q.training = true;
  Case c;
  q.begin(c).in("saved", saved<Cell>(d, q)).in("states", states<Cell>(d, q)).from(slot<Cell>(q, q.k));
  gradients<Cell>(c, d, q);
  c.out("dgates", operand_of(q.type), q.state() * Cell::kGates).sums_up_to(32).int32(q.type);
  q.launch(c);
  return c;
}

template <typename Cell>
Case backward_reset(Draw& d) {
  Step q(d);
  q.training = true;
  Case c;
  q.begin(c).in("saved", saved<Cell>(d, q)).in("states", states<Cell>(d, q)).from(slot<Cell>(q, q.k));
  c.in("d_gated", d.values(q.state())).in_out("dstate", d.values(q.state())).sums_up_to(4);
  c.out("dgates", operand_of(q.type), q.state() * Cell::kGates).int32(q.type);
  q.launch(c);
  return c;
}

Case cell_traits(Draw&) {
  Case c;
  c.out("traits", Type::kWord, 4).launch(1, 1, 1);
  return c;
}

}  // namespace

void add_cell_cases(Kernels& kernels) {
#define SINGLE_PRODUCT(id, Cell)                       \
  kernels["forward_step_" #Cell] = forward_step<Cell>; \
  kernels["backward_step_" #Cell] = backward_step<Cell>;
  SEQUOR_SINGLE_PRODUCT_CELLS(SINGLE_PRODUCT)
#define TWO_PRODUCTS(id, Cell)                                     \
  kernels["forward_gates_" #Cell] = forward_gates<Cell>;           \
  kernels["forward_candidate_" #Cell] = forward_candidate<Cell>;   \
  kernels["backward_candidate_" #Cell] = backward_candidate<Cell>; \
  kernels["backward_reset_" #Cell] = backward_reset<Cell>;
  SEQUOR_TWO_PRODUCT_CELLS(TWO_PRODUCTS)
#define TRAITS(id, Cell) kernels["cell_traits_" #Cell] = cell_traits;
  SEQUOR_CELLS(TRAITS)
}

}  // namespace kernelcases
