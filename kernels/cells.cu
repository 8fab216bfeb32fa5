// One time step of every cell: everything but the matrix products, for one direction of one layer.
//
// A thread computes four neighbouring hidden units of one sequence. Internal arrays have rows of Hp units, H rounded up to a
// multiple of 8, so that loads and stores are 16 bytes whatever H is; the units past H have zero weights and are never shown to
// the caller, whose arrays (y, states and their gradients) have rows of H units at any alignment.
// Launch: grid (ceil(B·Hp/4 / 128)), block 128, no shared memory. Any T, B, H. No two threads write the same element.
#include "operand.h"
#include "rows.h"
#include "sequor/cells.h"

namespace sequor {

template <int n>
constexpr int at_least_one = n > 0 ? n : 1;

struct Place {
  int b, j, inside;  // sequence, first unit, and how many of the four units exist
};

__device__ inline bool find_place(int B, int H, int Hp, Place& at) {
  const int quads = Hp / 4;
  const long long i = thread_index();
  if (i >= static_cast<long long>(B) * quads) return false;
  at.b = static_cast<int>(i / quads);
  at.j = static_cast<int>(i % quads) * 4;
  at.inside = H - at.j;
  return true;
}

// Zeros for the units that do not exist. Their weights are zero, but an infinite input times zero is NaN, and every product runs over
// them.
__device__ inline Four existing(const Place& at, Four units) {
  for (int u = 0; u < 4; ++u) units.v[u] = u < at.inside ? units.v[u] : 0.0f;
  return units;
}

// What is the same in every step of a pass.
struct Sequence {
  int T, B, H, Hp;
  bool reverse;
  const int* lengths;  // [B], or null: all T
};

// Where the new state goes: to the caller's y and, at a sequence's end, sT [S,B,H]; to the next step's slot [S][B][Hp] (null
// after the last step) and operand [B,Hp] (null if products read the slot itself).
struct NewState {
  float* y;  // this direction's first column of y [T,B,y_stride]
  int y_stride;
  float* next;
  long long plane;  // elements from one state vector's slot to the next
  void* operand;
  int operand_type;
  float* sT;
};

template <typename Cell>
__device__ inline void put_state(const Sequence& q, int k, const Place& at, const Row& row, const NewState& out,
                                 const Four* state) {
  constexpr int S = Cell::kStates;
  const long long unit = static_cast<long long>(at.b) * q.Hp + at.j;
  store_first(out.y + (static_cast<long long>(row.time) * q.B + at.b) * out.y_stride + at.j, where(row.active, state[0]),
              at.inside);
  if (row.last && out.sT) {
    for (int s = 0; s < S; ++s)
      store_first(out.sT + (static_cast<long long>(s) * q.B + at.b) * q.H + at.j, state[s], at.inside);
  }
  const bool goes_on = k + 1 < row.length;
  if (out.next) {
    for (int s = 0; s < S; ++s) store4(out.next + s * out.plane + unit, where(goes_on, state[s]));
  }
  if (out.operand) store_operand(out.operand_type, out.operand, unit, where(goes_on, state[Cell::kRecurrentState]));
}

// vectors [2·G+P][Hp]: bW, bR, peepholes.
__device__ inline Four vector4(const float* vectors, int n, int Hp, int j) {
  return load4(vectors + static_cast<long long>(n) * Hp + j);
}

// pre [B, G·Hp] = W·x_t, to which R·h has been added already unless the cell needs the two apart; then rh [B, G·Hp] has it.
// s [S][B][Hp] before the step; saved [B][K][Hp] or null.
template <typename Cell>
__device__ inline void forward_step(const Sequence& q, int k, const float* pre, const float* rh, const float* vectors,
                                    const float* s, const NewState& out, float* saved) {
  constexpr int G = Cell::kGates, S = Cell::kStates, K = Cell::kSaved, P = Cell::kPeepholes;
  Place at;
  if (!find_place(q.B, q.H, q.Hp, at)) return;
  const Row row = row_at(k, at.b, q.T, q.reverse, q.lengths);
  Four next[S] = {};
  if (row.active) {
    const long long gates = static_cast<long long>(at.b) * G * q.Hp + at.j;
    Four w[G], r[G], p[at_least_one<P>], before[S], kept[at_least_one<K>];
    for (int g = 0; g < G; ++g) {
      w[g] = load4(pre + gates + g * q.Hp);
      const Four bw = vector4(vectors, g, q.Hp, at.j);
      r[g] = vector4(vectors, G + g, q.Hp, at.j);
      for (int u = 0; u < 4; ++u) w[g].v[u] += bw.v[u];
      if (!Cell::kSharedGateGradients) {
        const Four product = load4(rh + gates + g * q.Hp);
        for (int u = 0; u < 4; ++u) r[g].v[u] += product.v[u];
        r[g] = existing(at, r[g]);
      }
      w[g] = existing(at, w[g]);
    }
    for (int n = 0; n < P; ++n) p[n] = vector4(vectors, 2 * G + n, q.Hp, at.j);
    for (int n = 0; n < S; ++n) before[n] = load4(s + n * out.plane + static_cast<long long>(at.b) * q.Hp + at.j);
    for (int u = 0; u < 4; ++u) {
      float w1[G], r1[G], p1[at_least_one<P>] = {}, s1[S], next1[S], kept1[at_least_one<K>];
      for (int g = 0; g < G; ++g) {
        w1[g] = w[g].v[u];
        r1[g] = r[g].v[u];
      }
      for (int n = 0; n < P; ++n) p1[n] = p[n].v[u];
      for (int n = 0; n < S; ++n) s1[n] = before[n].v[u];
      Cell::forward(w1, r1, p1, s1, next1, kept1);
      for (int n = 0; n < S; ++n) next[n].v[u] = next1[n];
      for (int n = 0; n < K; ++n) kept[n].v[u] = kept1[n];
    }
    if (saved) {
      for (int n = 0; n < K; ++n) store4(saved + (static_cast<long long>(at.b) * K + n) * q.Hp + at.j, kept[n]);
    }
  }
  put_state<Cell>(q, k, at, row, out, next);
}

// The gradient of the state after the step: dstate [S][B][Hp] from the step after it, dy, and at a sequence's end dsT [S,B,H].
template <typename Cell>
__device__ inline void new_state_gradient(const Sequence& q, const Place& at, const Row& row, const float* dy, int y_stride,
                                          const float* dsT, const float* dstate, Four* d) {
  const long long plane = static_cast<long long>(q.B) * q.Hp;
  for (int s = 0; s < Cell::kStates; ++s) {
    d[s] = load4(dstate + s * plane + static_cast<long long>(at.b) * q.Hp + at.j);
    if (row.last && dsT) {
      const Four end = load_first(dsT + (static_cast<long long>(s) * q.B + at.b) * q.H + at.j, at.inside);
      for (int u = 0; u < 4; ++u) d[s].v[u] += end.v[u];
    }
  }
  if (dy) {
    const Four step = load_first(dy + (static_cast<long long>(row.time) * q.B + at.b) * y_stride + at.j, at.inside);
    for (int u = 0; u < 4; ++u) d[0].v[u] += step.v[u];
  }
}

// dstate becomes the direct path to the state before the step; the product drh·R is added to it afterwards. dwx, drh
// [B, G·Hp]: operands; drh is null where it equals dwx. dp [P][B][Hp] is added to.
template <typename Cell>
__device__ inline void backward_step(const Sequence& q, int k, const float* saved, const float* vectors, const float* s,
                                     long long s_plane, const float* dy, int y_stride, const float* dsT, float* dstate,
                                     void* dwx, void* drh, int operand_type, float* dp) {
  constexpr int G = Cell::kGates, S = Cell::kStates, K = Cell::kSaved, P = Cell::kPeepholes;
  Place at;
  if (!find_place(q.B, q.H, q.Hp, at)) return;
  const Row row = row_at(k, at.b, q.T, q.reverse, q.lengths);
  Four dw[G] = {}, dr[G] = {};
  if (row.active) {
    const long long plane = static_cast<long long>(q.B) * q.Hp, unit = static_cast<long long>(at.b) * q.Hp + at.j;
    Four kept[at_least_one<K>], p[at_least_one<P>], before[S], d[S], ds[S], dp4[at_least_one<P>];
    for (int n = 0; n < K; ++n) kept[n] = load4(saved + (static_cast<long long>(at.b) * K + n) * q.Hp + at.j);
    for (int n = 0; n < P; ++n) p[n] = vector4(vectors, 2 * G + n, q.Hp, at.j);
    for (int n = 0; n < S; ++n) before[n] = load4(s + n * s_plane + unit);
    new_state_gradient<Cell>(q, at, row, dy, y_stride, dsT, dstate, d);
    for (int u = 0; u < 4; ++u) {
      float kept1[at_least_one<K>], p1[at_least_one<P>] = {}, s1[S], d1[S], dw1[G], dr1[G], ds1[S], dp1[at_least_one<P>];
      for (int n = 0; n < K; ++n) kept1[n] = kept[n].v[u];
      for (int n = 0; n < P; ++n) p1[n] = p[n].v[u];
      for (int n = 0; n < S; ++n) s1[n] = before[n].v[u];
      for (int n = 0; n < S; ++n) d1[n] = d[n].v[u];
      Cell::backward(kept1, p1, s1, d1, dw1, dr1, ds1, dp1);
      for (int g = 0; g < G; ++g) {
        dw[g].v[u] = dw1[g];
        dr[g].v[u] = dr1[g];
      }
      for (int n = 0; n < S; ++n) ds[n].v[u] = ds1[n];
      for (int n = 0; n < P; ++n) dp4[n].v[u] = dp1[n];
    }
    for (int n = 0; n < S; ++n) store4(dstate + n * plane + unit, ds[n]);
    for (int n = 0; n < P; ++n) {
      Four sum = load4(dp + n * plane + unit);
      for (int u = 0; u < 4; ++u) sum.v[u] += dp4[n].v[u];
      store4(dp + n * plane + unit, sum);
    }
  }
  const long long gates = static_cast<long long>(at.b) * G * q.Hp + at.j;
  for (int g = 0; g < G; ++g) {
    store_operand(operand_type, dwx, gates + g * q.Hp, existing(at, dw[g]));
    if (!Cell::kSharedGateGradients) store_operand(operand_type, drh, gates + g * q.Hp, existing(at, dr[g]));
  }
}

// ---- cells with two products a step (sequor/cells/gru.h) ---------------------------------------------------------------------

// After the first product: pre [B, G·Hp] holds W·x_t + R·h for the first two gates. gates [B][K][Hp] and gated [B,Hp], the
// operand r∘h of the second product, are overwritten.
template <typename Cell>
__device__ inline void forward_gates(const Sequence& q, int k, const float* pre, const float* vectors, const float* s,
                                     float* gates, void* gated, int operand_type) {
  constexpr int G = Cell::kGates, K = Cell::kSaved;
  Place at;
  if (!find_place(q.B, q.H, q.Hp, at)) return;
  const long long unit = static_cast<long long>(at.b) * q.Hp + at.j;
  Four product = {};
  if (row_at(k, at.b, q.T, q.reverse, q.lengths).active) {
    Four w[2], r[2], kept[2];
    for (int g = 0; g < 2; ++g) {
      w[g] = load4(pre + static_cast<long long>(at.b) * G * q.Hp + g * q.Hp + at.j);
      const Four bw = vector4(vectors, g, q.Hp, at.j);
      r[g] = vector4(vectors, G + g, q.Hp, at.j);
      for (int u = 0; u < 4; ++u) w[g].v[u] += bw.v[u];
      w[g] = existing(at, w[g]);
    }
    const Four h = load4(s + unit);
    for (int u = 0; u < 4; ++u) {
      const float w1[2] = {w[0].v[u], w[1].v[u]}, r1[2] = {r[0].v[u], r[1].v[u]};
      float kept1[K];
      Cell::forward_gates(w1, r1, h.v[u], product.v[u], kept1);
      kept[0].v[u] = kept1[0];
      kept[1].v[u] = kept1[1];
    }
    for (int n = 0; n < 2; ++n) store4(gates + (static_cast<long long>(at.b) * K + n) * q.Hp + at.j, kept[n]);
  }
  store_operand(operand_type, gated, unit, product);
}

// After the second product, which has been added to the last gate of pre.
template <typename Cell>
__device__ inline void forward_candidate(const Sequence& q, int k, const float* pre, const float* vectors, const float* s,
                                         const NewState& out, float* gates) {
  constexpr int G = Cell::kGates, K = Cell::kSaved;
  Place at;
  if (!find_place(q.B, q.H, q.Hp, at)) return;
  const Row row = row_at(k, at.b, q.T, q.reverse, q.lengths);
  Four next[1] = {};
  if (row.active) {
    const Four wx = existing(at, load4(pre + (static_cast<long long>(at.b) * G + 2) * q.Hp + at.j));
    const Four bw = vector4(vectors, 2, q.Hp, at.j), br = vector4(vectors, G + 2, q.Hp, at.j);
    const Four h = load4(s + static_cast<long long>(at.b) * q.Hp + at.j);
    float* kept = gates + static_cast<long long>(at.b) * K * q.Hp + at.j;
    const Four r = load4(kept), z = load4(kept + q.Hp);
    Four n;
    for (int u = 0; u < 4; ++u) {
      float kept1[K] = {r.v[u], z.v[u], 0};
      Cell::forward_candidate(wx.v[u] + bw.v[u], br.v[u], h.v[u], next[0].v[u], kept1);
      n.v[u] = kept1[2];
    }
    store4(kept + 2 * q.Hp, n);
  }
  put_state<Cell>(q, k, at, row, out, next);
}

// The gradients of z and n; dstate becomes the direct path.
template <typename Cell>
__device__ inline void backward_candidate(const Sequence& q, int k, const float* saved, const float* s, const float* dy,
                                          int y_stride, const float* dsT, float* dstate, void* dgates, int operand_type) {
  constexpr int G = Cell::kGates, K = Cell::kSaved;
  Place at;
  if (!find_place(q.B, q.H, q.Hp, at)) return;
  const Row row = row_at(k, at.b, q.T, q.reverse, q.lengths);
  Four da_z = {}, da_n = {};
  if (row.active) {
    const long long unit = static_cast<long long>(at.b) * q.Hp + at.j;
    Four kept[K], d[1], dh;
    for (int n = 0; n < K; ++n) kept[n] = load4(saved + (static_cast<long long>(at.b) * K + n) * q.Hp + at.j);
    const Four h = load4(s + unit);
    new_state_gradient<Cell>(q, at, row, dy, y_stride, dsT, dstate, d);
    for (int u = 0; u < 4; ++u) {
      const float kept1[K] = {kept[0].v[u], kept[1].v[u], kept[2].v[u]};
      Cell::backward_candidate(kept1, h.v[u], d[0].v[u], da_z.v[u], da_n.v[u], dh.v[u]);
    }
    store4(dstate + unit, dh);
  }
  const long long gates = static_cast<long long>(at.b) * G * q.Hp + at.j;
  store_operand(operand_type, dgates, gates + q.Hp, existing(at, da_z));
  store_operand(operand_type, dgates, gates + 2 * q.Hp, existing(at, da_n));
}

// d_gated [B,Hp] = da_n·R_n is the gradient of r∘h.
template <typename Cell>
__device__ inline void backward_reset(const Sequence& q, int k, const float* saved, const float* s, const float* d_gated,
                                      float* dstate, void* dgates, int operand_type) {
  constexpr int G = Cell::kGates, K = Cell::kSaved;
  Place at;
  if (!find_place(q.B, q.H, q.Hp, at)) return;
  Four da_r = {};
  if (row_at(k, at.b, q.T, q.reverse, q.lengths).active) {
    const long long unit = static_cast<long long>(at.b) * q.Hp + at.j;
    const Four r = load4(saved + static_cast<long long>(at.b) * K * q.Hp + at.j), h = load4(s + unit);
    const Four d = load4(d_gated + unit);
    Four dh = load4(dstate + unit);
    for (int u = 0; u < 4; ++u) {
      const float kept1[1] = {r.v[u]};
      Cell::backward_reset(kept1, h.v[u], d.v[u], da_r.v[u], dh.v[u]);
    }
    store4(dstate + unit, dh);
  }
  store_operand(operand_type, dgates, static_cast<long long>(at.b) * G * q.Hp + at.j, existing(at, da_r));
}

}  // namespace sequor

// ---- kernels, named after the cell's struct ----------------------------------------------------------------------------------

#define SEQUENCE_ARGUMENTS int T, int B, int H, int Hp, int reverse, const int *lengths, int k
#define SEQUENCE {T, B, H, Hp, reverse != 0, lengths}
#define NEW_STATE_ARGUMENTS float *y, int y_stride, float *next, long long plane, void *operand, int operand_type, float *sT
#define NEW_STATE {y, y_stride, next, plane, operand, operand_type, sT}
#define GRADIENT_ARGUMENTS const float *dy, int y_stride, const float *dsT, float *dstate

#define SINGLE_PRODUCT_KERNELS(id, Cell)                                                                              \
  SEQ_KERNEL forward_step_##Cell(SEQUENCE_ARGUMENTS, const float* pre, const float* rh, const float* vectors,         \
                                 const float* s, NEW_STATE_ARGUMENTS, float* saved) {                                 \
    sequor::forward_step<sequor::Cell>(SEQUENCE, k, pre, rh, vectors, s, NEW_STATE, saved);                           \
  }                                                                                                                   \
  SEQ_REGISTER(forward_step_##Cell)                                                                                   \
  SEQ_KERNEL backward_step_##Cell(SEQUENCE_ARGUMENTS, const float* saved, const float* vectors, const float* s,       \
                                  long long s_plane, GRADIENT_ARGUMENTS, void* dwx, void* drh, int operand_type,      \
                                  float* dp) {                                                                        \
    sequor::backward_step<sequor::Cell>(SEQUENCE, k, saved, vectors, s, s_plane, dy, y_stride, dsT, dstate, dwx, drh, \
                                        operand_type, dp);                                                            \
  }                                                                                                                   \
  SEQ_REGISTER(backward_step_##Cell)

SEQUOR_SINGLE_PRODUCT_CELLS(SINGLE_PRODUCT_KERNELS)

#define TWO_PRODUCT_KERNELS(id, Cell)                                                                                       \
  SEQ_KERNEL forward_gates_##Cell(SEQUENCE_ARGUMENTS, const float* pre, const float* vectors, const float* s, float* gates, \
                                  void* gated, int operand_type) {                                                          \
    sequor::forward_gates<sequor::Cell>(SEQUENCE, k, pre, vectors, s, gates, gated, operand_type);                          \
  }                                                                                                                         \
  SEQ_REGISTER(forward_gates_##Cell)                                                                                        \
  SEQ_KERNEL forward_candidate_##Cell(SEQUENCE_ARGUMENTS, const float* pre, const float* vectors, const float* s,           \
                                      NEW_STATE_ARGUMENTS, float* gates) {                                                  \
    sequor::forward_candidate<sequor::Cell>(SEQUENCE, k, pre, vectors, s, NEW_STATE, gates);                                \
  }                                                                                                                         \
  SEQ_REGISTER(forward_candidate_##Cell)                                                                                    \
  SEQ_KERNEL backward_candidate_##Cell(SEQUENCE_ARGUMENTS, const float* saved, const float* s, GRADIENT_ARGUMENTS,          \
                                       void* dgates, int operand_type) {                                                    \
    sequor::backward_candidate<sequor::Cell>(SEQUENCE, k, saved, s, dy, y_stride, dsT, dstate, dgates, operand_type);       \
  }                                                                                                                         \
  SEQ_REGISTER(backward_candidate_##Cell)                                                                                   \
  SEQ_KERNEL backward_reset_##Cell(SEQUENCE_ARGUMENTS, const float* saved, const float* s, const float* d_gated,            \
                                   float* dstate, void* dgates, int operand_type) {                                         \
    sequor::backward_reset<sequor::Cell>(SEQUENCE, k, saved, s, d_gated, dstate, dgates, operand_type);                     \
  }                                                                                                                         \
  SEQ_REGISTER(backward_reset_##Cell)

SEQUOR_TWO_PRODUCT_CELLS(TWO_PRODUCT_KERNELS)

// What the host has to know of a cell: {K, recurrent state, two products, shared gate gradients}. Launch: one thread.
#define TRAITS_KERNEL(id, Cell)                             \
  SEQ_KERNEL cell_traits_##Cell(int* traits) {              \
    traits[0] = sequor::Cell::kSaved;                       \
    traits[1] = sequor::Cell::kRecurrentState;              \
    traits[2] = sequor::Cell::kTwoProducts ? 1 : 0;         \
    traits[3] = sequor::Cell::kSharedGateGradients ? 1 : 0; \
  }                                                         \
  SEQ_REGISTER(cell_traits_##Cell)

SEQUOR_CELLS(TRAITS_KERNEL)
