// LSTM whose gates also see the cell state (Gers, Schmidhuber 2000; ONNX P, here in the order p_i, p_f, p_o).
//   a = wx + rh, with wx = W·x + bW and rh = R·h + bR      gate order i, f, g, o
//   i = sigmoid(a_i + p_i·c)   f = sigmoid(a_f + p_f·c)   g = tanh(a_g)
//   c' = f·c + i·g             o = sigmoid(a_o + p_o·c')  h' = o·tanh(c')
#pragma once

#include "sequor/math.h"

namespace sequor {

struct LstmPeephole {
  static constexpr int kGates = 4, kStates = 2, kSaved = 4, kPeepholes = 3, kRecurrentState = 0;  // saved: of i, f, g, o
  static constexpr bool kTwoProducts = false, kSharedGateGradients = true;

  template <typename T>
  SEQ_HD static void forward(const T* wx, const T* rh, const T* p, const T* s, T* next, T* saved) {
    const Sigmoid<T> i = Sigmoid<T>::of(wx[0] + rh[0] + p[0] * s[1]);
    const Sigmoid<T> f = Sigmoid<T>::of(wx[1] + rh[1] + p[1] * s[1]);
    const Tanh<T> g = Tanh<T>::of(wx[2] + rh[2]);
    next[1] = f.value * s[1] + i.value * g.value;
    const Sigmoid<T> o = Sigmoid<T>::of(wx[3] + rh[3] + p[2] * next[1]);
    next[0] = o.value * tanh_act(next[1]);
    saved[0] = i.kept;
    saved[1] = f.kept;
    saved[2] = g.kept;
    saved[3] = o.kept;
  }

  // dp is this element's share of the peepholes' gradient; the driver sums it over time and batch.
  template <typename T>
  SEQ_HD static void backward(const T* saved, const T* p, const T* s, const T* dnext, T* dwx, T* drh, T* ds, T* dp) {
    const Sigmoid<T> i = Sigmoid<T>::from(saved[0]), f = Sigmoid<T>::from(saved[1]), o = Sigmoid<T>::from(saved[3]);
    const Tanh<T> g = Tanh<T>::from(saved[2]);
    const T c_next = f.value * s[1] + i.value * g.value;
    const Tanh<T> tc = Tanh<T>::from(Tanh<T>::of(c_next).kept);
    dwx[3] = drh[3] = dnext[0] * tc.value * o.slope;
    const T dc = dnext[1] + dnext[0] * o.value * tc.slope + dwx[3] * p[2];
    dwx[0] = drh[0] = dc * g.value * i.slope;
    dwx[1] = drh[1] = dc * s[1] * f.slope;
    dwx[2] = drh[2] = dc * i.value * g.slope;
    ds[0] = T(0);
    ds[1] = dc * f.value + dwx[0] * p[0] + dwx[1] * p[1];
    dp[0] = dwx[0] * s[1];
    dp[1] = dwx[1] * s[1];
    dp[2] = dwx[3] * c_next;
  }
};

}  // namespace sequor
