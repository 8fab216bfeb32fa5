// LSTM with forget gate (Gers, Schmidhuber, Cummins 2000; as cuDNN and torch.nn.LSTM).
//   a = wx + rh, with wx = W·x + bW and rh = R·h + bR      gate order i, f, g, o
//   i = sigmoid(a_i)   f = sigmoid(a_f)   g = tanh(a_g)   o = sigmoid(a_o)
//   c' = f·c + i·g     h' = o·tanh(c')
#pragma once

#include "sequor/math.h"

namespace sequor {

struct Lstm {
  static constexpr int kGates = 4, kStates = 2, kSaved = 4, kPeepholes = 0, kRecurrentState = 0;  // saved: of i, f, g, o
  static constexpr bool kTwoProducts = false, kSharedGateGradients = true;

  template <typename T>
  SEQ_HD static void forward(const T* wx, const T* rh, const T*, const T* s, T* next, T* saved) {
    const Sigmoid<T> i = Sigmoid<T>::of(wx[0] + rh[0]);
    const Sigmoid<T> f = Sigmoid<T>::of(wx[1] + rh[1]);
    const Tanh<T> g = Tanh<T>::of(wx[2] + rh[2]);
    const Sigmoid<T> o = Sigmoid<T>::of(wx[3] + rh[3]);
    next[1] = f.value * s[1] + i.value * g.value;
    next[0] = o.value * tanh_act(next[1]);
    saved[0] = i.kept;
    saved[1] = f.kept;
    saved[2] = g.kept;
    saved[3] = o.kept;
  }

  // tanh(c') is computed again: an exponential costs less than 4 bytes a unit and step to memory and back.
  template <typename T>
  SEQ_HD static void backward(const T* saved, const T*, const T* s, const T* dnext, T* dwx, T* drh, T* ds, T*) {
    const Sigmoid<T> i = Sigmoid<T>::from(saved[0]), f = Sigmoid<T>::from(saved[1]), o = Sigmoid<T>::from(saved[3]);
    const Tanh<T> g = Tanh<T>::from(saved[2]);
    const Tanh<T> tc = Tanh<T>::from(Tanh<T>::of(f.value * s[1] + i.value * g.value).kept);
    const T dc = dnext[1] + dnext[0] * o.value * tc.slope;
    dwx[0] = drh[0] = dc * g.value * i.slope;
    dwx[1] = drh[1] = dc * s[1] * f.slope;
    dwx[2] = drh[2] = dc * i.value * g.slope;
    dwx[3] = drh[3] = dnext[0] * tc.value * o.slope;
    ds[0] = T(0);
    ds[1] = dc * f.value;
  }
};

}  // namespace sequor
