// The micro-kernels of one format of packed columns. Another translation unit may have compiled them for more instructions than the
// variant that calls them has.
#pragma once

namespace sequor {

// Left is what a row operand is made of, Element what packed columns are; see micro_kernel.h.
template <typename Left, typename Element>
struct KernelTable {
  using Micro = void (*)(long K, const Left* a, long lda, const Element* b, const float* scales, float* c, long ldc,
                         bool accumulate, const char* later, long ahead);
  using FewRows = void (*)(long K, const Left* a, long lda, const Element* panels, const float* scales, int vectors,
                           float* c, long ldc);

  Micro micro[2][2][14];   // [a is packed][registers of columns - 1][rows - 1]
  FewRows few_rows[2][3];  // [a is packed][rows - 1]
};

}  // namespace sequor
