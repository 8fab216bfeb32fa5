// Element-wise functions of dense layers, and of their own. The numbers are those of dev.sequor.backend.Activation.
#pragma once

#include "sequor/math.h"

namespace sequor {

enum Activation : int {
  kNone = 0,
  kTanh = 1,
  kRelu = 2,
  kSigmoid = 3,
  kElu = 4,
  kSelu = 5,
  kSoftplus = 6,
  kSoftsign = 7,
  kExp = 8,
  kSqrt = 9,
  kReciprocal = 10,
  kHardSigmoid = 11,
  kHardSigmoidRelu6 = 12,
  kLeakyRelu = 13
};

// SELU: λ, and λα.
constexpr float kSeluScale = 1.0507009873554805f, kSeluFloor = 1.7580993408473766f;
constexpr float kHardSigmoidSlope = 0.2f, kHardSigmoidRelu6Slope = 1.0f / 6, kLeakyReluSlope = 0.01f;

template <typename T>
SEQ_HD T activate(int function, T a) {
  switch (function) {
    case kTanh: return tanh_act(a);
    case kRelu: return relu(a);
    case kSigmoid: return sigmoid(a);
    case kElu: return where_negative(a, Decay<T>::of(magnitude(a)).less_one, a);
    case kSelu: return where_negative(a, T(kSeluFloor) * Decay<T>::of(magnitude(a)).less_one, T(kSeluScale) * a);
    case kSoftplus: return softplus(a);
    case kSoftsign: return a / (T(1) + magnitude(a));
    case kExp: {
      // exponential() has no infinite and no subnormal results; the square of the root has.
      const T root = exponential(T(0.5f) * a);
      return root * root;
    }
    case kSqrt: return square_root(a);
    case kReciprocal: return T(1) / a;
    case kHardSigmoid: return unit_part(T(kHardSigmoidSlope) * a + T(0.5f));
    case kHardSigmoidRelu6: return unit_part(T(kHardSigmoidRelu6Slope) * a + T(0.5f));
    case kLeakyRelu: return where_negative(a, T(kLeakyReluSlope) * a, a);
    default: return a;
  }
}

// value, but 0 where dy is: what nothing depends on, padding above all, has no gradient where the slope is infinite either.
template <typename T>
SEQ_HD T unless_zero(T dy, T value) {
  return zero_up_to(0.0f, magnitude(dy), value);
}

// dy·f'(a), given y = f(a).
template <typename T>
SEQ_HD T through_activation(int function, T y, T dy) {
  switch (function) {
    case kTanh: return dy * ((T(1) - y) * (T(1) + y));
    case kRelu: return where_positive(y, dy);
    case kSigmoid: return dy * (y * (T(1) - y));
    case kElu: return where_negative(y, dy * (T(1) + y), dy);
    case kSelu: return dy * where_negative(y, T(kSeluFloor) + y, T(kSeluScale));
    case kSoftplus: return -(dy * Decay<T>::of(y).less_one);
    case kSoftsign: {
      const T rest = T(1) - magnitude(y);
      return dy * (rest * rest);
    }
    case kExp: return unless_zero(dy, dy * y);
    case kSqrt: return unless_zero(dy, dy / (y + y));
    case kReciprocal: return unless_zero(dy, -(dy * y * y));
    case kHardSigmoid: return within_unit(y, T(kHardSigmoidSlope) * dy);
    case kHardSigmoidRelu6: return within_unit(y, T(kHardSigmoidRelu6Slope) * dy);
    case kLeakyRelu: return where_negative(y, T(kLeakyReluSlope) * dy, dy);
    default: return dy;
  }
}

}  // namespace sequor
