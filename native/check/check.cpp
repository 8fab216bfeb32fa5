// Checks the engine without Java, for processors on which no JVM is at hand (ci/check-aarch64): every cell, kind of weights and
// number of threads against the cells' own maths in double precision, one element at a time; gradients against differences. With
// products of bfloat16: outputs against the same, gradients against those of float32, and the bits of one way to make them against
// the other's.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

#include "../src/crowding.h"
#include "sequor/cells.h"
#include "sequor/engine.h"

namespace {

using Values = std::vector<double>;

struct Sizes {
  int T, B, I, H;
};

double uniform(unsigned& state) {
  state = state * 1664525u + 1013904223u;
  return double(state >> 8) / double(1 << 24) * 2 - 1;
}

// Floats, so that the engine sees the same numbers.
Values random_values(size_t count, double bound, unsigned seed) {
  Values values(count);
  for (double& v : values) v = float(bound * uniform(seed));
  return values;
}

std::vector<float> floats(const Values& values) { return std::vector<float>(values.begin(), values.end()); }

template <typename Cell>
struct Reference {
  static constexpr int G = Cell::kGates, S = Cell::kStates, P = Cell::kPeepholes, K = Cell::kSaved;

  static size_t parameters(const Sizes& n) { return size_t(G) * n.H * (n.I + n.H + 2) + size_t(P) * n.H; }

  // Not the order in which the library has them, so that nothing may depend on it.
  static SeqBlockLayout block(const Sizes& n) {
    const int64_t gates = int64_t(G) * n.H, R = gates, p = R + gates * n.H, W = p + int64_t(P) * n.H;
    return {W, R, W + gates * n.I, 0, p};
  }

  static double dot(const double* w, const double* x, int width, int stride = 1) {
    double sum = 0;
    for (int k = 0; k < width; ++k) sum += w[k] * x[k * stride];
    return sum;
  }

  // y [T,B,H] from a zero state.
  static Values forward(const Sizes& n, const Values& parameters, const Values& x) {
    const SeqBlockLayout at = block(n);
    const double *W = parameters.data() + at.input_weights, *R = parameters.data() + at.recurrent_weights;
    const double *bW = parameters.data() + at.input_bias, *bR = parameters.data() + at.recurrent_bias;
    const double* peepholes = parameters.data() + at.peepholes;
    Values y(size_t(n.T) * n.B * n.H);
    for (int b = 0; b < n.B; ++b) {
      Values state(size_t(S) * n.H), gated(n.H), kept_all(size_t(K + 1) * n.H);
      for (int t = 0; t < n.T; ++t) {
        const double* row = x.data() + (size_t(t) * n.B + b) * n.I;
        Values next(state.size());
        auto wx = [&](int g, int j) { return dot(W + (size_t(g) * n.H + j) * n.I, row, n.I) + bW[g * n.H + j]; };
        auto rh = [&](int g, int j, const double* operand) {
          return dot(R + (size_t(g) * n.H + j) * n.H, operand, n.H) + bR[g * n.H + j];
        };
        if constexpr (Cell::kTwoProducts) {
          for (int j = 0; j < n.H; ++j) {
            const double w[2] = {wx(0, j), wx(1, j)}, r[2] = {rh(0, j, state.data()), rh(1, j, state.data())};
            Cell::forward_gates(w, r, state[j], gated[j], &kept_all[size_t(j) * (K + 1)]);
          }
          for (int j = 0; j < n.H; ++j)
            Cell::forward_candidate(wx(2, j), rh(2, j, gated.data()), state[j], next[j], &kept_all[size_t(j) * (K + 1)]);
        } else {
          for (int j = 0; j < n.H; ++j) {
            double w[G], r[G], p[P + 1] = {}, s[S], out[S], kept[K + 1];
            for (int g = 0; g < G; ++g) {
              w[g] = wx(g, j);
              r[g] = rh(g, j, state.data() + size_t(Cell::kRecurrentState) * n.H);
            }
            for (int q = 0; q < P; ++q) p[q] = peepholes[size_t(q) * n.H + j];
            for (int q = 0; q < S; ++q) s[q] = state[size_t(q) * n.H + j];
            Cell::template forward<double>(w, r, p, s, out, kept);
            for (int q = 0; q < S; ++q) next[size_t(q) * n.H + j] = out[q];
          }
        }
        state = next;
        for (int j = 0; j < n.H; ++j) y[(size_t(t) * n.B + b) * n.H + j] = state[j];
      }
    }
    return y;
  }
};

int failures = 0;

void expect(bool good, const char* cell, const Sizes& n, int threads, const char* what, double error) {
  if (good) return;
  ++failures;
  std::printf("%s T=%d B=%d I=%d H=%d, %d threads: %s is off by %g\n", cell, n.T, n.B, n.I, n.H, threads, what, error);
}

double largest(const Values& values) {
  double m = 0;
  for (double v : values) m = std::fmax(m, std::fabs(v));
  return m;
}

template <typename Cell>
void check(SeqEngine* engine, const char* cell, const Sizes& n, int threads) {
  const size_t rows = size_t(n.T) * n.B;
  const SeqBlockLayout block = Reference<Cell>::block(n);
  const Values parameters = random_values(Reference<Cell>::parameters(n), 1 / std::sqrt(n.H + 3.0), 1);
  const Values x = random_values(rows * n.I, 1, 2), dy = random_values(rows * n.H, 1, 3);
  const Values expected = Reference<Cell>::forward(n, parameters, x);
  const std::vector<float> p = floats(parameters), xf = floats(x), dyf = floats(dy);
  std::vector<int32_t> offsets, padded, order;
  for (int t = 0; t <= n.T; ++t) offsets.push_back(t * n.B);
  for (size_t r = 0; r < rows; ++r) padded.push_back(int32_t(r));
  for (int b = 0; b < n.B; ++b) order.push_back(b);

  const double bars[] = {1e-5, 3e-2, 6e-2};
  const char* names[] = {"y", "y with bfloat16 weights", "y with int8 weights"};
  for (int weights = 0; weights < 3; ++weights) {
    SeqLayer* l = sequor_layer_create(engine, cell, n.T, n.B, n.I, n.H, n.H, 0, weights, &block);
    SeqWeights* packed = sequor_weights_create(l);
    sequor_layer_use_weights(l, packed);
    sequor_layer_rows(l, n.T, 1, offsets.data(), padded.data(), order.data(), padded.data(), 0);
    std::vector<float> y(rows * n.H, NAN);
    sequor_layer_forward(l, p.data(), 1, xf.data(), nullptr, y.data(), nullptr, nullptr);
    double error = 0;
    for (size_t i = 0; i < y.size(); ++i) error = std::fmax(error, y[i] == y[i] ? std::fabs(y[i] - expected[i]) : 1e9);
    expect(error <= bars[weights] * largest(expected), cell, n, threads, names[weights], error / largest(expected));
    sequor_layer_destroy(l);
    sequor_weights_destroy(packed);
  }

  // The derivative of sum dy∘y along a random direction, from the gradients and by central differences.
  SeqLayer* l = sequor_layer_create(engine, cell, n.T, n.B, n.I, n.H, n.H, 1, 0, &block);
  SeqWeights* packed = sequor_weights_create(l);
  sequor_layer_use_weights(l, packed);
  sequor_layer_rows(l, n.T, 1, offsets.data(), padded.data(), order.data(), padded.data(), 0);
  std::vector<float> y(rows * n.H), saved(size_t(sequor_layer_saved_elements(l))), dp(p.size()), dx(xf.size(), NAN);
  sequor_layer_forward(l, p.data(), 1, xf.data(), nullptr, y.data(), nullptr, saved.data());
  sequor_layer_backward(l, p.data(), 1, xf.data(), saved.data(), dyf.data(), nullptr, dp.data(), dx.data(), 0, nullptr);
  sequor_layer_destroy(l);
  sequor_weights_destroy(packed);
  const Values along_p = random_values(p.size(), 1, 4), along_x = random_values(xf.size(), 1, 5);
  double slope = 0, size = 0, difference = 0;
  for (size_t i = 0; i < p.size(); ++i) slope += dp[i] * along_p[i], size += std::fabs(dp[i] * along_p[i]);
  for (size_t i = 0; i < dx.size(); ++i) slope += dx[i] * along_x[i], size += std::fabs(dx[i] * along_x[i]);
  const double step = 1e-6;
  for (int sign = -1; sign <= 1; sign += 2) {
    Values moved_p = parameters, moved_x = x;
    for (size_t i = 0; i < moved_p.size(); ++i) moved_p[i] += sign * step * along_p[i];
    for (size_t i = 0; i < moved_x.size(); ++i) moved_x[i] += sign * step * along_x[i];
    const Values moved = Reference<Cell>::forward(n, moved_p, moved_x);
    for (size_t i = 0; i < moved.size(); ++i) difference += sign * dy[i] * moved[i] / (2 * step);
  }
  // ReLU has a kink that a difference may straddle.
  const double bar = std::strcmp(cell, "rnn-relu") == 0 ? 1e-3 : 1e-5;
  expect(std::fabs(slope - difference) <= bar * size, cell, n, threads, "the gradient",
         std::fabs(slope - difference) / size);
}

// What one training pass of a layer gives: y, the gradients of parameters and x.
struct Pass {
  std::vector<float> y, dp, dx;
};

template <typename Cell>
Pass train(SeqEngine* engine, const char* cell, const Sizes& n) {
  const size_t rows = size_t(n.T) * n.B;
  const SeqBlockLayout block = Reference<Cell>::block(n);
  const std::vector<float> p = floats(random_values(Reference<Cell>::parameters(n), 1 / std::sqrt(n.H + 3.0), 1));
  const std::vector<float> x = floats(random_values(rows * n.I, 1, 2)), dy = floats(random_values(rows * n.H, 1, 3));
  std::vector<int32_t> offsets, all;
  for (int t = 0; t <= n.T; ++t) offsets.push_back(t * n.B);
  for (size_t r = 0; r < rows; ++r) all.push_back(int32_t(r));
  SeqLayer* l = sequor_layer_create(engine, cell, n.T, n.B, n.I, n.H, n.H, 1, 0, &block);
  SeqWeights* packed = sequor_weights_create(l);
  sequor_layer_use_weights(l, packed);
  sequor_layer_rows(l, n.T, 1, offsets.data(), all.data(), all.data(), all.data(), 0);
  Pass pass{std::vector<float>(rows * n.H, NAN), std::vector<float>(p.size()), std::vector<float>(x.size(), NAN)};
  std::vector<float> saved(size_t(sequor_layer_saved_elements(l)));
  sequor_layer_forward(l, p.data(), 1, x.data(), nullptr, pass.y.data(), nullptr, saved.data());
  sequor_layer_backward(l, p.data(), 1, x.data(), saved.data(), dy.data(), nullptr, pass.dp.data(), pass.dx.data(), 0,
                        nullptr);
  sequor_layer_destroy(l);
  sequor_weights_destroy(packed);
  return pass;
}

// The largest difference, as a part of the largest number.
double distance(const std::vector<float>& expected, const std::vector<float>& actual) {
  double size = 0, error = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    size = std::fmax(size, std::fabs(expected[i]));
    error = std::fmax(error, actual[i] == actual[i] ? std::fabs(double(actual[i]) - expected[i]) : 1e9);
  }
  return size > 0 ? error / size : error;
}

template <typename Cell>
void check_bfloat16(SeqEngine* engine, SeqEngine* pairs, SeqEngine* fast, const char* cell, const Sizes& n, int threads) {
  const Pass expected = train<Cell>(engine, cell, n), slow = train<Cell>(pairs, cell, n), best = train<Cell>(fast, cell, n);
  const double bar = 4e-2, y = distance(expected.y, slow.y);
  expect(y <= bar, cell, n, threads, "y of bfloat16 products", y);
  // Rounding may move ReLU's sums across its kink, behind which they have another slope.
  if (std::strcmp(cell, "rnn-relu") != 0) {
    const double dp = distance(expected.dp, slow.dp), dx = distance(expected.dx, slow.dx);
    expect(dp <= bar, cell, n, threads, "the parameters' gradient of bfloat16 products", dp);
    expect(dx <= bar, cell, n, threads, "dx of bfloat16 products", dx);
  }
  const auto same = [](const std::vector<float>& a, const std::vector<float>& b) {
    return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
  };
  expect(same(slow.y, best.y) && same(slow.dp, best.dp) && same(slow.dx, best.dx), cell, n, threads,
         "a bit of bfloat16 products made in one instruction", 1);
}

}  // namespace

int main() {
  const Sizes sizes[] = {{1, 1, 1, 1}, {1, 1, 33, 65}, {3, 2, 5, 7}, {5, 9, 31, 33}, {4, 16, 40, 64}};
  const char* set = sequor_best_instruction_set();
  int checks = 0;
  for (int threads = 1; threads <= 3; threads += 2) {
    SeqEngine* engine = sequor_engine_create(set, threads, 1, SEQ_FLOAT32_PRODUCTS);
    SeqEngine* pairs = sequor_engine_create(set, threads, 1, SEQ_BFLOAT16_PRODUCTS_IN_FLOATS);
    SeqEngine* fast = sequor_engine_create(set, threads, 1, SEQ_BFLOAT16_PRODUCTS);
    if (engine == nullptr || pairs == nullptr || fast == nullptr) {
      std::printf("the engine does not start with %d threads\n", threads);
      return 1;
    }
    for (const Sizes& n : sizes) {
#define CHECK(id, Cell)                                              \
  check<sequor::Cell>(engine, id, n, threads);                       \
  check_bfloat16<sequor::Cell>(engine, pairs, fast, id, n, threads); \
  checks += 2;
      SEQUOR_CELLS(CHECK)
#undef CHECK
    }
    sequor_engine_destroy(engine);
    sequor_engine_destroy(pairs);
    sequor_engine_destroy(fast);
  }
  // Jobs of 16 threads that lose little each, and then one of 2 that loses nothing: no reason to use fewer. The other way around: one.
  constexpr sequor::Nanos us = 1000;
  sequor::Crowding idle(16), crowded(16);
  for (int job = 0; job < 19; ++job) idle.report(16, 200 * us, 15 * 60 * us), crowded.report(2, 200 * us, 190 * us);
  idle.report(2, 250 * us, 0);
  crowded.report(16, 250 * us, 15 * 250 * us);
  const int expected[] = {16, 8}, found[] = {idle.advisable(), crowded.advisable()};
  for (int i = 0; i < 2; ++i, ++checks) {
    if (found[i] == expected[i]) continue;
    ++failures;
    std::printf("after jobs of 2 and 16 threads %d are advisable; needed %d\n", found[i], expected[i]);
  }
  std::printf("%s%s: %d checks, %d failures\n", set, sequor_multiplies_bfloat16(set) ? " with AVX512_BF16" : "", checks,
              failures);
  return failures == 0 ? 0 : 1;
}
