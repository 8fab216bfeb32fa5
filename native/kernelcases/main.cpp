// Runs every kernel on drawn inputs through the CUDA driver alone, and compares what two drivers made of them; see usage.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <set>

#include "compare.h"
#include "launch.h"

namespace {

using namespace kernelcases;

constexpr char kUsage[] =
    "usage: kernel-cases list [OPTIONS]            what each case is launched with\n"
    "       kernel-cases run [OPTIONS]             runs cases; exit code 1 if one failed\n"
    "       kernel-cases compare FILE FILE         two files that run has written; exit code 1 if they are not the same\n"
    "  --out FILE       where the results go; none are kept without\n"
    "  --driver FILE    the CUDA driver, a path or a name for the loader; libcuda.so.1 unless given\n"
    "  --kernels DIR    kernels.properties with the kernels' files; kernels/prebuilt unless given\n"
    "  --ptx            has the driver compile the PTX rather than take the machine code\n"
    "  --kernel NAME    only this one; may be repeated\n"
    "  --cases N        of each kernel; 50 unless given\n"
    "  --seed N         of what is drawn; 1 unless given\n"
    "  --like FILE      the cases of that file, and its seed\n"
    "  --most-bytes N   leaves out cases whose results are larger, but for the first two of each kernel\n"
    "  --bare           for compute-sanitizer: buffers of exactly their size, filled only where the kernel is to read; no "
    "results, and\n"
    "                   the first failure ends it\n"
    "  --patience N     seconds that one case may take before it counts as hanging; 60 unless given\n";

// What cannot be done, in one line.
class BadUsage : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Options {
  std::string command, out, driver = "libcuda.so.1", folder = "kernels/prebuilt", like;
  std::vector<std::string> files;
  std::set<std::string> only;
  bool ptx = false, bare = false;
  uint64_t cases = 50, seed = 1, most_bytes = UINT64_MAX, patience = 60;
};

uint64_t number(const std::string& option, const char* text) {
  char* end;
  errno = 0;
  const uint64_t value = std::strtoull(text, &end, 10);
  if (end == text || *end != 0 || errno != 0 || text[0] == '-') {
    throw BadUsage(option + " is \"" + text + "\"; needed a whole number");
  }
  return value;
}

Options parse(int count, char** words) {
  Options o;
  if (count < 2) throw BadUsage("needed a command: list, run or compare");
  o.command = words[1];
  for (int i = 2; i < count; ++i) {
    const std::string word = words[i];
    const auto value = [&]() -> const char* {
      if (i + 1 == count) throw BadUsage(word + " needs a value");
      return words[++i];
    };
    if (word == "--out")
      o.out = value();
    else if (word == "--driver")
      o.driver = value();
    else if (word == "--kernels")
      o.folder = value();
    else if (word == "--ptx")
      o.ptx = true;
    else if (word == "--bare")
      o.bare = true;
    else if (word == "--kernel")
      o.only.insert(value());
    else if (word == "--cases")
      o.cases = number(word, value());
    else if (word == "--seed")
      o.seed = number(word, value());
    else if (word == "--like")
      o.like = value();
    else if (word == "--most-bytes")
      o.most_bytes = number(word, value());
    else if (word == "--patience")
      o.patience = number(word, value());
    else if (word[0] == '-')
      throw BadUsage("there is no option " + word);
    else
      o.files.push_back(word);
  }
  if (o.files.size() != (o.command == "compare" ? 2u : 0u)) {
    throw BadUsage(o.command + " got " + std::to_string(o.files.size()) + " files; needed " +
                   (o.command == "compare" ? "2" : "none"));
  }
  return o;
}

// What draws cases of the kernels in a folder.
Kernels kernels_of(const KernelFolder& folder) {
  Kernels known = all_kernels(), used;
  add_planted_cases(known);
  for (const auto& each : folder.files()) {
    const auto found = known.find(each.first);
    if (found == known.end()) throw BadFile("kernel " + each.first + " has no cases in native/kernelcases");
    used.insert(*found);
  }
  return used;
}

struct Work {
  std::string kernel;
  uint32_t number;
};

// What is to be run, kernel by kernel.
std::vector<Work> work(Options& o, const Kernels& kernels) {
  std::vector<Work> all;
  if (!o.like.empty()) {
    const Results like = read_results(o.like);
    o.seed = like.seed;
    for (const Result& each : like.all) {
      if (kernels.count(each.kernel) == 0)
        throw BadFile(o.like + " has cases of " + each.kernel + ", of which this program knows nothing");
      if (o.only.empty() || o.only.count(each.kernel) > 0) all.push_back({each.kernel, each.number});
    }
    return all;
  }
  for (const std::string& each : o.only) {
    if (kernels.count(each) == 0) throw BadUsage("there are no cases of a kernel " + each);
  }
  for (const auto& each : kernels) {
    if (!o.only.empty() && o.only.count(each.first) == 0) continue;
    for (uint32_t n = 0; n < o.cases; ++n) all.push_back({each.first, n});
  }
  return all;
}

Case draw(const Kernels& kernels, const Work& w, uint64_t seed) {
  Draw d(w.kernel, w.number, seed);
  return kernels.at(w.kernel)(d);
}

size_t result_bytes(const Case& c) {
  size_t bytes = 0;
  for (const Buffer& each : c.buffers) bytes += each.changes ? each.bytes.size() : 0;
  return bytes;
}

int list(const Options& o, const std::vector<Work>& all, const Kernels& kernels) {
  for (const Work& w : all) {
    const Case c = draw(kernels, w, o.seed);
    std::printf("%s %u: grid (%u, %u), block %u", w.kernel.c_str(), w.number, c.grid_x, c.grid_y, c.block);
    for (const Argument& each : c.arguments) {
      if (each.buffer >= 0) {
        const Buffer& b = c.buffers[static_cast<size_t>(each.buffer)];
        std::printf(", %s%s[%zu]", b.changes ? "*" : "", b.name.c_str(), b.elements());
      } else if (each.scalar == 8) {
        std::printf(", %lld", static_cast<long long>(each.bits));
      } else {
        std::printf(", %d", static_cast<int>(each.bits));
      }
    }
    std::printf("\n");
  }
  return 0;
}

// Shared by the process that runs cases and the one that looks after it.
struct Progress {
  volatile size_t next;      // the case that is running
  volatile size_t failures;  // of cases that went on
};

// Runs cases from progress.next on; true if it came to the end. Otherwise the device is of no use to this process any more.
bool run_from(const Options& o, const std::vector<Work>& all, const Kernels& kernels, Progress& progress) {
  const cuda::Driver driver(o.driver);
  KernelFolder folder(o.folder, o.ptx);
  Launcher launcher(driver, folder);
  std::unique_ptr<ResultWriter> writer;
  if (!o.out.empty()) {
    writer = std::make_unique<ResultWriter>(o.out, progress.next > 0);
    if (progress.next == 0) writer->begin(o.seed, driver.device_name);
  }
  if (progress.next == 0) std::printf("%s, %s\n", driver.device_name.c_str(), o.ptx ? "PTX" : "machine code");
  for (; progress.next < all.size(); progress.next = progress.next + 1) {
    const Work& w = all[progress.next];
    const Case c = draw(kernels, w, o.seed);
    if (w.number > 1 && result_bytes(c) > o.most_bytes) continue;
    Result result;
    bool usable = true;
    try {
      if (o.bare) {
        launcher.run_bare(w.kernel, c);
        continue;
      }
      result = launcher.run_guarded(w.kernel, w.number, c);
    } catch (const cuda::Error& e) {
      if (o.bare) throw cuda::Error(w.kernel + ", case " + std::to_string(w.number) + ": " + e.what());
      result.kernel = w.kernel;
      result.number = w.number;
      result.failure = e.what();
      usable = false;
    }
    if (!result.failure.empty()) {
      std::printf("%s, case %u: %s\n", w.kernel.c_str(), w.number, result.failure.c_str());
      progress.failures = progress.failures + 1;
    }
    if (writer) writer->add(result);
    if (!usable) return false;
  }
  return true;
}

constexpr int kDone = 0, kDeviceLost = 10;

// A process of its own runs the cases. When a kernel takes the device from it, or hangs, another goes on with the next kernel.
int run_watched(const Options& o, const std::vector<Work>& all, const Kernels& kernels) {
  auto* progress =
      static_cast<Progress*>(mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (progress == MAP_FAILED) throw std::runtime_error("no memory to share with another process");
  *progress = {0, 0};
  while (progress->next < all.size()) {
    std::fflush(stdout);
    const pid_t child = fork();
    if (child < 0) throw std::runtime_error(std::string("no other process can be made: ") + std::strerror(errno));
    if (child == 0) {
      int code = kDone;
      try {
        if (!run_from(o, all, kernels, *progress)) code = kDeviceLost;
      } catch (const std::exception& e) {
        std::fprintf(stderr, "kernel-cases: %s\n", e.what());
        code = 1;
      }
      std::fflush(stdout);
      _exit(code);  // nothing of a lost device is waited for
    }
    int status = 0;
    bool hung = false;
    size_t seen = progress->next;
    uint64_t waited = 0;  // milliseconds without a case that ended
    while (waitpid(child, &status, WNOHANG) == 0) {
      usleep(5000);
      waited = progress->next == seen ? waited + 5 : 0;
      seen = progress->next;
      if (waited > o.patience * 1000 && !hung) {
        hung = true;
        kill(child, SIGKILL);
      }
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == kDone) break;
    if (WIFEXITED(status) && WEXITSTATUS(status) != kDeviceLost) return 1;
    const Work lost = all[progress->next];
    if (!WIFEXITED(status)) {
      Result result;
      result.kernel = lost.kernel;
      result.number = lost.number;
      result.failure = hung ? "did not end within " + std::to_string(o.patience) + " s"
                            : "the process was ended by signal " + std::to_string(WTERMSIG(status));
      std::printf("%s, case %u: %s\n", lost.kernel.c_str(), lost.number, result.failure.c_str());
      progress->failures = progress->failures + 1;
      if (!o.out.empty()) ResultWriter(o.out, true).add(result);
    }
    while (progress->next < all.size() && all[progress->next].kernel == lost.kernel) progress->next = progress->next + 1;
  }
  std::printf("%zu cases, %zu failures\n", all.size(), progress->failures);
  return progress->failures == 0 ? 0 : 1;
}

int body(int count, char** words) {
  Options o = parse(count, words);
  if (o.command == "compare") return compare(read_results(o.files[0]), read_results(o.files[1]), stdout) ? 0 : 1;
  if (o.command != "list" && o.command != "run") throw BadUsage("there is no command " + o.command);
  const Kernels kernels = kernels_of(KernelFolder(o.folder, o.ptx));
  const std::vector<Work> all = work(o, kernels);
  if (o.command == "list") return list(o, all, kernels);
  if (!o.bare) return run_watched(o, all, kernels);
  Progress progress = {0, 0};
  run_from(o, all, kernels, progress);
  std::printf("%zu cases\n", all.size());
  return 0;
}

}  // namespace

int main(int count, char** words) {
  try {
    return body(count, words);
  } catch (const BadUsage& e) {
    std::fprintf(stderr, "kernel-cases: %s\n%s", e.what(), kUsage);
    return 2;
  } catch (const std::exception& e) {
    std::fflush(stdout);
    std::fprintf(stderr, "kernel-cases: %s\n", e.what());
    return 1;
  }
}
