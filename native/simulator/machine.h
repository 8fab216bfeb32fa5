// The simulated machine: devices, contexts and what they own, and the scheduler of queued work.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "control.h"
#include "delays.h"
#include "errors.h"
#include "kernel.h"
#include "memory.h"
#include "occupancy.h"
#include "ptx/program.h"
#include "random.h"

namespace simulator {

struct Capture;
struct Context;
struct Executable;
struct Stream;

// One piece of work in a stream, or one node of a graph. Nodes run many times, so running changes nothing in them.
class SIMULATOR_API Operation {
 public:
  virtual ~Operation() = default;
  // May it go on now, as far as it knows itself? Its stream decides the rest.
  virtual bool ready() const { return true; }
  // Does a part of the work; true when all is done.
  virtual bool advance(Context& context) = 0;
  // Is it only a part of something, so that work of others right after it is telling? It then comes more often.
  virtual bool invites_others() const { return false; }
  // Bookkeeping that later work of other contexts waits for happens even after the context has failed.
  virtual bool survives_failure() const { return false; }
  // Whether it is a node that the user of a graph knows of; else it is a part of the next one.
  virtual bool is_node() const { return true; }
};

struct Event {
  Context* context = nullptr;
  bool timing = true;
  uint64_t recorded = 0, completed = 0;  // tickets: a wait is for the ticket of the last record before it
  std::chrono::steady_clock::time_point time;
  std::shared_ptr<Capture> capture;  // if it was last recorded in a capture: after these nodes
  std::vector<size_t> nodes;
};

struct Queued {
  std::shared_ptr<Operation> operation;
  uint64_t sequence;
};

struct Stream {
  Context* context = nullptr;
  bool is_default = false;  // the legacy default stream
  bool blocking = true;     // ordered with the default stream
  int priority = 0;
  uint64_t rank = 0;  // the higher goes first; drawn anew now and then
  std::deque<Queued> queue;
  std::shared_ptr<Capture> capture;
  std::vector<size_t> tips;  // nodes that its next captured work depends on
};

// Owns what handles point to, in the order of creation: an order by address would differ from run to run.
template <typename T>
class Owned {
 public:
  T* add(std::unique_ptr<T> made) {
    all_.push_back(std::move(made));
    return all_.back().get();
  }
  bool has(const void* handle) const {
    return std::any_of(all_.begin(), all_.end(), [=](const auto& each) { return each.get() == handle; });
  }
  void remove(const T* one) {
    all_.erase(std::find_if(all_.begin(), all_.end(), [=](const auto& each) { return each.get() == one; }));
  }
  void clear() { all_.clear(); }
  size_t size() const { return all_.size(); }
  auto begin() const { return all_.begin(); }
  auto end() const { return all_.end(); }

 private:
  std::vector<std::unique_ptr<T>> all_;
};

struct Device {
  int ordinal = 0;
  Control control;
  std::unique_ptr<Context> primary;
  int retained = 0;
};

struct Module;
struct Function {
  std::shared_ptr<const Kernel> kernel;
  Module* module;
  Resources resources;
  int dynamic_shared_bytes = 48 << 10;
};
struct Module {
  Context* context;
  std::map<std::string, std::unique_ptr<Function>> functions;
  std::shared_ptr<ptx::Program> program;  // if it is interpreted
};

struct Context {
  explicit Context(Device& device);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  void clear();  // takes back all that it owns and forgets its failure

  Device& device;
  Result failure = kSuccess;  // once a kernel has failed, every call says so
  std::string failure_text;
  std::unique_ptr<Stream> default_stream;
  Owned<Stream> streams;
  int64_t blas_handles = 0;
  std::map<Module*, std::unique_ptr<Module>> modules;
  std::set<const Function*> functions;  // of all its modules
  std::set<const Context*> peers;       // whose memory its kernels may use
};

struct Settings {
  int devices, major, minor, driver_version, multiprocessors;
  uint64_t seed, memory_bytes, branches;
  const char* name;  // of each device
  Delays delays;
  bool peers;        // whether devices reach each other's memory
  bool interpreted;  // kernels are those of the PTX that is loaded, and not the compiled ones of the same name
};

class SIMULATOR_API Machine {
 public:
  Machine();

  const Settings settings;
  std::recursive_mutex lock;
  Memory memory;
  Random random;
  std::deque<Device> devices;
  Owned<Context> contexts;  // besides the primary ones
  std::map<Event*, std::shared_ptr<Event>> events;
  std::set<std::shared_ptr<Capture>> captures;
  std::map<void*, std::shared_ptr<Executable>> executables;
  int64_t driver_calls = 0;
  bool initialized = false;

  void reseed(uint64_t seed);
  bool is_context(const Context* context) const;
  int64_t handles(const Context& context) const;  // that it owns

  // Queues work; runs everything when very much has gathered.
  void enqueue(Stream& stream, std::shared_ptr<Operation> operation);
  void run_until_empty(Stream& stream);
  void run_until_empty(Context& context);
  void run_until_complete(const Event& event);
  void run_some();               // a few steps of whatever is ready
  void discard(Stream& stream);  // forgets its queued work
  bool idle(const Stream& stream) const { return stream.queue.empty(); }

 private:
  template <typename Done>
  void run_until(const Done& done);
  Stream* choose();
  bool may_run(const Stream& stream) const;
  void step(Stream& stream);
  template <typename Visit>
  void each_stream(const Visit& visit) const;

  uint64_t sequence_ = 0;
  size_t queued_ = 0;
};

SIMULATOR_API Machine& machine();

// The calling thread's context. Throws if there is none, or if it has failed.
SIMULATOR_API Context& current_context();
SIMULATOR_API Context* current_context_or_null();
std::vector<Context*>& context_stack();

// The stream a handle means: null and 1 are the default stream of the current context.
SIMULATOR_API Stream& stream_of(void* handle);

// Queues the operation in the stream, or adds it to the graph that the stream captures.
SIMULATOR_API void submit(Stream& stream, std::shared_ptr<Operation> operation);

// Runs a driver call: takes the lock, counts it, turns a fault into its code and keeps its text.
template <typename Body>
int call(Body&& body);

SIMULATOR_API void keep_text(const std::string& text);

template <typename Body>
int call(Body&& body) {
  Machine& m = machine();
  wait(m.settings.delays.call);
  const std::lock_guard<std::recursive_mutex> guard(m.lock);
  m.driver_calls++;
  try {
    body();
    return kSuccess;
  } catch (const Fault& fault) {
    keep_text(fault.what());
    return fault.code;
  } catch (const std::bad_alloc&) {
    keep_text("the host is out of memory");
    return kOutOfMemory;
  }
}

}  // namespace simulator
