// All cells. SEQUOR_CELLS(X) calls X(id, Struct) for each; id is CellType.id() on the Java side, and Struct is the id in camel
// case, which is how the CUDA backend finds the kernels. Those whose step is one product and those that need two have lists of
// their own.
//
// A cell is a struct of constants and of the maths for one element, forward and backward, written once for every target:
//   kGates G, kStates S, kSaved K (values kept for backward), kPeepholes P, kRecurrentState (which state R multiplies; 0 = h),
//   kTwoProducts (see gru.h), kSharedGateGradients (dwx and drh are the same, so one copy is kept);
//   forward (wx[G], rh[G], p[P], s[S] -> next[S], saved[K])
//   backward(saved[K], p[P], s[S], dnext[S] -> dwx[G], drh[G], ds[S], dp[P]); ds lacks R^T·drh, which the driver adds.
#pragma once

#include "sequor/cells/gru.h"
#include "sequor/cells/gru_reset_after.h"
#include "sequor/cells/lstm.h"
#include "sequor/cells/lstm_cell_recurrent.h"
#include "sequor/cells/lstm_peephole.h"
#include "sequor/cells/rnn_linear.h"
#include "sequor/cells/rnn_relu.h"
#include "sequor/cells/rnn_tanh.h"

#define SEQUOR_SINGLE_PRODUCT_CELLS(X)        \
  X("rnn-linear", RnnLinear)                  \
  X("rnn-tanh", RnnTanh)                      \
  X("rnn-relu", RnnRelu)                      \
  X("gru-reset-after", GruResetAfter)         \
  X("lstm", Lstm)                             \
  X("lstm-cell-recurrent", LstmCellRecurrent) \
  X("lstm-peephole", LstmPeephole)

#define SEQUOR_TWO_PRODUCT_CELLS(X) X("gru", Gru)

#define SEQUOR_CELLS(X)          \
  SEQUOR_SINGLE_PRODUCT_CELLS(X) \
  SEQUOR_TWO_PRODUCT_CELLS(X)
