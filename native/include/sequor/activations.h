// Element-wise functions of dense layers, and of their own. The numbers are those of dev.sequor.backend.Activation.
#pragma once

#include "sequor/math.h"

namespace sequor {

enum Activation : int { kNone = 0, kTanh = 1, kRelu = 2, kSigmoid = 3 };

template <typename T>
SEQ_HD T activate(int function, T a) {
  return function == kTanh ? tanh_act(a) : function == kRelu ? relu(a) : function == kSigmoid ? sigmoid(a) : a;
}

// dy·f'(a), given y = f(a).
template <typename T>
SEQ_HD T through_activation(int function, T y, T dy) {
  return function == kTanh      ? dy * ((T(1) - y) * (T(1) + y))
         : function == kRelu    ? where_positive(y, dy)
         : function == kSigmoid ? dy * (y * (T(1) - y))
                                : dy;
}

}  // namespace sequor
