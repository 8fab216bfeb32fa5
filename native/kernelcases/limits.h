// How far the results of a kernel on two machines may lie apart.
#pragma once

#include <string>

namespace kernelcases {

// An element is right if it differs by at most `ulps` units in the last place of its type (of float32 where it is a double
// made of floats), or by at most `parts` · 2^-24 of Buffer::scale.
struct Limit {
  float ulps, parts;
};

// Null for a kernel that has none.
const Limit* limit_of(const std::string& kernel);

}  // namespace kernelcases
