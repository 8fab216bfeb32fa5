// From the text of a module to a program: directives, declarations and their scopes, labels, and the order of slots.
#include <algorithm>

#include "machine.h"
#include "ptx/decoder.h"
#include "ptx/program.h"
#include "ptx/syntax.h"

namespace simulator::ptx {

namespace {

constexpr uint32_t kMostFrameBytes = 40 << 10;  // of a fiber's stack
constexpr uint32_t kConstant = 1u << 31;        // marks the number of a constant until the registers are counted

// What `.align 16 .b8 name[32]` says.
struct Storage {
  std::string name;
  Type type;
  uint32_t alignment, count;
  bool sized;  // false: name[]
  uint32_t bytes() const { return type.bytes() * count; }
};

Type type_of(Reader& reader) {
  const std::string text = reader.word("a type");
  const auto type = text[0] == '.' ? type_named(text.substr(1)) : std::nullopt;
  if (!type) reader.refuse("type " + text + " is not implemented");
  return *type;
}

Storage storage(Reader& reader) {
  uint32_t alignment = 0;
  if (reader.take(".align")) alignment = static_cast<uint32_t>(reader.integer("an alignment"));
  Storage made{"", type_of(reader), alignment, 1, true};
  // What a parameter points to: nothing depends on it here.
  if (reader.take(".ptr")) {
    if (!reader.take(".global") && !reader.take(".shared") && !reader.take(".const")) reader.take(".local");
    if (reader.take(".align")) reader.integer("an alignment");
  }
  if (made.type.kind == 'p') reader.refuse("a predicate is not stored");
  if (alignment == 0) made.alignment = made.type.bytes();
  made.name = reader.word("a name");
  if (reader.take("[")) {
    made.sized = !reader.at("]");
    made.count = made.sized ? static_cast<uint32_t>(reader.integer("a size")) : 0;
    reader.expect("]");
  }
  return made;
}

uint32_t place(uint32_t& end, const Storage& storage) {
  end = (end + storage.alignment - 1) / storage.alignment * storage.alignment;
  const uint32_t at = end;
  end += storage.bytes();
  return at;
}

class ModuleLoader {
 public:
  ModuleLoader(const std::string& text, int device) : reader(tokens_of(text)), device_(device) {}

  std::shared_ptr<Program> load();

  Reader reader;
  std::shared_ptr<Program> program = std::make_shared<Program>();
  std::map<std::string, Declared> names;  // of the module
  uint32_t shared_bytes = 0;              // of the module's own variables, for every kernel

 private:
  void header();
  void variable(const std::string& space, bool is_extern);
  void function(bool entry);

  int device_;
};

class FunctionLoader : public Names {
 public:
  FunctionLoader(ModuleLoader& module, Function& function)
      : module_(module), reader_(module.reader), function_(function), scopes_(1) {}

  void parameters(std::vector<Slice>& to, bool in_frame);
  void body();

  const Declared* find(const std::string& name) const override;
  uint32_t constant(uint64_t bits) override;
  uint32_t special(Special special) override;
  uint32_t nowhere() override { return function_.registers++; }
  void branch(const std::string& label) override { branches_.push_back({function_.code.size(), label, line_}); }
  uint32_t call(const Statement& statement) override;

 private:
  struct Branch {
    size_t instruction;
    std::string label;
    unsigned line;
  };

  void block();
  void registers();
  void declare(const std::string& name, const Declared& declared);
  const Declared& parameter(const Operand& operand, unsigned line) const;
  void finish();

  ModuleLoader& module_;
  Reader& reader_;
  Function& function_;
  std::vector<std::map<std::string, Declared>> scopes_;
  std::map<uint64_t, uint32_t> constants_;
  std::map<Special, uint32_t> special_slots_;
  std::map<std::string, uint32_t> labels_;
  std::vector<Branch> branches_;
  unsigned line_ = 0;
};

// ---- functions

void FunctionLoader::declare(const std::string& name, const Declared& declared) {
  if (!scopes_.back().emplace(name, declared).second) reader_.refuse("'" + name + "' is declared twice");
}

const Declared* FunctionLoader::find(const std::string& name) const {
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    if (const auto found = scope->find(name); found != scope->end()) return &found->second;
  }
  const auto found = module_.names.find(name);
  return found == module_.names.end() ? nullptr : &found->second;
}

uint32_t FunctionLoader::constant(uint64_t bits) {
  const auto [found, added] = constants_.try_emplace(bits, kConstant | static_cast<uint32_t>(function_.constants.size()));
  if (added) function_.constants.push_back(bits);
  return found->second;
}

uint32_t FunctionLoader::special(Special special) {
  const auto [found, added] =
      special_slots_.try_emplace(special, kConstant | static_cast<uint32_t>(function_.constants.size()));
  if (added) {
    function_.specials.emplace_back(found->second, special);
    function_.constants.push_back(0);
  }
  return found->second;
}

void FunctionLoader::parameters(std::vector<Slice>& to, bool in_frame) {
  reader_.expect("(");
  uint32_t values_end = to.empty() ? 0 : to.back().offset + to.back().bytes;
  while (!reader_.take(")")) {
    reader_.expect(".param");
    const Storage one = storage(reader_);
    const uint32_t at = place(in_frame ? function_.frame_bytes : values_end, one);
    to.push_back({at, one.bytes()});
    declare(one.name, {in_frame ? Declared::kFrame : Declared::kParameter, one.type, 0, at, one.bytes()});
    if (!reader_.at(")")) reader_.expect(",");
  }
}

// .reg .f32 %f<197>; .reg .b64 %SP;
void FunctionLoader::registers() {
  const Type type = type_of(reader_);
  if (type.bits == 8) reader_.refuse("a register of 8 bits is not implemented");
  do {
    const std::string name = reader_.word("a register");
    if (!reader_.take("<")) {
      declare(name, {Declared::kRegister, type, function_.registers++, 0, 0});
      continue;
    }
    const uint64_t count = reader_.integer("a number of registers");
    if (count > kMostFrameBytes) reader_.refuse(std::to_string(count) + " registers");
    reader_.expect(">");
    for (uint64_t k = 0; k < count; k++) {
      declare(name + std::to_string(k), {Declared::kRegister, type, function_.registers++, 0, 0});
    }
  } while (reader_.take(","));
  reader_.expect(";");
}

void FunctionLoader::body() {
  reader_.expect("{");
  block();
  finish();
}

void FunctionLoader::block() {
  scopes_.emplace_back();
  while (!reader_.take("}")) {
    line_ = reader_.line();
    if (reader_.take("{")) {
      block();
    } else if (reader_.take(".reg")) {
      registers();
    } else if (reader_.take(".param")) {
      const Storage one = storage(reader_);
      declare(one.name, {Declared::kFrame, one.type, 0, place(function_.frame_bytes, one), one.bytes()});
      reader_.expect(";");
    } else if (reader_.take(".local")) {
      if (!function_.entry) reader_.refuse("local memory of a function that is not a kernel is not implemented");
      const Storage one = storage(reader_);
      declare(one.name, {Declared::kLocal, one.type, 0, place(function_.local_bytes, one), one.bytes()});
      reader_.expect(";");
    } else if (reader_.take(".shared")) {
      if (!function_.entry) reader_.refuse("shared memory of a function that is not a kernel is not implemented");
      const Storage one = storage(reader_);
      declare(one.name, {Declared::kShared, one.type, 0, place(function_.shared_bytes, one), one.bytes()});
      reader_.expect(";");
    } else if (reader_.take(".pragma")) {  // how to optimise
      reader_.next();
      reader_.expect(";");
    } else if (reader_.peek(1).text == ":" && reader_.peek().kind == Token::kWord) {
      const std::string label = reader_.next().text;
      reader_.next();
      if (!labels_.emplace(label, static_cast<uint32_t>(function_.code.size())).second) {
        reader_.refuse("label " + label + " stands twice");
      }
    } else {
      const Statement statement = reader_.statement();
      function_.code.push_back(decode(statement, *this));
    }
  }
  scopes_.pop_back();
}

const Declared& FunctionLoader::parameter(const Operand& operand, unsigned line) const {
  const Declared* found = operand.kind == Operand::kName ? find(operand.name) : nullptr;
  if (found == nullptr || found->kind != Declared::kFrame) {
    throw Malformed(line, "an argument of a call must be a .param of the caller");
  }
  return *found;
}

// call (retval0), name, (param0, param1);
uint32_t FunctionLoader::call(const Statement& statement) {
  const auto refuse = [&](const std::string& what) { throw Malformed(statement.line, "call: " + what); };
  size_t at = 0;
  const auto& operands = statement.operands;
  static const std::vector<Operand> none;
  const auto group = [&]() -> const std::vector<Operand>& {
    return at < operands.size() && operands[at].kind == Operand::kGroup ? operands[at++].members : none;
  };
  const auto& results = group();
  if (at >= operands.size() || operands[at].kind != Operand::kName) refuse("a function's name is needed");
  const std::string name = operands[at++].name;
  const auto& arguments = group();
  if (at != operands.size()) refuse("calls through addresses are not implemented");
  const auto found = module_.program->functions.find(name);
  if (found == module_.program->functions.end() || found->second->entry) refuse("there is no function " + name);
  Call made{found->second.get(), {}, {}};
  const auto match = [&](const std::vector<Operand>& given, const std::vector<Slice>& wanted, std::vector<uint32_t>& to) {
    if (given.size() != wanted.size()) refuse(name + " has " + std::to_string(wanted.size()) + " of these");
    for (size_t k = 0; k < given.size(); k++) {
      const Declared& one = parameter(given[k], statement.line);
      if (one.bytes != wanted[k].bytes) refuse("'" + given[k].name + "' has not the size that " + name + " declares");
      to.push_back(static_cast<uint32_t>(one.address));
    }
  };
  match(arguments, made.callee->parameters, made.arguments);
  match(results, made.callee->results, made.results);
  function_.calls.push_back(made);
  return static_cast<uint32_t>(function_.calls.size() - 1);
}

// Labels become instructions, and the numbers of constants those of the slots behind the registers.
void FunctionLoader::finish() {
  for (const Branch& branch : branches_) {
    const auto found = labels_.find(branch.label);
    if (found == labels_.end()) throw Malformed(branch.line, "there is no label " + branch.label);
    function_.code[branch.instruction].target = found->second;
  }
  Statement last{};
  last.line = reader_.line();
  last.opcode = "ret";
  function_.code.push_back(decode(last, *this));
  const auto settle = [&](uint32_t& slot) {
    if ((slot & kConstant) != 0) slot = function_.registers + (slot & ~kConstant);
  };
  for (Instruction& i : function_.code) {
    for (uint32_t* slot : {&i.d, &i.e, &i.a, &i.b, &i.c, &i.m, &i.guard}) settle(*slot);
    for (uint32_t& slot : i.vector) settle(slot);
  }
  for (auto& each : function_.specials) settle(each.first);
  const uint64_t bytes = uint64_t{8} * function_.slots() + function_.frame_bytes + function_.local_bytes;
  if (bytes > kMostFrameBytes) {
    reader_.refuse(function_.name + " needs " + std::to_string(bytes) +
                   " bytes for registers, parameters and local memory, " + std::to_string(kMostFrameBytes) + " are there");
  }
}

// ---- modules

void ModuleLoader::header() {
  reader.expect(".version");
  const Token version = reader.next();
  if (version.kind != Token::kNumber || std::strtod(version.text.c_str(), nullptr) > 9.0) {
    throw Malformed(version.line, "PTX of version " + version.text + "; 9.0 is the latest that is understood");
  }
  reader.expect(".target");
  const std::string target = reader.word("a target");
  if (target.compare(0, 3, "sm_") != 0) reader.refuse("target " + target + " is not implemented");
  program->target = static_cast<unsigned>(std::strtoul(target.c_str() + 3, nullptr, 10));
  program->target_exact = target.back() < '0' || target.back() > '9';
  while (reader.take(",")) reader.refuse("target ." + reader.peek().text + " is not implemented");
  reader.expect(".address_size");
  if (reader.integer("64") != 64) reader.refuse("addresses of 32 bits are not implemented");
}

void ModuleLoader::variable(const std::string& space, bool is_extern) {
  const Storage one = storage(reader);
  Declared declared{Declared::kVariable, one.type, 0, 0, one.bytes()};
  if (space == ".shared") {
    if (is_extern) {
      declared.kind = Declared::kDynamicShared;
    } else {
      declared.kind = Declared::kShared;
      declared.address = place(shared_bytes, one);
    }
  } else {
    if (is_extern || !one.sized) reader.refuse("'" + one.name + "' has no size, or lies in another module");
    const size_t bytes = one.bytes();
    auto data = std::make_unique<char[]>(bytes + one.alignment);
    const auto start = (reinterpret_cast<uintptr_t>(data.get()) + one.alignment - 1) / one.alignment * one.alignment;
    auto* to = reinterpret_cast<char*>(start);
    if (reader.take("=")) {
      const Operand value = reader.operand();
      const std::vector<Operand> members = value.kind == Operand::kVector ? value.members : std::vector<Operand>{value};
      if (members.size() > one.count) reader.refuse("more values than '" + one.name + "' has");
      for (size_t k = 0; k < members.size(); k++) {
        if (members[k].kind > Operand::kFloat64 || members[k].kind == Operand::kName) reader.refuse("a number is needed");
        std::memcpy(to + k * one.type.bytes(), &members[k].bits, one.type.bytes());
      }
    }
    declared.address = start;
    machine().memory.add_foreign(to, bytes, device_);
    program->data.push_back(std::move(data));
    program->variables[one.name] = {start, bytes};
  }
  reader.expect(";");
  if (!names.emplace(one.name, declared).second) reader.refuse("'" + one.name + "' is declared twice");
}

void ModuleLoader::function(bool entry) {
  auto made = std::make_unique<Function>();
  made->entry = entry;
  FunctionLoader loader(*this, *made);
  if (!entry && reader.at("(")) loader.parameters(made->results, true);
  made->name = reader.word("a function's name");
  made->place = "the PTX of " + made->name;
  if (reader.at("(")) loader.parameters(made->parameters, !entry);
  for (;;) {
    if (reader.take(".maxntid") || reader.take(".reqntid")) {
      uint64_t threads = 1;
      do threads *= reader.integer("a number of threads");
      while (reader.take(","));
      made->most_threads = static_cast<unsigned>(std::min<uint64_t>(threads, kMaxThreads));
    } else if (reader.take(".minnctapersm") || reader.take(".maxnreg")) {  // for the compiler
      reader.integer("a number");
    } else {
      break;
    }
  }
  made->shared_bytes = shared_bytes;
  auto& known = program->functions[made->name];
  if (known == nullptr) {
    known = std::make_unique<Function>(*made);
  } else if (known->defined || known->entry != entry || known->parameters.size() != made->parameters.size() ||
             known->results.size() != made->results.size()) {
    reader.refuse("'" + made->name + "' is declared twice, or not alike");
  }
  if (reader.take(";")) return;
  loader.body();
  made->defined = true;
  *known = std::move(*made);  // calls point to what stands there
}

std::shared_ptr<Program> ModuleLoader::load() {
  header();
  while (reader.peek().kind != Token::kEnd) {
    bool is_extern = false;
    for (bool linking = true; linking;) {
      linking = reader.take(".visible") || reader.take(".weak");
      if (reader.take(".extern")) linking = is_extern = true;
    }
    if (reader.take(".entry")) {
      function(true);
    } else if (reader.take(".func")) {
      function(false);
    } else if (reader.at(".global") || reader.at(".const") || reader.at(".shared")) {
      variable(reader.next().text, is_extern);
    } else {
      reader.refuse("directive " + reader.peek().text + " is not implemented");
    }
  }
  for (const auto& [name, function] : program->functions) {
    if (!function->defined) throw Malformed(reader.line(), "function " + name + " is declared and not defined");
    if (!function->entry) continue;
    Kernel kernel{name, {}, 0, &run_threads};
    for (const Slice& slice : function->parameters) {
      kernel.parameters.push_back({slice.offset, slice.bytes, false, false});
      kernel.bytes = slice.offset + slice.bytes;
    }
    kernel.static_shared_bytes = function->shared_bytes;
    kernel.local_bytes = function->local_bytes;
    kernel.most_threads = function->most_threads;
    kernel.code = function.get();
    program->kernels.emplace(name, std::move(kernel));
  }
  return program;
}

}  // namespace

std::shared_ptr<Program> load(const std::string& text, int device) { return ModuleLoader(text, device).load(); }

Program::~Program() {
  for (const auto& [name, variable] : variables) machine().memory.remove_foreign(variable.address);
}

}  // namespace simulator::ptx
