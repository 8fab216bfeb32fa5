#include "compare.h"

#include <cinttypes>
#include <map>

#include "limits.h"

namespace kernelcases {
namespace {

template <typename T>
T read(const unsigned char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

// Bits of a floating-point number as an integer that grows with it; the two zeros are one.
int64_t ordered(uint64_t bits, int width) {
  const uint64_t sign = uint64_t{1} << (width - 1);
  return bits & sign ? -static_cast<int64_t>(bits & (sign - 1)) : static_cast<int64_t>(bits);
}

double of_f16(uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const double magnitude = exponent == 31  ? (mantissa ? NAN : INFINITY)
                           : exponent == 0 ? std::ldexp(mantissa, -24)
                                           : std::ldexp(1024 + mantissa, exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

struct Element {
  double value;
  int64_t order;
  double ulps_each;  // ulps, as limits mean them, from one number to the next
};

Element element(Type type, const unsigned char* bytes) {
  switch (type) {
    case Type::kBf16: {
      const uint16_t bits = read<uint16_t>(bytes);
      const uint32_t wide = static_cast<uint32_t>(bits) << 16;
      return {static_cast<double>(read<float>(reinterpret_cast<const unsigned char*>(&wide))), ordered(bits, 16), 1};
    }
    case Type::kF16: return {of_f16(read<uint16_t>(bytes)), ordered(read<uint16_t>(bytes), 16), 1};
    case Type::kTf32: return {static_cast<double>(read<float>(bytes)), ordered(read<uint32_t>(bytes), 32), 0x1p-13};
    case Type::kFloat64: return {read<double>(bytes), ordered(read<uint64_t>(bytes), 64), 0x1p-29};
    case Type::kFloat32:
    case Type::kKeptTanh:
    case Type::kKeptSigmoid: return {static_cast<double>(read<float>(bytes)), ordered(read<uint32_t>(bytes), 32), 1};
    default: return {0, 0, 0};
  }
}

bool is_number(Type type) { return type != Type::kWord && type != Type::kFlag; }
bool is_power(Type type) { return type == Type::kKeptSigmoid || type == Type::kKeptTanh; }
bool is_narrow(Type type) { return type == Type::kBf16 || type == Type::kF16 || type == Type::kTf32; }

std::string text(Type type, const unsigned char* bytes) {
  char buffer[64];
  if (type == Type::kFlag) {
    std::snprintf(buffer, sizeof buffer, "%d", bytes[0]);
  } else if (type == Type::kWord) {
    std::snprintf(buffer, sizeof buffer, "%" PRId32, read<int32_t>(bytes));
  } else {
    std::snprintf(buffer, sizeof buffer, "%.9g", element(type, bytes).value);
  }
  return buffer;
}

struct Place {
  uint32_t number;
  std::string text;
};

// What was found out of one kernel.
struct Summary {
  size_t cases = 0, elements = 0, differing = 0, wrong = 0;
  double ulps = 0, parts = 0;  // the most: parts of those elements that are more ulps apart than the limit has
  Place worst{};
  double worst_share = -1;  // of its limit
  std::string failure;      // the first that is no matter of digits
};

void compare_element(const Limit& limit, const Result& result, const Output& a, const Output& b, Type type, size_t first,
                     size_t index, Summary& s) {
  const unsigned char *x = &a.bytes[first], *y = &b.bytes[first];
  const size_t counts = type == Type::kFlag ? 1 : bytes_of(type);
  s.elements++;
  if (std::memcmp(x, y, counts) == 0) return;
  const auto unwritten = [=](const unsigned char* p) {
    return std::all_of(p, p + counts, [](unsigned char c) { return c == kUnwritten; });
  };
  double share = INFINITY, ulps = INFINITY, parts = INFINITY;
  if (is_number(type) && !unwritten(x) && !unwritten(y)) {
    const Element p = element(type, x), q = element(type, y);
    if ((std::isnan(p.value) && std::isnan(q.value)) || p.value == q.value) return;
    s.differing++;
    if (std::isfinite(p.value) && std::isfinite(q.value)) {
      ulps = static_cast<double>(std::llabs(p.order - q.order)) * p.ulps_each;
      // A last digit of a narrow type may turn by any difference of the number that was rounded.
      const double rounding = is_narrow(type) && limit.ulps > 0 ? 1 : 0;
      // The exponent of a power is its logarithm; a sigmoid that is all but shut is right to the last digits.
      if (is_power(type) && p.value != 0) ulps /= 1 + std::fabs(std::log(std::fabs(p.value)));
      const double scale = type == Type::kKeptSigmoid ? 0 : static_cast<double>(a.scale) * 0x1p-24;
      if (scale > 0) parts = std::fabs(p.value - q.value) / scale;
      // Where a double has a scale, that is what its float32 are; the double may be much larger.
      const double by_ulps = type == Type::kFloat64 && scale > 0 ? INFINITY
                             : ulps <= rounding                  ? 0
                             : limit.ulps > 0                    ? (ulps - rounding) / static_cast<double>(limit.ulps)
                                                                 : INFINITY;
      const double by_parts = limit.parts > 0 ? parts / static_cast<double>(limit.parts) : INFINITY;
      share = std::min(by_ulps, by_parts);
      if (by_ulps <= 1 || !(scale > 0)) {
        s.ulps = std::max(s.ulps, ulps);
      } else {
        s.parts = std::max(s.parts, parts);
      }
    }
  } else {
    s.differing++;
  }
  if (share > 1) s.wrong++;
  if (share > s.worst_share) {
    s.worst_share = share;
    char distance[64] = "";
    if (std::isfinite(ulps)) std::snprintf(distance, sizeof distance, ", %.3g ulp, %.3g parts", ulps, parts);
    s.worst = {result.number, a.name + "[" + std::to_string(index) + "] " + (unwritten(x) ? "unwritten" : text(type, x)) +
                                  " and " + (unwritten(y) ? "unwritten" : text(type, y)) + distance};
  }
}

void compare_case(const Limit& limit, const Result& a, const Result& b, Summary& s) {
  const auto fail = [&](const std::string& why) {
    if (s.failure.empty()) s.failure = "case " + std::to_string(a.number) + ": " + why;
  };
  s.cases++;
  if (!a.failure.empty()) return fail("the first file has a failure: " + a.failure);
  if (!b.failure.empty()) return fail(b.failure);
  if (a.inputs != b.inputs) return fail("the inputs are not the same: two versions of this program made the files");
  if (a.outputs.size() != b.outputs.size()) return fail("the outputs are not the same");
  for (size_t i = 0; i < a.outputs.size(); ++i) {
    const Output &x = a.outputs[i], &y = b.outputs[i];
    if (x.name != y.name || x.types != y.types || x.bytes.size() != y.bytes.size())
      return fail("the outputs are not the same");
    size_t first = 0;
    for (size_t index = 0; first < x.bytes.size(); ++index) {
      const Type type = x.types[index % x.types.size()];
      compare_element(limit, a, x, y, type, first, index, s);
      first += bytes_of(type);
    }
  }
}

}  // namespace

bool compare(const Results& expected, const Results& found, std::FILE* to) {
  std::map<std::pair<std::string, uint32_t>, const Result*> others;
  for (const Result& each : found.all) others[{each.kernel, each.number}] = &each;
  std::map<std::string, Summary> kernels;
  for (const Result& each : expected.all) {
    Summary& s = kernels[each.kernel];
    const auto other = others.find({each.kernel, each.number});
    const Limit* limit = limit_of(each.kernel);
    if (limit == nullptr) {
      s.failure = "there is no limit for it in native/kernelcases/limits.cpp";
    } else if (other == others.end()) {
      if (s.failure.empty()) s.failure = "case " + std::to_string(each.number) + " is not in the second file";
    } else {
      compare_case(*limit, each, *other->second, s);
      others.erase(other);
    }
  }
  for (const auto& each : others) {
    Summary& s = kernels[each.first.first];
    if (s.failure.empty()) s.failure = "case " + std::to_string(each.first.second) + " is not in the first file";
  }
  std::fprintf(to, "%s\n%s\n\n%-34s %5s %9s %9s %9s %9s  %s\n", expected.device.c_str(), found.device.c_str(), "kernel",
               "cases", "elements", "differing", "most ulp", "parts", "limit");
  size_t wrong = 0, equal = 0;
  for (const auto& [name, s] : kernels) {
    const Limit* limit = limit_of(name);
    const bool right = s.failure.empty() && s.wrong == 0;
    if (!right) wrong++;
    if (right && s.differing == 0) equal++;
    std::fprintf(to, "%-34s %5zu %9zu %9zu %9.3g %9.3g  %g, %g%s\n", name.c_str(), s.cases, s.elements, s.differing, s.ulps,
                 s.parts, limit == nullptr ? NAN : static_cast<double>(limit->ulps),
                 limit == nullptr ? NAN : static_cast<double>(limit->parts), right ? "" : "  WRONG");
    if (s.differing > 0) std::fprintf(to, "    case %u: %s\n", s.worst.number, s.worst.text.c_str());
    if (s.wrong > 0) std::fprintf(to, "    %zu elements are beyond the limit\n", s.wrong);
    if (!s.failure.empty()) std::fprintf(to, "    %s\n", s.failure.c_str());
  }
  std::fprintf(to, "\n%zu kernels, %zu with the same bits, %zu wrong\n", kernels.size(), equal, wrong);
  return wrong == 0 && !kernels.empty();
}

}  // namespace kernelcases
