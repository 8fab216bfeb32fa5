// The numbers that Java's enums have in native code and in kernels: number() of Activation, LossFunction and OptimizerStep.Rule
// in dev.sequor.backend.
#pragma once

namespace sequor {

enum Activation : int { kNone = 0, kTanh = 1, kRelu = 2 };
enum LossFunction : int { kSoftmaxCrossEntropy = 0, kBinaryCrossEntropy = 1, kMeanSquaredError = 2 };
enum Rule : int { kSgd = 0, kAdam = 1, kAdamW = 2 };

}  // namespace sequor
