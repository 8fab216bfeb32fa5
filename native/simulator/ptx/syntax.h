// The text of PTX as words and statements, before anything is known of what they mean.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace simulator::ptx {

// What is wrong with a module, and in which of its lines.
class Malformed : public std::runtime_error {
 public:
  Malformed(unsigned line, const std::string& what) : std::runtime_error("line " + std::to_string(line) + ": " + what) {}
};

struct Token {
  enum Kind : uint8_t { kWord, kNumber, kString, kSign, kEnd } kind;
  std::string text;  // of a word: with its leading '.', '%' or '$', and the modifiers of an instruction
  unsigned line;
};

std::vector<Token> tokens_of(const std::string& text);

// `%r1`, `-2`, `0f3F800000`, `{%f1, %f2}`, `[%rd1+4]`, `%r1|%p1`, `!%p1`, `(param0, param1)`.
struct Operand {
  enum Kind : uint8_t { kName, kInteger, kFloat32, kFloat64, kVector, kAddress, kGroup } kind;
  std::string name;              // of a name; the base of an address, empty if that is a number
  std::string second;            // after '|'
  bool negated = false;          // after '!'
  uint64_t bits = 0;             // of a number
  int64_t offset = 0;            // of an address
  std::vector<Operand> members;  // of a vector or a group
};

struct Statement {
  unsigned line;
  std::string guard;  // the predicate's name, empty if there is none
  bool guard_negated = false;
  std::string opcode;                  // "fma"
  std::vector<std::string> modifiers;  // "rn", "f32"
  std::vector<Operand> operands;

  std::string text() const;  // "fma.rn.f32"
};

// Reads tokens one after another.
class Reader {
 public:
  explicit Reader(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& peek(size_t ahead = 0) const;
  Token next();
  bool at(const char* text) const { return peek().text == text && peek().kind != Token::kString; }
  bool take(const char* text);
  void expect(const char* text);
  std::string word(const char* what);
  uint64_t integer(const char* what);  // an optional '-' and a number
  Operand operand();
  Statement statement();
  unsigned line() const { return peek().line; }
  [[noreturn]] void refuse(const std::string& what) const { throw Malformed(line(), what); }

 private:
  std::vector<Token> tokens_;
  size_t at_ = 0;
};

}  // namespace simulator::ptx
