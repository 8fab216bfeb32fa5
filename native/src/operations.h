// What a model needs around its recurrent stack: dense layers, embeddings, losses, dropout and the optimiser.
#pragma once

#include <cmath>

#include "column_sums.h"
#include "gemm.h"
#include "sequor/loss_scale.h"
#include "sequor/numbers.h"
#include "sequor/philox.h"
#include "variant.h"

namespace sequor {
namespace SEQ_ISA {

// Work below this many operations is not worth waking other threads.
constexpr double kWorthSharing = 200e3;

static inline int members_for(const SeqEngine& e, double operations) {
  return operations < kWorthSharing ? 1 : e.team->advisable();
}

// Parts for sums over `items` that are made of one partial sum each: as many for any number of threads, so that the same numbers
// give the same sum.
static inline int parts_for(long items, double operations) {
  return operations < kWorthSharing ? 1 : int(items < kMostParts ? items : kMostParts);
}

static inline long part(long n, int member, int members) { return n * member / members; }

static inline float* gemm_scratch(const SeqEngine& e, int member) {
  return e.gemm_scratch + member * e.variant->gemm_scratch_floats;
}

static void linear_forward(SeqEngine& e, const LinearCall& c) {
  const int members = members_for(e, 2.0 * c.rows * c.input * c.output);
  run_team(*e.team, members, [&](int member) {
    gemm_part(member, members, c.rows, c.input, {c.x, c.input, 1}, {{c.output, {c.weight, 1, c.input}, c.y_out, c.output}}, false,
              gemm_scratch(e, member));
    if (!c.bias && c.activation == kNone) return;
    e.team->barrier(member);
    for (long i = part(c.rows, member, members); i < part(c.rows, member + 1, members); ++i) {
      float* row = c.y_out + i * c.output;
      for (long j = 0; j < c.output; j += kLanes) {
        const int width = int(c.output - j < kLanes ? c.output - j : kLanes);
        Vec v = load_first(row + j, width);
        if (c.bias) v = v + load_first(c.bias + j, width);
        if (c.activation == kTanh) v = tanh_act(v);
        if (c.activation == kRelu) v = relu(v);
        store_first(row + j, v, width);
      }
    }
  });
}

static void linear_backward(SeqEngine& e, const LinearCall& c) {
  const int members = members_for(e, 4.0 * c.rows * c.input * c.output);
  run_team(*e.team, members, [&](int member) {
    if (c.activation != kNone) {
      const long begin = part(c.rows, member, members) * c.output, end = part(c.rows, member + 1, members) * c.output;
      for (long j = begin; j < end; j += kLanes) {
        const int width = int(end - j < kLanes ? end - j : kLanes);
        const Vec y = load_first(c.y + j, width), d = load_first(c.dy + j, width);
        store_first(c.dy + j, c.activation == kTanh ? d * ((Vec(1.0f) - y) * (Vec(1.0f) + y)) : where_positive(y, d), width);
      }
      e.team->barrier(member);
    }
    float* scratch = gemm_scratch(e, member);
    gemm_part(member, members, c.output, c.rows, {c.dy, 1, c.output}, {{c.input, {c.x, c.input, 1}, c.d_weight, c.input}}, true,
              scratch);
    if (c.dx) {
      gemm_part(member, members, c.rows, c.output, {c.dy, c.output, 1}, {{c.input, {c.weight, c.input, 1}, c.dx, c.input}}, false,
                scratch);
    }
    if (c.d_bias) {
      const long blocks = (c.output + kLanes - 1) / kLanes, last = part(blocks, member + 1, members) * kLanes;
      add_column_sums(c.dy, c.output, c.rows, part(blocks, member, members) * kLanes, last < c.output ? last : c.output,
                      c.d_bias);
    }
  });
}

static void embedding_forward(SeqEngine& e, long rows, long width, const int32_t* tokens, const float* table, float* y) {
  const int members = members_for(e, double(rows) * width);
  run_team(*e.team, members, [&](int member) {
    for (long i = part(rows, member, members); i < part(rows, member + 1, members); ++i) {
      float* to = y + i * width;
      if (table && tokens[i] >= 0) {
        std::memcpy(to, table + tokens[i] * width, sizeof(float) * width);
      } else {
        std::memset(to, 0, sizeof(float) * width);
        if (tokens[i] >= 0) to[tokens[i]] = 1.0f;
      }
    }
  });
}

// A table row belongs to one thread, which adds its tokens' gradients in their order: no races, and the same sums for any
// number of threads.
static void embedding_backward(SeqEngine& e, long rows, long width, const int32_t* tokens, const float* dy, float* d_table) {
  const int members = members_for(e, double(rows) * width);
  run_team(*e.team, members, [&](int member) {
    for (long i = 0; i < rows; ++i) {
      if (tokens[i] < 0 || tokens[i] % members != member) continue;
      float* to = d_table + tokens[i] * width;
      const float* from = dy + i * width;
      for (long j = 0; j < width; ++j) to[j] += from[j];
    }
  });
}

// Row losses, each with the gradient of its own row if d is not null. d may be a.
static double softmax_cross_entropy(const float* a, long n, int32_t target, float scale, float* d) {
  Vec m(a[0]);
  long j = 0;
  for (; j + kLanes <= n; j += kLanes) {
    const Vec v = load(a + j);
    m = Vec(v.v > m.v ? v.v : m.v);
  }
  float top = largest(m);
  for (; j < n; ++j) top = a[j] > top ? a[j] : top;
  const Vec shift(top);
  const double target_output = a[target];
  Vec total(0.0f);
  float rest = 0.0f;
  for (j = 0; j + kLanes <= n; j += kLanes) {
    const Vec ex = exponential(load(a + j) - shift);
    total = total + ex;
    if (d) store(d + j, ex);
  }
  if (j < n) {
    const int width = int(n - j);
    float lanes[kLanes];
    store(lanes, exponential(load_first(a + j, width) - shift));
    for (int i = 0; i < width; ++i) rest += lanes[i];
    if (d) std::memcpy(d + j, lanes, sizeof(float) * width);
  }
  const float denominator = sum(total) + rest;
  if (d) {
    const Vec factor(scale / denominator);
    for (j = 0; j < n; j += kLanes) {
      const int width = int(n - j < kLanes ? n - j : kLanes);
      store_first(d + j, load_first(d + j, width) * factor, width);
    }
    d[target] -= scale;
  }
  return std::log(double(denominator)) + double(top) - target_output;
}

static double binary_cross_entropy(const float* a, long n, const float* t, float scale, float* d) {
  double loss = 0;
  for (long j = 0; j < n; ++j) {
    const float v = a[j];
    loss += (v > 0 ? v : 0.0f) - double(v) * t[j] + std::log1p(std::exp(-std::fabs(v)));
  }
  for (long j = 0; d && j < n; j += kLanes) {
    const int width = int(n - j < kLanes ? n - j : kLanes);
    const Vec g = (sigmoid(load_first(a + j, width)) - load_first(t + j, width)) * Vec(scale);
    store_first(d + j, g, width);
  }
  return loss;
}

static double mean_squared_error(const float* a, long n, const float* t, float scale, float* d) {
  double loss = 0;
  const float factor = 2.0f * scale / float(n);
  for (long j = 0; j < n; ++j) {
    const float difference = a[j] - t[j];
    loss += double(difference) * difference;
    if (d) d[j] = factor * difference;
  }
  return loss / double(n);
}

static void loss(SeqEngine& e, const LossCall& c) {
  const long rows = c.time_steps * c.batch, n = c.output;
  const int parts = parts_for(rows, 10.0 * rows * n);
  run_parts(*e.team, parts, [&](int number) {
    double total = 0, valid = 0;
    for (long r = part(rows, number, parts); r < part(rows, number + 1, parts); ++r) {
      const float* a = c.outputs + r * n;
      float* d = c.d_outputs ? c.d_outputs + r * n : nullptr;
      const int32_t target = c.function == kSoftmaxCrossEntropy ? static_cast<const int32_t*>(c.targets)[r] : 0;
      if (target < 0 || (c.lengths && r / c.batch >= c.lengths[r % c.batch])) {
        if (d) std::memset(d, 0, sizeof(float) * n);
        continue;
      }
      const float* t = static_cast<const float*>(c.targets) + (c.function == kSoftmaxCrossEntropy ? 0 : r * n);
      total += c.function == kSoftmaxCrossEntropy   ? softmax_cross_entropy(a, n, target, c.gradient_scale, d)
               : c.function == kBinaryCrossEntropy ? binary_cross_entropy(a, n, t, c.gradient_scale, d)
                                 : mean_squared_error(a, n, t, c.gradient_scale, d);
      valid += 1;
    }
    e.partial_sums[number * kPartialStride] = total;
    e.partial_sums[number * kPartialStride + 1] = valid;
  });
  double total = 0, valid = 0;
  for (int number = 0; number < parts; ++number) {
    total += e.partial_sums[number * kPartialStride];
    valid += e.partial_sums[number * kPartialStride + 1];
  }
  c.result[0] = float(total);
  c.result[1] = float(valid);
}

SEQ_HD Vec square_root(Vec x) {
  Vec r;
  for (int i = 0; i < kLanes; ++i) r.v[i] = __builtin_sqrtf(x.v[i]);
  return r;
}

static void optimizer_step(SeqEngine& e, const OptimizerCall& c) {
  // Whole registers for each part.
  const long registers = (c.elements + kLanes - 1) / kLanes;
  const int parts = parts_for(registers, 10.0 * c.elements);
  const auto end_of = [&](int number) {
    const long end = part(registers, number + 1, parts) * kLanes;
    return end < c.elements ? end : long(c.elements);
  };
  run_parts(*e.team, parts, [&](int number) {
    double squares = 0;
    for (int64_t i = part(registers, number, parts) * kLanes; i < end_of(number); ++i)
      squares += double(c.gradients[i]) * c.gradients[i];
    e.partial_sums[number * kPartialStride] = squares;
  });
  double squares = 0;
  for (int number = 0; number < parts; ++number) squares += e.partial_sums[number * kPartialStride];
  // update = {norm, skipped updates, loss scale, updates since the scale changed}
  const float loss_scale = c.update[2];
  const double norm = std::sqrt(squares) / loss_scale;
  const bool finite = std::isfinite(float(norm));
  const LossScale next = next_loss_scale({loss_scale, c.update[3]}, finite);
  c.update[0] = float(norm);
  c.update[2] = next.scale;
  c.update[3] = next.updates;
  if (!finite) {
    c.update[1] += 1;
    return;
  }

  const float scale = float((c.clip_norm > 0 && norm > c.clip_norm ? c.clip_norm / norm : 1.0) / loss_scale);
  const double t = double(c.step) - c.update[1];
  const float bias1 = float(1.0 / (1.0 - std::pow(double(c.beta1), t)));
  const float bias2 = float(1.0 / (1.0 - std::pow(double(c.beta2), t)));
  float* first = c.moments;
  float* second = c.moments + (c.rule == kSgd ? 0 : c.elements);
  run_parts(*e.team, parts, [&](int number) {
    const int64_t end = end_of(number);
    for (int64_t i = part(registers, number, parts) * kLanes; i < end; i += kLanes) {
      const int width = int(end - i < kLanes ? end - i : kLanes);
      Vec w = load_first(c.parameters + i, width);
      Vec g = load_first(c.gradients + i, width) * Vec(scale);
      if (c.clip_value > 0) g = at_least(at_most(g, c.clip_value), -c.clip_value);
      if (c.rule == kAdamW) {
        w = w - w * Vec(c.learning_rate * c.weight_decay);
      } else if (c.weight_decay > 0) {
        g = g + w * Vec(c.weight_decay);
      }
      const Vec m = load_first(first + i, width);
      if (c.rule == kSgd) {
        const Vec v = m * Vec(c.momentum) + g;
        store_first(first + i, v, width);
        w = w - v * Vec(c.learning_rate);
      } else {
        const Vec m1 = m * Vec(c.beta1) + g * Vec(1.0f - c.beta1);
        const Vec v1 = load_first(second + i, width) * Vec(c.beta2) + g * g * Vec(1.0f - c.beta2);
        store_first(first + i, m1, width);
        store_first(second + i, v1, width);
        w = w - Vec(c.learning_rate) * (m1 * Vec(bias1)) / (square_root(v1 * Vec(bias2)) + Vec(c.epsilon));
      }
      store_first(c.parameters + i, w, width);
    }
  });
}

static void dropout(SeqEngine& e, int64_t elements, float p, uint64_t seed, uint32_t stream, uint64_t offset, const float* x,
                    float* y) {
  const uint32_t threshold = uint32_t(uint64_t(double(p) * 4294967296.0));
  const float scale = 1.0f / (1.0f - p);
  const int members = members_for(e, 20.0 * elements);
  const int64_t blocks = (elements + 3) / 4;
  run_team(*e.team, members, [&](int member) {
    for (int64_t block = part(blocks, member, members); block < part(blocks, member + 1, members); ++block) {
      uint32_t words[4];
      philox_block(seed, stream, offset, uint32_t(block), words);
      for (int q = 0; q < 4 && block * 4 + q < elements; ++q) {
        const int64_t i = block * 4 + q;
        y[i] = words[q] < threshold ? 0.0f : x[i] * scale;
      }
    }
  });
}

static void activation(int function, int64_t n, const float* x, float* y) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const int width = int(n - i < kLanes ? n - i : kLanes);
    const Vec v = load_first(x + i, width);
    store_first(y + i, function == 0 ? sigmoid(v) : function == 1 ? tanh_act(v) : exponential(v), width);
  }
}

}  // namespace SEQ_ISA
}  // namespace sequor
