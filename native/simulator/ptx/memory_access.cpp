// Loads, stores and atomic operations. Every access is checked: it must be aligned to its size and lie in live memory of the
// space that the instruction names.
#include "execution.h"
#include "machine.h"
#include "ptx/decoder.h"
#include "ptx/rounding.h"

namespace simulator::ptx {

namespace {

std::string hex(uint64_t value) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

const char* space_name(Space space) {
  switch (space) {
    case Space::kGlobal: return "global memory";
    case Space::kShared: return "shared memory";
    case Space::kLocal: return "local memory";
    default: return "memory";
  }
}

[[noreturn]] void refuse(Thread& t, const Instruction& i, Result code, const std::string& what) {
  fail_thread(code, what + " at line " + std::to_string(i.line) + " of " + t.function->place);
}

[[noreturn]] void out_of(Thread& t, const Instruction& i, uint64_t address, size_t bytes, size_t size) {
  refuse(t, i, kIllegalAddress,
         std::to_string(bytes) + " bytes from " + hex(address) + " of the " + std::to_string(size) + " bytes of " +
             space_name(i.space) + " are accessed");
}

// What is wrong with an address of global memory, in the words of the memory.
std::string fault_of(uint64_t address, size_t bytes, int device) {
  try {
    machine().memory.check(address, bytes, device, [] { return std::string("an access"); });
  } catch (const Fault& fault) {
    return fault.what();
  }
  return "an access of a host's memory";
}

char* global(Thread& t, const Instruction& i, uint64_t address, size_t bytes) {
  Site& site = i.site;
  const Memory& memory = machine().memory;
  const bool inside = address >= site.begin && address <= site.end && bytes <= site.end - address;
  if (!inside || site.generation != memory.generation()) {
    const int device = running_launch().device;
    const Allocation* found = memory.find(address);
    if (found == nullptr || (found->device != device && found->device >= 0) ||
        bytes > found->bytes - (address - found->address)) {
      refuse(t, i, kIllegalAddress, fault_of(address, bytes, device));
    }
    site = {found->address, found->address + found->bytes, memory.generation()};
  }
  return reinterpret_cast<char*>(address);
}

char* resolve(Thread& t, const Instruction& i, size_t bytes) {
  uint64_t address = t.slots[i.a] + static_cast<uint64_t>(i.offset);
  const size_t shared_bytes = running_launch().all_shared_bytes();
  if (address % bytes != 0) {
    refuse(t, i, kMisalignedAddress, std::to_string(bytes) + " bytes at the misaligned address " + hex(address));
  }
  switch (i.space) {
    case Space::kGlobal: return global(t, i, address, bytes);
    case Space::kShared:
      address &= 0xffffffffu;
      if (address > shared_bytes || bytes > shared_bytes - address) out_of(t, i, address, bytes, shared_bytes);
      return shared_memory + address;
    case Space::kLocal:
      if (address > t.local_bytes || bytes > t.local_bytes - address) out_of(t, i, address, bytes, t.local_bytes);
      return t.local + address;
    default: break;
  }
  const auto within = [&](const char* begin, size_t size) {
    const auto start = reinterpret_cast<uintptr_t>(begin);
    return begin != nullptr && address >= start && address - start < size && bytes <= size - (address - start);
  };
  if (within(shared_memory, shared_bytes) || within(t.local, t.local_bytes)) return reinterpret_cast<char*>(address);
  return global(t, i, address, bytes);
}

uint64_t read(const char* from, Type type) {
  uint64_t value = 0;
  std::memcpy(&value, from, type.bytes());
  if (type.kind == 's') value = static_cast<uint64_t>(static_cast<int64_t>(value << (64 - type.bits)) >> (64 - type.bits));
  return value;
}

uint64_t narrowed(uint64_t value, unsigned bits) { return bits >= 64 ? value : value & ((uint64_t{1} << bits) - 1); }

void load_one(Thread& t, const Instruction& i) {
  t.slots[i.d] = narrowed(read(resolve(t, i, i.type.bytes()), i.type), i.width);
}
template <typename T>
void load_plain(Thread& t, const Instruction& i) {
  T value;
  std::memcpy(&value, resolve(t, i, sizeof value), sizeof value);
  t.set<T>(i.d, value);
}
void load_vector(Thread& t, const Instruction& i) {
  const char* from = resolve(t, i, static_cast<size_t>(i.type.bytes()) * i.count);
  for (unsigned k = 0; k < i.count; k++) {
    t.slots[i.vector[k]] = narrowed(read(from + k * i.type.bytes(), i.type), i.width);
  }
}
void store_one(Thread& t, const Instruction& i) {
  std::memcpy(resolve(t, i, i.type.bytes()), t.slots + i.b, i.type.bytes());
}
void store_vector(Thread& t, const Instruction& i) {
  char* to = resolve(t, i, static_cast<size_t>(i.type.bytes()) * i.count);
  for (unsigned k = 0; k < i.count; k++) std::memcpy(to + k * i.type.bytes(), t.slots + i.vector[k], i.type.bytes());
}

// Parameters: of a kernel, in the launch's values; of a call and of a function that is called, in the frame.
void load_value(Thread& t, const Instruction& i) { t.slots[i.d] = narrowed(read(t.values + i.offset, i.type), i.width); }
void load_frame(Thread& t, const Instruction& i) { t.slots[i.d] = narrowed(read(t.frame + i.offset, i.type), i.width); }
void store_frame(Thread& t, const Instruction& i) { std::memcpy(t.frame + i.offset, t.slots + i.b, i.type.bytes()); }

// Hints for caches and orders between threads change nothing here: one thread runs at a time, and memory is one.
void take_order(Decoder& d) {
  if (d.take("volatile") || d.take("weak")) return;
  if (d.take("relaxed") || d.take("acquire") || d.take("release") || d.take("acq_rel")) {
    d.take_one_of({"gpu", "cta", "sys", "cluster"}, "scope");
  }
}

void take_space(Decoder& d, bool parameters, bool constants) {
  if (d.take("global") || (constants && d.take("const"))) {
    d.i.space = Space::kGlobal;
  } else if (d.take("shared")) {
    d.i.space = Space::kShared;
  } else if (d.take("local")) {
    d.i.space = Space::kLocal;
  } else if (parameters && d.take("param")) {
    d.i.space = Space::kParameter;
  }
}

void take_hints(Decoder& d) {
  for (const char* hint : {"nc", "ca", "cg", "cs", "lu", "cv", "wb", "wt"}) d.take(hint);
}

unsigned take_count(Decoder& d) { return d.take("v2") ? 2 : d.take("v4") ? 4 : 1; }

const Declared* parameter_of(Decoder& d, size_t index) {
  const Declared* found = d.names().find(d.operand(index).name);
  if (d.i.count != 1) d.refuse("vectors of parameters are not implemented");
  return found;
}

void decode_ld(Decoder& d) {
  take_order(d);
  take_space(d, true, true);
  take_hints(d);
  d.i.count = static_cast<uint8_t>(take_count(d));
  const Type type = d.i.type = d.take_type();
  if (type.kind == 'p' || type == Type{'f', 16}) d.refuse("this type is not loaded");
  if (type.bytes() * d.i.count > 16) d.refuse("a vector has at most 16 bytes");
  d.done(2);
  d.address(1);
  if (d.i.count > 1) {
    d.vector(0, type, d.i.count, true, type.kind != 'f');
    d.i.width = 0;
    for (const Operand& member : d.operand(0).members) {
      const Declared* found = d.names().find(member.name);
      if (found == nullptr) continue;  // '_'
      if (d.i.width != 0 && d.i.width != found->type.bits) d.refuse("registers of one width are needed");
      d.i.width = found->type.bits;
    }
    d.i.run = &load_vector;
    return;
  }
  d.i.d = d.writes(0, type, type.kind != 'f');
  d.i.width = static_cast<uint8_t>(d.width_of(0));
  if (d.i.space == Space::kParameter) {
    const Declared* found = parameter_of(d, 1);
    d.i.run = found->kind == Declared::kParameter ? &load_value : &load_frame;
  } else {
    d.i.run = d.i.width != type.bits ? &load_one
              : type.bits == 32      ? &load_plain<uint32_t>
              : type.bits == 64      ? &load_plain<uint64_t>
                                     : &load_one;
  }
}

void decode_st(Decoder& d) {
  take_order(d);
  take_space(d, true, false);
  take_hints(d);
  d.i.count = static_cast<uint8_t>(take_count(d));
  const Type type = d.i.type = d.take_type();
  if (type.kind == 'p' || type == Type{'f', 16}) d.refuse("this type is not stored");
  if (type.bytes() * d.i.count > 16) d.refuse("a vector has at most 16 bytes");
  d.done(2);
  d.address(0);
  if (d.i.count > 1) {
    d.vector(1, type, d.i.count, false, type.kind != 'f');
    d.i.run = &store_vector;
    return;
  }
  d.i.b = d.reads(1, type, type.kind != 'f');
  if (d.i.space == Space::kParameter) {
    if (parameter_of(d, 0)->kind != Declared::kFrame) d.refuse("a kernel's parameters are not written");
    d.i.run = &store_frame;
  } else {
    d.i.run = &store_one;
  }
}

// ---- atomic operations

enum Atomic : uint8_t { kAdd, kMin, kMax, kAnd, kOr, kXor, kExchange, kCompareAndSwap };

template <typename T>
T combined(Atomic operation, T old, T value) {
  switch (operation) {
    case kAdd:
      if constexpr (std::is_floating_point_v<T>)
        return canonical(old + value);
      else
        return static_cast<T>(static_cast<uint64_t>(old) + static_cast<uint64_t>(value));
    case kMin: return value < old ? value : old;
    case kMax: return old < value ? value : old;
    default: break;
  }
  if constexpr (!std::is_floating_point_v<T>) {
    if (operation == kAnd) return old & value;
    if (operation == kOr) return old | value;
    if (operation == kXor) return old ^ value;
  }
  return value;
}

template <typename T>
void atomic(Thread& t, const Instruction& i) {
  char* at = resolve(t, i, sizeof(T));
  T old;
  std::memcpy(&old, at, sizeof old);
  const auto operation = static_cast<Atomic>(i.target);
  T made = old;
  if (operation == kCompareAndSwap) {
    if (old == t.get<T>(i.b)) made = t.get<T>(i.c);
  } else {
    made = combined(operation, old, t.get<T>(i.b));
  }
  std::memcpy(at, &made, sizeof made);
  if (i.writes_e) t.set<T>(i.d, old);
}

template <bool kReturns>
void decode_atomic(Decoder& d) {
  take_order(d);
  take_space(d, false, false);
  const std::string name = kReturns ? d.take_one_of({"add", "min", "max", "and", "or", "xor", "exch", "cas"}, "operation")
                                    : d.take_one_of({"add", "min", "max", "and", "or", "xor"}, "operation");
  static const std::map<std::string, Atomic> operations = {
      {"add", kAdd}, {"min", kMin}, {"max", kMax},       {"and", kAnd},
      {"or", kOr},   {"xor", kXor}, {"exch", kExchange}, {"cas", kCompareAndSwap}};
  const Atomic operation = operations.at(name);
  d.i.target = operation;
  const Type type = d.i.type = operation == kAdd                        ? d.take_type({"u32", "s32", "u64", "f32", "f64"})
                               : operation == kMin || operation == kMax ? d.take_type({"u32", "s32", "u64", "s64"})
                                                                        : d.take_type({"b32", "b64"});
  if (type.kind == 'f') {
    d.i.run = type.bits == 32 ? &atomic<float> : &atomic<double>;
  } else if (type.kind == 's') {
    d.i.run = type.bits == 32 ? &atomic<int32_t> : &atomic<int64_t>;
  } else {
    d.i.run = type.bits == 32 ? &atomic<uint32_t> : &atomic<uint64_t>;
  }
  const size_t first = kReturns ? 1 : 0;
  d.done(first + 2 + (operation == kCompareAndSwap ? 1 : 0));
  d.i.writes_e = kReturns;
  if (kReturns) d.i.d = d.writes(0, type);
  d.address(first);
  d.i.b = d.reads(first + 1, type);
  if (operation == kCompareAndSwap) d.i.c = d.reads(first + 2, type);
}

}  // namespace

void add_memory(std::map<std::string, Decode>& to) {
  to["ld"] = &decode_ld;
  to["st"] = &decode_st;
  to["atom"] = &decode_atomic<true>;
  to["red"] = &decode_atomic<false>;
}

}  // namespace simulator::ptx
