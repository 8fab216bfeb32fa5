// Binary cross-entropy whose positive part counts p times, summed over the row (as torch.nn.BCEWithLogitsLoss with pos_weight = p). With
// softplus(a) = max(a, 0) + log(1 + exp(-|a|)):
//   loss = sum_j (1 - t_j)·softplus(a_j) + p·t_j·softplus(-a_j)        d/da_j = sigmoid(a_j)·(1 + (p - 1)·t_j) - p·t_j
// constants: p
#pragma once

#include "sequor/losses/row.h"

namespace sequor {

struct WeightedBinaryCrossEntropy {
  static constexpr bool kClasses = false, kShifted = false, kTerms = true;
  static constexpr int kSums = 0;
  struct Factors {
    float each, target, positive;
  };

  template <typename T>
  SEQ_HD static T keep(T a, T) {
    return a;
  }

  template <typename T>
  SEQ_HD static void add(T, T*) {}

  SEQ_HD static double term(const float* constants, float a, float t) {
    const double rest = std::log1p(std::exp(-std::fabs(a))), positive = double(constants[0]) * t;
    return (1.0 - t) * ((a > 0 ? a : 0.0f) + rest) + positive * ((a < 0 ? -a : 0.0f) + rest);
  }

  SEQ_HD static double loss(const LossRow& row) { return row.terms; }

  SEQ_HD static Factors factors(const LossRow& row, float scale) { return {scale, 0, row.constants[0]}; }

  template <typename T>
  SEQ_HD static T gradient(T a, T t, const Factors& f) {
    const T positive = t * T(f.positive);
    return (sigmoid(a) * (T(1.0f) - t + positive) - positive) * T(f.each);
  }
};

}  // namespace sequor
