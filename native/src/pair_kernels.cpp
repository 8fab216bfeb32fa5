// The micro-kernels of bfloat16 words for processors with the instruction for them, beside the variant avx512, which runs without
// it; see ci/build-native.
#include "micro_kernel.h"
#include "variant.h"

#if !defined(__AVX512BF16__)
#error "compiled without VDPBF16PS these would be the kernels that variants have anyway"
#endif

namespace sequor {

extern const PairKernels pair_kernels_avx512_bf16;
const PairKernels pair_kernels_avx512_bf16 =
    SEQ_ISA::all_kernels<SEQ_ISA::Bfloat16Pairs>(std::make_index_sequence<SEQ_ISA::kMr>());

}  // namespace sequor
