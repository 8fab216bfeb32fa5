// Stochastic gradient descent with momentum, or with that of Nesterov, in the form whose weights are where the next gradient is
// taken (Sutskever, Martens, Dahl and Hinton, ICML 2013; both as torch.optim.SGD).
//   g += decay·w        v' = momentum·v + g
//   momentum: w' = w - lr·v'        Nesterov: w' = w - lr·(g + momentum·v')
#pragma once

#include "sequor/updates/update.h"

namespace sequor {

template <bool kNesterov>
struct SgdRule {
  static constexpr int kMoments = 1;
  struct Factors {
    float learning_rate, momentum, decay;
  };

  SEQ_HD static Factors prepare(const Rates& r, double) { return {r.learning_rate, r.constants[0], r.constants[1]}; }

  template <typename T>
  SEQ_HD static void update(const Factors& f, T g, T& w, T* moments) {
    if (f.decay > 0) g = g + w * T(f.decay);
    moments[0] = moments[0] * T(f.momentum) + g;
    w = w - (kNesterov ? g + moments[0] * T(f.momentum) : moments[0]) * T(f.learning_rate);
  }
};

using Sgd = SgdRule<false>;
using Nesterov = SgdRule<true>;

}  // namespace sequor
