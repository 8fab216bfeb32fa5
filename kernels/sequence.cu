// What surrounds the steps of one direction of one layer: weights into operands, input rows into the order of the steps, the
// initial state in and the gradients out.
// Launch, where a kernel says nothing else: grid (ceil(threads / 128)), block 128, no shared memory.
#include "operand.h"
#include "rows.h"

using namespace sequor;

// W [G·H,K] → operand [G·Hp,Kp], zero where there is no unit or no input. A thread per four columns.
SEQ_KERNEL pack_weights(int G, int H, int Hp, int K, int Kp, const float* w, void* operand, int operand_type) {
  const int quads = Kp / 4;
  const long long i = thread_index();
  if (i >= static_cast<long long>(G) * Hp * quads) return;
  const long long row = i / quads;
  const int column = static_cast<int>(i % quads) * 4, gate = static_cast<int>(row / Hp), unit = static_cast<int>(row % Hp);
  const Four values = load_first(w + (static_cast<long long>(gate) * H + unit) * K + column, unit < H ? K - column : 0);
  store_operand(operand_type, operand, row * Kp + column, values);
}
SEQ_REGISTER(pack_weights)

// bW [G,H], bR [G,H] and p [P,H] → [2·G + P][Hp], zero past H. A thread per four elements.
SEQ_KERNEL pack_vectors(int G, int P, int H, int Hp, const float* bW, const float* bR, const float* p, float* packed) {
  const int quads = Hp / 4;
  const long long i = thread_index();
  if (i >= static_cast<long long>(2 * G + P) * quads) return;
  const long long row = i / quads;
  const int j = static_cast<int>(i % quads) * 4;
  const float* from = row < G ? bW + row * H : row < 2 * G ? bR + (row - G) * H : p + (row - 2 * G) * H;
  store4(packed + row * Hp + j, load_first(from + j, H - j));
}
SEQ_REGISTER(pack_vectors)

// x [T,B,I] → operand [steps·B, Ip]: row (k - k0)·B + b is what sequence b reads at step k, zero once it has ended. A thread per
// four columns.
SEQ_KERNEL gather_input(int T, int B, int reverse, const int* lengths, int k0, int steps, int I, int Ip, const float* x,
                        void* operand, int operand_type) {
  const int quads = Ip / 4;
  const long long i = thread_index();
  if (i >= static_cast<long long>(steps) * B * quads) return;
  const long long row = i / quads;
  const int column = static_cast<int>(i % quads) * 4, b = static_cast<int>(row % B);
  const Row at = row_at(k0 + static_cast<int>(row / B), b, T, reverse != 0, lengths);
  const Four values = load_first(x + (static_cast<long long>(at.time) * B + b) * I + column, at.active ? I - column : 0);
  store_operand(operand_type, operand, row * Ip + column, values);
}
SEQ_REGISTER(gather_input)

// The initial state [S,B,H] (null: zero) → the first step's slot [S][B][Hp] (planes `plane` apart) and, of state number
// `recurrent`, the operand [B,Hp] of its product (or null). Sequences of length 0 end where they start: sT [S,B,H] or null, which
// may be the memory of s0. A thread per four units.
SEQ_KERNEL begin_forward(int S, int B, int H, int Hp, const int* lengths, const float* s0, float* slot, long long plane,
                         int recurrent, void* operand, int operand_type, float* sT) {
  const int quads = Hp / 4;
  const long long i = thread_index();
  if (i >= static_cast<long long>(S) * B * quads) return;
  const int j = static_cast<int>(i % quads) * 4, b = static_cast<int>(i / quads % B), s = static_cast<int>(i / quads / B);
  const long long outside = (static_cast<long long>(s) * B + b) * H + j, unit = static_cast<long long>(b) * Hp + j;
  const Four initial = load_first(s0 + outside, s0 ? H - j : 0);
  const bool runs = !lengths || lengths[b] > 0;
  store4(slot + s * plane + unit, where(runs, initial));
  if (operand && s == recurrent) store_operand(operand_type, operand, unit, where(runs, initial));
  if (sT && !runs) store_first(sT + outside, initial, H - j);
}
SEQ_REGISTER(begin_forward)

// ds0 [S,B,H] = dstate [S][B][Hp]; of a sequence of length 0, dsT (null: zero). A thread per four units.
SEQ_KERNEL end_backward(int S, int B, int H, int Hp, const int* lengths, const float* dstate, const float* dsT, float* ds0) {
  const int quads = Hp / 4;
  const long long i = thread_index();
  if (i >= static_cast<long long>(S) * B * quads) return;
  const int j = static_cast<int>(i % quads) * 4;
  const long long row = i / quads;  // s·B + b
  Four d = load4(dstate + row * Hp + j);
  if (lengths && lengths[row % B] == 0) d = load_first(dsT + row * H + j, dsT ? H - j : 0);
  store_first(ds0 + row * H + j, d, H - j);
}
SEQ_REGISTER(end_backward)

// dx [T,B,I] += from [T·B,I], whose row k·B + b is step k of sequence b. A thread per four columns.
SEQ_KERNEL scatter_add_input(int T, int B, int reverse, const int* lengths, int I, const float* from, float* dx) {
  const int quads = (I + 3) / 4;
  const long long i = thread_index();
  if (i >= static_cast<long long>(T) * B * quads) return;
  const long long row = i / quads;
  const int column = static_cast<int>(i % quads) * 4, b = static_cast<int>(row % B);
  const Row at = row_at(static_cast<int>(row / B), b, T, reverse != 0, lengths);
  if (!at.active) return;
  float* to = dx + (static_cast<long long>(at.time) * B + b) * I + column;
  const Four add = load_first(from + row * I + column, I - column);
  Four sum = load_first(to, I - column);
  for (int u = 0; u < 4; ++u) sum.v[u] += add.v[u];
  store_first(to, sum, I - column);
}
SEQ_REGISTER(scatter_add_input)
