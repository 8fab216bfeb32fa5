#include "ptx/decoder.h"

#include <algorithm>

namespace simulator::ptx {

namespace {

const std::map<std::string, Decode>& opcodes() {
  static const auto all = [] {
    std::map<std::string, Decode> made;
    add_arithmetic(made);
    add_conversions(made);
    add_memory(made);
    add_control(made);
    return made;
  }();
  return all;
}

const std::map<std::string, Special>& specials() {
  static const std::map<std::string, Special> all = {
      {"%tid.x", Special::kThreadX},    {"%tid.y", Special::kThreadY},    {"%tid.z", Special::kThreadZ},
      {"%ntid.x", Special::kThreadsX},  {"%ntid.y", Special::kThreadsY},  {"%ntid.z", Special::kThreadsZ},
      {"%ctaid.x", Special::kBlockX},   {"%ctaid.y", Special::kBlockY},   {"%ctaid.z", Special::kBlockZ},
      {"%nctaid.x", Special::kBlocksX}, {"%nctaid.y", Special::kBlocksY}, {"%nctaid.z", Special::kBlocksZ},
      {"%laneid", Special::kLane}};
  return all;
}

std::string place(size_t index) { return "operand " + std::to_string(index + 1); }

// Signed and unsigned go together, and bits with everything of their size.
bool agree(Type declared, Type wanted) {
  if (declared.kind == 'p' || wanted.kind == 'p') return declared.kind == wanted.kind;
  const bool floating = declared.kind == 'f', wants_floating = wanted.kind == 'f';
  return floating == wants_floating || declared.kind == 'b' || wanted.kind == 'b';
}

}  // namespace

std::optional<Type> type_named(const std::string& name) {
  if (name == "pred") return Type{'p', 0};
  static const char* const names[] = {"b8", "b16", "b32", "b64", "u8",  "u16", "u32", "u64",
                                      "s8", "s16", "s32", "s64", "f16", "f32", "f64"};
  if (std::find(std::begin(names), std::end(names), name) == std::end(names)) return std::nullopt;
  return Type{name[0], static_cast<uint8_t>(std::stoi(name.substr(1)))};
}

Decoder::Decoder(const Statement& statement, Names& names, Instruction& made)
    : i(made), statement_(statement), names_(names) {}

void Decoder::refuse(const std::string& what) const { throw Malformed(statement_.line, statement_.text() + ": " + what); }

bool Decoder::take(const char* modifier) {
  if (modifier_ >= statement_.modifiers.size() || statement_.modifiers[modifier_] != modifier) return false;
  modifier_++;
  return true;
}

std::string Decoder::take_one_of(std::initializer_list<const char*> choices, const char* what) {
  for (const char* choice : choices) {
    if (take(choice)) return choice;
  }
  refuse(std::string(what) + (modifier_ < statement_.modifiers.size()
                                  ? " ." + statement_.modifiers[modifier_] + " is not implemented"
                                  : " is missing"));
}

Type Decoder::take_type() {
  if (modifier_ < statement_.modifiers.size()) {
    if (const auto type = type_named(statement_.modifiers[modifier_])) {
      modifier_++;
      return *type;
    }
    refuse("." + statement_.modifiers[modifier_] + " is not implemented");
  }
  refuse("its type is missing");
}

Type Decoder::take_type(std::initializer_list<const char*> names) { return *type_named(take_one_of(names, "type")); }

std::optional<Rounding> Decoder::take_rounding() {
  if (take("rn")) return Rounding::kNearest;
  if (take("rz")) return Rounding::kZero;
  if (take("rm")) return Rounding::kDown;
  if (take("rp")) return Rounding::kUp;
  return std::nullopt;
}

std::optional<Rounding> Decoder::take_integral_rounding() {
  if (take("rni")) return Rounding::kNearest;
  if (take("rzi")) return Rounding::kZero;
  if (take("rmi")) return Rounding::kDown;
  if (take("rpi")) return Rounding::kUp;
  return std::nullopt;
}

void Decoder::done(size_t operands) {
  if (modifier_ < statement_.modifiers.size()) {
    refuse("." + statement_.modifiers[modifier_] + " is not implemented here");
  }
  if (statement_.operands.size() != operands) {
    refuse(std::to_string(statement_.operands.size()) + " operands, " + std::to_string(operands) + " are needed");
  }
}

const Declared& Decoder::declared(const std::string& name) const {
  const Declared* found = names_.find(name);
  if (found == nullptr) refuse("'" + name + "' is not declared");
  return *found;
}

void Decoder::fits(const Declared& found, const std::string& name, Type type, bool wider) const {
  if (found.kind != Declared::kRegister) refuse("'" + name + "' is not a register");
  const bool sized = found.type.bits == type.bits || (wider && found.type.bits > type.bits);
  if (!sized || !agree(found.type, type)) {
    refuse("register " + name + " is ." + found.type.text() + " where ." + type.text() + " is needed");
  }
}

uint32_t Decoder::read(const Operand& operand, Type type, bool wider) {
  switch (operand.kind) {
    case Operand::kInteger:
      if (type.kind == 'f') refuse("an integer where ." + type.text() + " is needed");
      if (type.kind == 'p') return names_.constant(operand.bits != 0);
      return names_.constant(type.bits == 64 ? operand.bits : operand.bits & ((uint64_t{1} << type.bits) - 1));
    case Operand::kFloat32:
    case Operand::kFloat64:
      if (type.bits != (operand.kind == Operand::kFloat32 ? 32 : 64) || (type.kind != 'f' && type.kind != 'b')) {
        refuse("a floating point number where ." + type.text() + " is needed");
      }
      return names_.constant(operand.bits);
    case Operand::kName: {
      if (operand.negated || !operand.second.empty()) refuse("'!' and '|' are not implemented here");
      if (const auto special = specials().find(operand.name); special != specials().end()) {
        if (type.bits != 32 || type.kind == 'f') refuse(operand.name + " has 32 bits");
        return names_.special(special->second);
      }
      const Declared& found = declared(operand.name);
      switch (found.kind) {
        case Declared::kRegister: fits(found, operand.name, type, wider); return found.slot;
        case Declared::kDynamicShared:
        case Declared::kShared:
        case Declared::kLocal:
        case Declared::kVariable:  // its address
          if (statement_.opcode != "mov") refuse("the address of " + operand.name + " where a register is needed");
          if (type.bits != 64 && (type.bits != 32 || found.kind == Declared::kVariable)) {
            refuse("the address of " + operand.name + " has 64 bits");
          }
          return found.kind == Declared::kDynamicShared ? names_.special(Special::kDynamicShared)
                                                        : names_.constant(found.address);
        default: refuse("'" + operand.name + "' is a parameter");
      }
    }
    default: refuse("a register or a number is needed");
  }
}

uint32_t Decoder::write(const std::string& name, Type type, bool wider) {
  if (name == "_") return names_.nowhere();
  const Declared& found = declared(name);
  fits(found, name, type, wider);
  return found.slot;
}

uint32_t Decoder::reads(size_t index, Type type, bool wider) {
  if (index >= operands()) refuse(place(index) + " is missing");
  return read(operand(index), type, wider);
}

uint32_t Decoder::writes(size_t index, Type type, bool wider) {
  if (index >= operands()) refuse(place(index) + " is missing");
  const Operand& to = operand(index);
  if (to.kind != Operand::kName || to.negated) refuse(place(index) + " must be a register");
  return write(to.name, type, wider);
}

uint32_t Decoder::writes_second(size_t index, Type type) { return write(operand(index).second, type, false); }

unsigned Decoder::width_of(size_t index) const {
  const std::string& name = operand(index).name;
  return name == "_" ? 64 : declared(name).type.bits;
}

void Decoder::vector(size_t index, Type type, unsigned count, bool written, bool wider) {
  if (index >= operands() || operand(index).kind != Operand::kVector || operand(index).members.size() != count) {
    refuse(place(index) + " must be a vector of " + std::to_string(count));
  }
  for (unsigned k = 0; k < count; k++) {
    const Operand& member = operand(index).members[k];
    if (written && (member.kind != Operand::kName || member.negated)) refuse("a vector of registers is needed");
    i.vector[k] = written ? write(member.name, type, wider) : read(member, type, wider);
  }
}

void Decoder::address(size_t index) {
  if (index >= operands() || operand(index).kind != Operand::kAddress) refuse(place(index) + " must be an address");
  const Operand& at = operand(index);
  i.offset = at.offset;
  if (at.name.empty()) {
    i.a = names_.constant(0);
    return;
  }
  const Declared& found = declared(at.name);
  const auto of = [&](Space space) {
    if (i.space != space) refuse("'" + at.name + "' lies in another space");
  };
  switch (found.kind) {
    case Declared::kRegister: {
      if (i.space == Space::kParameter) refuse("addresses of parameters in registers are not implemented");
      const bool narrow = found.type.bits == 32 && (i.space == Space::kShared || i.space == Space::kLocal);
      if ((found.type.bits != 64 && !narrow) || found.type.kind == 'f') {
        refuse("register " + at.name + " is ." + found.type.text() + ", an address has 64 bits");
      }
      i.a = found.slot;
      return;
    }
    case Declared::kDynamicShared:
      of(Space::kShared);
      i.a = names_.special(Special::kDynamicShared);
      return;
    case Declared::kShared:
      of(Space::kShared);
      i.a = names_.constant(found.address);
      return;
    case Declared::kLocal:
      of(Space::kLocal);
      i.a = names_.constant(found.address);
      return;
    case Declared::kVariable:
      of(Space::kGlobal);
      i.a = names_.constant(found.address);
      return;
    case Declared::kParameter:
    case Declared::kFrame:
      of(Space::kParameter);
      if (at.offset < 0 || at.offset + i.type.bytes() * i.count > found.bytes) {
        refuse("parameter " + at.name + " has " + std::to_string(found.bytes) + " bytes");
      }
      i.offset += static_cast<int64_t>(found.address);
      return;
  }
}

Instruction decode(const Statement& statement, Names& names) {
  Instruction made;
  made.line = statement.line;
  const auto found = opcodes().find(statement.opcode);
  if (found == opcodes().end()) throw Malformed(statement.line, "instruction " + statement.text() + " is not implemented");
  if (!statement.guard.empty()) {
    const Declared* guard = names.find(statement.guard);
    if (guard == nullptr || guard->type.kind != 'p') {
      throw Malformed(statement.line, "guard '" + statement.guard + "' is not a predicate");
    }
    made.guarded = true;
    made.negated = statement.guard_negated;
    made.guard = guard->slot;
  }
  Decoder decoder(statement, names, made);
  found->second(decoder);
  return made;
}

}  // namespace simulator::ptx
