// kernels/loss.cu, launched as CudaEngine.loss does.
#include "case.h"
#include "sequor/losses.h"

namespace kernelcases {
namespace {

using namespace sequor;

struct Loss {
  bool classes;
  bool smoothed;  // its first constant is a part of 1
};

#define LOSS(number, Struct) {Struct::kClasses, number == 3},
constexpr Loss kLosses[] = {SEQUOR_LOSSES(LOSS)};
#undef LOSS
constexpr int kCount = sizeof kLosses / sizeof *kLosses;

Case partial_losses(Draw& d) {
  const int function = static_cast<int>(d.number()) % kCount;
  const Loss loss = kLosses[function];
  const int T = d.size(7), B = d.size(9), N = d.size(100);
  const int64_t rows = static_cast<int64_t>(T) * B;
  const int blocks = static_cast<int>(std::max<int64_t>(1, rows / 4));
  Case c;
  c.int32(function).float32(loss.smoothed ? d.real(0, 0.5f) : d.real(0.5f, 3)).float32(0).float32(0).float32(0);
  c.int32(T).int32(B).int32(N);
  Floats outputs = d.preactivations(rows * N), weights;
  Ints lengths;
  if (d.either()) lengths = d.lengths(T, B);
  if (d.either()) {
    weights = d.values(rows, 0, 2);
    for (float& w : weights) w = d.once_in(4) ? 0 : w;
  }
  // Rows that do not count may have anything in them.
  for (int64_t i = 0; i < rows * N; ++i) {
    const auto row = static_cast<size_t>(i / N);
    const bool padding = !lengths.empty() && static_cast<int>(row) / B >= lengths[row % static_cast<size_t>(B)];
    if (padding || (!weights.empty() && weights[row] == 0)) outputs[static_cast<size_t>(i)] = NAN;
  }
  const bool in_place = d.once_in(3);
  if (in_place) {
    c.in_out("outputs", outputs).anywhere(d);
  } else {
    c.in("outputs", outputs).anywhere(d);
  }
  if (loss.classes) {
    c.in("targets", d.integers(rows, -1, N - 1));
  } else {
    c.in("targets", d.values(rows * N, 0, 1)).anywhere(d);
  }
  c.in("lengths", lengths).given(!lengths.empty());
  c.in("weights", weights).anywhere(d).given(!weights.empty());
  c.in("gradient_scale", d.values(1, 0.01f, 1)).given(d.either());
  c.in("loss_scale", Floats{256}).given(d.either());
  // A gradient is the difference of a probability and a target, or of an output and a target, times weight and scales.
  const float difference = function == 2 ? 400.0f : 4.0f, scale = difference * 2 * 256;
  if (in_place) {
    c.at("outputs").sums_up_to(0);
    for (Buffer& each : c.buffers) {
      if (each.name == "outputs") each.scale = scale;
    }
  } else if (d.once_in(4)) {
    c.null();
  } else {
    c.out("d_outputs", rows * N).anywhere(d).sums_up_to(scale);
  }
  // Added up in double precision are float32 as they are and logarithms of float32: one of a row's sum, or N up to 1; or
  // squares, which are right to the last digits.
  const float most = function == 2 ? 0.01f : loss.classes ? 4.0f : static_cast<float>(N);
  c.out("partial", Type::kFloat64, blocks * 8).sums_up_to(most * 2 * static_cast<float>((rows - 1) / (blocks * 4) + 1));
  c.launch(blocks, 1, 128);
  return c;
}

Case finish_loss(Draw& d) {
  const int partials = 4 * d.size(100);
  Doubles partial;
  for (int i = 0; i < 2 * partials; ++i) partial.push_back(static_cast<double>(d.real(0, 100)));
  Case c;
  c.int32(partials).in("partial", partial).out("result", 2).launch(1, 1, 32);
  return c;
}

}  // namespace

void add_loss_cases(Kernels& kernels) {
  kernels["partial_losses"] = partial_losses;
  kernels["finish_loss"] = finish_loss;
}

}  // namespace kernelcases
