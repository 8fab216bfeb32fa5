// kernels/sequence.cu, launched as PackedWeights.java, InputProducts.java, StepForward.java and StepBackward.java do.
#include "case.h"

namespace kernelcases {
namespace {

Case pack_weights(Draw& d) {
  const int G = d.between(1, 4), H = d.size(33), Hp = padded(H), K = d.size(40), Kp = padded(K), type = d.below(4);
  const int64_t operand = static_cast<int64_t>(G) * Hp * Kp;
  Case c;
  c.int32(G).int32(H).int32(Hp).int32(K).int32(Kp);
  c.in("w", d.values(static_cast<int64_t>(G) * H * K)).anywhere(d);
  c.out("operand", operand_of(type), operand).int32(type).threads(operand / 4);
  return c;
}

Case pack_vectors(Draw& d) {
  const int G = d.between(1, 4), P = d.either() ? 3 : 0, H = d.size(200), Hp = padded(H);
  const int64_t vectors = 2 * G + P;
  Case c;
  c.int32(G).int32(P).int32(H).int32(Hp);
  c.in("bW", d.values(G * H)).anywhere(d).in("bR", d.values(G * H)).anywhere(d);
  c.in("p", d.values(P * H)).anywhere(d);
  c.out("packed", vectors * Hp).threads(vectors * Hp / 4);
  return c;
}

Case gather_input(Draw& d) {
  const int T = d.size(7), B = d.size(9), I = d.size(33), Ip = padded(I), type = d.below(4);
  const int first = d.below(T), steps = d.between(1, T - first);
  const int64_t operand = static_cast<int64_t>(steps) * B * Ip;
  Case c;
  c.int32(T).int32(B).int32(d.below(2)).in("lengths", d.lengths(T, B)).given(d.either());
  c.int32(first).int32(steps).int32(I).int32(Ip);
  c.in("x", d.values(static_cast<int64_t>(T) * B * I)).anywhere(d);
  c.out("operand", operand_of(type), operand).int32(type).threads(operand / 4);
  return c;
}

Case begin_forward(Draw& d) {
  const int S = d.between(1, 2), T = d.size(4), B = d.size(17), H = d.size(65), Hp = padded(H), type = d.below(4);
  const bool training = d.either();
  const int64_t state = static_cast<int64_t>(B) * Hp, plane = (training ? T : 1) * state,
                outside = static_cast<int64_t>(S) * B * H;
  const bool has_initial = d.once_in(3) ? false : true, wants_last = d.either();
  Case c;
  c.int32(S).int32(B).int32(H).int32(Hp).in("lengths", d.lengths(T, B)).given(d.either());
  // The state after the last step may take the place of the first.
  const bool in_place = has_initial && wants_last && d.either();
  if (in_place) {
    c.in_out("s0", d.values(outside)).anywhere(d);
  } else {
    c.in("s0", d.values(outside)).anywhere(d).given(has_initial);
  }
  c.out("slot", (S - 1) * plane + state).int64(plane).int32(d.below(S));
  if (type == 0) {
    c.null();
  } else {
    c.out("operand", operand_of(type), state);
  }
  c.int32(type);
  if (in_place) {
    c.at("s0");
  } else if (wants_last) {
    c.out("sT", outside).anywhere(d);
  } else {
    c.null();
  }
  c.threads(S * state / 4);
  return c;
}

Case end_backward(Draw& d) {
  const int S = d.between(1, 2), B = d.size(17), H = d.size(65), Hp = padded(H);
  const int64_t state = static_cast<int64_t>(B) * Hp, outside = static_cast<int64_t>(S) * B * H;
  Case c;
  c.int32(S).int32(B).int32(H).int32(Hp).in("lengths", d.lengths(1, B)).given(d.either()).in("dstate", d.values(S * state));
  c.in("dsT", d.values(outside)).anywhere(d).given(d.either());
  c.out("ds0", outside).anywhere(d).threads(S * state / 4);
  return c;
}

Case scatter_add_input(Draw& d) {
  const int T = d.size(7), B = d.size(9), I = d.size(33);
  const int64_t rows = static_cast<int64_t>(T) * B;
  Case c;
  c.int32(T).int32(B).int32(1).in("lengths", d.lengths(T, B)).given(d.either()).int32(I).in("from", d.values(rows * I));
  c.in_out("dx", d.values(rows * I)).anywhere(d).threads(rows * ((I + 3) / 4));
  return c;
}

}  // namespace

void add_sequence_cases(Kernels& kernels) {
  kernels["pack_weights"] = pack_weights;
  kernels["pack_vectors"] = pack_vectors;
  kernels["gather_input"] = gather_input;
  kernels["begin_forward"] = begin_forward;
  kernels["end_backward"] = end_backward;
  kernels["scatter_add_input"] = scatter_add_input;
}

}  // namespace kernelcases
