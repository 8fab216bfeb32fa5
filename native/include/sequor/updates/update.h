// One update of all parameters, as it lies in memory, and what is the same for every rule: clipping and the loss scale.
#pragma once

#include <cmath>

#include "sequor/math.h"

namespace sequor {

// dev.sequor.backend.OptimizerStep.values().
struct Rates {
  float step, learning_rate, clip_norm, clip_value, constants[4];
};

// dev.sequor.backend.UpdateReport.
struct UpdateReport {
  float norm, skipped, loss_scale, updates_since_scaled;
};

// Dynamic loss scaling (Micikevicius et al., "Mixed precision training", ICLR 2018): gradients that would vanish in half precision
// are made larger by a factor that halves when they overflow and doubles when they have not for long. A scale of 1 means none,
// and stays. Twin of dev.sequor.backend.java.LossScale.
SEQ_HD void next_loss_scale(UpdateReport& report, bool finite) {
  constexpr float kUpdatesToDouble = 2000, kLeast = 2, kMost = 16777216;
  const float scale = report.loss_scale;
  if (scale == 1.0f) return;
  report.updates_since_scaled += 1;
  if (!finite) {
    report.loss_scale = scale * 0.5f < kLeast ? kLeast : scale * 0.5f;
    report.updates_since_scaled = 0;
  } else if (report.updates_since_scaled >= kUpdatesToDouble) {
    report.loss_scale = scale * 2 > kMost ? kMost : scale * 2;
    report.updates_since_scaled = 0;
  }
}

// What every element's update by a rule needs.
template <typename Rule>
struct Prepared {
  bool applied;  // false if the gradient's norm is not finite: then nothing is updated
  float factor;  // of the gradient
  float clip_value;
  typename Rule::Factors factors;
};

// From the sum of the gradient's squares, in which the loss scale still is; the report is brought up to date.
template <typename Rule>
SEQ_HD Prepared<Rule> prepare_update(double squares, const Rates& rates, UpdateReport& report) {
  const float loss_scale = report.loss_scale;
  const double norm = std::sqrt(squares) / double(loss_scale);
  report.norm = float(norm);
  Prepared<Rule> p;
  p.applied = report.norm <= 3.402823466e38f;  // not so of NaN
  if (!p.applied) report.skipped += 1;
  next_loss_scale(report, p.applied);
  const double clip_norm = double(rates.clip_norm);
  p.factor = float((clip_norm > 0 && norm > clip_norm ? clip_norm / norm : 1.0) / double(loss_scale));
  p.clip_value = rates.clip_value;
  p.factors = Rule::prepare(rates, double(rates.step) - double(report.skipped));
  return p;
}

template <typename Rule, typename T>
SEQ_HD void update_element(const Prepared<Rule>& p, T g, T& w, T* moments) {
  g = g * T(p.factor);
  if (p.clip_value > 0) g = at_least(at_most(g, p.clip_value), -p.clip_value);
  Rule::update(p.factors, g, w, moments);
}

}  // namespace sequor
