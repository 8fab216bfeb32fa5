// kernels/replicas.cu, launched as PeerSum.java does.
#include "case.h"

namespace kernelcases {
namespace {

Case add_replicas(Draw& d) {
  const int elements = d.number() == 1 ? 1025 : d.size(300), devices = d.between(2, 9), before = d.below(devices);
  const int copies = devices - 1;
  Case c;
  c.int64(elements).int32(before).int32(copies - before);
  c.in("copies", d.values(static_cast<int64_t>(copies) * elements));
  c.in_out("values", d.values(elements)).anywhere(d).threads(elements);
  return c;
}

}  // namespace

void add_replica_cases(Kernels& kernels) { kernels["add_replicas"] = add_replicas; }

}  // namespace kernelcases
