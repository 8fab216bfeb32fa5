// RMSProp (Tieleman and Hinton, "Lecture 6.5", Coursera 2012; as torch.optim.RMSprop without momentum).
//   g += decay·w        v' = alpha·v + (1 - alpha)·g²        w' = w - lr·g / (sqrt(v') + epsilon)
#pragma once

#include "sequor/updates/update.h"

namespace sequor {

struct RmsProp {
  static constexpr int kMoments = 1;
  struct Factors {
    float learning_rate, alpha, rest, epsilon, decay;
  };

  SEQ_HD static Factors prepare(const Rates& r, double) {
    return {r.learning_rate, r.constants[0], 1.0f - r.constants[0], r.constants[1], r.constants[2]};
  }

  template <typename T>
  SEQ_HD static void update(const Factors& f, T g, T& w, T* moments) {
    if (f.decay > 0) g = g + w * T(f.decay);
    moments[0] = moments[0] * T(f.alpha) + g * g * T(f.rest);
    w = w - T(f.learning_rate) * g / (square_root(moments[0]) + T(f.epsilon));
  }
};

}  // namespace sequor
