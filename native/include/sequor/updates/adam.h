// Adam (Kingma and Ba, ICLR 2015), with weight decay in the gradient or, as AdamW (Loshchilov and Hutter, ICLR 2019), beside it.
//   Adam: g += decay·w        AdamW: w -= lr·decay·w
//   m' = beta1·m + (1 - beta1)·g        v' = beta2·v + (1 - beta2)·g²
//   w' = w - lr·(m' / (1 - beta1^t)) / (sqrt(v' / (1 - beta2^t)) + epsilon)
#pragma once

#include "sequor/updates/update.h"

namespace sequor {

template <bool kDecoupled>
struct AdamRule {
  static constexpr int kMoments = 2;
  struct Factors {
    float learning_rate, beta1, rest1, beta2, rest2, epsilon, decay;
    float correction1, correction2;  // 1 / (1 - beta^t)
  };

  SEQ_HD static Factors prepare(const Rates& r, double t) {
    const float beta1 = r.constants[0], beta2 = r.constants[1], decay = r.constants[3];
    return {r.learning_rate,
            beta1,
            1.0f - beta1,
            beta2,
            1.0f - beta2,
            r.constants[2],
            kDecoupled ? r.learning_rate * decay : decay,
            float(1.0 / (1.0 - std::pow(double(beta1), t))),
            float(1.0 / (1.0 - std::pow(double(beta2), t)))};
  }

  template <typename T>
  SEQ_HD static void update(const Factors& f, T g, T& w, T* moments) {
    if (kDecoupled) {
      w = w - w * T(f.decay);
    } else if (f.decay > 0) {
      g = g + w * T(f.decay);
    }
    moments[0] = moments[0] * T(f.beta1) + g * T(f.rest1);
    moments[1] = moments[1] * T(f.beta2) + g * g * T(f.rest2);
    w = w -
        T(f.learning_rate) * (moments[0] * T(f.correction1)) / (square_root(moments[1] * T(f.correction2)) + T(f.epsilon));
  }
};

using Adam = AdamRule<false>;
using AdamW = AdamRule<true>;

}  // namespace sequor
