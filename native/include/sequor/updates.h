// All update rules. SEQUOR_UPDATES(X) calls X(number, Struct) for each; number is UpdateRule.number() on the Java side.
//
// A rule is a struct of constants and of the maths for one element, written once for every target:
//   kMoments   vectors of the parameters' length that it keeps
//   prepare(rates, t) -> Factors              what all elements of update number t need; made once, so in double precision
//   update(factors, g, w, moments[kMoments])  g is clipped, and the loss scale taken out
#pragma once

#include "sequor/updates/adagrad.h"
#include "sequor/updates/adam.h"
#include "sequor/updates/centered_rms_prop.h"
#include "sequor/updates/lion.h"
#include "sequor/updates/rms_prop.h"
#include "sequor/updates/sgd.h"

#define SEQUOR_UPDATES(X) \
  X(0, Sgd)               \
  X(1, Adam)              \
  X(2, AdamW)             \
  X(3, RmsProp)           \
  X(4, Nesterov)          \
  X(5, CenteredRmsProp)   \
  X(6, Adagrad)           \
  X(7, Lion)
