// Arithmetic, comparisons, selections and bits.
#include <type_traits>

#include "ptx/decoder.h"
#include "ptx/rounding.h"

namespace simulator::ptx {

namespace {

// ---- handlers by type

template <typename T>
using Unsigned = std::make_unsigned_t<T>;

template <template <typename> class Op, typename T>
void unary(Thread& t, const Instruction& i) {
  t.set<T>(i.d, Op<T>::of(t.get<T>(i.a)));
}

template <template <typename> class Op, typename T>
void binary(Thread& t, const Instruction& i) {
  t.set<T>(i.d, Op<T>::of(t.get<T>(i.a), t.get<T>(i.b)));
}

template <template <typename> class Op, typename T>
void ternary(Thread& t, const Instruction& i) {
  t.set<T>(i.d, Op<T>::of(t.get<T>(i.a), t.get<T>(i.b), t.get<T>(i.c)));
}

#define SEQ_PICK(handler, Op, Letter, Bits, T) \
  if (type == Type{Letter, Bits}) return &handler<Op, T>;
#define SEQ_PICK_INTEGERS(handler, Op)     \
  SEQ_PICK(handler, Op, 'u', 16, uint16_t) \
  SEQ_PICK(handler, Op, 'u', 32, uint32_t) \
  SEQ_PICK(handler, Op, 'u', 64, uint64_t) \
  SEQ_PICK(handler, Op, 's', 16, int16_t)  \
  SEQ_PICK(handler, Op, 's', 32, int32_t)  \
  SEQ_PICK(handler, Op, 's', 64, int64_t)

template <template <typename> class Op>
Handler binary_integer(Type type) {
  SEQ_PICK_INTEGERS(binary, Op)
  return nullptr;
}

template <template <typename> class Op>
Handler ternary_integer(Type type) {
  SEQ_PICK_INTEGERS(ternary, Op)
  return nullptr;
}

template <template <typename> class Op>
Handler unary_signed(Type type) {
  SEQ_PICK(unary, Op, 's', 16, int16_t)
  SEQ_PICK(unary, Op, 's', 32, int32_t)
  SEQ_PICK(unary, Op, 's', 64, int64_t)
  return nullptr;
}

template <template <typename> class Op>
Handler binary_bits(Type type) {
  SEQ_PICK(binary, Op, 'b', 16, uint16_t)
  SEQ_PICK(binary, Op, 'b', 32, uint32_t)
  SEQ_PICK(binary, Op, 'b', 64, uint64_t)
  SEQ_PICK(binary, Op, 'p', 0, uint8_t)
  return nullptr;
}
#undef SEQ_PICK_INTEGERS
#undef SEQ_PICK

void need(Decoder& d, Handler handler, Type type) {
  if (handler == nullptr) d.refuse("type ." + type.text() + " is not implemented");
  d.i.run = handler;
}

// ---- integers: results are taken modulo 2^bits

template <typename T>
struct Add {
  static T of(T a, T b) { return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b)); }
};
template <typename T>
struct Subtract {
  static T of(T a, T b) { return static_cast<T>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b)); }
};
template <typename T>
struct MultiplyLow {
  static T of(T a, T b) { return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b)); }
};
template <typename T>
struct MultiplyHigh {
  static T of(T a, T b) {
    using Wide = std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>;
    return static_cast<T>((static_cast<Wide>(a) * static_cast<Wide>(b)) >> (8 * sizeof(T)));
  }
};
template <typename T>
struct MultiplyLowAdd {
  static T of(T a, T b, T c) { return Add<T>::of(MultiplyLow<T>::of(a, b), c); }
};
template <typename T>
struct MultiplyHighAdd {
  static T of(T a, T b, T c) { return Add<T>::of(MultiplyHigh<T>::of(a, b), c); }
};
// The manual leaves open what a division by zero gives; devices give all ones, and the dividend as the remainder.
template <typename T>
struct Divide {
  static T of(T a, T b) {
    if (b == 0) return static_cast<T>(~uint64_t{0});
    if (std::is_signed_v<T> && b == static_cast<T>(-1)) return Subtract<T>::of(0, a);
    return static_cast<T>(a / b);
  }
};
template <typename T>
struct Remainder {
  static T of(T a, T b) {
    if (b == 0) return a;
    if (std::is_signed_v<T> && b == static_cast<T>(-1)) return 0;
    return static_cast<T>(a % b);
  }
};
template <typename T>
struct Minimum {
  static T of(T a, T b) { return b < a ? b : a; }
};
template <typename T>
struct Maximum {
  static T of(T a, T b) { return a < b ? b : a; }
};
template <typename T>
struct Negate {
  static T of(T a) { return Subtract<T>::of(0, a); }
};
template <typename T>
struct Absolute {
  static T of(T a) { return a < 0 ? Subtract<T>::of(0, a) : a; }
};
template <typename T>
struct And {
  static T of(T a, T b) { return static_cast<T>(a & b); }
};
template <typename T>
struct Or {
  static T of(T a, T b) { return static_cast<T>(a | b); }
};
template <typename T>
struct Xor {
  static T of(T a, T b) { return static_cast<T>(a ^ b); }
};

template <typename T, typename Wide>
void multiply_wide(Thread& t, const Instruction& i) {
  t.set<Wide>(i.d, static_cast<Wide>(static_cast<Wide>(t.get<T>(i.a)) * static_cast<Wide>(t.get<T>(i.b))));
}
template <typename T, typename Wide>
void multiply_wide_add(Thread& t, const Instruction& i) {
  const Wide product = static_cast<Wide>(static_cast<Wide>(t.get<T>(i.a)) * static_cast<Wide>(t.get<T>(i.b)));
  t.set<Wide>(i.d, Add<Wide>::of(product, t.get<Wide>(i.c)));
}

template <typename T>
void negate_bits(Thread& t, const Instruction& i) {
  t.set<T>(i.d, static_cast<T>(~t.get<T>(i.a)));
}
void negate_predicate(Thread& t, const Instruction& i) { t.slots[i.d] = t.holds(i.a) ? 0 : 1; }

// The amount is an unsigned number of 32 bits; more than the width counts as the width.
template <typename T>
void shift_left(Thread& t, const Instruction& i) {
  const auto amount = t.get<uint32_t>(i.b);
  t.set<T>(i.d, amount >= 8 * sizeof(T) ? T(0) : static_cast<T>(static_cast<uint64_t>(t.get<T>(i.a)) << amount));
}
template <typename T>
void shift_right(Thread& t, const Instruction& i) {
  constexpr uint32_t most = 8 * sizeof(T) - 1;
  const auto amount = t.get<uint32_t>(i.b);
  const T value = t.get<T>(i.a);
  if (amount > most) {
    t.set<T>(i.d, std::is_signed_v<T> ? static_cast<T>(value >> most) : T(0));
  } else {
    t.set<T>(i.d, static_cast<T>(value >> amount));
  }
}

// The place of the leading bit that differs from the sign, or how far a shift would bring it to the front; all ones if there
// is none.
template <typename T, bool kShift>
void find_bit(Thread& t, const Instruction& i) {
  const T value = t.get<T>(i.a);
  const auto bits = static_cast<Unsigned<T>>(std::is_signed_v<T> && value < 0 ? ~value : value);
  uint32_t found = 0xffffffffu;
  if (bits != 0) {
    found = 63u - static_cast<uint32_t>(__builtin_clzll(bits));
    if (kShift) found = 8 * sizeof(T) - 1 - found;
  }
  t.set<uint32_t>(i.d, found);
}

template <typename T>
void reverse_bits(Thread& t, const Instruction& i) {
  T value = t.get<T>(i.a), reversed = 0;
  for (size_t k = 0; k < 8 * sizeof(T); k++, value = static_cast<T>(value >> 1)) {
    reversed = static_cast<T>(reversed << 1 | (value & 1));
  }
  t.set<T>(i.d, reversed);
}

template <typename T>
void count_bits(Thread& t, const Instruction& i) {
  t.set<uint32_t>(i.d, static_cast<uint32_t>(__builtin_popcountll(t.get<T>(i.a))));
}

template <typename T>
void leading_zeros(Thread& t, const Instruction& i) {
  const T value = t.get<T>(i.a);
  const auto width = static_cast<uint32_t>(8 * sizeof(T));
  t.set<uint32_t>(i.d, value == 0 ? width : width - 64 + static_cast<uint32_t>(__builtin_clzll(value)));
}

// The low bits of a, as many as the length says, put into b at a position; position and length are taken modulo 256.
template <typename T>
void insert_bits(Thread& t, const Instruction& i) {
  const unsigned position = t.get<uint32_t>(i.c) & 0xff, length = t.get<uint32_t>(i.m) & 0xff;
  const T field = t.get<T>(i.a);
  T result = t.get<T>(i.b);
  for (unsigned k = 0; k < length && position + k < 8 * sizeof(T); k++) {
    const T bit = static_cast<T>(T(1) << (position + k));
    const bool set = k < 8 * sizeof(T) && (field >> k & 1) != 0;
    result = static_cast<T>(set ? result | bit : result & ~bit);
  }
  t.set<T>(i.d, result);
}

// Of the 64 bits b:a, shifted left the upper 32, right the lower. More than 32 counts as 32, or modulo 32.
template <bool kLeft, bool kWrap>
void funnel_shift(Thread& t, const Instruction& i) {
  const uint64_t both = static_cast<uint64_t>(t.get<uint32_t>(i.b)) << 32 | t.get<uint32_t>(i.a);
  const auto c = t.get<uint32_t>(i.c);
  const unsigned amount = kWrap ? c & 31 : c > 32 ? 32 : c;
  t.set<uint32_t>(i.d, static_cast<uint32_t>(kLeft ? (both << amount) >> 32 : both >> amount));
}

// ---- floating point

template <typename T>
struct FloatAdd {
  static T of(T a, T b) { return a + b; }
};
template <typename T>
struct FloatSubtract {
  static T of(T a, T b) { return a - b; }
};
template <typename T>
struct FloatMultiply {
  static T of(T a, T b) { return a * b; }
};
template <typename T>
struct FloatDivide {
  static T of(T a, T b) { return a / b; }
};
template <typename T>
struct Fused {
  static T of(T a, T b, T c) { return std::fma(a, b, c); }
};
template <typename T>
struct Reciprocal {
  static T of(T a) { return T(1) / a; }
};
template <typename T>
struct SquareRoot {
  static T of(T a) { return std::sqrt(a); }
};

// Rounded to nearest, with subnormal numbers.
template <template <typename> class Op, typename T>
void plain1(Thread& t, const Instruction& i) {
  t.set<T>(i.d, canonical(Op<T>::of(t.get<T>(i.a))));
}
template <template <typename> class Op, typename T>
void plain2(Thread& t, const Instruction& i) {
  t.set<T>(i.d, canonical(Op<T>::of(t.get<T>(i.a), t.get<T>(i.b))));
}
template <template <typename> class Op, typename T>
void plain3(Thread& t, const Instruction& i) {
  t.set<T>(i.d, canonical(Op<T>::of(t.get<T>(i.a), t.get<T>(i.b), t.get<T>(i.c))));
}

template <typename T>
T input(const Thread& t, const Instruction& i, uint32_t slot) {
  const T value = t.get<T>(slot);
  return i.flush ? flushed(value) : value;
}

template <typename T>
void output(Thread& t, const Instruction& i, T value) {
  if (i.flush) value = flushed(value);
  t.set<T>(i.d, canonical(i.saturate ? saturated(value) : value));
}

// With any rounding, flushing and saturation.
template <template <typename> class Op, typename T>
void rounded1(Thread& t, const Instruction& i) {
  volatile T a = input<T>(t, i, i.a), result;
  {
    const RoundedAs rounded(i.rounding);
    result = Op<T>::of(a);
  }
  output<T>(t, i, result);
}
template <template <typename> class Op, typename T>
void rounded2(Thread& t, const Instruction& i) {
  volatile T a = input<T>(t, i, i.a), b = input<T>(t, i, i.b), result;
  {
    const RoundedAs rounded(i.rounding);
    result = Op<T>::of(a, b);
  }
  output<T>(t, i, result);
}
template <template <typename> class Op, typename T>
void rounded3(Thread& t, const Instruction& i) {
  volatile T a = input<T>(t, i, i.a), b = input<T>(t, i, i.b), c = input<T>(t, i, i.c), result;
  {
    const RoundedAs rounded(i.rounding);
    result = Op<T>::of(a, b, c);
  }
  output<T>(t, i, result);
}

bool is_plain(const Instruction& i) { return i.rounding == Rounding::kNearest && !i.flush && !i.saturate; }

#define SEQ_FLOATING(N)                                                           \
  template <template <typename> class Op>                                         \
  void floating##N(Decoder& d, Type type) {                                       \
    const bool single = type.bits == 32, plain = is_plain(d.i);                   \
    d.i.run = single ? (plain ? &plain##N<Op, float> : &rounded##N<Op, float>)    \
                     : (plain ? &plain##N<Op, double> : &rounded##N<Op, double>); \
  }
SEQ_FLOATING(1)
SEQ_FLOATING(2)
SEQ_FLOATING(3)
#undef SEQ_FLOATING

// Approximate instructions: the value a device may be off from, rounded to nearest. The manual bounds how far it is off.
template <float (*function)(float)>
void approximate(Thread& t, const Instruction& i) {
  output<float>(t, i, function(input<float>(t, i, i.a)));
}
float exp2_nearest(float x) { return static_cast<float>(std::exp2(static_cast<double>(x))); }
float log2_nearest(float x) { return static_cast<float>(std::log2(static_cast<double>(x))); }
float rsqrt_nearest(float x) { return static_cast<float>(1.0 / std::sqrt(static_cast<double>(x))); }
float rcp_nearest(float x) { return 1.0f / x; }
float sqrt_nearest(float x) { return std::sqrt(x); }

// Of the upper words alone: the lower word of the argument is ignored, that of the result is zero.
double upper_word(double x) {
  uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  bits &= 0xffffffff00000000u;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}
void reciprocal_upper_word(Thread& t, const Instruction& i) {
  const double x = t.get<double>(i.a);
  if (x != x) return t.set<double>(i.d, std::numeric_limits<double>::quiet_NaN());
  t.set<double>(i.d, upper_word(flushed(1.0 / flushed(upper_word(x)))));
}

// One that is not a number gives way to the other; −0 is less than +0.
template <typename T>
struct FloatMinimum {
  static T of(T a, T b) {
    if (a != a) return b;
    if (b != b) return a;
    return a == b ? (std::signbit(a) ? a : b) : (a < b ? a : b);
  }
};
template <typename T>
struct FloatMaximum {
  static T of(T a, T b) {
    if (a != a) return b;
    if (b != b) return a;
    return a == b ? (std::signbit(a) ? b : a) : (a < b ? b : a);
  }
};

// Signs are bits: of NaN, too.
template <typename T, bool kNegate>
void change_sign(Thread& t, const Instruction& i) {
  const T x = input<T>(t, i, i.a);
  t.set<T>(i.d, kNegate ? -x : std::fabs(x));
}
template <typename T>
void copy_sign(Thread& t, const Instruction& i) {
  t.set<T>(i.d, std::copysign(t.get<T>(i.b), t.get<T>(i.a)));
}

// ---- comparisons

enum Comparison : uint8_t { kEq, kNe, kLt, kLe, kGt, kGe, kEqu, kNeu, kLtu, kLeu, kGtu, kGeu, kNum, kNan };

template <typename T, Comparison comparison>
bool compare(T a, T b) {
  switch (comparison) {
    case kEq: return a == b;
    case kNe: return a < b || a > b;  // false if one is not a number
    case kLt: return a < b;
    case kLe: return a <= b;
    case kGt: return a > b;
    case kGe: return a >= b;
    case kEqu: return !(a < b || a > b);
    case kNeu: return !(a == b);
    case kLtu: return !(a >= b);
    case kLeu: return !(a > b);
    case kGtu: return !(a <= b);
    case kGeu: return !(a < b);
    case kNum: return a == a && b == b;
    case kNan: return !(a == a && b == b);
  }
}

enum class Join : uint8_t { kNone, kAnd, kOr, kXor };

template <typename T, Comparison comparison>
void set_predicate(Thread& t, const Instruction& i) {
  T a = t.get<T>(i.a), b = t.get<T>(i.b);
  if constexpr (std::is_floating_point_v<T>) {
    if (i.flush) a = flushed(a), b = flushed(b);
  }
  const bool is = compare<T, comparison>(a, b);
  const auto join = static_cast<Join>(i.target);
  const auto joined = [&](bool value) {
    switch (join) {
      case Join::kAnd: return value && t.holds(i.c);
      case Join::kOr: return value || t.holds(i.c);
      case Join::kXor: return value != t.holds(i.c);
      default: return value;
    }
  };
  const bool first = joined(is), second = joined(!is);
  t.slots[i.d] = first;
  if (i.writes_e) t.slots[i.e] = second;
}

template <typename T>
Handler comparison(const std::string& name) {
  if (name == "eq") return &set_predicate<T, kEq>;
  if (name == "ne") return &set_predicate<T, kNe>;
  if (name == "lt" || name == "lo") return &set_predicate<T, kLt>;
  if (name == "le" || name == "ls") return &set_predicate<T, kLe>;
  if (name == "gt" || name == "hi") return &set_predicate<T, kGt>;
  if (name == "ge" || name == "hs") return &set_predicate<T, kGe>;
  if constexpr (std::is_floating_point_v<T>) {
    if (name == "equ") return &set_predicate<T, kEqu>;
    if (name == "neu") return &set_predicate<T, kNeu>;
    if (name == "ltu") return &set_predicate<T, kLtu>;
    if (name == "leu") return &set_predicate<T, kLeu>;
    if (name == "gtu") return &set_predicate<T, kGtu>;
    if (name == "geu") return &set_predicate<T, kGeu>;
    if (name == "num") return &set_predicate<T, kNum>;
    if (name == "nan") return &set_predicate<T, kNan>;
  }
  return nullptr;
}

Handler comparison_of(const std::string& name, Type type) {
  const bool unordered_name = name == "lo" || name == "ls" || name == "hi" || name == "hs";
  if (unordered_name && type.kind != 'u') return nullptr;
  if (type.kind == 'b' && name != "eq" && name != "ne") return nullptr;
  if (type == Type{'f', 32}) return comparison<float>(name);
  if (type == Type{'f', 64}) return comparison<double>(name);
  const bool is_signed = type.kind == 's';
  switch (type.kind == 'f' ? 0 : type.bits) {
    case 16: return is_signed ? comparison<int16_t>(name) : comparison<uint16_t>(name);
    case 32: return is_signed ? comparison<int32_t>(name) : comparison<uint32_t>(name);
    case 64: return is_signed ? comparison<int64_t>(name) : comparison<uint64_t>(name);
    default: return nullptr;
  }
}

void select(Thread& t, const Instruction& i) { t.slots[i.d] = t.slots[t.holds(i.c) ? i.a : i.b]; }

// ---- decoding

bool is_floating(Type type) { return type == Type{'f', 32} || type == Type{'f', 64}; }

// [.rnd][.ftz][.sat] and the type. `must`: the rounding has to be said.
Type take_floating(Decoder& d, bool must) {
  const auto rounding = d.take_rounding();
  if (must && !rounding) d.refuse("a rounding is missing, or what stands in its place is not implemented");
  d.i.rounding = rounding.value_or(Rounding::kNearest);
  d.i.flush = d.take("ftz");
  d.i.saturate = d.take("sat");
  const Type type = d.take_type();
  if ((d.i.flush || d.i.saturate) && type == Type{'f', 64}) d.refuse(".ftz and .sat are of .f32");
  if (rounding && !is_floating(type)) d.refuse("only floating point is rounded");
  return type;
}

void nearest(const Decoder& d) {
  if (d.i.rounding != Rounding::kNearest) d.refuse("only .rn is implemented");
}

void operands1(Decoder& d, Type type) {
  d.done(2);
  d.i.d = d.writes(0, type);
  d.i.a = d.reads(1, type);
}
void operands2(Decoder& d, Type type) {
  d.done(3);
  d.i.d = d.writes(0, type);
  d.i.a = d.reads(1, type);
  d.i.b = d.reads(2, type);
}
void operands3(Decoder& d, Type type) {
  d.done(4);
  d.i.d = d.writes(0, type);
  d.i.a = d.reads(1, type);
  d.i.b = d.reads(2, type);
  d.i.c = d.reads(3, type);
}

template <template <typename> class Integer, template <typename> class Floating>
void decode_sum(Decoder& d) {
  const Type type = take_floating(d, false);
  if (is_floating(type)) {
    floating2<Floating>(d, type);
  } else {
    if (d.i.flush || d.i.saturate) d.refuse(".ftz and .sat are not implemented here");
    need(d, binary_integer<Integer>(type), type);
  }
  operands2(d, type);
}

Type wide_of(Type type) { return {type.kind, static_cast<uint8_t>(2 * type.bits)}; }

template <bool kAdd>
void decode_integer_product(Decoder& d, const std::string& part) {
  const Type type = d.take_type({"u16", "u32", "u64", "s16", "s32", "s64"});
  Type result = type;
  if (part == "wide") {
    if (type.bits == 64) d.refuse("a product of 64 bits has no .wide");
    result = wide_of(type);
    const bool is_signed = type.kind == 's', narrow = type.bits == 16;
    if (kAdd) {
      d.i.run = narrow ? (is_signed ? &multiply_wide_add<int16_t, int32_t> : &multiply_wide_add<uint16_t, uint32_t>)
                       : (is_signed ? &multiply_wide_add<int32_t, int64_t> : &multiply_wide_add<uint32_t, uint64_t>);
    } else {
      d.i.run = narrow ? (is_signed ? &multiply_wide<int16_t, int32_t> : &multiply_wide<uint16_t, uint32_t>)
                       : (is_signed ? &multiply_wide<int32_t, int64_t> : &multiply_wide<uint32_t, uint64_t>);
    }
  } else if (kAdd) {
    need(d, part == "lo" ? ternary_integer<MultiplyLowAdd>(type) : ternary_integer<MultiplyHighAdd>(type), type);
  } else {
    need(d, part == "lo" ? binary_integer<MultiplyLow>(type) : binary_integer<MultiplyHigh>(type), type);
  }
  d.done(kAdd ? 4 : 3);
  d.i.d = d.writes(0, result);
  d.i.a = d.reads(1, type);
  d.i.b = d.reads(2, type);
  if (kAdd) d.i.c = d.reads(3, result);
}

void decode_mul(Decoder& d) {
  for (const char* part : {"lo", "hi", "wide"}) {
    if (d.take(part)) return decode_integer_product<false>(d, part);
  }
  const Type type = take_floating(d, false);
  if (!is_floating(type)) d.refuse("an integer product needs .lo, .hi or .wide");
  floating2<FloatMultiply>(d, type);
  operands2(d, type);
}

void decode_mad(Decoder& d) { decode_integer_product<true>(d, d.take_one_of({"lo", "hi", "wide"}, "part")); }

void decode_fma(Decoder& d) {
  const Type type = take_floating(d, true);
  if (!is_floating(type)) d.refuse("only .f32 and .f64 are implemented");
  floating3<Fused>(d, type);
  operands3(d, type);
}

void decode_div(Decoder& d) {
  const bool approximate = d.take("full") || d.take("approx");
  const Type type = take_floating(d, false);
  if (is_floating(type)) {
    if (approximate && type.bits != 32) d.refuse("only .f32 is implemented");
    nearest(d);
    floating2<FloatDivide>(d, type);
  } else {
    if (approximate || d.i.flush || d.i.saturate) d.refuse("an integer quotient has none of these modifiers");
    need(d, binary_integer<Divide>(type), type);
  }
  operands2(d, type);
}

void decode_rem(Decoder& d) {
  const Type type = d.take_type();
  need(d, binary_integer<Remainder>(type), type);
  operands2(d, type);
}

void decode_rcp(Decoder& d) {
  if (d.take("approx")) {
    d.i.flush = d.take("ftz");
    const Type type = d.take_type({"f32", "f64"});
    if (type.bits == 64 && !d.i.flush) d.refuse("only rcp.approx.ftz.f64 exists");
    d.i.run = type.bits == 64 ? &reciprocal_upper_word : &approximate<rcp_nearest>;
    return operands1(d, type);
  }
  const Type type = take_floating(d, true);
  if (!is_floating(type)) d.refuse("only .f32 and .f64 are implemented");
  nearest(d);
  floating1<Reciprocal>(d, type);
  operands1(d, type);
}

template <float (*function)(float)>
void decode_approximate(Decoder& d) {
  if (!d.take("approx")) d.refuse("only .approx is implemented");
  d.i.flush = d.take("ftz");
  d.i.run = &approximate<function>;
  operands1(d, d.take_type({"f32"}));
}

void decode_sqrt(Decoder& d) {
  if (d.statement().modifiers[0] == "approx") return decode_approximate<sqrt_nearest>(d);
  const Type type = take_floating(d, true);
  if (!is_floating(type)) d.refuse("only .f32 and .f64 are implemented");
  nearest(d);
  floating1<SquareRoot>(d, type);
  operands1(d, type);
}

template <template <typename> class Integer, template <typename> class Floating>
void decode_extreme(Decoder& d) {
  d.i.flush = d.take("ftz");
  const Type type = d.take_type();
  if (is_floating(type)) {
    if (d.i.flush && type.bits != 32) d.refuse(".ftz is of .f32");
    floating2<Floating>(d, type);
  } else {
    if (d.i.flush) d.refuse(".ftz is of .f32");
    need(d, binary_integer<Integer>(type), type);
  }
  operands2(d, type);
}

template <template <typename> class Integer, bool kNegate>
void decode_sign(Decoder& d) {
  d.i.flush = d.take("ftz");
  const Type type = d.take_type();
  if (d.i.flush && type != Type{'f', 32}) d.refuse(".ftz is of .f32");
  if (type == Type{'f', 32}) {
    d.i.run = &change_sign<float, kNegate>;
  } else if (type == Type{'f', 64}) {
    d.i.run = &change_sign<double, kNegate>;
  } else {
    need(d, unary_signed<Integer>(type), type);
  }
  operands1(d, type);
}

void decode_copysign(Decoder& d) {
  const Type type = d.take_type({"f32", "f64"});
  d.i.run = type.bits == 32 ? &copy_sign<float> : &copy_sign<double>;
  operands2(d, type);
}

template <template <typename> class Op>
void decode_logic(Decoder& d) {
  const Type type = d.take_type();
  need(d, binary_bits<Op>(type), type);
  operands2(d, type);
}

void decode_not(Decoder& d) {
  const Type type = d.take_type({"pred", "b16", "b32", "b64"});
  d.i.run = type.kind == 'p'  ? &negate_predicate
            : type.bits == 16 ? &negate_bits<uint16_t>
            : type.bits == 32 ? &negate_bits<uint32_t>
                              : &negate_bits<uint64_t>;
  operands1(d, type);
}

void decode_shl(Decoder& d) {
  const Type type = d.take_type({"b16", "b32", "b64"});
  d.i.run = type.bits == 16 ? &shift_left<uint16_t> : type.bits == 32 ? &shift_left<uint32_t> : &shift_left<uint64_t>;
  d.done(3);
  d.i.d = d.writes(0, type);
  d.i.a = d.reads(1, type);
  d.i.b = d.reads(2, {'u', 32});
}

void decode_shr(Decoder& d) {
  const Type type = d.take_type({"b16", "b32", "b64", "u16", "u32", "u64", "s16", "s32", "s64"});
  if (type.kind == 's') {
    d.i.run = type.bits == 16 ? &shift_right<int16_t> : type.bits == 32 ? &shift_right<int32_t> : &shift_right<int64_t>;
  } else {
    d.i.run = type.bits == 16 ? &shift_right<uint16_t> : type.bits == 32 ? &shift_right<uint32_t> : &shift_right<uint64_t>;
  }
  d.done(3);
  d.i.d = d.writes(0, type);
  d.i.a = d.reads(1, type);
  d.i.b = d.reads(2, {'u', 32});
}

void decode_shf(Decoder& d) {
  const bool left = d.take_one_of({"l", "r"}, "direction") == "l";
  const bool wrap = d.take_one_of({"wrap", "clamp"}, "mode") == "wrap";
  const Type type = d.take_type({"b32"});
  d.i.run = left ? (wrap ? &funnel_shift<true, true> : &funnel_shift<true, false>)
                 : (wrap ? &funnel_shift<false, true> : &funnel_shift<false, false>);
  operands3(d, type);
}

void decode_bfind(Decoder& d) {
  const bool shift = d.take("shiftamt");
  const Type type = d.take_type({"u32", "u64", "s32", "s64"});
  const bool wide = type.bits == 64;
  if (type.kind == 'u') {
    d.i.run = shift ? (wide ? &find_bit<uint64_t, true> : &find_bit<uint32_t, true>)
                    : (wide ? &find_bit<uint64_t, false> : &find_bit<uint32_t, false>);
  } else {
    d.i.run = shift ? (wide ? &find_bit<int64_t, true> : &find_bit<int32_t, true>)
                    : (wide ? &find_bit<int64_t, false> : &find_bit<int32_t, false>);
  }
  d.done(2);
  d.i.d = d.writes(0, {'u', 32});
  d.i.a = d.reads(1, type);
}

void decode_brev(Decoder& d) {
  const Type type = d.take_type({"b32", "b64"});
  d.i.run = type.bits == 32 ? &reverse_bits<uint32_t> : &reverse_bits<uint64_t>;
  operands1(d, type);
}

template <void (*narrow)(Thread&, const Instruction&), void (*wide)(Thread&, const Instruction&)>
void decode_count(Decoder& d) {
  const Type type = d.take_type({"b32", "b64"});
  d.i.run = type.bits == 32 ? narrow : wide;
  d.done(2);
  d.i.d = d.writes(0, {'u', 32});
  d.i.a = d.reads(1, type);
}

void decode_bfi(Decoder& d) {
  const Type type = d.take_type({"b32", "b64"});
  d.i.run = type.bits == 32 ? &insert_bits<uint32_t> : &insert_bits<uint64_t>;
  d.done(5);
  d.i.d = d.writes(0, type);
  d.i.a = d.reads(1, type);
  d.i.b = d.reads(2, type);
  d.i.c = d.reads(3, {'u', 32});
  d.i.m = d.reads(4, {'u', 32});
}

void decode_setp(Decoder& d) {
  const std::string name = d.take_one_of(
      {"eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"},
      "comparison");
  Join join = Join::kNone;
  if (d.take("and"))
    join = Join::kAnd;
  else if (d.take("or"))
    join = Join::kOr;
  else if (d.take("xor"))
    join = Join::kXor;
  d.i.flush = d.take("ftz");
  const Type type = d.take_type();
  if (d.i.flush && type != Type{'f', 32}) d.refuse(".ftz is of .f32");
  need(d, comparison_of(name, type), type);
  d.i.target = static_cast<uint32_t>(join);
  d.done(join == Join::kNone ? 3 : 4);
  const Type predicate{'p', 0};
  d.i.d = d.writes(0, predicate);
  if (!d.operand(0).second.empty()) {
    d.i.writes_e = true;
    d.i.e = d.writes_second(0, predicate);
  }
  d.i.a = d.reads(1, type);
  d.i.b = d.reads(2, type);
  if (join != Join::kNone) d.i.c = d.reads(3, predicate);
}

void decode_selp(Decoder& d) {
  const Type type = d.take_type({"b16", "b32", "b64", "u16", "u32", "u64", "s16", "s32", "s64", "f32", "f64"});
  d.i.run = &select;
  d.done(4);
  d.i.d = d.writes(0, type);
  d.i.a = d.reads(1, type);
  d.i.b = d.reads(2, type);
  d.i.c = d.reads(3, {'p', 0});
}

}  // namespace

void add_arithmetic(std::map<std::string, Decode>& to) {
  to["add"] = &decode_sum<Add, FloatAdd>;
  to["sub"] = &decode_sum<Subtract, FloatSubtract>;
  to["mul"] = &decode_mul;
  to["mad"] = &decode_mad;
  to["fma"] = &decode_fma;
  to["div"] = &decode_div;
  to["rem"] = &decode_rem;
  to["rcp"] = &decode_rcp;
  to["sqrt"] = &decode_sqrt;
  to["rsqrt"] = &decode_approximate<rsqrt_nearest>;
  to["ex2"] = &decode_approximate<exp2_nearest>;
  to["lg2"] = &decode_approximate<log2_nearest>;
  to["min"] = &decode_extreme<Minimum, FloatMinimum>;
  to["max"] = &decode_extreme<Maximum, FloatMaximum>;
  to["neg"] = &decode_sign<Negate, true>;
  to["abs"] = &decode_sign<Absolute, false>;
  to["copysign"] = &decode_copysign;
  to["and"] = &decode_logic<And>;
  to["or"] = &decode_logic<Or>;
  to["xor"] = &decode_logic<Xor>;
  to["not"] = &decode_not;
  to["shl"] = &decode_shl;
  to["shr"] = &decode_shr;
  to["shf"] = &decode_shf;
  to["bfind"] = &decode_bfind;
  to["brev"] = &decode_brev;
  to["bfi"] = &decode_bfi;
  to["popc"] = &decode_count<&count_bits<uint32_t>, &count_bits<uint64_t>>;
  to["clz"] = &decode_count<&leading_zeros<uint32_t>, &leading_zeros<uint64_t>>;
  to["setp"] = &decode_setp;
  to["selp"] = &decode_selp;
}

}  // namespace simulator::ptx
