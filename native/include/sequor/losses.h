// All losses. SEQUOR_LOSSES(X) calls X(number, Struct) for each; number is LossFunction.number() on the Java side.
//
// A loss is a struct of constants and of the maths for one element of a row of outputs a [N], written once for every target.
// Drivers sweep over the row: for the largest output, for sums, and for the gradient.
//   kClasses   whether the target is the number of a class, rather than t [N]
//   kShifted   whether elements are given less the row's largest, which the loss then finds in LossRow::top
//   kSums      how many sums of floats it wants; kTerms whether it wants one in double precision
//   keep(a, t) -> k      what sums and gradient are made of; t is 0 where there are classes
//   add(k, sums[kSums])  adds what the element adds to the sums
//   term(constants, a, t) -> what the element adds to LossRow::terms; a is not shifted
//   loss(row), factors(row, scale) of the whole row; row.constants are those of LossShape.loss()
//   gradient(k, t, factors) -> d; at the target of a class the driver takes factors.target from it
#pragma once

#include "sequor/losses/binary_cross_entropy.h"
#include "sequor/losses/label_smoothed_cross_entropy.h"
#include "sequor/losses/mean_squared_error.h"
#include "sequor/losses/softmax_cross_entropy.h"
#include "sequor/losses/weighted_binary_cross_entropy.h"

#define SEQUOR_LOSSES(X)          \
  X(0, SoftmaxCrossEntropy)       \
  X(1, BinaryCrossEntropy)        \
  X(2, MeanSquaredError)          \
  X(3, LabelSmoothedCrossEntropy) \
  X(4, WeightedBinaryCrossEntropy)
