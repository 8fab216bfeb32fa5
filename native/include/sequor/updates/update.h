// One update of all parameters, as it lies in memory, and what is the same for every rule: clipping and the loss scale.
#pragma once

#include <cmath>
#include <cstdint>

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

// Which group of parameters each element is of: those up to ends[0] of groups[0], from there up to ends[1] of groups[1], and so on.
// Each group has Rates of its own. The gradient of kNoGroup counts nothing, and its parameters stay. No regions: all are of group 0.
// dev.sequor.backend.UpdateGroups.
struct UpdateGroups {
  int regions;
  const int32_t* ends;
  const int32_t* groups;
};

constexpr int kNoGroup = -1;

// The region that element i is in; within bounds whatever the ends are.
SEQ_HD int region_of(const UpdateGroups& g, int64_t i) {
  int low = 0, high = g.regions - 1;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (i < g.ends[middle]) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

SEQ_HD int group_of(const UpdateGroups& g, int64_t i) { return g.regions ? g.groups[region_of(g, i)] : 0; }

// What an update is to all groups.
struct Update {
  bool applied;  // false if the gradient's norm is not finite: then nothing is updated
  float factor;  // of the gradient
  double t;      // the update's number, skipped ones not counted
};

// From the sum of the gradient's squares, in which the loss scale still is; the report is brought up to date. rates: of the first
// group, whose bound of the norm is for all.
SEQ_HD Update start_update(double squares, const Rates& rates, UpdateReport& report) {
  const float loss_scale = report.loss_scale;
  const double norm = std::sqrt(squares) / double(loss_scale);
  report.norm = float(norm);
  Update p;
  p.applied = report.norm <= 3.402823466e38f;  // not so of NaN
  if (!p.applied) report.skipped += 1;
  next_loss_scale(report, p.applied);
  const double clip_norm = double(rates.clip_norm);
  p.factor = float((clip_norm > 0 && norm > clip_norm ? clip_norm / norm : 1.0) / double(loss_scale));
  p.t = double(rates.step) - double(report.skipped);
  return p;
}

// What the update of every element of a group by a rule needs.
template <typename Rule>
struct Prepared {
  bool applied;
  float factor, clip_value;
  typename Rule::Factors factors;
};

template <typename Rule>
SEQ_HD Prepared<Rule> prepare_update(const Update& update, const Rates& rates) {
  return {update.applied, update.factor, rates.clip_value, Rule::prepare(rates, update.t)};
}

template <typename Rule, typename T>
SEQ_HD void update_element(const Prepared<Rule>& p, T g, T& w, T* moments) {
  g = g * T(p.factor);
  if (p.clip_value > 0) g = at_least(at_most(g, p.clip_value), -p.clip_value);
  Rule::update(p.factors, g, w, moments);
}

}  // namespace sequor
