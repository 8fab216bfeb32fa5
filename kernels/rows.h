// Which time step a sequence is at. Processing step k of the forward direction is time k; of the reverse direction time
// length-1-k, so that every sequence starts at its own last element. A row is active while k < length; past that its states and
// gradients are zero, so that products over all rows may run over it.
#pragma once

#include "device.h"

namespace sequor {

struct Row {
  int length;
  bool active, last;
  int time;  // of x, y and their gradients; an inactive row's is the padding that it must clear
};

__device__ inline Row row_at(int k, int b, int T, bool reverse, const int* lengths) {
  Row row;
  row.length = lengths ? lengths[b] : T;
  row.active = k < row.length;
  row.last = k == row.length - 1;
  row.time = row.active && reverse ? row.length - 1 - k : k;
  return row;
}

}  // namespace sequor
