// Adagrad (Duchi, Hazan and Singer, JMLR 12, 2011; as torch.optim.Adagrad).
//   g += decay·w        v' = v + g²        w' = w - lr·g / (sqrt(v') + epsilon)
#pragma once

#include "sequor/updates/update.h"

namespace sequor {

struct Adagrad {
  static constexpr int kMoments = 1;
  struct Factors {
    float learning_rate, epsilon, decay;
  };

  SEQ_HD static Factors prepare(const Rates& r, double) { return {r.learning_rate, r.constants[0], r.constants[1]}; }

  template <typename T>
  SEQ_HD static void update(const Factors& f, T g, T& w, T* moments) {
    if (f.decay > 0) g = g + w * T(f.decay);
    moments[0] = moments[0] + g * g;
    w = w - T(f.learning_rate) * g / (square_root(moments[0]) + T(f.epsilon));
  }
};

}  // namespace sequor
