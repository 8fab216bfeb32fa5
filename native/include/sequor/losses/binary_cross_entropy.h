// Cross-entropy of sigmoid(a_j) with t_j in [0,1], summed over the row, in the form that neither overflows nor loses digits (as
// torch.nn.BCEWithLogitsLoss).
//   loss = sum_j max(a_j, 0) - a_j·t_j + log(1 + exp(-|a_j|))        d/da_j = sigmoid(a_j) - t_j
#pragma once

#include "sequor/losses/row.h"

namespace sequor {

struct BinaryCrossEntropy {
  static constexpr bool kClasses = false, kShifted = false, kTerms = true;
  static constexpr int kSums = 0;
  struct Factors {
    float each, target;
  };

  template <typename T>
  SEQ_HD static T keep(T a, T) {
    return a;
  }

  template <typename T>
  SEQ_HD static void add(T, T*) {}

  SEQ_HD static double term(const float*, float a, float t) {
    return (a > 0 ? a : 0.0f) - double(a) * t + std::log1p(std::exp(-std::fabs(a)));
  }

  SEQ_HD static double loss(const LossRow& row) { return row.terms; }

  SEQ_HD static Factors factors(const LossRow&, float scale) { return {scale, 0}; }

  template <typename T>
  SEQ_HD static T gradient(T a, T t, const Factors& f) {
    return (sigmoid(a) - t) * T(f.each);
  }
};

}  // namespace sequor
