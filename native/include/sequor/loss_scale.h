// Dynamic loss scaling (Micikevicius et al., "Mixed precision training", ICLR 2018): gradients that would vanish in half precision
// are made larger by a factor that halves when they overflow and doubles when they have not for long. A scale of 1 means none,
// and stays. Twin of dev.sequor.backend.java.LossScale.
#pragma once

#include "sequor/portable.h"

namespace sequor {

struct LossScale {
  float scale, updates;  // the factor, and the updates since it last changed
};

SEQ_HD LossScale next_loss_scale(LossScale now, bool finite) {
  constexpr float kUpdatesToDouble = 2000, kLeast = 2, kMost = 16777216;
  if (now.scale == 1.0f) return now;
  if (!finite) return {now.scale * 0.5f < kLeast ? kLeast : now.scale * 0.5f, 0.0f};
  if (now.updates + 1 < kUpdatesToDouble) return {now.scale, now.updates + 1};
  return {now.scale * 2 > kMost ? kMost : now.scale * 2, 0.0f};
}

}  // namespace sequor
