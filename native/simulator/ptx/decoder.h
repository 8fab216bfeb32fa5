// What decoding an instruction needs: its modifiers, taken one after another until none is left, and its operands as slots,
// with their types checked.
#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <string>

#include "ptx/program.h"
#include "ptx/syntax.h"

namespace simulator::ptx {

std::optional<Type> type_named(const std::string& name);  // "u32"

// What a name means.
struct Declared {
  enum Kind : uint8_t { kRegister, kParameter, kFrame, kLocal, kShared, kDynamicShared, kVariable } kind;
  Type type;
  uint32_t slot = 0;     // of a register
  uint64_t address = 0;  // in its space; of a variable: in memory
  uint32_t bytes = 0;
};

// What the function gives.
class Names {
 public:
  virtual ~Names() = default;
  virtual const Declared* find(const std::string& name) const = 0;
  virtual uint32_t constant(uint64_t bits) = 0;       // a slot
  virtual uint32_t special(Special special) = 0;      // a slot
  virtual uint32_t nowhere() = 0;                     // a slot that nobody reads
  virtual void branch(const std::string& label) = 0;  // of the instruction that is being decoded
  virtual uint32_t call(const Statement& statement) = 0;
};

class Decoder {
 public:
  Decoder(const Statement& statement, Names& names, Instruction& made);

  Instruction& i;

  // Modifiers.
  bool take(const char* modifier);
  std::string take_one_of(std::initializer_list<const char*> choices, const char* what);
  Type take_type();                                          // the next modifier
  Type take_type(std::initializer_list<const char*> names);  // and it must be one of these
  std::optional<Rounding> take_rounding();                   // rn, rz, rm, rp
  std::optional<Rounding> take_integral_rounding();          // rni, rzi, rmi, rpi
  void done(size_t operands);                                // no modifier is left, and so many operands are there
  size_t operands() const { return statement_.operands.size(); }

  // Operands. `wider`: the register may have more bits than the type.
  uint32_t reads(size_t index, Type type, bool wider = false);
  uint32_t writes(size_t index, Type type, bool wider = false);
  uint32_t writes_second(size_t index, Type type);  // after '|'
  void vector(size_t index, Type type, unsigned count, bool written, bool wider);
  void address(size_t index);  // the slot of its base to a, and the offset; its space must be known
  const Operand& operand(size_t index) const { return statement_.operands[index]; }
  Names& names() { return names_; }
  const Statement& statement() const { return statement_; }
  unsigned width_of(size_t index) const;  // of a register

  [[noreturn]] void refuse(const std::string& what) const;

 private:
  uint32_t read(const Operand& operand, Type type, bool wider);
  uint32_t write(const std::string& name, Type type, bool wider);
  const Declared& declared(const std::string& name) const;
  void fits(const Declared& declared, const std::string& name, Type type, bool wider) const;

  const Statement& statement_;
  Names& names_;
  size_t modifier_ = 0;
};

using Decode = void (*)(Decoder&);
// Each file of instructions adds its own.
void add_arithmetic(std::map<std::string, Decode>& to);
void add_conversions(std::map<std::string, Decode>& to);
void add_memory(std::map<std::string, Decode>& to);
void add_control(std::map<std::string, Decode>& to);

// Decodes; throws Malformed for what is not implemented.
Instruction decode(const Statement& statement, Names& names);

}  // namespace simulator::ptx
