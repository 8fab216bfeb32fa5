// Graphs, and their capture from streams.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "machine.h"

namespace simulator {

struct Node {
  std::shared_ptr<Operation> operation;  // null: nothing to do, only an order
  std::vector<size_t> dependencies;      // nodes before it
};

struct Graph {
  std::vector<Node> nodes;  // a node comes after those it depends on

  // Those that its user knows of, and that take memory.
  size_t known_nodes() const;
};

enum CaptureMode : int { kGlobal = 0, kThreadLocal = 1, kRelaxed = 2 };

// Begins in one stream; others join by waiting for an event of the capture, and must be joined to the first again.
struct Capture {
  Stream* origin;
  CaptureMode mode;
  std::thread::id thread;
  std::unique_ptr<Graph> graph = std::make_unique<Graph>();
  std::vector<Stream*> streams;  // all that take part, the origin first
  std::string invalid;           // why it is invalid; empty while it is valid
};

// A graph ready to run: what may follow what, worked out once. It has device memory as long as it exists or runs.
struct Executable {
  Executable(Context& context, size_t bytes);
  ~Executable();
  Executable(const Executable&) = delete;
  Executable& operator=(const Executable&) = delete;

  Context& context;
  const size_t bytes;
  std::vector<std::shared_ptr<Operation>> operations;
  std::vector<size_t> dependencies;             // of each node, how many
  std::vector<std::vector<size_t>> successors;  // of each node
  size_t launches_running = 0;
};

void begin_capture(Stream& stream, CaptureMode mode);
std::unique_ptr<Graph> end_capture(Stream& stream);
void capture_operation(Stream& stream, std::shared_ptr<Operation> operation);
void capture_graph(Stream& stream, const Executable& graph);
void capture_record(Stream& stream, Event& event);
void capture_wait(Stream& stream, Event& event);
// The stream is about to go: what it takes part in cannot end well.
void leave_capture(Stream& stream);

// Throws, and makes the capture invalid, where the real driver does: a call that waits for work that is being captured, a
// call that may wait implicitly while a capture forbids it, work in the default stream while a blocking stream captures.
void forbid_waiting_for(Stream& stream, const char* call);
SIMULATOR_API void forbid_during_capture(const char* call);
void forbid_default_during_capture(const Stream& stream);

std::shared_ptr<Executable> instantiate(Context& context, const Graph& graph);
std::shared_ptr<Operation> graph_launch(std::shared_ptr<Executable> graph);

}  // namespace simulator
