// What was measured, beside what was expected, as a table and as JSON.
#pragma once

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

namespace deviceconstants {

struct Constant {
  std::string name, unit;
  double measured = NAN;
  double predicted = NAN;  // NaN: nobody has said anything
  std::string source;      // of the prediction
  std::string failure;     // why nothing was measured
};

struct Report {
  std::string device;
  bool simulated;
  std::vector<Constant> constants;

  void print(std::FILE* to) const;
  std::string json() const;
};

}  // namespace deviceconstants
