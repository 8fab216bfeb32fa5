// Random numbers of a key in device memory (sequor/philox.h).
#pragma once

#include "device.h"
#include "sequor/philox.h"

namespace sequor {

__device__ inline uint32_t word_of(const uint32_t (&words)[4], long long index) {
  return (index & 2) ? ((index & 1) ? words[3] : words[2]) : ((index & 1) ? words[1] : words[0]);
}

// That of element `index` of rows [..,B,width], see RandomKey::place.
__device__ inline uint32_t random_word(const RandomKey* key, int stream, long long index, int width) {
  const long long place = key->place(index, width);
  uint32_t words[4];
  philox_block(key->seed(), key->stream + static_cast<uint32_t>(stream), key->offset(), static_cast<uint32_t>(place >> 2),
               words);
  return word_of(words, place);
}

}  // namespace sequor
