// Draws the next token of a sequence from its logits, as dev.sequor.backend.TokenDraw does on a host.
#include "device.h"
#include "random.h"
#include "warp.h"

using namespace sequor;

namespace {
// The logits of a row, those of tokens that have been seen made smaller (DrawShape.penalized). seen may be null.
struct Logits {
  const float* values;
  const int* seen;
  float penalty;

  __device__ float operator[](int token) const {
    const float x = values[token];
    if (!seen || penalty == 1.0f || !seen[token] || !(fabsf(x) <= 3.402823466e38f)) return x;
    return fmaxf(x > 0.0f ? x / penalty : x * penalty, -3.402823466e38f);
  }
};

// The likeliest token, of equal ones the first; -1 if a logit is not finite.
__device__ inline int likeliest_token(int V, const Logits& logits) {
  float top = -INFINITY;
  int token = V;
  bool finite = true;
  for (int i = threadIdx.x; i < V; i += 32) {
    finite = finite && fabsf(logits[i]) <= 3.402823466e38f;
    if (logits[i] > top) {
      top = logits[i];
      token = i;
    }
  }
  for (int m = 16; m; m >>= 1) {
    const float other = __shfl_xor_sync(kAllLanes, top, m);
    const int other_token = __shfl_xor_sync(kAllLanes, token, m);
    if (other > top || (other == top && other_token < token)) {
      top = other;
      token = other_token;
    }
  }
  return __all_sync(kAllLanes, finite) ? token : -1;
}

// Sums of weights, each lane's own run of them: what comes before it, and what it ends with.
struct Runs {
  int begin, end;
  double before, after;
};

__device__ inline Runs sum_runs(int count, const double* weights) {
  const int lane = threadIdx.x, run = (count + 31) / 32;
  Runs r;
  r.begin = lane * run < count ? lane * run : count;
  r.end = r.begin + run < count ? r.begin + run : count;
  double sum = 0;
  for (int i = r.begin; i < r.end; ++i) sum += weights[i];
  double scan = sum;
  for (int m = 1; m < 32; m <<= 1) {
    const double below = __shfl_up_sync(kAllLanes, scan, m);
    if (lane >= m) scan += below;
  }
  r.after = scan;
  const double below = __shfl_up_sync(kAllLanes, scan, 1);
  r.before = lane == 0 ? 0.0 : below;
  return r;
}

// The first i whose sum up to and including weights[i] is above `point` (or at it, if `reach`), and that sum; the last i with any
// weight if rounding lets the point lie beyond them all.
struct Place {
  int i;
  double sum;
};

__device__ inline Place find(const Runs& r, const double* weights, double point, bool reach) {
  int found = -1, last = -1;
  double sum = r.before, at = 0;
  for (int i = r.begin; i < r.end && found < 0; ++i) {
    if (weights[i] > 0) {
      last = i;
      sum += weights[i];
      if (point < sum || (reach && point == sum)) {
        found = i;
        at = sum;
      }
    }
  }
  const unsigned lanes = __ballot_sync(kAllLanes, found >= 0);
  if (lanes == 0) return {warp_max(last), __shfl_sync(kAllLanes, r.after, 31)};
  const int lane = __ffs(lanes) - 1;
  return {__shfl_sync(kAllLanes, found, lane), __shfl_sync(kAllLanes, at, lane)};
}
}  // namespace

// order[rank] = token of each row, by falling logit, equal ones by rising number. Launch: grid (ceil(V / 128), rows), block 128.
SEQ_KERNEL rank_tokens(int V, float penalty, const float* all_logits, const int* all_seen, int* orders) {
  const int token = blockIdx.x * blockDim.x + threadIdx.x;
  if (token >= V) return;
  const long long row = static_cast<long long>(blockIdx.y) * V;
  const Logits logits{all_logits + row, all_seen ? all_seen + row : nullptr, penalty};
  int* order = orders + row;
  const float mine = logits[token];
  int rank = 0;
  for (int i = 0; i < V; ++i) rank += (logits[i] > mine || (logits[i] == mine && i < token)) ? 1 : 0;
  // A NaN has no rank of its own; draw_token refuses the logits then.
  order[rank] = token;
}
SEQ_REGISTER(rank_tokens)

// tokens[row] = the drawn token, or -1 if a logit is not finite. temperature 0 takes the likeliest; top_k of the tokens are kept, of
// them the fewest whose probabilities reach top_p, of them those with min_p of the likeliest's. orders [rows,V]: by falling logit, or
// null where all tokens are kept. all_weights [rows,V] is scratch; all_seen [rows,V], which may be null, gets the token. The random
// number is Philox word first + index of the row's key; first [2] is that number's low and high word.
// Launch: a block of 32 per row.
SEQ_KERNEL draw_token(int V, float temperature, int top_k, float top_p, float min_p, float penalty, const RandomKey* keys,
                      const uint32_t* first, int index, const float* all_logits, int* all_seen, const int* orders,
                      double* all_weights, int* tokens) {
  const long long row = static_cast<long long>(blockIdx.x) * V;
  int* seen = all_seen ? all_seen + row : nullptr;
  const Logits logits{all_logits + row, seen, penalty};
  const int* order = orders ? orders + row : nullptr;
  double* weights = all_weights + row;
  const RandomKey* key = keys + blockIdx.x;
  const int likeliest = likeliest_token(V, logits);
  if (likeliest < 0 || temperature == 0.0f) {
    if (threadIdx.x == 0) {
      tokens[blockIdx.x] = likeliest;
      if (seen && likeliest >= 0) seen[likeliest] = 1;
    }
    return;
  }
  int kept = top_k < V ? top_k : V;
  const double top = static_cast<double>(logits[likeliest]);
  for (int i = threadIdx.x; i < kept; i += 32) {
    const int at = order ? order[i] : i;
    weights[i] = exp((static_cast<double>(logits[at]) - top) / static_cast<double>(temperature));
  }
  __syncwarp();
  Runs runs = sum_runs(kept, weights);
  double total = __shfl_sync(kAllLanes, runs.after, 31);
  if (top_p < 1.0f) {
    const Place nucleus = find(runs, weights, static_cast<double>(top_p) * total, true);
    kept = nucleus.i + 1;
    total = nucleus.sum;
    runs.end = runs.end < kept ? runs.end : kept;
  }
  if (min_p > 0.0f) {
    // The likeliest has the weight 1.
    for (int i = threadIdx.x; i < kept; i += 32) {
      if (weights[i] < static_cast<double>(min_p)) weights[i] = 0;
    }
    __syncwarp();
    runs = sum_runs(kept, weights);
    total = __shfl_sync(kAllLanes, runs.after, 31);
  }
  const uint64_t number = (static_cast<uint64_t>(first[1]) << 32 | first[0]) + static_cast<uint64_t>(index);
  uint32_t words[4];
  philox_block(key->seed(), key->stream, key->offset(), static_cast<uint32_t>(number / 4), words);
  const double uniform = static_cast<double>(words[number % 4] >> 8) * (1.0 / 16777216.0);
  const Place picked = find(runs, weights, uniform * total, false);
  if (threadIdx.x == 0) {
    const int token = order ? order[picked.i] : picked.i;
    tokens[blockIdx.x] = token;
    if (seen) seen[token] = 1;
  }
}
SEQ_REGISTER(draw_token)

// The `count` likeliest tokens of each row, equal ones by rising number, and the logarithms of their probabilities; -1 and NaN if a
// logit is not finite. A warp works on one row, and goes through it once for each token that it finds: for the few of a beam that
// costs less than an order of all. Launch: grid (ceil(rows / 4)), block 128.
SEQ_KERNEL likeliest_tokens(int rows, int V, int count, const float* all_logits, int* tokens, float* logarithms) {
  const int lane = threadIdx.x % 32, row = blockIdx.x * 4 + threadIdx.x / 32;
  if (row >= rows) return;
  const float* logits = all_logits + static_cast<long long>(row) * V;
  float top = -INFINITY;
  bool finite = true;
  for (int i = lane; i < V; i += 32) {
    finite = finite && fabsf(logits[i]) <= 3.402823466e38f;
    top = fmaxf(top, logits[i]);
  }
  finite = __all_sync(kAllLanes, finite);
  top = warp_max(top);
  double sum = 0;
  for (int i = lane; i < V && finite; i += 32) sum += exp(static_cast<double>(logits[i]) - static_cast<double>(top));
  const double log_sum = log(warp_sum(sum));
  float above = INFINITY;  // what was found last, and which token
  int found = -1;
  for (int n = 0; n < count; ++n) {
    float best = -INFINITY;
    int token = V;
    for (int i = lane; i < V && finite; i += 32) {
      const float x = logits[i];
      const bool left = x < above || (x == above && i > found);
      if (left && (x > best || (x == best && i < token))) {
        best = x;
        token = i;
      }
    }
    for (int m = 16; m; m >>= 1) {
      const float other = __shfl_xor_sync(kAllLanes, best, m);
      const int other_token = __shfl_xor_sync(kAllLanes, token, m);
      if (other > best || (other == best && other_token < token)) {
        best = other;
        token = other_token;
      }
    }
    above = best;
    found = token;
    if (lane == 0) {
      const long long at = static_cast<long long>(row) * count + n;
      tokens[at] = finite ? token : -1;
      logarithms[at] = finite ? static_cast<float>(static_cast<double>(best) - static_cast<double>(top) - log_sum) : NAN;
    }
  }
}
SEQ_REGISTER(likeliest_tokens)

// mixed [T,B]: given where it is negative, at step 0, and where the random number is below the threshold, else what was predicted a
// step before (dev.sequor.backend.TokenMix). Launch: a thread per element.
SEQ_KERNEL mix_tokens(int elements, int B, const RandomKey* key, const int* threshold, const int* given,
                      const int* predicted, int* mixed) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= elements) return;
  int token = given[i];
  if (i >= B && token >= 0) {
    if (static_cast<int>(random_word(key, 0, i, 1) >> 8) >= threshold[0]) token = predicted[i - B];
  }
  mixed[i] = token;
}
SEQ_REGISTER(mix_tokens)
