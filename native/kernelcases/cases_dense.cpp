// kernels/dense.cu, launched as CudaEngine.java does.
#include "case.h"
#include "sequor/activations.h"

namespace kernelcases {
namespace {

using namespace sequor;

constexpr int kActivations = kLeakyRelu + 1;

// What is added up in a function, where that may cancel: 0.2·a + 0.5 of a hard sigmoid.
float sums_of(int function) { return function == kHardSigmoid || function == kHardSigmoidRelu6 ? 0.5f : 0; }

Case bias_activation(Draw& d) {
  const int M = d.size(33), N = d.size(40), function = d.below(kActivations);
  Case c;
  c.int64(M).int32(N).in("bias", d.values(N)).anywhere(d).given(d.either());
  c.int32(function).in_out("y", d.preactivations(static_cast<int64_t>(M) * N)).anywhere(d).sums_up_to(sums_of(function));
  c.threads(static_cast<int64_t>(M) * N);
  return c;
}

// Two arrays, or one in the place of the other.
Case& in_then_out(Case& c, Draw& d, const std::string& from, const Floats& values, const std::string& to) {
  if (d.either()) return c.in_out(from, values).anywhere(d).at(from);
  return c.in(from, values).anywhere(d).out(to, static_cast<int64_t>(values.size())).anywhere(d);
}

Case activation(Draw& d) {
  const int elements = d.size(600), function = d.below(kActivations);
  Case c;
  c.int64(elements).int32(function);
  in_then_out(c, d, "x", d.preactivations(elements), "y").sums_up_to(sums_of(function)).threads(elements);
  return c;
}

Case activation_gradient(Draw& d) {
  const int elements = d.size(600), function = d.below(kActivations);
  Floats y = d.values(elements);
  // What the function can give: tanh and softsign -1 … 1, sigmoids 0 … 1, and so on.
  for (float& v : y) {
    switch (function) {
      case kTanh:
      case kSoftsign: v = v / 2; break;
      case kSigmoid:
      case kHardSigmoid:
      case kHardSigmoidRelu6: v = (v + 2) / 4; break;
      case kElu: v = v < -1 ? -1 : v; break;
      case kSelu: v = v < -1.7f ? -1.7f : v; break;
      case kRelu:
      case kSoftplus:
      case kExp:
      case kSqrt: v = std::fabs(v); break;
      default: break;
    }
  }
  // What nothing depends on has no gradient where the slope is infinite either.
  Floats dy = d.values(elements);
  for (size_t i = 0; i < dy.size(); ++i) dy[i] = y[i] == 0 && d.either() ? 0.0f : dy[i];
  Case c;
  c.int64(elements).int32(function).in("y", y).anywhere(d);
  in_then_out(c, d, "dy", dy, "dx").threads(elements);
  return c;
}

Case multiply(Draw& d) {
  const int elements = d.size(600), add = d.below(2);
  Case c;
  c.int64(elements).int32(add);
  const Floats b = d.values(elements);
  if (add) {
    c.in("a", d.values(elements)).anywhere(d).in("b", b).anywhere(d);
    c.in_out("y", d.values(elements)).anywhere(d).sums_up_to(4);
  } else {
    c.in("a", d.values(elements)).anywhere(d);
    in_then_out(c, d, "b", b, "y");
  }
  c.threads(elements);
  return c;
}

Case maximum_over_time(Draw& d) {
  const int T = d.size(9), B = d.size(9), width = d.size(40);
  Floats x = d.values(static_cast<int64_t>(T) * B * width);
  for (float& v : x) {
    if (d.once_in(4)) v = static_cast<float>(d.between(-1, 1));  // the same more than once
    if (d.once_in(60)) v = NAN;
  }
  Case c;
  c.int32(T).int32(B).int32(width).in("x", x).anywhere(d);
  c.in("lengths", d.lengths(T, B)).given(d.either()).out("y", B * width).out("from", Type::kWord, B * width);
  c.threads(B * width);
  return c;
}

Case copy_columns(Draw& d) {
  const int rows = d.size(33), width = d.size(40), before = d.below(5), after = d.below(5);
  const int source_stride = before + width, target_stride = width + after, add = d.below(2);
  Case c;
  c.int64(rows).int32(width);
  c.in("source", d.values(static_cast<int64_t>(rows) * source_stride)).anywhere(d).from(before);
  c.int32(source_stride).float32(d.either() ? 1.0f : d.real(0.25f, 2)).int32(add);
  if (add) {
    c.in_out("target", d.values(static_cast<int64_t>(rows) * target_stride)).anywhere(d).sums_up_to(4);
  } else {
    c.out("target", static_cast<int64_t>(rows) * target_stride).anywhere(d);
  }
  c.int32(target_stride).threads(static_cast<int64_t>(rows) * width);
  return c;
}

Case embedding_forward(Draw& d) {
  const int rows = d.size(33), V = d.size(40);
  const bool one_hot = d.once_in(3);
  const int width = one_hot ? V : d.size(40);
  Case c;
  c.int32(rows).int32(width).in("tokens", d.integers(rows, -1, V - 1));
  c.in("table", d.values(static_cast<int64_t>(V) * width)).anywhere(d).given(!one_hot);
  c.out("y", static_cast<int64_t>(rows) * width).anywhere(d).threads(static_cast<int64_t>(rows) * width);
  return c;
}

Case embedding_backward(Draw& d) {
  const int rows = d.size(129), V = d.size(17), width = d.number() == 1 ? 257 : d.size(140);
  Case c;
  c.int32(rows).int32(width).int32(V).in("tokens", d.integers(rows, -1, V - 1));
  c.in("dy", d.values(static_cast<int64_t>(rows) * width)).anywhere(d);
  c.in_out("d_table", d.values(static_cast<int64_t>(V) * width)).anywhere(d);
  c.launch((V - 1) / 4 + 1, (width - 1) / 128 + 1, 128);
  return c;
}

Case dropout(Draw& d) {
  const int elements = d.number() == 1 ? 1025 : d.size(600);
  const float p = d.probability();
  Case c;
  c.int64(elements)
      .int32(d.once_in(4) ? 0 : d.size(40))
      .int32(static_cast<int>(static_cast<uint32_t>(static_cast<uint64_t>(static_cast<double>(p) * 4294967296.0))));
  c.float32(1 / (1 - p)).in("key", d.random_keys(1)).int32(d.below(50));
  in_then_out(c, d, "x", d.values(elements), "y").threads((elements + 3) / 4);
  return c;
}

}  // namespace

void add_dense_cases(Kernels& kernels) {
  kernels["bias_activation"] = bias_activation;
  kernels["activation"] = activation;
  kernels["activation_gradient"] = activation_gradient;
  kernels["multiply"] = multiply;
  kernels["maximum_over_time"] = maximum_over_time;
  kernels["copy_columns"] = copy_columns;
  kernels["embedding_forward"] = embedding_forward;
  kernels["embedding_backward"] = embedding_backward;
  kernels["dropout"] = dropout;
}

}  // namespace kernelcases
