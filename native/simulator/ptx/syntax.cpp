#include "ptx/syntax.h"

#include <cctype>
#include <cstdlib>

namespace simulator::ptx {

namespace {

bool of_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$' || c == '%' || c == '.';
}

uint64_t hexadecimal(const Token& token, size_t from, size_t digits) {
  const std::string text = token.text.substr(from);
  if (text.size() != digits || text.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
    throw Malformed(token.line, "'" + token.text + "' is not a number");
  }
  return std::strtoull(text.c_str(), nullptr, 16);
}

uint64_t integer_of(const Token& token) {
  std::string text = token.text;
  if (text.back() == 'U') text.pop_back();
  char* end = nullptr;
  const uint64_t value = std::strtoull(text.c_str(), &end, 0);
  if (text.empty() || *end != 0) throw Malformed(token.line, "'" + token.text + "' is not an integer that is understood");
  return value;
}

}  // namespace

std::vector<Token> tokens_of(const std::string& text) {
  std::vector<Token> tokens;
  unsigned line = 1;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    const size_t start = i;
    if (c == '\n') {
      line++;
      i++;
    } else if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      i++;
    } else if (text.compare(i, 2, "//") == 0) {
      while (i < text.size() && text[i] != '\n') i++;
    } else if (text.compare(i, 2, "/*") == 0) {
      const size_t end = text.find("*/", i + 2);
      if (end == std::string::npos) throw Malformed(line, "a comment does not end");
      for (; i < end + 2; i++) line += text[i] == '\n';
    } else if (c == '"') {
      const size_t end = text.find('"', i + 1);
      if (end == std::string::npos) throw Malformed(line, "a string does not end");
      i = end + 1;
      tokens.push_back({Token::kString, text.substr(start + 1, end - start - 1), line});
    } else if (of_word(c)) {
      while (i < text.size() && of_word(text[i])) i++;
      const bool number = std::isdigit(static_cast<unsigned char>(c)) != 0;
      tokens.push_back({number ? Token::kNumber : Token::kWord, text.substr(start, i - start), line});
    } else {
      tokens.push_back({Token::kSign, std::string(1, c), line});
      i++;
    }
  }
  tokens.push_back({Token::kEnd, "", line});
  return tokens;
}

std::string Statement::text() const {
  std::string all = opcode;
  for (const std::string& each : modifiers) all += "." + each;
  return all;
}

const Token& Reader::peek(size_t ahead) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }

Token Reader::next() {
  const Token& token = peek();
  if (at_ + 1 < tokens_.size()) at_++;
  return token;
}

bool Reader::take(const char* text) {
  if (!at(text)) return false;
  next();
  return true;
}

void Reader::expect(const char* text) {
  if (!take(text)) refuse("'" + peek().text + "' where '" + text + "' was expected");
}

std::string Reader::word(const char* what) {
  if (peek().kind != Token::kWord) refuse("'" + peek().text + "' where " + what + " was expected");
  return next().text;
}

uint64_t Reader::integer(const char* what) {
  const bool negative = take("-");
  if (peek().kind != Token::kNumber) refuse("'" + peek().text + "' where " + what + " was expected");
  const uint64_t value = integer_of(next());
  return negative ? 0 - value : value;
}

Operand Reader::operand() {
  Operand made{};
  const auto list = [&](Operand::Kind kind, const char* end) {
    made.kind = kind;
    while (!take(end)) {
      made.members.push_back(operand());
      if (!at(end)) expect(",");
    }
  };
  if (take("{")) {
    list(Operand::kVector, "}");
  } else if (take("(")) {
    list(Operand::kGroup, ")");
  } else if (take("[")) {
    made.kind = Operand::kAddress;
    if (peek().kind == Token::kWord) {
      made.name = next().text;
    } else {
      made.offset = static_cast<int64_t>(integer("an address"));
    }
    if (take("+")) made.offset += static_cast<int64_t>(integer("an offset"));
    expect("]");
  } else if (at("-") || peek().kind == Token::kNumber) {
    const Token& token = peek();
    const std::string start = token.text.substr(0, 2);
    if (start == "0f" || start == "0F" || start == "0d" || start == "0D") {
      const bool single = start == "0f" || start == "0F";
      made.kind = single ? Operand::kFloat32 : Operand::kFloat64;
      made.bits = hexadecimal(token, 2, single ? 8 : 16);
      next();
    } else {
      made.kind = Operand::kInteger;
      made.bits = integer("a number");
    }
  } else {
    made.kind = Operand::kName;
    made.negated = take("!");
    made.name = word("an operand");
    if (take("|")) made.second = word("an operand");
  }
  return made;
}

Statement Reader::statement() {
  Statement made{};
  made.line = line();
  if (take("@")) {
    made.guard_negated = take("!");
    made.guard = word("a predicate");
  }
  std::string text = word("an instruction");
  for (size_t dot; (dot = text.find('.')) != std::string::npos; text = text.substr(dot + 1)) {
    (made.opcode.empty() ? made.opcode : made.modifiers.emplace_back()) = text.substr(0, dot);
  }
  (made.opcode.empty() ? made.opcode : made.modifiers.emplace_back()) = text;
  while (!take(";")) {
    made.operands.push_back(operand());
    if (!at(";")) expect(",");
  }
  return made;
}

}  // namespace simulator::ptx
