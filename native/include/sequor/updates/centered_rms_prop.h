// RMSProp by the variance of the gradient, with momentum (Graves, arXiv:1308.0850, equations 38 to 41, which trained LSTMs first; the
// epsilon outside the root, as torch.optim.RMSprop with centered=True).
//   g += decay·w        v' = alpha·v + (1 - alpha)·g²        m' = alpha·m + (1 - alpha)·g
//   u' = momentum·u + g / (sqrt(v' - m'²) + epsilon)         w' = w - lr·u'
#pragma once

#include "sequor/updates/update.h"

namespace sequor {

struct CenteredRmsProp {
  static constexpr int kMoments = 3;  // v, m, u
  struct Factors {
    float learning_rate, alpha, rest, epsilon, decay, momentum;
  };

  SEQ_HD static Factors prepare(const Rates& r, double) {
    return {r.learning_rate, r.constants[0], 1.0f - r.constants[0], r.constants[1], r.constants[2], r.constants[3]};
  }

  template <typename T>
  SEQ_HD static void update(const Factors& f, T g, T& w, T* moments) {
    if (f.decay > 0) g = g + w * T(f.decay);
    moments[0] = moments[0] * T(f.alpha) + g * g * T(f.rest);
    moments[1] = moments[1] * T(f.alpha) + g * T(f.rest);
    // No less than 0 but for rounding.
    const T variance = at_least(moments[0] - moments[1] * moments[1], 0.0f);
    moments[2] = moments[2] * T(f.momentum) + g / (square_root(variance) + T(f.epsilon));
    w = w - T(f.learning_rate) * moments[2];
  }
};

}  // namespace sequor
