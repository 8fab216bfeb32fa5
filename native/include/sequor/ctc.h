// Connectionist temporal classification (Graves et al. 2006, doi:10.1145/1143844.1143891): the probability that a sequence of
// softmaxes p_t says the labels l_1 … l_S, whatever the times at which it does. With the labels set off by blanks,
// l' = (blank, l_1, blank, l_2, … blank) of E = 2S+1 symbols, a path moves by 0, 1 or 2 symbols a step, by 2 only onto a label
// that differs from the one before it; it begins at symbol 0 or 1 and ends at symbol E-2 or E-1.
//   alpha_t(s) = p_t(l'_s) · (alpha_{t-1}(s) + alpha_{t-1}(s-1) [+ alpha_{t-1}(s-2)])       of all paths that are at s by step t
//   beta_t(s)  = g_{t+1}(s) + g_{t+1}(s+1) [+ g_{t+1}(s+2)],   g_t(s) = p_t(l'_s) · beta_t(s)        of all their continuations
//   loss = -log P,  P = alpha_{T-1}(E-1) + alpha_{T-1}(E-2)        d/da_{t,v} = p_t(v) - sum of alpha_t(s)·beta_t(s) / P, l'_s = v
//
// All of them are kept as logarithms, whose size grows with T: in double precision, as two floats each, so that a thousand steps
// cost no digit. What is added to the larger of two logarithms is computed in single precision: it lies between 0 and log 3.
// Drivers (native/src/ctc.h, kernels/ctc.cu) only say who computes what, and in which order.
#pragma once

#include <cmath>
#include <cstdint>

#include "sequor/portable.h"

namespace sequor {

constexpr double kLogZero = -INFINITY;

struct CtcSizes {
  int T, B, N, S;  // steps, sequences, classes, labels of the longest target
  int blank;
};

// A double as the float nearest to it and the rest.
SEQ_HD void store_wide(double x, float* high, float* low) {
  const float nearest = static_cast<float>(x);
  const double rest = x - static_cast<double>(nearest);
  *high = nearest;
  *low = rest == rest ? static_cast<float>(rest) : 0.0f;  // an infinity less itself is no number
}

SEQ_HD double load_wide(const float* high, const float* low) {
  return static_cast<double>(*high) + static_cast<double>(*low);
}

// log(e^a + e^b + e^c); NaN if one of them is.
SEQ_HD double log_sum(double a, double b, double c) {
  const double high = a > b ? a : b, low = a > b ? b : a;
  const double top = high > c ? high : c, middle = high > c ? c : high;
  if (!(top > kLogZero)) return a + b + c;
  const float others = std::exp(static_cast<float>(low - top)) + std::exp(static_cast<float>(middle - top));
  return top + static_cast<double>(std::log1p(others));
}

// Where things lie in the workspace (dev.sequor.backend.CtcShape.workspaceElements()), in this order.
struct CtcWorkspace {
  float *alpha, *alpha_rest;            // [B,T,2S+1] log alpha; backward leaves alpha·beta/P in the first
  float *g, *g_rest;                    // [B,2,2S+1] log g of the steps t and t+1
  float *likelihood, *likelihood_rest;  // [B] log P
  float *top, *log_total;               // [T,B] the largest output a of a row, and log of the sum of e^(a - top)

  SEQ_HD static CtcWorkspace of(float* at, const CtcSizes& c) {
    const int64_t symbols = 2 * static_cast<int64_t>(c.S) + 1, B = c.B, T = c.T;
    CtcWorkspace w;
    w.alpha = at;
    w.alpha_rest = w.alpha + B * T * symbols;
    w.g = w.alpha_rest + B * T * symbols;
    w.g_rest = w.g + B * 2 * symbols;
    w.likelihood = w.g_rest + B * 2 * symbols;
    w.likelihood_rest = w.likelihood + B;
    w.top = w.likelihood_rest + B;
    w.log_total = w.top + T * B;
    return w;
  }
};

// One sequence of a batch.
struct CtcSequence {
  int b, B, steps, symbols, blank;
  int64_t stride, N;                       // from a symbol's step to the next; of outputs
  const float* outputs;                    // [T,B,N]
  const int32_t* labels;                   // [S,B]
  float *alpha, *alpha_rest, *g, *g_rest;  // of this sequence
  const float *top, *log_total;            // [T,B]

  // Whether sequence b counts: it has a target, and a step.
  SEQ_HD static bool counts(int b, const int32_t* label_lengths, const int32_t* lengths) {
    return label_lengths[b] >= 0 && (!lengths || lengths[b] > 0);
  }

  SEQ_HD static CtcSequence of(int b, const CtcSizes& c, const float* outputs, const int32_t* labels,
                               const int32_t* label_lengths, const int32_t* lengths, const CtcWorkspace& w) {
    CtcSequence q;
    q.b = b;
    q.B = c.B;
    q.steps = lengths ? lengths[b] : c.T;
    q.symbols = 2 * label_lengths[b] + 1;
    q.blank = c.blank;
    q.stride = 2 * static_cast<int64_t>(c.S) + 1;
    q.N = c.N;
    q.outputs = outputs;
    q.labels = labels;
    q.alpha = w.alpha + b * c.T * q.stride;
    q.alpha_rest = w.alpha_rest + b * c.T * q.stride;
    q.g = w.g + 2 * q.stride * b;
    q.g_rest = w.g_rest + 2 * q.stride * b;
    q.top = w.top;
    q.log_total = w.log_total;
    return q;
  }

  // The class of label i, and of symbol s of l'.
  SEQ_HD int label(int i) const { return labels[static_cast<int64_t>(i) * B + b]; }
  SEQ_HD int symbol(int s) const { return s & 1 ? label(s >> 1) : blank; }

  // Whether a path may move from symbol s-2 to s.
  SEQ_HD bool skips_to(int s) const { return (s & 1) && s > 1 && label(s >> 1) != label((s >> 1) - 1); }

  SEQ_HD double log_p(int t, int s) const {
    const int64_t row = static_cast<int64_t>(t) * B + b;
    return static_cast<double>(outputs[row * N + symbol(s)]) - static_cast<double>(top[row]) -
           static_cast<double>(log_total[row]);
  }

  SEQ_HD double log_alpha(int t, int s) const { return load_wide(alpha + t * stride + s, alpha_rest + t * stride + s); }

  SEQ_HD double log_g(int t, int s) const { return load_wide(g + (t & 1) * stride + s, g_rest + (t & 1) * stride + s); }

  // alpha of symbol s at step t, from those of step t-1.
  SEQ_HD void forward(int t, int s) const {
    double before = s < 2 ? 0.0 : kLogZero;
    if (t > 0) {
      before = log_sum(log_alpha(t - 1, s), s > 0 ? log_alpha(t - 1, s - 1) : kLogZero,
                       skips_to(s) ? log_alpha(t - 1, s - 2) : kLogZero);
    }
    store_wide(before + log_p(t, s), alpha + t * stride + s, alpha_rest + t * stride + s);
  }

  // log P, after the last step.
  SEQ_HD double log_likelihood() const {
    return log_sum(log_alpha(steps - 1, symbols - 1), symbols > 1 ? log_alpha(steps - 1, symbols - 2) : kLogZero, kLogZero);
  }

  // g of symbol s at step t, from those of step t+1, and how probable it is that a path is there, which takes the place of alpha.
  SEQ_HD void backward(int t, int s, double log_likelihood) const {
    double after = s >= symbols - 2 ? 0.0 : kLogZero;
    if (t + 1 < steps) {
      after = log_sum(log_g(t + 1, s), s + 1 < symbols ? log_g(t + 1, s + 1) : kLogZero,
                      s + 2 < symbols && skips_to(s + 2) ? log_g(t + 1, s + 2) : kLogZero);
    }
    const int64_t to = (t & 1) * stride + s;
    store_wide(after + log_p(t, s), g + to, g_rest + to);
    alpha[t * stride + s] = std::exp(static_cast<float>(log_alpha(t, s) + after - log_likelihood));
  }

  // How probable it is that a path is at symbol s at step t, after backward.
  SEQ_HD float share(int t, int s) const { return alpha[t * stride + s]; }
};

}  // namespace sequor
