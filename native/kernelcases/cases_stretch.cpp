// kernels/stretch.cu, launched as Stretch.java does.
#include "case.h"

namespace kernelcases {
namespace {

Case stretch_lengths(Draw& d) {
  const int T = d.size(40), B = d.size(200);
  Case c;
  c.int32(T).int32(B).in("lengths", d.lengths(T, B)).given(d.either());
  c.int32(d.below(T)).out("left", Type::kWord, B).threads(B);
  return c;
}

// What both copies have in common: a stretch of some steps, and rows outside of which they touch some columns.
struct Rows {
  int T, B, first, steps, width, stride, column;

  explicit Rows(Draw& d)
      : T(d.size(9)),
        B(d.size(9)),
        first(d.below(T)),
        steps(d.between(1, T - first)),
        width(d.size(33)),
        stride(d.either() ? width : 2 * width),
        column(stride > width && d.either() ? width : 0) {}

  void begin(Case& c, Draw& d) const {
    c.int32(T).int32(B).int32(d.below(2)).in("lengths", d.lengths(T, B)).given(d.either());
    c.int32(first).int32(steps).int32(width).int32(stride);
  }
  int64_t inside() const { return static_cast<int64_t>(steps) * B * width; }
  int64_t outside() const { return static_cast<int64_t>(T) * B * stride; }
  int64_t threads() const { return static_cast<int64_t>(steps) * B * ((width + 3) / 4); }
};

Case take_stretch(Draw& d) {
  const Rows rows(d);
  Case c;
  rows.begin(c, d);
  c.in("from", d.values(rows.outside())).anywhere(d).from(rows.column);
  c.out("to", rows.inside()).threads(rows.threads());
  return c;
}

Case put_stretch(Draw& d) {
  const Rows rows(d);
  Case c;
  rows.begin(c, d);
  c.in("from", d.values(rows.inside()));
  c.in_out("to", d.values(rows.outside())).anywhere(d).from(rows.column).threads(rows.threads());
  return c;
}

}  // namespace

void add_stretch_cases(Kernels& kernels) {
  kernels["stretch_lengths"] = stretch_lengths;
  kernels["take_stretch"] = take_stretch;
  kernels["put_stretch"] = put_stretch;
}

}  // namespace kernelcases
