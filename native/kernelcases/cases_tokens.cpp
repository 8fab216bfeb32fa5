// kernels/draw.cu, launched as CudaEngine.java does.
#include "case.h"

namespace kernelcases {
namespace {

// Logits, some of them equal; with `broken`, one row has one that is no number.
Floats logits(Draw& d, int rows, int V, bool broken) {
  Floats all = d.values(static_cast<int64_t>(rows) * V, -8, 8);
  for (float& x : all) {
    if (d.once_in(4)) x = static_cast<float>(d.between(-3, 8));
  }
  if (broken) {
    const int at = d.below(rows * V);
    all[static_cast<size_t>(at)] = d.either() ? NAN : INFINITY;
  }
  return all;
}

// CudaEngine's logits of tokens that have been seen, as the kernels' struct Logits makes them.
float penalized(float x, bool seen, float penalty) {
  if (!seen || penalty == 1.0f || !(std::fabs(x) <= 3.402823466e38f)) return x;
  return std::max(x > 0.0f ? x / penalty : x * penalty, -3.402823466e38f);
}

struct Row {
  int rows, V;
  float penalty;
  Floats values;
  Ints seen;  // empty: null

  Row(Draw& d, int most_rows, bool may_be_broken)
      : rows(d.size(most_rows)), V(d.number() == 1 ? 300 : d.size(150)), penalty(d.either() ? 1.0f : d.real(1, 2)) {
    values = logits(d, rows, V, may_be_broken && d.once_in(8));
    if (penalty != 1.0f || d.once_in(4)) seen = d.integers(static_cast<int64_t>(rows) * V, 0, 1);
  }

  // Tokens of each row by falling logit, equal ones by rising number.
  Ints orders() const {
    Ints all;
    for (int row = 0; row < rows; ++row) {
      const size_t first = static_cast<size_t>(row) * static_cast<size_t>(V);
      Ints order;
      for (int i = 0; i < V; ++i) order.push_back(i);
      const auto logit = [&](int i) {
        const size_t at = first + static_cast<size_t>(i);
        const float x = penalized(values[at], !seen.empty() && seen[at] != 0, penalty);
        return x == x ? x : -INFINITY;  // no number has no place; what is drawn is none then
      };
      std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return logit(a) > logit(b); });
      all.insert(all.end(), order.begin(), order.end());
    }
    return all;
  }
};

Case rank_tokens(Draw& d) {
  const Row q(d, 5, false);
  Case c;
  c.int32(q.V).float32(q.penalty).in("logits", q.values).in("seen", q.seen).given(!q.seen.empty());
  c.out("orders", Type::kWord, static_cast<int64_t>(q.rows) * q.V).launch((q.V - 1) / 128 + 1, q.rows, 128);
  return c;
}

Case draw_token(Draw& d) {
  Row q(d, 9, true);
  float temperature = d.once_in(4) ? 0.0f : d.real(0.25f, 3), top_p = d.either() ? 1.0f : d.real(0.1f, 1);
  int top_k = d.either() ? q.V : d.between(1, q.V);
  if (d.once_in(4)) {  // all weights are 1, and top_p is reached exactly where there is an even number of tokens
    std::fill(q.values.begin(), q.values.end(), 1.0f);
    q.penalty = 1;
    temperature = 1;
    top_p = 0.5f;
    top_k = q.V;
  }
  const float min_p = d.either() ? 0.0f : d.once_in(3) ? 1.0f : d.real(0, 0.5f);
  const bool needs_order = temperature > 0 && (top_k < q.V || top_p < 1);
  Case c;
  c.int32(q.V).float32(temperature).int32(top_k).float32(top_p).float32(min_p).float32(q.penalty);
  c.in("keys", d.random_keys(q.rows)).in("first", Words{d.word(), static_cast<uint32_t>(d.below(3))}).int32(d.below(100));
  c.in("logits", q.values);
  if (q.seen.empty()) {
    c.null();
  } else {
    c.in_out("seen", q.seen);
  }
  c.in("orders", q.orders()).given(needs_order);
  c.out("weights", Type::kFloat64, static_cast<int64_t>(q.rows) * q.V)
      .out("tokens", Type::kWord, q.rows)
      .launch(q.rows, 1, 32);
  return c;
}

Case likeliest_tokens(Draw& d) {
  const int rows = d.size(9), V = d.number() == 1 ? 300 : d.size(150), count = d.between(1, std::min(V, 8));
  const bool broken = d.once_in(8);
  Case c;
  c.int32(rows).int32(V).int32(count).in("logits", logits(d, rows, V, broken));
  c.out("tokens", Type::kWord, rows * count).out("logarithms", rows * count).warps(rows);
  return c;
}

Case mix_tokens(Draw& d) {
  const int T = d.size(17), B = d.size(17), elements = T * B;
  Case c;
  c.int32(elements).int32(B).in("key", d.random_keys(1)).in("threshold", d.integers(1, 0, 1 << 24));
  c.in("given", d.integers(elements, -1, 99)).in("predicted", d.integers(elements, 0, 99));
  c.out("mixed", Type::kWord, elements).threads(elements);
  return c;
}

}  // namespace

void add_token_cases(Kernels& kernels) {
  kernels["rank_tokens"] = rank_tokens;
  kernels["draw_token"] = draw_token;
  kernels["likeliest_tokens"] = likeliest_tokens;
  kernels["mix_tokens"] = mix_tokens;
}

}  // namespace kernelcases
