#include "results.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace kernelcases {

namespace {
constexpr char kMagic[] = "Sequor kernel cases 1\n";
constexpr size_t kMagicBytes = sizeof kMagic - 1;
}  // namespace

ResultWriter::ResultWriter(const std::string& path, bool goes_on)
    : path_(path), file_(std::fopen(path.c_str(), goes_on ? "ab" : "wb")) {
  if (file_ == nullptr) throw BadFile(path + " cannot be written: " + std::strerror(errno));
}

ResultWriter::~ResultWriter() { std::fclose(file_); }

void ResultWriter::put(const void* data, size_t bytes) {
  if (bytes > 0 && std::fwrite(data, 1, bytes, file_) != bytes) {
    throw BadFile(path_ + " cannot be written: " + std::strerror(errno));
  }
}

void ResultWriter::text(const std::string& value) {
  number(value.size());
  put(value.data(), value.size());
}

void ResultWriter::begin(uint64_t seed, const std::string& device) {
  put(kMagic, kMagicBytes);
  number(seed);
  text(device);
}

void ResultWriter::add(const Result& result) {
  text(result.kernel);
  number(result.number);
  text(result.failure);
  number(result.inputs);
  number(result.outputs.size());
  for (const Output& each : result.outputs) {
    text(each.name);
    number(each.types.size());
    put(each.types.data(), each.types.size() * sizeof each.types[0]);
    put(&each.scale, sizeof each.scale);
    number(each.bytes.size());
    put(each.bytes.data(), each.bytes.size());
  }
  if (std::fflush(file_) != 0) throw BadFile(path_ + " cannot be written: " + std::strerror(errno));
}

namespace {
class Reader {
 public:
  Reader(const std::string& path, std::vector<char> bytes) : path_(path), bytes_(std::move(bytes)) {}

  bool done() const { return at_ == bytes_.size(); }
  void get(void* to, size_t bytes) {
    if (bytes > bytes_.size() - at_)
      throw BadFile(path_ + " ends in the middle of a result, after " + std::to_string(at_) + " bytes");
    if (bytes > 0) std::memcpy(to, bytes_.data() + at_, bytes);
    at_ += bytes;
  }
  uint64_t number() {
    uint64_t value;
    get(&value, sizeof value);
    return value;
  }
  template <typename T>
  T sequence(size_t element_bytes) {
    const uint64_t count = number();
    if (count > bytes_.size()) throw BadFile(path_ + " is not whole: a size is " + std::to_string(count));
    T all;
    all.resize(count);
    get(&all[0], count * element_bytes);
    return all;
  }
  std::string text() { return sequence<std::string>(1); }

 private:
  std::string path_;
  std::vector<char> bytes_;
  size_t at_ = 0;
};
}  // namespace

Results read_results(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw BadFile(path + " cannot be read: " + std::strerror(errno));
  Reader reader(path, {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
  char magic[kMagicBytes];
  reader.get(magic, kMagicBytes);
  if (std::memcmp(magic, kMagic, kMagicBytes) != 0) throw BadFile(path + " is no file of kernel cases of this version");
  Results results;
  results.seed = reader.number();
  results.device = reader.text();
  while (!reader.done()) {
    Result result;
    result.kernel = reader.text();
    result.number = static_cast<uint32_t>(reader.number());
    result.failure = reader.text();
    result.inputs = reader.number();
    result.outputs.resize(reader.number());
    for (Output& each : result.outputs) {
      each.name = reader.text();
      each.types = reader.sequence<std::vector<Type>>(sizeof(Type));
      if (each.types.empty()) throw BadFile(path + " is not whole: an output has no type");
      reader.get(&each.scale, sizeof each.scale);
      each.bytes = reader.sequence<std::vector<unsigned char>>(1);
    }
    results.all.push_back(std::move(result));
  }
  return results;
}

}  // namespace kernelcases
