// Lion (Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023, algorithm 2): every step is lr, up or down.
//   w -= lr·decay·w        w' = w - lr·sign(beta1·m + (1 - beta1)·g)        m' = beta2·m + (1 - beta2)·g
#pragma once

#include "sequor/updates/update.h"

namespace sequor {

struct Lion {
  static constexpr int kMoments = 1;
  struct Factors {
    float learning_rate, beta1, rest1, beta2, rest2, decay;
  };

  SEQ_HD static Factors prepare(const Rates& r, double) {
    const float beta1 = r.constants[0], beta2 = r.constants[1];
    return {r.learning_rate, beta1, 1.0f - beta1, beta2, 1.0f - beta2, r.learning_rate * r.constants[2]};
  }

  template <typename T>
  SEQ_HD static void update(const Factors& f, T g, T& w, T* moments) {
    const T way = moments[0] * T(f.beta1) + g * T(f.rest1);
    w = w - w * T(f.decay) - T(f.learning_rate) * zero_up_to(0.0f, magnitude(way), with_sign(T(1.0f), way));
    moments[0] = moments[0] * T(f.beta2) + g * T(f.rest2);
  }
};

}  // namespace sequor
