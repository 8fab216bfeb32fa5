// Compares the results of two runs, element by element.
#pragma once

#include <cstdio>

#include "results.h"

namespace kernelcases {

// Writes a line for each kernel, and what is wrong; true if nothing is.
bool compare(const Results& expected, const Results& found, std::FILE* to);

}  // namespace kernelcases
