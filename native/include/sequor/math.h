// The element-wise functions that cells are written in, for float and double. SIMD types bring overloads of the lower half of them
// (native/src/simd.h); cells call them unqualified.
#pragma once

#include <cmath>

#include "sequor/portable.h"

namespace sequor {

// Powers of e are taken of -87 … 87 and of the nearer end outside, where they are still normal numbers of float32: a gate is never
// quite 0, so it makes no NaN of an infinite state.
constexpr float kFarthest = 87.0f;
// What is not above this, a little more than e^-kFarthest, is the slope of a saturated value: zero.
constexpr float kSaturated = 0x1p-125f;

template <typename T>
SEQ_HD T magnitude(T x) {
  return std::fabs(x);
}

// value with the sign of x.
template <typename T>
SEQ_HD T with_sign(T value, T x) {
  return std::copysign(value, x);
}

// a where x has the sign of a negative number, -0 among them, else b.
template <typename T>
SEQ_HD T where_negative(T x, T a, T b) {
  return std::signbit(x) ? a : b;
}

// 0 where x <= bound, else value: there too where x is NaN.
template <typename T>
SEQ_HD T zero_up_to(float bound, T x, T value) {
  return x <= T(bound) ? T(0) : value;
}

template <typename T>
SEQ_HD T smaller(T x, T y) {
  return y < x ? y : x;
}

template <typename T>
SEQ_HD T at_most(T x, float bound) {
  return x > T(bound) ? T(bound) : x;
}

template <typename T>
SEQ_HD T at_least(T x, float bound) {
  return x < T(bound) ? T(bound) : x;
}

template <typename T>
SEQ_HD T square_root(T x) {
  return std::sqrt(x);
}

// log(1 + x) for x >= 0.
template <typename T>
SEQ_HD T log_one_plus(T x) {
  return std::log1p(x);
}

template <typename T>
SEQ_HD T exponential(T x) {
  return std::exp(x < T(-kFarthest) ? T(-kFarthest) : x > T(kFarthest) ? T(kFarthest) : x);
}

// e^m - 1 for m >= 0.
template <typename T>
SEQ_HD T growth(T m) {
  return std::expm1(m > T(kFarthest) ? T(kFarthest) : m);
}

// max(0, x), but NaN stays NaN.
template <typename T>
SEQ_HD T relu(T x) {
  return x < T(0) ? T(0) : x;
}

// value, but 0 where h <= 0: the slope of relu, given its result.
template <typename T>
SEQ_HD T where_positive(T h, T value) {
  return h <= T(0) ? T(0) : value;
}

// x, but 0 below 0 and 1 above 1; NaN stays NaN.
template <typename T>
SEQ_HD T unit_part(T x) {
  return at_least(at_most(x, 1.0f), 0.0f);
}

// value, but 0 where x is not between 0 and 1: the slope of unit_part, given x or the result.
template <typename T>
SEQ_HD T within_unit(T x, T value) {
  return where_positive(x, where_positive(T(1) - x, value));
}

// log(1 + e^x) = max(x, 0) + log(1 + e^-|x|).
template <typename T>
SEQ_HD T softplus(T x) {
  return relu(x) + log_one_plus(exponential(-magnitude(x)));
}

// e^-m of m >= 0, and e^-m - 1 = -g / (1 + g) with g = e^m - 1, which keeps its digits near 0.
template <typename T>
struct Decay {
  T power, less_one;

  SEQ_HD static Decay of(T m) {
    const T g = growth(m), power = T(1) / (T(1) + g);
    return {power, -(g * power)};
  }
};

// A sigmoid that keeps its digits where it is nearly 0 or nearly 1. A gate that is almost open differs from 1 by what its float32 has
// no digits for, and that is all that its gradient is made of.
template <typename T>
struct Sigmoid {
  T value, rest;  // rest = 1 - value
  T slope;        // value·rest
  T kept;         // the smaller of value and rest, negative if it is rest: what backward needs, in one number

  SEQ_HD static Sigmoid of(T x) {
    const T e = exponential(-x), value = T(1) / (T(1) + e), rest = e * value;
    return {value, rest, value * rest, with_sign(smaller(value, rest), -x)};
  }

  SEQ_HD static Sigmoid from(T kept) {
    const T small = magnitude(kept), large = T(1) - small;
    return {where_negative(kept, large, small), where_negative(kept, small, large),
            zero_up_to(kSaturated, small, small * large), kept};
  }
};

// A tanh that keeps its digits near 0 as well as near ±1, in the same way: with q = ±(e^2|x| - 1), tanh x = q / (|q| + 2) and its
// slope 1 - tanh²x = 4·(|q| + 1) / (|q| + 2)².
template <typename T>
struct Tanh {
  T value, slope;
  T kept;  // q: what backward needs

  SEQ_HD static Tanh of(T x) {
    const T half = magnitude(x), m = growth(half + half);
    const Tanh known = from(m);
    return {with_sign(m / (m + T(2)), x), known.slope, with_sign(m, x)};
  }

  SEQ_HD static Tanh from(T kept) {
    const T m = magnitude(kept), r = T(1) / (m + T(2)), share = (m * r + r) * r;
    return {kept * r, zero_up_to(kSaturated, share, T(4) * share), kept};
  }
};

template <typename T>
SEQ_HD T sigmoid(T x) {
  return Sigmoid<T>::of(x).value;
}

template <typename T>
SEQ_HD T tanh_act(T x) {
  return Tanh<T>::of(x).value;
}

}  // namespace sequor
