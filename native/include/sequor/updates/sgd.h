// Stochastic gradient descent with momentum (as torch.optim.SGD).
//   g += decay·w        v' = momentum·v + g        w' = w - lr·v'
#pragma once

#include "sequor/updates/update.h"

namespace sequor {

struct Sgd {
  static constexpr int kMoments = 1;
  struct Factors {
    float learning_rate, momentum, decay;
  };

  SEQ_HD static Factors prepare(const Rates& r, double) { return {r.learning_rate, r.constants[0], r.constants[1]}; }

  template <typename T>
  SEQ_HD static void update(const Factors& f, T g, T& w, T* moments) {
    if (f.decay > 0) g = g + w * T(f.decay);
    moments[0] = moments[0] * T(f.momentum) + g;
    w = w - moments[0] * T(f.learning_rate);
  }
};

}  // namespace sequor
