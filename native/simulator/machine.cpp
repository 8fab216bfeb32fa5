#include "machine.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "capture.h"
#include "execution.h"

namespace simulator {

namespace {

constexpr size_t kMostQueued = 1u << 14;

long long setting(const char* name, long long otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == 0 ? otherwise : std::strtoll(text, nullptr, 10);
}

Settings read_settings() {
  Settings s{};
  s.devices = static_cast<int>(setting("SEQUOR_SIMULATOR_DEVICES", 4));
  s.seed = static_cast<uint64_t>(setting("SEQUOR_SIMULATOR_SEED", 1));
  s.memory_bytes = static_cast<uint64_t>(setting("SEQUOR_SIMULATOR_MEMORY", 8ll << 30));
  s.driver_version = static_cast<int>(setting("SEQUOR_SIMULATOR_DRIVER_VERSION", 13000));
  s.multiprocessors = static_cast<int>(setting("SEQUOR_SIMULATOR_MULTIPROCESSORS", 16));
  s.branches = static_cast<uint64_t>(setting("SEQUOR_SIMULATOR_BRANCHES", 1ll << 28));
  s.peers = setting("SEQUOR_SIMULATOR_PEERS", 1) != 0;
  const char* kernels = std::getenv("SEQUOR_SIMULATOR_KERNELS");
  s.interpreted = kernels != nullptr && std::strcmp(kernels, "ptx") == 0;
  if (kernels != nullptr && *kernels != 0 && !s.interpreted && std::strcmp(kernels, "g++") != 0) {
    std::fprintf(stderr, "Sequor simulator: SEQUOR_SIMULATOR_KERNELS is \"%s\"; \"g++\" or \"ptx\" is needed\n", kernels);
    std::abort();
  }
  const char* capability = std::getenv("SEQUOR_SIMULATOR_COMPUTE_CAPABILITY");
  if (capability == nullptr || std::sscanf(capability, "%d.%d", &s.major, &s.minor) != 2) {
    // Interpreted, it is a device for which there is no machine code, so that PTX is what is loaded.
    s.major = s.interpreted ? 11 : 9;
    s.minor = 0;
  }
  const char* name = std::getenv("SEQUOR_SIMULATOR_NAME");
  s.name = name == nullptr || *name == 0 ? "Sequor simulator" : name;
  if (std::strstr(s.name, "Sequor") == nullptr) {
    std::fprintf(stderr, "SEQUOR_SIMULATOR_NAME is '%s'; needed a name with Sequor in it, unlike any device's\n", s.name);
    std::exit(2);
  }
  s.delays = parse_delays(std::getenv("SEQUOR_SIMULATOR_DELAYS"));
  return s;
}

}  // namespace

Machine& machine() {
  static Machine* const only = new Machine;  // never destroyed: host threads may still call while the process ends
  return *only;
}

Machine::Machine() : settings(read_settings()), random(settings.seed) {
  for (int i = 0; i < settings.devices; i++) {
    Device& device = devices.emplace_back();
    device.ordinal = i;
    device.primary = std::make_unique<Context>(device);
    device.control.seed = static_cast<int64_t>(settings.seed);
    device.control.interpret = settings.interpreted;
#if defined(__SANITIZE_ADDRESS__)
    device.control.sanitized = 1;
#elif defined(SIMULATOR_UNDEFINED_CHECKED)
    device.control.sanitized = 2;
#endif
    memory.add_foreign(&device.control, sizeof device.control, i);
  }
  memory.add_foreign(kernel_list().data(), kernel_list().size(), -1);  // every device can read it
}

// Counts down what a control asks to fail.
static void admit_work(int64_t& left, const Context& context, const char* what) {
  if (left > 0 && --left == 0) {
    throw Fault(static_cast<Result>(context.device.control.failure_code), std::string(what) + " fails as the control asked");
  }
}

template <typename Visit>
void Machine::each_stream(const Visit& visit) const {
  const auto of_context = [&](const Context& context) {
    visit(*context.default_stream);
    for (const auto& each : context.streams) visit(*each);
  };
  for (const Device& device : devices) of_context(*device.primary);
  for (const auto& each : contexts) of_context(*each);
}

void Machine::reseed(uint64_t seed) {
  random = Random(seed);
  forget_thread_orders();
  each_stream([](Stream& stream) { stream.rank = 0; });
  for (Device& device : devices) device.control.seed = static_cast<int64_t>(seed);
}

bool Machine::is_context(const Context* context) const {
  for (const Device& device : devices) {
    if (device.primary.get() == context) return device.retained > 0;
  }
  return contexts.has(context);
}

int64_t Machine::handles(const Context& context) const {
  const auto of_context = [&](const auto& each) { return each.second->context == &context; };
  const auto of_graph = [&](const auto& each) { return &each.second->context == &context; };
  return static_cast<int64_t>(context.streams.size() + context.modules.size()) + context.blas_handles +
         std::count_if(events.begin(), events.end(), of_context) +
         std::count_if(executables.begin(), executables.end(), of_graph);
}

Context::Context(Device& device) : device(device), default_stream(std::make_unique<Stream>()) {
  default_stream->context = this;
  default_stream->is_default = true;
}

Context::~Context() = default;

void Context::clear() {
  Machine& m = machine();
  if (failure == kSuccess) m.run_until_empty(*this);
  for (const auto& each : streams) {
    leave_capture(*each);
    m.discard(*each);
  }
  streams.clear();
  m.discard(*default_stream);
  functions.clear();
  modules.clear();
  blas_handles = 0;
  peers.clear();
  for (Device& other : m.devices) other.primary->peers.erase(this);
  for (const auto& other : m.contexts) other->peers.erase(this);
  for (auto each = m.events.begin(); each != m.events.end();) {
    if (each->second->context == this) {
      each->second->completed = each->second->recorded;
      each = m.events.erase(each);
    } else {
      ++each;
    }
  }
  for (auto each = m.executables.begin(); each != m.executables.end();) {
    each = &each->second->context == this ? m.executables.erase(each) : std::next(each);
  }
  device.control.live_bytes -= static_cast<int64_t>(m.memory.release_all(this));
  failure = kSuccess;
  failure_text.clear();
}

// ---- the scheduler

void Machine::enqueue(Stream& stream, std::shared_ptr<Operation> operation) {
  stream.queue.push_back({std::move(operation), sequence_++});
  if (++queued_ > kMostQueued) run_until([&] { return queued_ == 0; });
}

// The legacy default stream waits for what was queued before in the context's blocking streams, and they wait for it.
bool Machine::may_run(const Stream& stream) const {
  const Queued& head = stream.queue.front();
  if (!head.operation->ready()) return false;
  if (stream.is_default) {
    for (const auto& each : stream.context->streams) {
      const Stream& other = *each;
      if (other.blocking && !other.queue.empty() && other.queue.front().sequence < head.sequence) return false;
    }
    return true;
  }
  const auto& first = stream.context->default_stream->queue;
  return !stream.blocking || first.empty() || first.front().sequence > head.sequence;
}

// The ready stream with the highest rank. Ranks hold for some steps, so that a stream may run far ahead of another: a
// choice made anew at every step would keep streams abreast, and rarely show that an event is missing.
Stream* Machine::choose() {
  const bool anew = random.below(16) == 0;
  Stream* best = nullptr;
  each_stream([&](Stream& stream) {
    if (stream.queue.empty() || !may_run(stream)) return;
    if (anew || stream.rank == 0) stream.rank = random.next() | 1;
    if (best == nullptr || stream.rank > best->rank) best = &stream;
  });
  return best;
}

void Machine::step(Stream& stream) {
  Context& context = *stream.context;
  const std::shared_ptr<Operation> operation = stream.queue.front().operation;
  bool done = true;
  if (context.failure == kSuccess || operation->survives_failure()) {
    try {
      if (!operation->survives_failure()) admit_work(context.device.control.fail_work, context, "running work");
      done = operation->advance(context);
    } catch (const Fault& fault) {
      context.failure = fault.code;
      context.failure_text = fault.what();
      std::fprintf(stderr, "Sequor simulator: device %d: %s\n", context.device.ordinal, fault.what());
    }
  }
  if (done) {
    if (operation->invites_others()) stream.rank = 0;
    stream.queue.pop_front();
    queued_--;
  }
}

template <typename Done>
void Machine::run_until(const Done& done) {
  while (!done()) {
    Stream* stream = choose();
    if (stream == nullptr) throw Fault(kUnknown, "the simulator's streams wait for each other");
    step(*stream);
  }
}

void Machine::run_until_empty(Stream& stream) {
  run_until([&] { return stream.queue.empty(); });
}

void Machine::run_until_empty(Context& context) {
  run_until([&] {
    return context.default_stream->queue.empty() &&
           std::all_of(context.streams.begin(), context.streams.end(), [](const auto& each) { return each->queue.empty(); });
  });
}

void Machine::run_until_complete(const Event& event) {
  const uint64_t ticket = event.recorded;
  run_until([&] { return event.completed >= ticket; });
}

void Machine::discard(Stream& stream) {
  queued_ -= stream.queue.size();
  stream.queue.clear();
}

void Machine::run_some() {
  for (int i = 0; i < 16; i++) {
    if (Stream* stream = choose()) step(*stream);
  }
}

// ---- the calling thread

std::vector<Context*>& context_stack() {
  static thread_local std::vector<Context*> stack;
  return stack;
}

Context* current_context_or_null() {
  const auto& stack = context_stack();
  return stack.empty() ? nullptr : stack.back();
}

Context& current_context() {
  Context* context = current_context_or_null();
  if (context == nullptr) throw Fault(kInvalidContext, "no context is current in the calling thread");
  if (!machine().is_context(context)) throw Fault(kContextIsDestroyed, "the current context has been destroyed");
  if (context->failure != kSuccess) throw Fault(context->failure, context->failure_text);
  return *context;
}

Stream& stream_of(void* handle) {
  Context& context = current_context();
  if (handle == nullptr || handle == reinterpret_cast<void*>(1)) return *context.default_stream;
  const auto find = [&](Context& in) { return in.streams.has(handle); };
  if (find(context)) return *static_cast<Stream*>(handle);
  for (Device& device : machine().devices) {
    if (find(*device.primary)) throw Fault(kInvalidHandle, "the stream belongs to another context than the current one");
  }
  throw Fault(kInvalidHandle, "the stream does not exist");
}

void submit(Stream& stream, std::shared_ptr<Operation> operation) {
  if (!operation->survives_failure()) {
    admit_work(stream.context->device.control.refuse_work, *stream.context, "queueing work");
  }
  if (stream.capture != nullptr) {
    capture_operation(stream, std::move(operation));
    return;
  }
  forbid_default_during_capture(stream);
  machine().enqueue(stream, std::move(operation));
}

void keep_text(const std::string& text) {
  const auto keep = [&](Device& device) {
    Control& control = device.control;
    const size_t length = std::min(text.size(), sizeof control.last_error - 1);
    std::memcpy(control.last_error, text.data(), length);
    control.last_error[length] = 0;
  };
  if (Context* context = current_context_or_null(); context != nullptr && machine().is_context(context)) {
    keep(context->device);
  } else {
    for (Device& device : machine().devices) keep(device);
  }
}

}  // namespace simulator
