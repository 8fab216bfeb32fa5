// What a model needs around its recurrent stack, besides products of matrices: bias and activation, products of elements, copies,
// maxima, embeddings, dropout.
// Launch, where a kernel says nothing else: a thread per element, grid (ceil(threads / 128)), block 128, no shared memory.
#include "operand.h"
#include "random.h"
#include "sequor/activations.h"

using namespace sequor;

// y [M,N] = f(y + bias [N]); bias may be null.
SEQ_KERNEL bias_activation(long long M, int N, const float* bias, int activation, float* y) {
  const long long i = thread_index();
  if (i >= M * N) return;
  y[i] = activate(activation, y[i] + (bias ? bias[i % N] : 0.0f));
}
SEQ_REGISTER(bias_activation)

// y = f(x); y may be x.
SEQ_KERNEL activation(long long elements, int function, const float* x, float* y) {
  const long long i = thread_index();
  if (i < elements) y[i] = activate(function, x[i]);
}
SEQ_REGISTER(activation)

// dx = dy·f'(a), given y = f(a); dx may be dy.
SEQ_KERNEL activation_gradient(long long elements, int function, const float* y, const float* dy, float* dx) {
  const long long i = thread_index();
  if (i < elements) dx[i] = through_activation(function, y[i], dy[i]);
}
SEQ_REGISTER(activation_gradient)

// y (+)= a∘b; without add y may be a or b.
SEQ_KERNEL multiply(long long elements, int add, const float* a, const float* b, float* y) {
  const long long i = thread_index();
  if (i >= elements) return;
  const float product = a[i] * b[i];
  y[i] = add ? y[i] + product : product;
}
SEQ_REGISTER(multiply)

// y [B,width] = the largest of x [T,B,width] over the first lengths [B] steps (null: all), the first of equals, and from [B,width] its
// element in x; a NaN is larger than all else. Of no steps 0, and -1. A thread per element of y.
SEQ_KERNEL maximum_over_time(int T, int B, int width, const float* x, const int* lengths, float* y, int* from) {
  const int i = static_cast<int>(thread_index()), step = B * width;  // all of x has fewer than 2^31 elements
  if (i >= step) return;
  const int steps = lengths ? lengths[i / width] : T;
  float best = steps > 0 ? x[i] : 0.0f;
  int at = steps > 0 ? i : -1;
  for (int t = 1; t < steps; ++t) {
    const float value = x[t * step + i];
    if (!(value <= best) && best == best) {
      best = value;
      at = t * step + i;
    }
  }
  y[i] = best;
  from[i] = at;
}
SEQ_REGISTER(maximum_over_time)

// target[r,j] (+)= factor·source[r,j] for j < width; both point at their first column and have so many columns in all.
SEQ_KERNEL copy_columns(long long rows, int width, const float* source, int source_stride, float factor, int add,
                        float* target, int target_stride) {
  const long long i = thread_index();
  if (i >= rows * width) return;
  const long long row = i / width;
  const int column = static_cast<int>(i % width);
  const float value = source[row * source_stride + column] * factor;
  float* to = target + row * target_stride + column;
  *to = add ? *to + value : value;
}
SEQ_REGISTER(copy_columns)

// y [rows,width] = table [V,width] at the tokens, or one-hot rows where table is null; zeros for a negative token.
SEQ_KERNEL embedding_forward(int rows, int width, const int* tokens, const float* table, float* y) {
  const long long i = thread_index();
  if (i >= static_cast<long long>(rows) * width) return;
  const int token = tokens[i / width], column = static_cast<int>(i % width);
  if (table) {
    y[i] = token >= 0 ? table[static_cast<long long>(token) * width + column] : 0.0f;
  } else {
    y[i] = token == column ? 1.0f : 0.0f;
  }
}
SEQ_REGISTER(embedding_forward)

// d_table[tokens[i]] += dy[i], in the order of i, without atomics: a warp owns 128 columns of one row of the table, looks through
// all tokens 32 at a time and adds those that are its own; then the next columns, where there are more than the grid has rows.
// Launch: grid (ceil(V / 4), at most ceil(width / 128)), block 128.
SEQ_KERNEL embedding_backward(int rows, int width, int V, const int* tokens, const float* dy, float* d_table) {
  const int lane = threadIdx.x % 32, token = blockIdx.x * 4 + threadIdx.x / 32;
  if (token >= V) return;
  for (long long base = blockIdx.y * 128LL; base < width; base += gridDim.y * 128LL) {
    const long long column = base + lane * 4;
    const int inside = static_cast<int>(width - column);
    float* to = d_table + static_cast<long long>(token) * width + column;
    Four sum = load_first(to, inside);
    bool found = false;
    for (long long first = 0; first < rows; first += 32) {
      const bool mine = first + lane < rows && tokens[first + lane] == token;
      for (unsigned mask = __ballot_sync(0xffffffffu, mine); mask; mask &= mask - 1) {
        const Four add = load_first(dy + (first + __ffs(mask) - 1) * width + column, inside);
        for (int u = 0; u < 4; ++u) sum.v[u] += add.v[u];
        found = true;
      }
    }
    if (found) store_first(to, sum, inside);
  }
}
SEQ_REGISTER(embedding_backward)

// y[i] = word(i) < p·2^32 ? 0 : x[i] / (1 - p), with the Philox words of key, stream added to its own; y may be x. x and y are rows
// [..,B,width], or elements of no sequence with width 0. key lies in device memory, so that a captured graph draws new bits at each
// replay. A thread per four elements.
SEQ_KERNEL dropout(long long elements, int width, unsigned threshold, float scale, const RandomKey* key, int stream,
                   const float* x, float* y) {
  const long long first = thread_index() * 4;
  if (first >= elements) return;
  const int inside = static_cast<int>(elements - first < 4 ? elements - first : 4);
  Four values = load_first(x + first, inside);
  if (key->sequences == 0 || width % 4 == 0) {
    // Four neighbours are neighbours in the whole batch, too.
    uint32_t words[4];
    philox_block(key->seed(), key->stream + static_cast<uint32_t>(stream), key->offset(),
                 static_cast<uint32_t>(key->place(first, width) >> 2), words);
    for (int u = 0; u < 4; ++u) values.v[u] = words[u] < threshold ? 0.0f : values.v[u] * scale;
  } else {
    for (int u = 0; u < 4; ++u)
      values.v[u] = random_word(key, stream, first + u, width) < threshold ? 0.0f : values.v[u] * scale;
  }
  store_first(y + first, values, inside);
}
SEQ_REGISTER(dropout)
