// GRU with the reset gate applied after R·h (arXiv:1406.1078v1; as cuDNN and torch.nn.GRU).
//   wx = W·x + bW,  rh = R·h + bR      gate order r, z, n
//   r = sigmoid(wx_r + rh_r)     z = sigmoid(wx_z + rh_z)
//   n = tanh(wx_n + r·rh_n)      h' = (1 - z)·n + z·h
#pragma once

#include "sequor/math.h"

namespace sequor {

struct GruResetAfter {
  static constexpr int kGates = 3, kStates = 1, kSaved = 4, kPeepholes = 0, kRecurrentState = 0;  // saved: r, z, n, rh_n
  static constexpr bool kTwoProducts = false, kSharedGateGradients = false;

  template <typename T>
  SEQ_HD static void forward(const T* wx, const T* rh, const T*, const T* s, T* next, T* saved) {
    const T r = sigmoid(wx[0] + rh[0]);
    const T z = sigmoid(wx[1] + rh[1]);
    const T n = tanh_act(wx[2] + r * rh[2]);
    next[0] = (T(1) - z) * n + z * s[0];
    saved[0] = r;
    saved[1] = z;
    saved[2] = n;
    saved[3] = rh[2];
  }

  // ds is only the direct path z·dh'; the driver adds R^T·drh.
  template <typename T>
  SEQ_HD static void backward(const T* saved, const T*, const T* s, const T* dnext, T* dwx, T* drh, T* ds, T*) {
    const T r = saved[0], z = saved[1], n = saved[2], rh_n = saved[3];
    dwx[2] = dnext[0] * (T(1) - z) * (T(1) - n * n);
    dwx[1] = dnext[0] * (s[0] - n) * z * (T(1) - z);
    dwx[0] = dwx[2] * rh_n * r * (T(1) - r);
    drh[0] = dwx[0];
    drh[1] = dwx[1];
    drh[2] = dwx[2] * r;
    ds[0] = dnext[0] * z;
  }
};

}  // namespace sequor
