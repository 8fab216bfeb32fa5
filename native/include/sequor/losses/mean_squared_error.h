// The mean over the row of the squared difference.
//   loss = 1/N sum_j (a_j - t_j)²        d/da_j = 2/N (a_j - t_j)
#pragma once

#include "sequor/losses/row.h"

namespace sequor {

struct MeanSquaredError {
  static constexpr bool kClasses = false, kShifted = false, kTerms = true;
  static constexpr int kSums = 0;
  struct Factors {
    float each, target;
  };

  template <typename T>
  SEQ_HD static T keep(T a, T t) {
    return a - t;
  }

  template <typename T>
  SEQ_HD static void add(T, T*) {}

  SEQ_HD static double term(const float*, float a, float t) {
    const float difference = a - t;
    return double(difference) * difference;
  }

  SEQ_HD static double loss(const LossRow& row) { return row.terms / row.outputs; }

  SEQ_HD static Factors factors(const LossRow& row, float scale) { return {2.0f * scale / float(row.outputs), 0}; }

  template <typename T>
  SEQ_HD static T gradient(T difference, T, const Factors& f) {
    return T(f.each) * difference;
  }
};

}  // namespace sequor
