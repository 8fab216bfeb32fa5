// h' = max(0, wx + rh), with wx = W·x + bW and rh = R·h + bR.
#pragma once

#include "sequor/math.h"

namespace sequor {

struct RnnRelu {
  static constexpr int kGates = 1, kStates = 1, kSaved = 1, kPeepholes = 0, kRecurrentState = 0;  // saved: h'
  static constexpr bool kTwoProducts = false, kSharedGateGradients = true;

  template <typename T>
  SEQ_HD static void forward(const T* wx, const T* rh, const T*, const T*, T* next, T* saved) {
    next[0] = saved[0] = relu(wx[0] + rh[0]);
  }

  template <typename T>
  SEQ_HD static void backward(const T* saved, const T*, const T*, const T* dnext, T* dwx, T* drh, T* ds, T*) {
    dwx[0] = drh[0] = where_positive(saved[0], dnext[0]);
    ds[0] = T(0);
  }
};

}  // namespace sequor
