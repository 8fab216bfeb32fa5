// GRU with the reset gate applied after R·h (arXiv:1406.1078v1; as cuDNN and torch.nn.GRU).
//   wx = W·x + bW,  rh = R·h + bR      gate order r, z, n
//   r = sigmoid(wx_r + rh_r)     z = sigmoid(wx_z + rh_z)
//   n = tanh(wx_n + r·rh_n)      h' = (1 - z)·n + z·h
#pragma once

#include "sequor/math.h"

namespace sequor {

struct GruResetAfter {
  static constexpr int kGates = 3, kStates = 1, kSaved = 4, kPeepholes = 0, kRecurrentState = 0;  // saved: of r, z, n; rh_n
  static constexpr bool kTwoProducts = false, kSharedGateGradients = false;

  template <typename T>
  SEQ_HD static void forward(const T* wx, const T* rh, const T*, const T* s, T* next, T* saved) {
    const Sigmoid<T> r = Sigmoid<T>::of(wx[0] + rh[0]);
    const Sigmoid<T> z = Sigmoid<T>::of(wx[1] + rh[1]);
    const Tanh<T> n = Tanh<T>::of(wx[2] + r.value * rh[2]);
    next[0] = z.rest * n.value + z.value * s[0];
    saved[0] = r.kept;
    saved[1] = z.kept;
    saved[2] = n.kept;
    saved[3] = rh[2];
  }

  // ds is only the direct path z·dh'; the driver adds R^T·drh.
  template <typename T>
  SEQ_HD static void backward(const T* saved, const T*, const T* s, const T* dnext, T* dwx, T* drh, T* ds, T*) {
    const Sigmoid<T> r = Sigmoid<T>::from(saved[0]), z = Sigmoid<T>::from(saved[1]);
    const Tanh<T> n = Tanh<T>::from(saved[2]);
    const T rh_n = saved[3];
    dwx[2] = dnext[0] * z.rest * n.slope;
    dwx[1] = dnext[0] * (s[0] - n.value) * z.slope;
    dwx[0] = dwx[2] * rh_n * r.slope;
    drh[0] = dwx[0];
    drh[1] = dwx[1];
    drh[2] = dwx[2] * r.value;
    ds[0] = dnext[0] * z.value;
  }
};

}  // namespace sequor
