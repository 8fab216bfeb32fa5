// What a model needs around its recurrent stack: dense layers, activations, products, copies, maxima, dropout, embeddings, losses and
// updates.
#pragma once

#include <cmath>

#include "column_sums.h"
#include "gemm.h"
#include "sequor/activations.h"
#include "sequor/losses.h"
#include "sequor/philox.h"
#include "sequor/updates.h"
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

static void linear_forward(SeqEngine& e, const LinearCall& c) {
  const int members = members_for(e, 2.0 * c.rows * c.input * c.output);
  run_team(*e.team, members, [&](int member) {
    gemm_part(e, member, members, c.rows, c.input, {c.x, c.input, 1},
              {{c.output, {c.weight, 1, c.input}, c.y_out, c.output}}, false);
    if (!c.bias && c.activation == kNone) return;
    e.team->barrier(member);
    for (long i = part(c.rows, member, members); i < part(c.rows, member + 1, members); ++i) {
      float* row = c.y_out + i * c.output;
      for (long j = 0; j < c.output; j += kLanes) {
        const int width = int(c.output - j < kLanes ? c.output - j : kLanes);
        Vec v = load_first(row + j, width);
        if (c.bias) v = v + load_first(c.bias + j, width);
        store_first(row + j, activate(c.activation, v), width);
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
        store_first(c.dy + j, through_activation(c.activation, y, d), width);
      }
      e.team->barrier(member);
    }
    if (c.d_weight) {
      gemm_part(e, member, members, c.output, c.rows, {c.dy, 1, c.output},
                {{c.input, {c.x, c.input, 1}, c.d_weight, c.input}}, true);
    }
    if (c.dx) {
      gemm_part(e, member, members, c.rows, c.output, {c.dy, c.output, 1},
                {{c.input, {c.weight, c.input, 1}, c.dx, c.input}}, false);
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

// work(i, width) for registers of elements i to i + width - 1, on as many threads as are worth it.
template <typename Work>
static void each_register(SeqEngine& e, int64_t elements, double operations, Work work) {
  const int members = members_for(e, operations);
  const long registers = long((elements + kLanes - 1) / kLanes);
  run_team(*e.team, members, [&](int member) {
    for (long r = part(registers, member, members); r < part(registers, member + 1, members); ++r) {
      const int64_t i = int64_t(r) * kLanes;
      work(i, int(elements - i < kLanes ? elements - i : kLanes));
    }
  });
}

static void activation(SeqEngine& e, int function, int64_t elements, const float* x, float* y) {
  each_register(e, elements, 10.0 * elements,
                [&](int64_t i, int width) { store_first(y + i, activate(function, load_first(x + i, width)), width); });
}

static void activation_gradient(SeqEngine& e, int function, int64_t elements, const float* y, const float* dy, float* dx) {
  each_register(e, elements, 5.0 * elements, [&](int64_t i, int width) {
    store_first(dx + i, through_activation(function, load_first(y + i, width), load_first(dy + i, width)), width);
  });
}

static void multiply(SeqEngine& e, int64_t elements, bool add, const float* a, const float* b, float* y) {
  each_register(e, elements, 2.0 * elements, [&](int64_t i, int width) {
    const Vec product = load_first(a + i, width) * load_first(b + i, width);
    store_first(y + i, add ? load_first(y + i, width) + product : product, width);
  });
}

// y[b,j] = the largest x[t,b,j] of t < lengths[b], the first of equals, and from[b,j] where in x it is; a NaN is larger than all else.
// Of no steps 0, and -1.
static void maximum_over_time(SeqEngine& e, long T, long B, long width, const float* x, const int32_t* lengths, float* y,
                              int32_t* from) {
  const long in_row = (width + kLanes - 1) / kLanes, registers = B * in_row;
  const int members = members_for(e, 3.0 * T * B * width);
  run_team(*e.team, members, [&](int member) {
    for (long r = part(registers, member, members); r < part(registers, member + 1, members); ++r) {
      const long b = r / in_row, j = r % in_row * kLanes, column = b * width + j;
      const int lanes = int(width - j < kLanes ? width - j : kLanes);
      const long steps = lengths ? lengths[b] : T;
      Vec best = steps > 0 ? load_first(x + column, lanes) : Vec(0.0f);
      SimdInt at{};  // the step of each lane
      for (long t = 1; t < steps; ++t) {
        const Vec v = load_first(x + t * B * width + column, lanes);
        const SimdInt larger = ~(v.v <= best.v) & (best.v == best.v);
        best = Vec(larger ? v.v : best.v);
        at = larger ? SimdInt{} + int32_t(t) : at;
      }
      store_first(y + column, best, lanes);
      int32_t step[kLanes];
      std::memcpy(step, &at, sizeof at);
      for (int i = 0; i < lanes; ++i) from[column + i] = steps > 0 ? int32_t(step[i] * B * width + column + i) : -1;
    }
  });
}

static void copy_columns(SeqEngine& e, const ColumnCopyCall& c) {
  // Registers of all rows, so that a single long row is shared too.
  const long in_row = (c.width + kLanes - 1) / kLanes, registers = c.rows * in_row;
  const int members = members_for(e, 2.0 * c.rows * c.width);
  const Vec factor(c.factor);
  run_team(*e.team, members, [&](int member) {
    const long end = part(registers, member + 1, members);
    for (long r = part(registers, member, members); r < end; ++r) {
      const long row = r / in_row, j = r % in_row * kLanes;
      const int width = int(c.width - j < kLanes ? c.width - j : kLanes);
      float* to = c.target + row * c.target_stride + j;
      const Vec value = load_first(c.source + row * c.source_stride + j, width) * factor;
      store_first(to, c.add ? load_first(to, width) + value : value, width);
    }
  });
}

// The loss of one row, and its gradient if d is not null; d may be a. t is null where the target is a class.
template <typename Loss>
static double row_loss(const float* constants, const float* a, long n, const float* t, int32_t target, float scale,
                       float* d) {
  LossRow row{};
  row.constants = constants;
  row.outputs = double(n);
  if (Loss::kClasses) row.target = a[target];
  if (Loss::kShifted) {
    Vec m(a[0]);
    long j = 0;
    for (; j + kLanes <= n; j += kLanes) {
      const Vec v = load(a + j);
      m = Vec(v.v > m.v ? v.v : m.v);
    }
    row.top = largest(m);
    for (; j < n; ++j) row.top = a[j] > row.top ? a[j] : row.top;
  }
  for (long j = 0; Loss::kTerms && j < n; ++j) row.terms += Loss::term(constants, a[j], Loss::kClasses ? 0.0f : t[j]);
  if (Loss::kSums == 0 && !d) return Loss::loss(row);

  // What is kept of each element lies where its gradient will.
  const auto targets = [&](long j, int width) { return Loss::kClasses ? Vec(0.0f) : load_first(t + j, width); };
  const auto keep = [&](long j, int width) {
    Vec v = load_first(a + j, width);
    if (Loss::kShifted) v = v - Vec(row.top);
    const Vec kept = Loss::keep(v, targets(j, width));
    if (d) store_first(d + j, kept, width);
    return kept;
  };
  Vec sums[kMostLossSums], rest[kMostLossSums];
  for (int s = 0; s < kMostLossSums; ++s) sums[s] = rest[s] = Vec(0.0f);
  long j = 0;
  for (; j + kLanes <= n; j += kLanes) Loss::add(keep(j, kLanes), sums);
  if (j < n) Loss::add(keep(j, int(n - j)), rest);
  for (int s = 0; s < Loss::kSums; ++s) {
    float lanes[kLanes], last = 0.0f;
    store(lanes, rest[s]);
    for (int i = 0; i < n - j; ++i) last += lanes[i];
    row.sums[s] = sum(sums[s]) + last;
  }
  if (d) {
    const typename Loss::Factors f = Loss::factors(row, scale);
    for (j = 0; j < n; j += kLanes) {
      const int width = int(n - j < kLanes ? n - j : kLanes);
      store_first(d + j, Loss::gradient(load_first(d + j, width), targets(j, width), f), width);
    }
    if (Loss::kClasses) d[target] -= f.target;
  }
  return Loss::loss(row);
}

template <typename Loss>
static void batch_loss(SeqEngine& e, const LossCall& c) {
  const long rows = c.time_steps * c.batch, n = c.output;
  const int parts = parts_for(rows, 10.0 * rows * n);
  run_parts(*e.team, parts, [&](int number) {
    double total = 0, valid = 0;
    for (long r = part(rows, number, parts); r < part(rows, number + 1, parts); ++r) {
      float* d = c.d_outputs ? c.d_outputs + r * n : nullptr;
      const int32_t target = Loss::kClasses ? static_cast<const int32_t*>(c.targets)[r] : 0;
      const float weight = c.weights ? c.weights[r] : 1.0f;
      if (weight == 0 || target < 0 || (c.lengths && r / c.batch >= c.lengths[r % c.batch])) {
        if (d) std::memset(d, 0, sizeof(float) * n);
        continue;
      }
      const float* t = Loss::kClasses ? nullptr : static_cast<const float*>(c.targets) + r * n;
      total += weight * row_loss<Loss>(c.constants, c.outputs + r * n, n, t, target, c.gradient_scale * weight, d);
      valid += weight;
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

static void loss(SeqEngine& e, const LossCall& c) {
#define SEQ_LOSS(number, Loss) \
  if (c.function == number) batch_loss<Loss>(e, c);
  SEQUOR_LOSSES(SEQ_LOSS)
#undef SEQ_LOSS
}

// work(group, begin, end) for the runs of elements from begin to end - 1 that are of one group.
template <typename Work>
static void each_group(const UpdateGroups& groups, int64_t begin, int64_t end, Work work) {
  if (!groups.regions) {
    work(0, begin, end);
    return;
  }
  for (int r = region_of(groups, begin); begin < end && r < groups.regions; ++r) {
    const int64_t stop = groups.ends[r] < end ? groups.ends[r] : end;
    if (stop <= begin) continue;
    if (groups.groups[r] != kNoGroup) work(groups.groups[r], begin, stop);
    begin = stop;
  }
}

template <typename Rule>
static void update_all(SeqEngine& e, const OptimizerCall& c) {
  // Whole registers for each part.
  const long registers = (c.elements + kLanes - 1) / kLanes;
  const int parts = parts_for(registers, 10.0 * c.elements);
  const auto end_of = [&](int number) {
    const long end = part(registers, number + 1, parts) * kLanes;
    return end < c.elements ? end : long(c.elements);
  };
  run_parts(*e.team, parts, [&](int number) {
    double squares = 0;
    each_group(c.groups, part(registers, number, parts) * kLanes, end_of(number), [&](int, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) squares += double(c.gradients[i]) * c.gradients[i];
    });
    e.partial_sums[number * kPartialStride] = squares;
  });
  double squares = 0;
  for (int number = 0; number < parts; ++number) squares += e.partial_sums[number * kPartialStride];
  const Update update = start_update(squares, c.rates[0], *c.report);
  if (!update.applied) return;
  run_parts(*e.team, parts, [&](int number) {
    each_group(c.groups, part(registers, number, parts) * kLanes, end_of(number),
               [&](int group, int64_t begin, int64_t end) {
                 const Prepared<Rule> prepared = prepare_update<Rule>(update, c.rates[group]);
                 for (int64_t i = begin; i < end; i += kLanes) {
                   const int width = int(end - i < kLanes ? end - i : kLanes);
                   Vec w = load_first(c.parameters + i, width), moments[Rule::kMoments];
                   for (int m = 0; m < Rule::kMoments; ++m) moments[m] = load_first(c.moments + m * c.elements + i, width);
                   update_element(prepared, load_first(c.gradients + i, width), w, moments);
                   for (int m = 0; m < Rule::kMoments; ++m) store_first(c.moments + m * c.elements + i, moments[m], width);
                   store_first(c.parameters + i, w, width);
                 }
               });
  });
}

static void optimizer_step(SeqEngine& e, const OptimizerCall& c) {
#define SEQ_UPDATE(number, Rule) \
  if (c.rule == number) update_all<Rule>(e, c);
  SEQUOR_UPDATES(SEQ_UPDATE)
#undef SEQ_UPDATE
}

static void dropout(SeqEngine& e, int64_t elements, int width, float p, const RandomKey& key, uint32_t stream,
                    const float* x, float* y) {
  const uint32_t threshold = uint32_t(uint64_t(double(p) * 4294967296.0));
  const float scale = 1.0f / (1.0f - p);
  const uint64_t seed = key.seed(), offset = key.offset();
  const int members = members_for(e, 20.0 * elements);
  const int64_t blocks = (elements + 3) / 4;
  run_team(*e.team, members, [&](int member) {
    uint32_t known = ~0u, words[4] = {};
    for (int64_t block = part(blocks, member, members); block < part(blocks, member + 1, members); ++block) {
      for (int q = 0; q < 4 && block * 4 + q < elements; ++q) {
        const int64_t i = block * 4 + q, place = key.place(i, width);
        const uint32_t wanted = uint32_t(place >> 2);
        if (wanted != known) philox_block(seed, key.stream + stream, offset, known = wanted, words);
        y[i] = words[place & 3] < threshold ? 0.0f : x[i] * scale;
      }
    }
  });
}

static void elementary_function(int function, int64_t n, const float* x, float* y) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const int width = int(n - i < kLanes ? n - i : kLanes);
    const Vec v = load_first(x + i, width);
    store_first(y + i, function == 0 ? sigmoid(v) : function == 1 ? tanh_act(v) : exponential(v), width);
  }
}

}  // namespace SEQ_ISA
}  // namespace sequor
