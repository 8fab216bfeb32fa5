// What several devices have worked out of their parts of a batch, added up.
#include "operand.h"

using namespace sequor;

// values[i] = ((copies[0][i] + … ) + values[i]) + … in the order of the devices: `before` copies are those of devices before this
// one, `after` those of devices after it; copies [before + after, elements]. So whichever device adds up an element, it gets the
// same bits. Launch: a thread per element, grid (ceil(elements / 128)), block 128, no shared memory.
SEQ_KERNEL add_replicas(long long elements, int before, int after, const float* copies, float* values) {
  const long long i = thread_index();
  if (i >= elements) return;
  const float own = values[i];
  float sum = before > 0 ? copies[i] : own;
  for (int d = 1; d < before; ++d) sum += copies[d * elements + i];
  if (before > 0) sum += own;
  for (int d = before; d < before + after; ++d) sum += copies[d * elements + i];
  values[i] = sum;
}
SEQ_REGISTER(add_replicas)
