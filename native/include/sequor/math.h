// The element-wise functions that cells are written in, for float and double. SIMD types bring overloads of their own
// (native/src/simd.h); cells call them unqualified.
#pragma once

#include <cmath>

#include "sequor/portable.h"

namespace sequor {

template <typename T>
SEQ_HD T sigmoid(T x) {
  return T(1) / (T(1) + std::exp(-x));
}

template <typename T>
SEQ_HD T tanh_act(T x) {
  return std::tanh(x);
}

// max(0, x), but NaN stays NaN.
template <typename T>
SEQ_HD T relu(T x) {
  return x < T(0) ? T(0) : x;
}

// value where h > 0, else 0: the slope of relu, given its result.
template <typename T>
SEQ_HD T where_positive(T h, T value) {
  return h > T(0) ? value : T(0);
}

}  // namespace sequor
