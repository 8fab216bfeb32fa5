// GRU with the reset gate applied before the product (arXiv:1406.1078v3; Keras reset_after=False, ONNX
// linear_before_reset=0). Two dependent products a step, so forward and backward each come in two parts.
//   wx = W·x + bW,  rh = R·h + bR for r and z,  rh_n = R_n·(r∘h) + bR_n      gate order r, z, n
//   r = sigmoid(wx_r + rh_r)     z = sigmoid(wx_z + rh_z)
//   n = tanh(wx_n + rh_n)        h' = (1 - z)·n + z·h
#pragma once

#include "sequor/math.h"

namespace sequor {

struct Gru {
  static constexpr int kGates = 3, kStates = 1, kSaved = 3, kPeepholes = 0, kRecurrentState = 0;  // saved: of r, z, n
  static constexpr bool kTwoProducts = true, kSharedGateGradients = true;

  // The gates that the first product feeds; gated = r∘h is the operand of the second.
  template <typename T>
  SEQ_HD static void forward_gates(const T* wx, const T* rh, T h, T& gated, T* saved) {
    const Sigmoid<T> r = Sigmoid<T>::of(wx[0] + rh[0]);
    saved[0] = r.kept;
    saved[1] = Sigmoid<T>::of(wx[1] + rh[1]).kept;
    gated = r.value * h;
  }

  template <typename T>
  SEQ_HD static void forward_candidate(T wx_n, T rh_n, T h, T& next, T* saved) {
    const Sigmoid<T> z = Sigmoid<T>::from(saved[1]);
    const Tanh<T> n = Tanh<T>::of(wx_n + rh_n);
    saved[2] = n.kept;
    next = z.rest * n.value + z.value * h;
  }

  // Gradients of the pre-activations of z and n, and the direct path of dh.
  template <typename T>
  SEQ_HD static void backward_candidate(const T* saved, T h, T dnext, T& da_z, T& da_n, T& dh) {
    const Sigmoid<T> z = Sigmoid<T>::from(saved[1]);
    const Tanh<T> n = Tanh<T>::from(saved[2]);
    da_n = dnext * z.rest * n.slope;
    da_z = dnext * (h - n.value) * z.slope;
    dh = dnext * z.value;
  }

  // d_gated = R_n^T·da_n is the gradient of r∘h.
  template <typename T>
  SEQ_HD static void backward_reset(const T* saved, T h, T d_gated, T& da_r, T& dh) {
    const Sigmoid<T> r = Sigmoid<T>::from(saved[0]);
    da_r = d_gated * h * r.slope;
    dh = dh + d_gated * r.value;
  }
};

}  // namespace sequor
