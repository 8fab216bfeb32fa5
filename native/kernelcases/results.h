// What a run of cases gave, and the file that keeps it.
#pragma once

#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "case.h"

namespace kernelcases {

// The bytes of an element that the kernel has not written.
constexpr unsigned char kUnwritten = 0xa5;

struct Output {
  std::string name;
  std::vector<Type> types;
  std::vector<unsigned char> bytes;
  float scale;  // Buffer::scale
};

struct Result {
  std::string kernel;
  uint32_t number;
  std::string failure;  // empty: none, and only then there are outputs
  uint64_t inputs = 0;  // a hash of everything that the kernel was given
  std::vector<Output> outputs;
};

struct Results {
  uint64_t seed;
  std::string device;
  std::vector<Result> all;
};

// What is wrong with a file of results.
class BadFile : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Appends results to a file, each whole when add() returns.
class ResultWriter {
 public:
  // Begins a new file unless it goes on with one.
  ResultWriter(const std::string& path, bool goes_on);
  ~ResultWriter();
  ResultWriter(const ResultWriter&) = delete;
  ResultWriter& operator=(const ResultWriter&) = delete;
  void begin(uint64_t seed, const std::string& device);
  void add(const Result& result);

 private:
  void put(const void* data, size_t bytes);
  void number(uint64_t value) { put(&value, sizeof value); }
  void text(const std::string& value);

  std::string path_;
  std::FILE* file_;
};

Results read_results(const std::string& path);

}  // namespace kernelcases
