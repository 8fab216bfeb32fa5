// Cross-entropy of the softmax of a row with a class c that is smoothed: 1 - eps of the target lies on c, eps evenly on all N classes
// (Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, CVPR 2016; as torch.nn.CrossEntropyLoss). Shifted by the row's largest output m.
//   loss = log sum_j exp(a_j - m) + m - (1 - eps)·a_c - eps/N·sum_j a_j
//   d/da_j = exp(a_j - m) / sum - (1 - eps)·[j = c] - eps/N
// constants: eps
#pragma once

#include "sequor/losses/row.h"

namespace sequor {

struct LabelSmoothedCrossEntropy {
  static constexpr bool kClasses = true, kShifted = true, kTerms = true;
  static constexpr int kSums = 1;
  struct Factors {
    float each, target, all;
  };

  template <typename T>
  SEQ_HD static T keep(T shifted, T) {
    return exponential(shifted);
  }

  template <typename T>
  SEQ_HD static void add(T power, T* sums) {
    sums[0] = sums[0] + power;
  }

  SEQ_HD static double term(const float*, float a, float) { return a; }

  SEQ_HD static double loss(const LossRow& row) {
    const double eps = row.constants[0];
    return std::log(double(row.sums[0])) + double(row.top) - (1 - eps) * double(row.target) - eps / row.outputs * row.terms;
  }

  SEQ_HD static Factors factors(const LossRow& row, float scale) {
    const float eps = row.constants[0];
    return {scale / row.sums[0], scale * (1.0f - eps), scale * eps / float(row.outputs)};
  }

  template <typename T>
  SEQ_HD static T gradient(T power, T, const Factors& f) {
    return power * T(f.each) - T(f.all);
  }
};

}  // namespace sequor
