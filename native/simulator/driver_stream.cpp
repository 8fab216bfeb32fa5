// Driver calls about streams and events.
#include "capture.h"
#include "operations.h"

namespace simulator {
namespace {

constexpr unsigned kNonBlocking = 1;
constexpr unsigned kDisableTiming = 2;

void create_stream(void** handle, unsigned flags, int priority) {
  Context& context = current_context();
  auto made = std::make_unique<Stream>();
  made->context = &context;
  made->blocking = (flags & kNonBlocking) == 0;
  made->priority = priority;
  *handle = context.streams.add(std::move(made));
}

const std::shared_ptr<Event>& event_of(void* handle) {
  current_context();
  const auto found = machine().events.find(static_cast<Event*>(handle));
  if (found == machine().events.end()) throw Fault(kInvalidHandle, "the event does not exist");
  return found->second;
}

void record(void* handle, void* stream_handle) {
  const std::shared_ptr<Event>& event = event_of(handle);
  Stream& stream = stream_of(stream_handle);
  if (event->context != stream.context) throw Fault(kInvalidHandle, "the event belongs to another context than the stream");
  if (stream.capture != nullptr) {
    capture_record(stream, *event);
    return;
  }
  event->capture.reset();
  event->nodes.clear();
  submit(stream, std::make_shared<Record>(event, ++event->recorded));
}

void forbid_captured(const Event& event) {
  if (event.capture == nullptr) return;
  if (event.capture->invalid.empty()) event.capture->invalid = "an event of the capture was waited for or queried";
  throw Fault(kCapturedEvent, "the event was last recorded in a capture");
}

}  // namespace
}  // namespace simulator

using namespace simulator;

extern "C" {

SIMULATOR_API int cuStreamCreate(void** stream, unsigned flags) {
  return call([&] { create_stream(stream, flags, 0); });
}

SIMULATOR_API int cuStreamCreateWithPriority(void** stream, unsigned flags, int priority) {
  return call([&] { create_stream(stream, flags, priority < -5 ? -5 : priority > 0 ? 0 : priority); });
}

// The stream's queued work still runs: here before the call returns.
SIMULATOR_API int cuStreamDestroy_v2(void* handle) {
  return call([&] {
    Stream& stream = stream_of(handle);
    if (stream.is_default) throw Fault(kInvalidHandle, "the default stream cannot be destroyed");
    leave_capture(stream);
    machine().run_until_empty(stream);
    stream.context->streams.remove(&stream);
  });
}

SIMULATOR_API int cuStreamSynchronize(void* handle) {
  return call([&] {
    Stream& stream = stream_of(handle);
    forbid_waiting_for(stream, "cuStreamSynchronize");
    machine().run_until_empty(stream);
    current_context();
  });
}

// Work goes on while the host asks, so that a loop of queries ends.
SIMULATOR_API int cuStreamQuery(void* handle) {
  return call([&] {
    Stream& stream = stream_of(handle);
    forbid_waiting_for(stream, "cuStreamQuery");
    if (machine().idle(stream)) return;
    machine().run_some();
    current_context();
    throw Fault(kNotReady, "the stream has work left");
  });
}

SIMULATOR_API int cuStreamWaitEvent(void* handle, void* event_handle, unsigned) {
  return call([&] {
    Stream& stream = stream_of(handle);
    const std::shared_ptr<Event>& event = event_of(event_handle);
    if (stream.capture != nullptr || event->capture != nullptr) {
      capture_wait(stream, *event);
    } else if (event->completed < event->recorded) {
      submit(stream, std::make_shared<WaitFor>(event, event->recorded));
    }
  });
}

SIMULATOR_API int cuStreamGetPriority(void* handle, int* priority) {
  return call([&] { *priority = stream_of(handle).priority; });
}

SIMULATOR_API int cuStreamGetFlags(void* handle, unsigned* flags) {
  return call([&] { *flags = stream_of(handle).blocking ? 0 : kNonBlocking; });
}

SIMULATOR_API int cuStreamGetCtx(void* handle, void** context) {
  return call([&] { *context = stream_of(handle).context; });
}

SIMULATOR_API int cuEventCreate(void** handle, unsigned flags) {
  return call([&] {
    auto made = std::make_shared<Event>();
    made->context = &current_context();
    made->timing = (flags & kDisableTiming) == 0;
    *handle = made.get();
    machine().events[made.get()] = made;
  });
}

SIMULATOR_API int cuEventDestroy_v2(void* handle) {
  return call([&] {
    event_of(handle);
    machine().events.erase(static_cast<Event*>(handle));
  });
}

SIMULATOR_API int cuEventRecord(void* handle, void* stream) {
  return call([&] { record(handle, stream); });
}

SIMULATOR_API int cuEventRecordWithFlags(void* handle, void* stream, unsigned) {
  return call([&] { record(handle, stream); });
}

SIMULATOR_API int cuEventSynchronize(void* handle) {
  return call([&] {
    const std::shared_ptr<Event> event = event_of(handle);
    forbid_captured(*event);
    forbid_during_capture("cuEventSynchronize");
    machine().run_until_complete(*event);
    current_context();
  });
}

SIMULATOR_API int cuEventQuery(void* handle) {
  return call([&] {
    const std::shared_ptr<Event> event = event_of(handle);
    forbid_captured(*event);
    forbid_during_capture("cuEventQuery");
    if (event->completed == event->recorded) return;
    machine().run_some();
    current_context();
    throw Fault(kNotReady, "the event's work is not done");
  });
}

SIMULATOR_API int cuEventElapsedTime(float* milliseconds, void* from_handle, void* to_handle) {
  return call([&] {
    const std::shared_ptr<Event>&from = event_of(from_handle), &to = event_of(to_handle);
    if (!from->timing || !to->timing) throw Fault(kInvalidHandle, "an event was created without timing");
    if (from->recorded == 0 || to->recorded == 0) throw Fault(kInvalidHandle, "an event has not been recorded");
    if (from->completed < from->recorded || to->completed < to->recorded)
      throw Fault(kNotReady, "an event's work is not done");
    *milliseconds = std::chrono::duration<float, std::milli>(to->time - from->time).count();
  });
}

}  // extern "C"
