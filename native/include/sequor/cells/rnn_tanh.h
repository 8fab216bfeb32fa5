// Elman's cell: h' = tanh(wx + rh), with wx = W·x + bW and rh = R·h + bR.
#pragma once

#include "sequor/math.h"

namespace sequor {

struct RnnTanh {
  static constexpr int kGates = 1, kStates = 1, kSaved = 1, kPeepholes = 0, kRecurrentState = 0;  // saved: of h'
  static constexpr bool kTwoProducts = false, kSharedGateGradients = true;

  template <typename T>
  SEQ_HD static void forward(const T* wx, const T* rh, const T*, const T*, T* next, T* saved) {
    const Tanh<T> h = Tanh<T>::of(wx[0] + rh[0]);
    next[0] = h.value;
    saved[0] = h.kept;
  }

  template <typename T>
  SEQ_HD static void backward(const T* saved, const T*, const T*, const T* dnext, T* dwx, T* drh, T* ds, T*) {
    dwx[0] = drh[0] = dnext[0] * Tanh<T>::from(saved[0]).slope;
    ds[0] = T(0);
  }
};

}  // namespace sequor
