// Cross-entropy of the softmax of a row with the class c (Bridle 1990), shifted by the row's largest output m, so that no power
// overflows.
//   loss = log sum_j exp(a_j - m) + m - a_c        d/da_j = exp(a_j - m) / sum - [j = c]
#pragma once

#include "sequor/losses/row.h"

namespace sequor {

struct SoftmaxCrossEntropy {
  static constexpr bool kClasses = true, kShifted = true, kTerms = false;
  static constexpr int kSums = 1;
  struct Factors {
    float each, target;
  };

  template <typename T>
  SEQ_HD static T keep(T shifted, T) {
    return exponential(shifted);
  }

  template <typename T>
  SEQ_HD static void add(T power, T* sums) {
    sums[0] = sums[0] + power;
  }

  SEQ_HD static double term(const float*, float, float) { return 0; }

  SEQ_HD static double loss(const LossRow& row) {
    return std::log(double(row.sums[0])) + double(row.top) - double(row.target);
  }

  SEQ_HD static Factors factors(const LossRow& row, float scale) { return {scale / row.sums[0], scale}; }

  template <typename T>
  SEQ_HD static T gradient(T power, T, const Factors& f) {
    return power * T(f.each);
  }
};

}  // namespace sequor
