// A launch of a kernel as data: its parameters in their order, each a scalar or a place in a buffer, and what the buffers hold.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "draw.h"

namespace kernelcases {

// kFlag: a word of which only the first byte counts, as a bool lies in a struct. kKeptSigmoid, kKeptTanh: float32 that
// forward keeps of a sigmoid and of a tanh, which are powers of e: a digit of the exponent, which may be a sum, is more than
// one of the power.
enum class Type : uint8_t { kFloat32, kTf32, kBf16, kF16, kFloat64, kWord, kFlag, kKeptSigmoid, kKeptTanh };

inline size_t bytes_of(Type type) { return type == Type::kFloat64 ? 8 : type == Type::kBf16 || type == Type::kF16 ? 2 : 4; }

// That of dev.sequor.backend.cuda.MathMode and kernels/operand.h.
inline Type operand_of(int operand_type) {
  constexpr Type types[] = {Type::kFloat32, Type::kTf32, Type::kBf16, Type::kF16};
  return types[operand_type];
}

struct Buffer {
  std::string name;
  // Of one element after the other, from the beginning again after the last: one type, or the fields of a struct.
  std::vector<Type> types;
  std::vector<unsigned char> bytes;
  size_t fresh = 0;      // so many bytes from the beginning are not given but made by the kernel
  bool changes = false;  // false: the kernel only reads it
  size_t offset = 0;     // bytes past a 256-byte boundary at which it begins
  // The largest magnitude of what is added up on the way to an element, by which an error in it is measured where it exceeds
  // that of the element itself; 0 where nothing cancels.
  float scale = 0;

  size_t elements() const { return bytes.size() / bytes_of(types[0]); }
  float magnitude() const {
    float most = 0;
    for (size_t i = 0; i + 4 <= bytes.size(); i += 4) {
      float v;
      std::memcpy(&v, bytes.data() + i, sizeof v);
      if (std::fabs(v) > most && std::fabs(v) <= 3e38f) most = std::fabs(v);
    }
    return most;
  }
};

struct Argument {
  int buffer;       // -1: a scalar, or null
  uint64_t bits;    // of the scalar; of a place, its bytes from the beginning of the buffer
  unsigned scalar;  // bytes
};

class Case {
 public:
  std::vector<Buffer> buffers;
  std::vector<Argument> arguments;
  unsigned grid_x = 1, grid_y = 1, block = 128;

  // ---- parameters, in the order of the kernel's ----

  Case& int32(int value) { return scalar(static_cast<uint32_t>(value), 4); }
  Case& int64(int64_t value) { return scalar(static_cast<uint64_t>(value), 8); }
  Case& float32(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return scalar(bits, 4);
  }
  Case& null() { return scalar(0, 8); }

  template <typename T>
  Case& in(const std::string& name, const std::vector<T>& values) {
    return add(name, {type_of(T())}, data(values), 0, false);
  }
  Case& in_bits(const std::string& name, Type type, std::vector<unsigned char> bytes) {
    return add(name, {type}, std::move(bytes), 0, false);
  }

  template <typename T>
  Case& in_out(const std::string& name, const std::vector<T>& values) {
    return add(name, {type_of(T())}, data(values), 0, true);
  }

  Case& out(const std::string& name, Type type, int64_t elements) { return out_structs(name, {type}, elements); }
  Case& out(const std::string& name, int64_t floats) { return out(name, Type::kFloat32, floats); }
  Case& out_structs(const std::string& name, std::vector<Type> fields, int64_t elements) {
    const size_t bytes = static_cast<size_t>(elements) * bytes_of(fields[0]);
    return add(name, std::move(fields), std::vector<unsigned char>(bytes), bytes, true);
  }

  // Of the last buffer: it is a caller's, which may begin at any element.
  Case& anywhere(Draw& d) {
    last().offset = static_cast<size_t>(d.alignment());
    return *this;
  }

  // The last buffer and its parameter, or else null.
  Case& given(bool present) {
    if (present) return *this;
    buffers.pop_back();
    arguments.pop_back();
    return null();
  }

  // The first elements of the last buffer are the kernel's to make.
  Case& first_are_fresh(int64_t elements) {
    last().fresh = static_cast<size_t>(elements) * bytes_of(last().types[0]);
    return *this;
  }

  // A place in a buffer that an earlier parameter brought.
  Case& at(const std::string& name, int64_t element = 0) {
    for (size_t i = 0; i < buffers.size(); ++i) {
      if (buffers[i].name != name) continue;
      arguments.push_back({static_cast<int>(i), static_cast<uint64_t>(element) * bytes_of(buffers[i].types[0]), 8});
      return *this;
    }
    std::abort();  // a case is written wrongly
  }

  // The last parameter points not at the beginning of its buffer.
  Case& from(int64_t element) {
    arguments.back().bits = static_cast<uint64_t>(element) * bytes_of(last().types[0]);
    return *this;
  }

  // See Buffer::scale; of the last buffer.
  Case& sums_up_to(float magnitude) {
    last().scale = magnitude;
    return *this;
  }

  // The types of the last buffer's elements, from the beginning again after the last.
  Case& of(std::vector<Type> types) {
    last().types = std::move(types);
    return *this;
  }

  Buffer& last() { return buffers.back(); }
  float magnitude(const std::string& name) const {
    for (const Buffer& each : buffers) {
      if (each.name == name) return each.magnitude();
    }
    return 0;  // null
  }

  // ---- launches, as dev.sequor.backend.cuda makes them ----

  Case& threads(int64_t count) { return launch(blocks(count), 1, 128); }
  Case& warps(int rows) { return launch((rows - 1) / 4 + 1, 1, 128); }
  Case& launch(int x, int y, int threads) {
    grid_x = static_cast<unsigned>(x);
    grid_y = static_cast<unsigned>(y);
    block = static_cast<unsigned>(threads);
    return *this;
  }
  static int blocks(int64_t threads) { return static_cast<int>((threads + 127) / 128); }

 private:
  static Type type_of(float) { return Type::kFloat32; }
  static Type type_of(int32_t) { return Type::kWord; }
  static Type type_of(uint32_t) { return Type::kWord; }
  static Type type_of(double) { return Type::kFloat64; }

  template <typename T>
  static std::vector<unsigned char> data(const std::vector<T>& values) {
    std::vector<unsigned char> bytes(values.size() * sizeof(T));
    if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
  }

  Case& scalar(uint64_t bits, unsigned bytes) {
    arguments.push_back({-1, bits, bytes});
    return *this;
  }

  Case& add(const std::string& name, std::vector<Type> types, std::vector<unsigned char> bytes, size_t fresh, bool changes) {
    arguments.push_back({static_cast<int>(buffers.size()), 0, 8});
    Buffer buffer;
    buffer.name = name;
    buffer.types = std::move(types);
    buffer.bytes = std::move(bytes);
    buffer.fresh = fresh;
    buffer.changes = changes;
    buffers.push_back(std::move(buffer));
    return *this;
  }
};

// By the name of each kernel, what draws a case of it.
using Kernels = std::map<std::string, Case (*)(Draw&)>;

void add_cell_cases(Kernels& kernels);
void add_sequence_cases(Kernels& kernels);
void add_stretch_cases(Kernels& kernels);
void add_sum_cases(Kernels& kernels);
void add_replica_cases(Kernels& kernels);
void add_dense_cases(Kernels& kernels);
void add_row_cases(Kernels& kernels);
void add_loss_cases(Kernels& kernels);
void add_ctc_cases(Kernels& kernels);
void add_token_cases(Kernels& kernels);
void add_optimizer_cases(Kernels& kernels);
void add_option_cases(Kernels& kernels);

Kernels all_kernels();

// Of kernels with faults.
void add_planted_cases(Kernels& kernels);

}  // namespace kernelcases
