#include "delays.h"

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <thread>

namespace simulator {

namespace {

constexpr std::chrono::microseconds kShortestSleep{200};

[[noreturn]] void refuse(const std::string& text) {
  std::fprintf(stderr, "SEQUOR_SIMULATOR_DELAYS has '%s'; needed call, init, context, module or cublas, '=' and microseconds\n",
               text.c_str());
  std::exit(2);
}

std::chrono::microseconds* named(Delays& delays, const std::string& name) {
  if (name == "call") return &delays.call;
  if (name == "init") return &delays.init;
  if (name == "context") return &delays.context;
  if (name == "module") return &delays.module;
  if (name == "cublas") return &delays.cublas;
  return nullptr;
}

}  // namespace

Delays parse_delays(const char* text) {
  Delays delays;
  std::istringstream all(text == nullptr ? "" : text);
  for (std::string each; std::getline(all, each, ',');) {
    const size_t equals = each.find('=');
    auto* delay = equals == std::string::npos ? nullptr : named(delays, each.substr(0, equals));
    if (delay == nullptr) refuse(each);
    const char* number = each.c_str() + equals + 1;
    char* end = nullptr;
    const long long value = std::strtoll(number, &end, 10);
    if (end == number || *end != 0 || value < 0) refuse(each);
    *delay = std::chrono::microseconds(value);
  }
  return delays;
}

void wait(std::chrono::microseconds time) {
  if (time >= kShortestSleep) {
    std::this_thread::sleep_for(time);
  } else if (time.count() > 0) {
    const auto until = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < until) {
    }
  }
}

}  // namespace simulator
