#include "launch.h"

#include <cerrno>
#include <fstream>

namespace kernelcases {

KernelFolder::KernelFolder(const std::string& folder, bool ptx) : folder_(folder), ptx_(ptx) {
  const std::string path = folder + "/kernels.properties", prefix = "kernel.";
  std::ifstream file(path);
  if (!file) throw BadFile(path + " cannot be read: " + std::strerror(errno));
  for (std::string line; std::getline(file, line);) {
    const size_t end = line.find('=');
    if (line.compare(0, prefix.size(), prefix) == 0 && end != std::string::npos) {
      files_[line.substr(prefix.size(), end - prefix.size())] = line.substr(end + 1);
    }
  }
  if (files_.empty()) throw BadFile(path + " has no line kernel.NAME=FILE");
}

void* KernelFolder::function(const cuda::Driver& driver, const std::string& kernel) {
  void*& function = functions_[kernel];
  if (function != nullptr) return function;
  const std::string path = folder_ + "/" + files_.at(kernel) + (ptx_ ? ".ptx" : ".fatbin");
  void*& module = modules_[path];
  if (module == nullptr) module = driver.load(path);
  function = driver.function(module, kernel.c_str());
  return function;
}

namespace {

using Bytes = std::vector<unsigned char>;

// What a buffer's fresh part is filled with in the two runs, and what lies between buffers.
constexpr unsigned char kFill[] = {kUnwritten, 0x3c}, kGuard = 0x5a;
constexpr size_t kGuardBytes = 1024, kAlignment = 256;

uint64_t hash(uint64_t h, const void* data, size_t bytes) {  // FNV-1a
  for (size_t i = 0; i < bytes; ++i) h = (h ^ static_cast<const unsigned char*>(data)[i]) * 0x100000001b3ull;
  return h;
}

uint64_t hash_of_inputs(const Case& c) {
  uint64_t h = 0xcbf29ce484222325ull;
  for (const Argument& each : c.arguments) {
    h = hash(h, &each.buffer, sizeof each.buffer);
    h = hash(h, &each.bits, sizeof each.bits);
  }
  for (const Buffer& each : c.buffers) {
    const uint64_t sizes[] = {each.bytes.size(), each.fresh, each.offset};
    h = hash(h, sizes, sizeof sizes);
    h = hash(h, each.bytes.data() + each.fresh, each.bytes.size() - each.fresh);
  }
  const unsigned launch[] = {c.grid_x, c.grid_y, c.block};
  return hash(h, launch, sizeof launch);
}

// buffers: where each begins.
void launch(const cuda::Driver& driver, void* function, const Case& c, const std::vector<cuda::DevicePointer>& buffers) {
  std::vector<uint64_t> values;
  for (const Argument& each : c.arguments) {
    values.push_back(each.buffer < 0 ? each.bits : buffers[static_cast<size_t>(each.buffer)] + each.bits);
  }
  std::vector<void*> parameters;
  for (uint64_t& each : values) parameters.push_back(&each);
  driver.require(
      driver.cuLaunchKernel(function, c.grid_x, c.grid_y, 1, c.block, 1, 1, 0, nullptr, parameters.data(), nullptr),
      "launching it");
  driver.require(driver.cuCtxSynchronize(), "running it");
}

// Of an element of a buffer, [first, end) in its bytes. A flag is its first byte.
struct Elements {
  explicit Elements(const std::vector<Type>& types) : types_(types) {}
  bool next(size_t bytes) {
    first = end;
    if (first == bytes) return false;
    const Type type = types_[index_++ % types_.size()];
    end = first + bytes_of(type);
    counts = type == Type::kFlag ? 1 : end - first;
    return true;
  }
  size_t first = 0, end = 0, counts = 0;

 private:
  const std::vector<Type>& types_;
  size_t index_ = 0;
};

bool is_all(const unsigned char* bytes, size_t count, unsigned char value) {
  return std::all_of(bytes, bytes + count, [=](unsigned char b) { return b == value; });
}

// Merges what two runs made of a buffer into `first`; false where they differ in what the kernel has written.
bool merge(const Buffer& buffer, Bytes& first, const Bytes& second, size_t& at) {
  Elements e(buffer.types);
  for (at = 0; e.next(first.size()); ++at) {
    unsigned char* a = first.data() + e.first;
    const unsigned char* b = second.data() + e.first;
    const bool same = std::memcmp(a, b, e.counts) == 0;
    const bool unwritten = e.first < buffer.fresh && is_all(a, e.counts, kFill[0]) && is_all(b, e.counts, kFill[1]);
    if (!same && !unwritten) return false;
    // What lies beside a flag is nobody's.
    std::memset(a + e.counts, same ? 0 : kUnwritten, e.end - e.first - e.counts);
  }
  return true;
}

}  // namespace

Launcher::~Launcher() {
  if (arena_ != 0) driver_.cuMemFree(arena_);
}

cuda::DevicePointer Launcher::arena(size_t bytes) {
  if (bytes > arena_bytes_) {
    if (arena_ != 0) driver_.require(driver_.cuMemFree(arena_), "freeing memory");
    arena_ = 0;
    driver_.require(driver_.cuMemAlloc(&arena_, 2 * bytes), "allocating " + std::to_string(2 * bytes) + " bytes");
    arena_bytes_ = 2 * bytes;
  }
  return arena_;
}

Result Launcher::run_guarded(const std::string& kernel, uint32_t number, const Case& c) {
  Result result;
  result.kernel = kernel;
  result.number = number;
  result.inputs = hash_of_inputs(c);
  void* const function = folder_.function(driver_, kernel);

  std::vector<size_t> begin;
  size_t end = kGuardBytes;
  for (const Buffer& each : c.buffers) {
    begin.push_back((end + kAlignment - 1) / kAlignment * kAlignment + each.offset);
    end = begin.back() + each.bytes.size() + kGuardBytes;
  }
  std::vector<cuda::DevicePointer> addresses;
  for (const size_t each : begin) addresses.push_back(arena(end) + each);

  std::vector<Bytes> made[2];
  for (int run = 0; run < 2; ++run) {
    Bytes before(end, kGuard);
    for (size_t i = 0; i < begin.size(); ++i) {
      const Buffer& each = c.buffers[i];
      std::copy(each.bytes.begin(), each.bytes.end(), before.begin() + static_cast<ptrdiff_t>(begin[i]));
      std::fill_n(before.begin() + static_cast<ptrdiff_t>(begin[i]), each.fresh, kFill[run]);
    }
    driver_.require(driver_.cuMemcpyHtoD(arena(end), before.data(), end), "copying to the device");
    launch(driver_, function, c, addresses);
    Bytes after(end);
    driver_.require(driver_.cuMemcpyDtoH(after.data(), arena(end), end), "copying from the device");
    size_t guarded = 0;  // all before this has been looked at
    for (size_t i = 0; i <= begin.size(); ++i) {
      const size_t until = i == begin.size() ? end : begin[i];
      for (size_t at = guarded; at < until && result.failure.empty(); ++at) {
        if (after[at] == kGuard) continue;
        // Told of the buffer that is nearer.
        const bool past = i > 0 && (i == begin.size() || at - guarded <= until - at);
        const Buffer& near = c.buffers[past ? i - 1 : i];
        result.failure = "wrote " + std::to_string(past ? at - guarded + 1 : until - at) + " bytes " +
                         (past ? "past the end of " : "before the beginning of ") + near.name + " of " +
                         std::to_string(near.elements()) + " elements";
      }
      if (i == begin.size()) break;
      const Buffer& each = c.buffers[i];
      guarded = begin[i] + each.bytes.size();
      if (!each.changes && std::memcmp(&after[begin[i]], &before[begin[i]], each.bytes.size()) != 0 &&
          result.failure.empty()) {
        result.failure = "changed " + each.name + ", which it is to read only";
      }
      if (each.changes) {
        made[run].emplace_back(after.begin() + static_cast<ptrdiff_t>(begin[i]),
                               after.begin() + static_cast<ptrdiff_t>(guarded));
      }
    }
  }
  size_t changing = 0;
  for (const Buffer& each : c.buffers) {
    if (!each.changes) continue;
    size_t at;
    if (!merge(each, made[0][changing], made[1][changing], at) && result.failure.empty()) {
      result.failure = "element " + std::to_string(at) + " of " + each.name +
                       " is not the same in a second run in which other bytes lay where it writes";
    }
    result.outputs.push_back({each.name, each.types, std::move(made[0][changing]), each.scale});
    ++changing;
  }
  if (!result.failure.empty()) result.outputs.clear();
  return result;
}

void Launcher::run_bare(const std::string& kernel, const Case& c) {
  void* const function = folder_.function(driver_, kernel);
  std::vector<cuda::DevicePointer> blocks, addresses;
  for (const Buffer& each : c.buffers) {
    cuda::DevicePointer block;
    const size_t bytes = std::max<size_t>(each.offset + each.bytes.size(), 4);
    driver_.require(driver_.cuMemAlloc(&block, bytes), "allocating " + std::to_string(bytes) + " bytes");
    blocks.push_back(block);
    addresses.push_back(block + each.offset);
    if (each.fresh < each.bytes.size()) {
      driver_.require(driver_.cuMemcpyHtoD(addresses.back() + each.fresh, each.bytes.data() + each.fresh,
                                           each.bytes.size() - each.fresh),
                      "copying to the device");
    }
  }
  launch(driver_, function, c, addresses);
  for (const cuda::DevicePointer each : blocks) driver_.require(driver_.cuMemFree(each), "freeing memory");
}

}  // namespace kernelcases
