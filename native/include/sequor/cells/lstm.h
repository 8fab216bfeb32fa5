// LSTM with forget gate (Gers, Schmidhuber, Cummins 2000; as cuDNN and torch.nn.LSTM).
//   a = wx + rh, with wx = W·x + bW and rh = R·h + bR      gate order i, f, g, o
//   i = sigmoid(a_i)   f = sigmoid(a_f)   g = tanh(a_g)   o = sigmoid(a_o)
//   c' = f·c + i·g     h' = o·tanh(c')
#pragma once

#include "sequor/math.h"

namespace sequor {

struct Lstm {
  static constexpr int kGates = 4, kStates = 2, kSaved = 4, kPeepholes = 0, kRecurrentState = 0;  // saved: i, f, g, o
  static constexpr bool kTwoProducts = false, kSharedGateGradients = true;

  template <typename T>
  SEQ_HD static void forward(const T* wx, const T* rh, const T*, const T* s, T* next, T* saved) {
    const T i = sigmoid(wx[0] + rh[0]);
    const T f = sigmoid(wx[1] + rh[1]);
    const T g = tanh_act(wx[2] + rh[2]);
    const T o = sigmoid(wx[3] + rh[3]);
    next[1] = f * s[1] + i * g;
    next[0] = o * tanh_act(next[1]);
    saved[0] = i;
    saved[1] = f;
    saved[2] = g;
    saved[3] = o;
  }

  // tanh(c') is computed again: an exponential costs less than 4 bytes a unit and step to memory and back.
  template <typename T>
  SEQ_HD static void backward(const T* saved, const T*, const T* s, const T* dnext, T* dwx, T* drh, T* ds, T*) {
    const T i = saved[0], f = saved[1], g = saved[2], o = saved[3];
    const T tc = tanh_act(f * s[1] + i * g);
    const T dc = dnext[1] + dnext[0] * o * (T(1) - tc * tc);
    dwx[0] = drh[0] = dc * g * i * (T(1) - i);
    dwx[1] = drh[1] = dc * s[1] * f * (T(1) - f);
    dwx[2] = drh[2] = dc * i * (T(1) - g * g);
    dwx[3] = drh[3] = dnext[0] * tc * o * (T(1) - o);
    ds[0] = T(0);
    ds[1] = dc * f;
  }
};

}  // namespace sequor
