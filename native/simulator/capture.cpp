#include "capture.h"

#include <algorithm>

namespace simulator {

namespace {

[[noreturn]] void invalidate(Capture& capture, Result code, const std::string& why) {
  if (capture.invalid.empty()) capture.invalid = why;
  throw Fault(code, why);
}

void require_valid(const Capture& capture) {
  if (!capture.invalid.empty()) throw Fault(kCaptureInvalidated, "the capture is invalid since: " + capture.invalid);
}

void merge(std::vector<size_t>& into, const std::vector<size_t>& more) {
  into.insert(into.end(), more.begin(), more.end());
  std::sort(into.begin(), into.end());
  into.erase(std::unique(into.begin(), into.end()), into.end());
}

// Detaches all its streams from the capture.
void dissolve(const std::shared_ptr<Capture>& capture) {
  for (Stream* stream : capture->streams) {
    stream->capture.reset();
    stream->tips.clear();
  }
  machine().captures.erase(capture);
}

// Which nodes lie before the given ones, themselves included.
std::vector<bool> ancestors(const Graph& graph, const std::vector<size_t>& tips) {
  std::vector<bool> reached(graph.nodes.size(), false);
  for (size_t tip : tips) reached[tip] = true;
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    if (!reached[i]) continue;
    for (size_t before : graph.nodes[i].dependencies) reached[before] = true;
  }
  return reached;
}

class GraphLaunch : public Operation {
 public:
  explicit GraphLaunch(std::shared_ptr<Executable> graph) : graph_(std::move(graph)) {}
  ~GraphLaunch() override {
    if (started_) graph_->launches_running--;
  }

  // An executable graph runs once at a time.
  bool ready() const override { return started_ || graph_->launches_running == 0; }

  bool advance(Context& context) override {
    if (!started_) start(context);
    if (ready_.empty()) return finish();
    // Mostly goes on where it is, sometimes elsewhere: any order that the dependencies allow can happen.
    Random& random = machine().random;
    if (ready_.size() > 1 && random.below(invited_ ? 1 : 4) == 0)
      std::swap(ready_[random.below(ready_.size())], ready_.back());
    const size_t node = ready_.back();
    ready_.pop_back();
    Operation* const operation = graph_->operations[node].get();
    if (operation != nullptr) operation->advance(context);
    invited_ = operation != nullptr && operation->invites_others();
    const size_t first = ready_.size();
    for (size_t next : graph_->successors[node]) {
      if (--left_[next] == 0) ready_.push_back(next);
    }
    random.shuffle(ready_.data() + first, ready_.size() - first);
    return ready_.empty() && finish();
  }

 private:
  void start(Context& context) {
    started_ = true;
    graph_->launches_running++;
    context.device.control.graph_launches++;
    left_ = graph_->dependencies;
    for (size_t i = 0; i < left_.size(); i++) {
      if (left_[i] == 0) ready_.push_back(i);
    }
    machine().random.shuffle(ready_.data(), ready_.size());
  }

  bool finish() {
    if (started_) graph_->launches_running--;
    started_ = false;
    return true;
  }

  std::shared_ptr<Executable> graph_;
  bool started_ = false, invited_ = false;  // whether the last node invites others
  std::vector<size_t> left_, ready_;        // dependencies that have not run, of each node; nodes with none
};

}  // namespace

void begin_capture(Stream& stream, CaptureMode mode) {
  if (stream.is_default) throw Fault(kCaptureUnsupported, "the default stream cannot be captured");
  if (stream.capture != nullptr) throw Fault(kIllegalState, "the stream is being captured already");
  auto capture = std::make_shared<Capture>();
  capture->origin = &stream;
  capture->mode = mode;
  capture->thread = std::this_thread::get_id();
  capture->streams.push_back(&stream);
  stream.capture = capture;
  machine().captures.insert(capture);
}

std::unique_ptr<Graph> end_capture(Stream& stream) {
  const std::shared_ptr<Capture> capture = stream.capture;
  if (capture == nullptr) throw Fault(kIllegalState, "the stream is not being captured");
  if (capture->origin != &stream) {
    invalidate(*capture, kCaptureUnmatched, "the capture did not begin in the stream that was to end it");
  }
  if (capture->mode != kRelaxed && capture->thread != std::this_thread::get_id()) {
    throw Fault(kCaptureWrongThread, "another thread began the capture");
  }
  const std::vector<bool> joined = ancestors(*capture->graph, stream.tips);
  bool unjoined = false;
  for (const Stream* each : capture->streams) {
    for (size_t tip : each->tips) unjoined |= !joined[tip];
  }
  dissolve(capture);
  require_valid(*capture);
  if (unjoined)
    throw Fault(kCaptureUnjoined, "work of a forked stream has not been joined to the stream that began the capture");
  return std::move(capture->graph);
}

void capture_operation(Stream& stream, std::shared_ptr<Operation> operation) {
  require_valid(*stream.capture);
  Graph& graph = *stream.capture->graph;
  graph.nodes.push_back({std::move(operation), stream.tips});
  stream.tips = {graph.nodes.size() - 1};
}

void capture_graph(Stream& stream, const Executable& child) {
  require_valid(*stream.capture);
  Graph& graph = *stream.capture->graph;
  const size_t first = graph.nodes.size();
  std::vector<size_t> last;
  for (const auto& operation : child.operations) graph.nodes.push_back({operation, {}});
  for (size_t i = 0; i < child.operations.size(); i++) {
    if (child.dependencies[i] == 0) graph.nodes[first + i].dependencies = stream.tips;
    for (size_t next : child.successors[i]) graph.nodes[first + next].dependencies.push_back(first + i);
    if (child.successors[i].empty()) last.push_back(first + i);
  }
  if (!last.empty()) stream.tips = last;
}

void capture_record(Stream& stream, Event& event) {
  require_valid(*stream.capture);
  event.capture = stream.capture;
  event.nodes = stream.tips;
}

void capture_wait(Stream& stream, Event& event) {
  if (event.capture == nullptr) {
    invalidate(*stream.capture, kCaptureIsolation, "a capturing stream was to wait for work outside its capture");
  }
  require_valid(*event.capture);
  if (stream.capture == nullptr) {
    if (machine().captures.count(event.capture) == 0) throw Fault(kCapturedEvent, "the event's capture has ended");
    if (stream.is_default) invalidate(*event.capture, kCaptureImplicit, "the default stream was to wait for captured work");
    stream.capture = event.capture;
    stream.capture->streams.push_back(&stream);
  } else if (stream.capture != event.capture) {
    if (event.capture->invalid.empty()) event.capture->invalid = "it was to be merged with another";
    invalidate(*stream.capture, kCaptureMerge, "a wait would merge two captures");
  }
  merge(stream.tips, event.nodes);
}

void leave_capture(Stream& stream) {
  const std::shared_ptr<Capture> capture = stream.capture;
  if (capture == nullptr) return;
  if (capture->origin == &stream) {
    dissolve(capture);
    return;
  }
  if (capture->invalid.empty()) capture->invalid = "a stream that took part was destroyed";
  capture->streams.erase(std::remove(capture->streams.begin(), capture->streams.end(), &stream), capture->streams.end());
  stream.capture.reset();
}

void forbid_waiting_for(Stream& stream, const char* call) {
  if (stream.capture != nullptr)
    invalidate(*stream.capture, kCaptureUnsupported, std::string(call) + " of a stream that is being captured");
  forbid_default_during_capture(stream);
}

void forbid_during_capture(const char* call) {
  for (const auto& capture : machine().captures) {
    if (capture->mode == kGlobal || (capture->mode == kThreadLocal && capture->thread == std::this_thread::get_id())) {
      invalidate(*capture, kCaptureUnsupported, std::string(call) + " while a stream is being captured");
    }
  }
}

void forbid_default_during_capture(const Stream& stream) {
  if (!stream.is_default) return;
  for (const auto& capture : machine().captures) {
    for (const Stream* each : capture->streams) {
      if (each->blocking && each->context == stream.context) {
        invalidate(*capture, kCaptureImplicit, "work in the default stream while a blocking stream is being captured");
      }
    }
  }
}

Executable::Executable(Context& context, size_t bytes) : context(context), bytes(bytes) {
  Control& control = context.device.control;
  control.graph_bytes += static_cast<int64_t>(bytes);
  take_device_bytes(control, bytes);
}

Executable::~Executable() {
  Control& control = context.device.control;
  control.graph_bytes -= static_cast<int64_t>(bytes);
  control.live_bytes -= static_cast<int64_t>(bytes);
}

size_t Graph::known_nodes() const {
  return static_cast<size_t>(std::count_if(nodes.begin(), nodes.end(), [](const Node& node) {
    return node.operation == nullptr || node.operation->is_node();
  }));
}

std::shared_ptr<Executable> instantiate(Context& context, const Graph& graph) {
  Control& control = context.device.control;
  const size_t count = graph.nodes.size(), known = graph.known_nodes(),
               bytes = known * static_cast<size_t>(control.graph_node_bytes);
  if (bytes > 0) admit_device_bytes("cuGraphInstantiate", control, bytes);
  auto executable = std::make_shared<Executable>(context, bytes);
  control.graph_nodes = std::max(control.graph_nodes, static_cast<int64_t>(known));
  executable->dependencies.resize(count);
  executable->successors.resize(count);
  for (size_t i = 0; i < count; i++) {
    executable->operations.push_back(graph.nodes[i].operation);
    executable->dependencies[i] = graph.nodes[i].dependencies.size();
    for (size_t before : graph.nodes[i].dependencies) executable->successors[before].push_back(i);
  }
  return executable;
}

std::shared_ptr<Operation> graph_launch(std::shared_ptr<Executable> graph) {
  return std::make_shared<GraphLaunch>(std::move(graph));
}

}  // namespace simulator
