// A stretch of the steps of a long sequence, made to look like a sequence of its own: its lengths, and its rows in the order of
// the steps. So the work of its steps depends on nothing but the addresses of the stretch's memory, and one recording of it
// serves every stretch.
// Launch: grid (ceil(threads / 128)), block 128, no shared memory.
#include "operand.h"
#include "rows.h"

using namespace sequor;

// The lengths of what is left from step k0 on: 0 or less for a sequence that has ended. A thread per sequence.
SEQ_KERNEL stretch_lengths(int T, int B, const int* lengths, int k0, int* left) {
  const long long b = thread_index();
  if (b < B) left[b] = (lengths ? lengths[b] : T) - k0;
}
SEQ_REGISTER(stretch_lengths)

// The first element of the row of an array [T,B,stride] that step k0 + i / B of sequence i % B reads or writes.
__device__ inline long long row_outside(int T, int B, bool reverse, const int* lengths, int k0, long long i, int stride,
                                        bool* active) {
  const int b = static_cast<int>(i % B);
  const Row at = row_at(k0 + static_cast<int>(i / B), b, T, reverse, lengths);
  *active = at.active;
  return (static_cast<long long>(at.time) * B + b) * stride;
}

// from [T,B,stride], `width` columns of it → to [steps·B, width], zero once a sequence has ended. A thread per four columns.
SEQ_KERNEL take_stretch(int T, int B, int reverse, const int* lengths, int k0, int steps, int width, int stride,
                        const float* from, float* to) {
  const int quads = (width + 3) / 4;
  const long long i = thread_index();
  if (i >= static_cast<long long>(steps) * B * quads) return;
  const long long row = i / quads;
  const int column = static_cast<int>(i % quads) * 4;
  bool active;
  const long long outside = row_outside(T, B, reverse != 0, lengths, k0, row, stride, &active) + column;
  store_first(to + row * width + column, load_first(from + outside, active ? width - column : 0), width - column);
}
SEQ_REGISTER(take_stretch)

// The way back; what lies past a sequence's end is written as well. A thread per four columns.
SEQ_KERNEL put_stretch(int T, int B, int reverse, const int* lengths, int k0, int steps, int width, int stride,
                       const float* from, float* to) {
  const int quads = (width + 3) / 4;
  const long long i = thread_index();
  if (i >= static_cast<long long>(steps) * B * quads) return;
  const long long row = i / quads;
  const int column = static_cast<int>(i % quads) * 4;
  bool active;
  const long long outside = row_outside(T, B, reverse != 0, lengths, k0, row, stride, &active) + column;
  store_first(to + outside, load_first(from + row * width + column, width - column), width - column);
}
SEQ_REGISTER(put_stretch)
