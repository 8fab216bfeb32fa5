// What a loss knows of the row that it is of.
#pragma once

#include <cmath>

#include "sequor/math.h"

namespace sequor {

// No loss has more constants (dev.sequor.backend.LossShape.MOST_CONSTANTS), or more sums.
constexpr int kMostLossConstants = 4, kMostLossSums = 2;

struct LossRow {
  const float* constants;
  double outputs;             // N
  float top;                  // the largest output, or 0 where the loss does not ask for it
  float target;               // the output of the target's class
  float sums[kMostLossSums];  // of what add() gives
  double terms;               // the sum of what term() gives
};

}  // namespace sequor
