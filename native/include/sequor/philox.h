// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
// Twin of dev.sequor.backend.Philox: key = seed; counter = (index / 4, stream, offset low, offset high); element index is word
// index % 4 of its block.
#pragma once

#include <cstdint>

#include "sequor/portable.h"

namespace sequor {

SEQ_HD void philox_block(uint64_t seed, uint32_t stream, uint64_t offset, uint32_t block, uint32_t (&out)[4]) {
  uint32_t c0 = block, c1 = stream, c2 = uint32_t(offset), c3 = uint32_t(offset >> 32);
  uint32_t k0 = uint32_t(seed), k1 = uint32_t(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t(0xD2511F53u) * c0, p1 = uint64_t(0xCD9E8D57u) * c2;
    c0 = uint32_t(p1 >> 32) ^ c1 ^ k0;
    c2 = uint32_t(p0 >> 32) ^ c3 ^ k1;
    c1 = uint32_t(p1);
    c3 = uint32_t(p0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

// Which numbers a call takes (dev.sequor.backend.RandomKey). In words of 32 bits, because a key may lie at any of them.
struct RandomKey {
  uint32_t seed_low, seed_high, offset_low, offset_high, stream;
  // Where a batch is a part of a larger one: its sequences, those of the whole, and which of them is its first; 0 where it is
  // the whole (dev.sequor.backend.BatchPart).
  uint32_t sequences, of, first;

  // Which number element `index` of rows [..,B,width] takes: the one that it would take in the whole batch. Elements that
  // belong to no sequence have width 0.
  SEQ_HD int64_t place(int64_t index, int64_t width) const {
    if (sequences == 0 || width == 0) return index;
    const int64_t row = int64_t(sequences) * width;
    return index + index / row * (int64_t(of) - sequences) * width + int64_t(first) * width;
  }

  SEQ_HD uint64_t seed() const { return uint64_t(seed_high) << 32 | seed_low; }
  SEQ_HD uint64_t offset() const { return uint64_t(offset_high) << 32 | offset_low; }
};

}  // namespace sequor
