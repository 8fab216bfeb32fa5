// kernels/optimizer.cu, launched as CudaEngine.optimizerStep does.
#include "case.h"
#include "sequor/updates.h"

namespace kernelcases {
namespace {

using namespace sequor;

#define COUNT(number, Rule) +1
constexpr int kRules = 0 SEQUOR_UPDATES(COUNT), kLion = 7;
#undef COUNT

// Which group each element is of: regions one after another, some of no group.
struct Regions {
  int groups = 1;
  Ints ends, of;  // empty: all elements are of group 0

  Regions(Draw& d, int elements) {
    if (d.either()) return;
    groups = d.between(1, 4);
    const int count = d.between(1, std::min(elements, 6));
    for (int r = 0; r < count; ++r) {
      ends.push_back(r + 1 == count ? elements : d.between(r == 0 ? 0 : ends.back(), elements));
      of.push_back(d.between(kNoGroup, groups - 1));
    }
  }

  Case& add(Case& c) const {
    c.int32(static_cast<int>(ends.size())).in("ends", ends).given(!ends.empty());
    return c.in("groups", of).given(!of.empty());
  }
};

Case partial_squares(Draw& d) {
  const int elements = d.number() == 1 ? 4100 : d.size(257) * d.between(1, 9);
  const Regions regions(d, elements);
  const int blocks = std::min(1024, std::max(1, elements / (16 * 128)));
  Case c;
  c.int64(elements).in("x", d.values(elements)).anywhere(d);
  regions.add(c).out("partial", Type::kFloat64, blocks * 4).launch(blocks, 1, 128);
  return c;
}

// step, learning rate, bounds of the norm and of elements, four constants.
Floats rates(Draw& d, int step) {
  Floats r = {static_cast<float>(step), d.real(0.001f, 0.1f), d.either() ? 0.0f : d.real(0.5f, 20),
              d.either() ? 0.0f : d.real(0.1f, 2)};
  for (int i = 0; i < 2; ++i) r.push_back(d.real(0.5f, 0.999f));
  r.push_back(d.real(1e-8f, 1e-3f));
  r.push_back(d.either() ? 0.0f : d.real(0, 0.1f));
  return r;
}

template <typename Rule>
std::vector<Type> fields() {
  std::vector<Type> all(sizeof(Prepared<Rule>) / 4, Type::kFloat32);
  all[0] = Type::kFlag;
  return all;
}

Case begin_update(Draw& d) {
  const int rule = static_cast<int>(d.number()) % kRules, groups = d.size(40), partials = 4 * d.size(64),
            skipped = d.below(4);
  Doubles partial;
  for (int i = 0; i < partials; ++i) partial.push_back(static_cast<double>(d.real(0, 50)));
  if (d.once_in(4)) partial[static_cast<size_t>(d.below(partials))] = d.either() ? INFINITY : NAN;
  const int step = skipped + d.between(1, 3000);
  Floats all;
  for (int g = 0; g < groups; ++g) {
    const Floats each = rates(d, step);
    all.insert(all.end(), each.begin(), each.end());
  }
  // Loss scales from none to the largest, about to double or not.
  const float loss_scale = d.either() ? 1.0f : static_cast<float>(2 << d.below(24));
  const float since = d.either() ? 1999.0f : static_cast<float>(d.below(1999));
  Case c;
  c.int32(rule).int32(groups).int32(partials).in("partial", partial).in("rates", all);
  c.in_out("report", Floats{0, static_cast<float>(skipped), loss_scale, since});
#define PREPARED(number, Rule) \
  if (rule == number) c.out_structs("prepared", fields<Rule>(), groups* static_cast<int64_t>(sizeof(Prepared<Rule>) / 4));
  SEQUOR_UPDATES(PREPARED)
#undef PREPARED
  c.launch(1, 1, 32);
  return c;
}

// As begin_update leaves it. The powers of Adam's correction are multiplied out, so that all machines have the same.
template <typename Factors>
void correct(Factors&, const Rates&, int) {}
template <bool kDecoupled>
void correct_adam(typename AdamRule<kDecoupled>::Factors& f, const Rates& r, int t) {
  double power1 = 1, power2 = 1;
  for (int i = 0; i < t; ++i) {
    power1 *= static_cast<double>(r.constants[0]);
    power2 *= static_cast<double>(r.constants[1]);
  }
  f.correction1 = static_cast<float>(1 / (1 - power1));
  f.correction2 = static_cast<float>(1 / (1 - power2));
}
template <>
void correct(Adam::Factors& f, const Rates& r, int t) {
  correct_adam<false>(f, r, t);
}
template <>
void correct(AdamW::Factors& f, const Rates& r, int t) {
  correct_adam<true>(f, r, t);
}

template <typename Rule>
Words prepared(Draw& d, int groups) {
  Words words;
  const Update update = {!d.once_in(8), d.real(0.01f, 1), 1.0};
  for (int g = 0; g < groups; ++g) {
    const int t = d.between(1, 50);
    const Floats drawn = rates(d, t);
    Rates r;
    std::memcpy(&r, drawn.data(), sizeof r);
    Prepared<Rule> made = prepare_update<Rule>(update, r);
    correct(made.factors, r, t);
    Words one(sizeof made / 4);
    std::memcpy(one.data(), &made, sizeof made);
    one[0] = made.applied ? 1 : 0;  // what lies beside the bool is nobody's
    words.insert(words.end(), one.begin(), one.end());
  }
  return words;
}

Case optimizer_step(Draw& d) {
  const int rule = static_cast<int>(d.number()) % kRules, elements = d.size(400);
  const Regions regions(d, elements);
  Case c;
  c.int32(rule).int64(elements);
  regions.add(c);
  int moments = 0;
#define PREPARED(number, Rule)                           \
  if (rule == number) {                                  \
    moments = Rule::kMoments;                            \
    c.in("prepared", prepared<Rule>(d, regions.groups)); \
  }
  SEQUOR_UPDATES(PREPARED)
#undef PREPARED
  Floats gradients = d.values(elements);
  for (float& g : gradients) g = d.once_in(4) ? 0.0f : g;
  c.in("gradients", gradients).anywhere(d).in_out("parameters", d.values(elements)).anywhere(d).sums_up_to(4);
  // Moments of squares are not negative, and as large as variances need: v - m² is no difference of what is nearly the same.
  Floats all = d.values(static_cast<int64_t>(moments) * elements, 0, 1);
  for (int i = 0; i < elements; ++i) all[static_cast<size_t>(i)] += 2;
  if (rule == kLion) {  // of either sign, and nothing where there is no gradient: then there is no step either
    for (size_t i = 0; i < all.size(); ++i) all[i] = gradients[i] == 0 ? 0.0f : d.value();
  }
  c.in_out("moments", all).anywhere(d).sums_up_to(8).threads(elements);
  return c;
}

}  // namespace

void add_optimizer_cases(Kernels& kernels) {
  kernels["partial_squares"] = partial_squares;
  kernels["begin_update"] = begin_update;
  kernels["optimizer_step"] = optimizer_step;
}

}  // namespace kernelcases
