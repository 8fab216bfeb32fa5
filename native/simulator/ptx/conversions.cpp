// cvt, and mov with its ways to pack and unpack.
#include "narrow.h"
#include "ptx/decoder.h"
#include "ptx/rounding.h"

namespace simulator::ptx {

namespace {

// ---- integers: read as 64 bits, written to a register that may be wider than the type

int64_t sign_extended(uint64_t value, unsigned bits) {
  const unsigned rest = 64 - bits;
  return static_cast<int64_t>(value << rest) >> rest;
}

uint64_t zero_extended(uint64_t value, unsigned bits) { return bits == 64 ? value : value & ((uint64_t{1} << bits) - 1); }

uint64_t extended(uint64_t value, Type type) {
  return type.kind == 's' ? static_cast<uint64_t>(sign_extended(value, type.bits)) : zero_extended(value, type.bits);
}

void write_integer(Thread& t, const Instruction& i, uint64_t value) {
  t.slots[i.d] = zero_extended(extended(value, i.type), i.width);
}

void integer_to_integer(Thread& t, const Instruction& i) { write_integer(t, i, extended(t.slots[i.a], i.from)); }

template <typename T>
void integer_to_floating(Thread& t, const Instruction& i) {
  const uint64_t value = extended(t.slots[i.a], i.from);
  volatile T result;
  if (i.rounding == Rounding::kNearest) {
    result = i.from.kind == 's' ? static_cast<T>(static_cast<int64_t>(value)) : static_cast<T>(value);
  } else {
    volatile uint64_t from = value;
    const RoundedAs rounded(i.rounding);
    result = i.from.kind == 's' ? static_cast<T>(static_cast<int64_t>(from)) : static_cast<T>(from);
  }
  t.set<T>(i.d, result);
}

// Out of range becomes the nearest that is in it. NaN becomes 0, but the smallest signed number where 64 bits take part.
template <typename T>
void floating_to_integer(Thread& t, const Instruction& i) {
  T x = t.get<T>(i.a);
  if (i.flush) x = flushed(x);
  const unsigned bits = i.type.bits;
  if (x != x) return write_integer(t, i, sizeof(T) == 8 || bits == 64 ? uint64_t{1} << (bits - 1) : 0);
  x = integral(x, i.rounding);
  const bool is_signed = i.type.kind == 's';
  const T past = std::ldexp(T(1), static_cast<int>(is_signed ? bits - 1 : bits));  // the first that is too large
  uint64_t value;
  if (x >= past) {
    value = is_signed ? (uint64_t{1} << (bits - 1)) - 1 : zero_extended(~uint64_t{0}, bits);
  } else if (is_signed) {
    value = x <= -past ? uint64_t{0} - (uint64_t{1} << (bits - 1)) : static_cast<uint64_t>(static_cast<int64_t>(x));
  } else {
    value = x <= T(0) ? 0 : static_cast<uint64_t>(x);
  }
  write_integer(t, i, value);
}

// ---- floating point

template <typename T>
T finished(const Instruction& i, T value) {
  if (i.flush) value = flushed(value);
  return canonical(i.saturate ? saturated(value) : value);
}

template <typename T, bool kIntegral>
void same_floating(Thread& t, const Instruction& i) {
  T x = t.get<T>(i.a);
  if (i.flush) x = flushed(x);
  t.set<T>(i.d, finished(i, kIntegral ? integral(x, i.rounding) : x));
}

void float_to_double(Thread& t, const Instruction& i) {
  const auto x = t.get<float>(i.a);
  t.set<double>(i.d, i.flush ? flushed(x) : x);
}

void double_to_float(Thread& t, const Instruction& i) {
  volatile double x = t.get<double>(i.a);
  volatile float result;
  {
    const RoundedAs rounded(i.rounding);
    result = static_cast<float>(x);
  }
  t.set<float>(i.d, finished<float>(i, result));
}

void half_to_float(Thread& t, const Instruction& i) { t.set<float>(i.d, canonical(from_f16(t.get<uint16_t>(i.a)))); }

void float_to_half(Thread& t, const Instruction& i) {
  const auto x = t.get<float>(i.a);
  t.set<uint16_t>(i.d, x != x ? uint16_t{0x7fff} : to_f16(i.flush ? flushed(x) : x));
}

void float_to_tf32(Thread& t, const Instruction& i) {
  const auto x = t.get<float>(i.a);
  t.set<uint32_t>(i.d, bits_from(canonical(to_tf32(x))));
}

bool is_integer(Type type) { return type.kind == 'u' || type.kind == 's'; }

void decode_tf32(Decoder& d) {
  d.take_type({"f32"});
  d.i.run = &float_to_tf32;
  d.done(2);
  d.i.d = d.writes(0, {'b', 32});
  d.i.a = d.reads(1, {'f', 32});
}

void decode_cvt(Decoder& d) {
  if (d.take("rna")) {
    if (!d.take("tf32")) d.refuse(".rna is implemented for .tf32 only");
    return decode_tf32(d);
  }
  const auto integral = d.take_integral_rounding();
  const auto rounding = integral ? integral : d.take_rounding();
  d.i.rounding = rounding.value_or(Rounding::kNearest);
  d.i.flush = d.take("ftz");
  d.i.saturate = d.take("sat");
  d.i.type = d.take_type();
  d.i.from = d.take_type();
  const Type to = d.i.type, from = d.i.from, half{'f', 16}, single{'f', 32}, twice{'f', 64};
  const auto must_say = [&](bool an_integral, bool a_rounding) {
    if (an_integral != integral.has_value() || a_rounding != (rounding && !integral)) {
      d.refuse("its rounding is missing, or not one for these types");
    }
  };
  const auto only = [&](bool flush, bool saturate) {
    if ((d.i.flush && !flush) || (d.i.saturate && !saturate)) d.refuse(".ftz or .sat is not implemented here");
  };
  if (is_integer(to) && is_integer(from)) {
    must_say(false, false);
    only(false, false);
    d.i.run = &integer_to_integer;
  } else if (is_integer(from) && (to == single || to == twice)) {
    must_say(false, true);
    only(false, false);
    d.i.run = to == single ? &integer_to_floating<float> : &integer_to_floating<double>;
  } else if (is_integer(to) && (from == single || from == twice)) {
    must_say(true, false);
    only(from == single, false);
    d.i.run = from == single ? &floating_to_integer<float> : &floating_to_integer<double>;
  } else if (to == from && (to == single || to == twice)) {
    must_say(integral.has_value(), false);
    only(to == single, to == single);
    d.i.run = to == single ? (integral ? &same_floating<float, true> : &same_floating<float, false>)
                           : (integral ? &same_floating<double, true> : &same_floating<double, false>);
  } else if (to == twice && from == single) {
    must_say(false, false);
    only(true, false);
    d.i.run = &float_to_double;
  } else if (to == single && from == twice) {
    must_say(false, true);
    only(true, true);
    d.i.run = &double_to_float;
  } else if (to == single && from == half) {
    must_say(false, false);
    only(false, false);
    d.i.run = &half_to_float;
  } else if (to == half && from == single) {
    must_say(false, true);
    only(false, false);
    if (d.i.rounding != Rounding::kNearest) d.refuse("only .rn is implemented");
    d.i.run = &float_to_half;
  } else {
    d.refuse("this conversion is not implemented");
  }
  d.done(2);
  const auto register_type = [&](Type type) { return type == half ? Type{'b', 16} : type; };
  d.i.d = d.writes(0, register_type(to), is_integer(to));
  d.i.a = d.reads(1, register_type(from), is_integer(from));
  d.i.width = static_cast<uint8_t>(d.width_of(0));
}

// ---- mov

void move(Thread& t, const Instruction& i) { t.slots[i.d] = t.slots[i.a]; }

void pack(Thread& t, const Instruction& i) {
  const unsigned bits = i.type.bits / i.count;
  uint64_t all = 0;
  for (unsigned k = 0; k < i.count; k++) all |= zero_extended(t.slots[i.vector[k]], bits) << (k * bits);
  t.slots[i.d] = all;
}

void unpack(Thread& t, const Instruction& i) {
  const unsigned bits = i.type.bits / i.count;
  const uint64_t all = t.slots[i.a];
  for (unsigned k = 0; k < i.count; k++) t.slots[i.vector[k]] = zero_extended(all >> (k * bits), bits);
}

void decode_mov(Decoder& d) {
  const Type type = d.i.type = d.take_type();
  d.done(2);
  for (size_t side = 0; side < 2; side++) {
    if (d.operand(side).kind != Operand::kVector) continue;
    const size_t count = d.operand(side).members.size();
    if (type.kind != 'b' || (count != 2 && count != 4) || type.bits / count < 8) d.refuse("no vector of this size is moved");
    d.i.count = static_cast<uint8_t>(count);
    d.vector(side, {'b', static_cast<uint8_t>(type.bits / count)}, static_cast<unsigned>(count), side == 0, false);
    if (side == 0) {
      d.i.run = &unpack;
      d.i.a = d.reads(1, type);
    } else {
      d.i.run = &pack;
      d.i.d = d.writes(0, type);
    }
    return;
  }
  if (type.bits == 8) d.refuse("a register of 8 bits does not exist");
  d.i.run = &move;
  d.i.d = d.writes(0, type);
  d.i.a = d.reads(1, type);
}

// Addresses of global memory and of constants are the same in their space and in the generic one.
void to_generic_shared(Thread& t, const Instruction& i) {
  t.set<uint64_t>(i.d, t.slots[i.a] + reinterpret_cast<uintptr_t>(shared_memory));
}
void from_generic_shared(Thread& t, const Instruction& i) {
  t.set<uint64_t>(i.d, t.slots[i.a] - reinterpret_cast<uintptr_t>(shared_memory));
}
void to_generic_local(Thread& t, const Instruction& i) {
  t.set<uint64_t>(i.d, t.slots[i.a] + reinterpret_cast<uintptr_t>(t.local));
}
void from_generic_local(Thread& t, const Instruction& i) {
  t.set<uint64_t>(i.d, t.slots[i.a] - reinterpret_cast<uintptr_t>(t.local));
}

void decode_cvta(Decoder& d) {
  const bool from_generic = d.take("to");
  const std::string space = d.take_one_of({"global", "shared", "local", "const"}, "space");
  const Type type = d.take_type({"u64"});
  if (space == "shared") {
    d.i.run = from_generic ? &from_generic_shared : &to_generic_shared;
  } else if (space == "local") {
    d.i.run = from_generic ? &from_generic_local : &to_generic_local;
  } else {
    d.i.run = &move;
  }
  d.done(2);
  d.i.d = d.writes(0, type);
  d.i.a = d.reads(1, type);
}

}  // namespace

void add_conversions(std::map<std::string, Decode>& to) {
  to["cvt"] = &decode_cvt;
  to["mov"] = &decode_mov;
  to["cvta"] = &decode_cvta;
}

}  // namespace simulator::ptx
