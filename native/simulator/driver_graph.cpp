// Driver calls about captures and graphs.
#include <map>
#include <memory>

#include "capture.h"

namespace simulator {
namespace {

std::map<void*, std::unique_ptr<Graph>>& graphs() {
  static std::map<void*, std::unique_ptr<Graph>> all;
  return all;
}

template <typename Owner>
typename Owner::mapped_type& find(Owner& owner, void* handle, const char* what) {
  const auto found = owner.find(handle);
  if (found == owner.end()) throw Fault(kInvalidValue, std::string(what) + " does not exist");
  return found->second;
}

const std::shared_ptr<Executable>& executable_of(void* handle) {
  const auto& found = find(machine().executables, handle, "the executable graph");
  if (&found->context != &current_context()) {
    throw Fault(kInvalidHandle, "the executable graph belongs to another context than the current one");
  }
  return found;
}

}  // namespace
}  // namespace simulator

using namespace simulator;

extern "C" {

SIMULATOR_API int cuStreamBeginCapture_v2(void* stream, int mode) {
  return call([&] {
    if (mode < kGlobal || mode > kRelaxed) throw Fault(kInvalidValue, "capture mode " + std::to_string(mode));
    begin_capture(stream_of(stream), static_cast<CaptureMode>(mode));
  });
}

SIMULATOR_API int cuStreamEndCapture(void* stream, void** graph) {
  return call([&] {
    *graph = nullptr;
    auto captured = end_capture(stream_of(stream));
    // This is memory of the host, which can lack as well.
    admit("cuStreamEndCapture", current_context().device.control, sizeof(Graph));
    *graph = captured.get();
    graphs()[captured.get()] = std::move(captured);
  });
}

SIMULATOR_API int cuStreamIsCapturing(void* handle, int* status) {
  return call([&] {
    const Stream& stream = stream_of(handle);
    *status = stream.capture == nullptr ? 0 : stream.capture->invalid.empty() ? 1 : 2;
  });
}

SIMULATOR_API int cuGraphInstantiateWithFlags(void** handle, void* graph, unsigned long long) {
  return call([&] {
    auto made = instantiate(current_context(), *find(graphs(), graph, "the graph"));
    *handle = made.get();
    machine().executables[made.get()] = made;
  });
}

SIMULATOR_API int cuGraphUpload(void* handle, void* stream) {
  return call([&] {
    executable_of(handle);
    stream_of(stream);
  });
}

SIMULATOR_API int cuGraphLaunch(void* handle, void* stream_handle) {
  return call([&] {
    Stream& stream = stream_of(stream_handle);
    const auto& executable = executable_of(handle);
    if (stream.capture != nullptr) {
      capture_graph(stream, *executable);
    } else {
      submit(stream, graph_launch(executable));
    }
  });
}

SIMULATOR_API int cuGraphGetNodes(void* graph, void** nodes, size_t* count) {
  return call([&] {
    current_context();
    const size_t all = find(graphs(), graph, "the graph")->known_nodes();
    if (nodes != nullptr) throw Fault(kNotSupported, "the simulator counts nodes, it does not give them out");
    *count = all;
  });
}

SIMULATOR_API int cuGraphDestroy(void* graph) {
  return call([&] {
    current_context();
    find(graphs(), graph, "the graph");
    graphs().erase(graph);
  });
}

// Launches that are queued keep what they need, its memory too.
SIMULATOR_API int cuGraphExecDestroy(void* handle) {
  return call([&] {
    executable_of(handle);
    machine().executables.erase(handle);
  });
}

}  // extern "C"
