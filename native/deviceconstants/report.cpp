#include "report.h"

namespace deviceconstants {

namespace {

std::string quoted(const std::string& text) {
  std::string all = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') all += '\\';
    all += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return all + '"';
}

std::string number(double value) {
  if (!std::isfinite(value)) return "null";
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

}  // namespace

void Report::print(std::FILE* to) const {
  std::fprintf(to, "%s%s\n\n%-58s %12s %12s  %-8s %s\n", device.c_str(),
               simulated ? ": simulated, these numbers measure nothing" : "", "constant", "measured", "predicted", "unit",
               "by");
  for (const Constant& each : constants) {
    std::fprintf(
        to, "%-58s %12s %12s  %-8s %s\n", each.name.c_str(), each.failure.empty() ? number(each.measured).c_str() : "failed",
        std::isfinite(each.predicted) ? number(each.predicted).c_str() : "-", each.unit.c_str(), each.source.c_str());
    if (!each.failure.empty()) std::fprintf(to, "    %s\n", each.failure.c_str());
  }
}

std::string Report::json() const {
  std::string text = "{\n  \"device\" : " + quoted(device) + ",\n  \"simulated\" : " + (simulated ? "true" : "false") +
                     ",\n  \"constants\" : [";
  const char* separator = "\n";
  for (const Constant& each : constants) {
    text += separator;
    text += "    {\"name\" : " + quoted(each.name) + ", \"unit\" : " + quoted(each.unit) +
            ", \"measured\" : " + number(each.measured) + ", \"predicted\" : " + number(each.predicted) +
            ", \"source\" : " + quoted(each.source);
    if (!each.failure.empty()) text += ", \"failure\" : " + quoted(each.failure);
    text += "}";
    separator = ",\n";
  }
  return text + "\n  ]\n}\n";
}

}  // namespace deviceconstants
