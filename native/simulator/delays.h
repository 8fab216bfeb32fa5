// How long a simulated machine takes for what is slow on a real one. Tests of programs with time limits set it; the results of
// a call are the same.
#pragma once

#include <chrono>

#include "errors.h"

namespace simulator {

// What to add to calls, from a text such as "call=20,context=500000" in microseconds:
struct Delays {
  std::chrono::microseconds call{0};     // each call of the driver and of cuBLAS
  std::chrono::microseconds init{0};     // cuInit
  std::chrono::microseconds context{0};  // making a context, the primary one when it is first retained
  std::chrono::microseconds module{0};   // loading a module
  std::chrono::microseconds cublas{0};   // making a handle of cuBLAS
};

// Of null or an empty text: none. Ends the process, with a line that names it, if the text is something else.
Delays parse_delays(const char* text);

// Waits: short times busily, since sleeping takes longer than that.
SIMULATOR_API void wait(std::chrono::microseconds time);

}  // namespace simulator
