// Draws the next token of a sequence from its logits, as dev.sequor.backend.TokenDraw does on a host.
#include "device.h"
#include "sequor/philox.h"
#include "warp.h"

using namespace sequor;

namespace {
// The likeliest token, of equal ones the first; -1 if a logit is not finite.
__device__ inline int likeliest_token(int V, const float* logits) {
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

// order[rank] = token, by falling logit, equal ones by rising number. Launch: a thread per token, block 128.
SEQ_KERNEL rank_tokens(int V, const float* logits, int* order) {
  const int token = blockIdx.x * blockDim.x + threadIdx.x;
  if (token >= V) return;
  const float mine = logits[token];
  int rank = 0;
  for (int i = 0; i < V; ++i) rank += (logits[i] > mine || (logits[i] == mine && i < token)) ? 1 : 0;
  // A NaN has no rank of its own; draw_token refuses the logits then.
  order[rank] = token;
}
SEQ_REGISTER(rank_tokens)

// token[0] = the drawn token, or -1 if a logit is not finite. temperature 0 takes the likeliest; top_k of the tokens are kept, of
// them the fewest whose probabilities reach top_p. order [V]: by falling logit, or null where all tokens are kept. weights [V] is
// scratch. The random number is Philox word first + index of key; first [2] is that number's low and high word.
// Launch: one block of 32.
SEQ_KERNEL draw_token(int V, float temperature, int top_k, float top_p, const RandomKey* key, const uint32_t* first,
                      int index, const float* logits, const int* order, double* weights, int* token) {
  const int likeliest = likeliest_token(V, logits);
  if (likeliest < 0 || temperature == 0.0f) {
    if (threadIdx.x == 0) token[0] = likeliest;
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
  const uint64_t number = (static_cast<uint64_t>(first[1]) << 32 | first[0]) + static_cast<uint64_t>(index);
  uint32_t words[4];
  philox_block(key->seed(), key->stream, key->offset(), static_cast<uint32_t>(number / 4), words);
  const double uniform = static_cast<double>(words[number % 4] >> 8) * (1.0 / 16777216.0);
  const Place picked = find(runs, weights, uniform * total, false);
  if (threadIdx.x == 0) token[0] = order ? order[picked.i] : picked.i;
}
SEQ_REGISTER(draw_token)
