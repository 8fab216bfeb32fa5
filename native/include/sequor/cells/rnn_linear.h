// h' = wx + rh, with wx = W·x + bW and rh = R·h + bR.
#pragma once

#include "sequor/math.h"

namespace sequor {

struct RnnLinear {
  static constexpr int kGates = 1, kStates = 1, kSaved = 0, kPeepholes = 0, kRecurrentState = 0;
  static constexpr bool kTwoProducts = false, kSharedGateGradients = true;

  template <typename T>
  SEQ_HD static void forward(const T* wx, const T* rh, const T*, const T*, T* next, T*) {
    next[0] = wx[0] + rh[0];
  }

  template <typename T>
  SEQ_HD static void backward(const T*, const T*, const T*, const T* dnext, T* dwx, T* drh, T* ds, T*) {
    dwx[0] = drh[0] = dnext[0];
    ds[0] = T(0);
  }
};

}  // namespace sequor
