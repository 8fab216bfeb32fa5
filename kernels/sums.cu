// Column sums in two passes, always added in the same order: bias and peephole gradients without atomics.
#include "operand.h"

using namespace sequor;

// partial[c][j] = sum of operand rows [c·chunk, (c+1)·chunk) at column j; operand [rows, columns], columns a multiple of 4.
// Launch: grid (ceil(columns/4 / 128), chunks), block 128.
SEQ_KERNEL partial_column_sums(int rows, int columns, int chunk, const void* operand, int operand_type, float* partial) {
  const int j = (blockIdx.x * blockDim.x + threadIdx.x) * 4;
  if (j >= columns) return;
  const long long first = static_cast<long long>(blockIdx.y) * chunk;
  const long long end = first + chunk < rows ? first + chunk : rows;
  Four sum = {};
  for (long long row = first; row < end; ++row) {
    const Four values = load_operand(operand_type, operand, row * columns + j);
    for (int u = 0; u < 4; ++u) sum.v[u] += values.v[u];
  }
  store4(partial + static_cast<long long>(blockIdx.y) * columns + j, sum);
}
SEQ_REGISTER(partial_column_sums)

// The same for the first `columns` of the caller's float32 rows, `stride` apart: any number of columns, any alignment. A thread per
// column. Launch: grid (ceil(columns / 128), chunks), block 128.
SEQ_KERNEL partial_column_sums_any(int rows, int stride, int columns, int chunk, const float* x, float* partial) {
  const int j = blockIdx.x * blockDim.x + threadIdx.x;
  if (j >= columns) return;
  const long long first = static_cast<long long>(blockIdx.y) * chunk;
  const long long end = first + chunk < rows ? first + chunk : rows;
  float sum = 0;
  for (long long row = first; row < end; ++row) sum += x[row * stride + j];
  partial[static_cast<long long>(blockIdx.y) * columns + j] = sum;
}
SEQ_REGISTER(partial_column_sums_any)

// sums[g·stride + j] += Σ_c partial[c][g·Hp + j] for the j < H of G groups; the same to `twin` unless it is null.
// Launch: grid (ceil(G·H / 128)), block 128.
SEQ_KERNEL add_partial_sums(int chunks, int G, int H, int Hp, int stride, const float* partial, float* sums, float* twin) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= G * H) return;
  const long long column = static_cast<long long>(i / H) * Hp + i % H;
  float sum = 0;
  for (int c = 0; c < chunks; ++c) sum += partial[static_cast<long long>(c) * G * Hp + column];
  const long long to = static_cast<long long>(i / H) * stride + i % H;
  sums[to] += sum;
  if (twin) twin[to] += sum;
}
SEQ_REGISTER(add_partial_sums)
