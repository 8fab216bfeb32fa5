// kernels/sums.cu, and the sums of kernels/norm.cu, launched as ColumnSums.java does.
#include "case.h"

namespace kernelcases {
namespace {

// Rows that one thread adds up: at least 64, more where there is scratch memory for few partial sums only.
int rows_of_chunk(Draw& d, int rows) {
  const int most_chunks = d.either() ? 128 : d.between(1, 3);
  return std::max(64, (rows + most_chunks - 1) / most_chunks);
}

// Elements of an operand, as bits: halves are drawn as such.
std::vector<unsigned char> operand(Draw& d, Type type, int64_t elements) {
  std::vector<unsigned char> bytes;
  for (int64_t i = 0; i < elements; ++i) {
    const float value = d.value();
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    if (type == Type::kTf32) bits &= ~0x1fffu;
    if (type == Type::kBf16) bits >>= 16;
    if (type == Type::kF16) {  // exponents of 2^-7 to 2, and now and then a subnormal number
      const auto exponent = static_cast<uint32_t>(d.once_in(16) ? 0 : d.between(8, 16));
      bits = (bits >> 31) << 15 | exponent << 10 | d.word() % 1024;
    }
    for (size_t b = 0; b < bytes_of(type); ++b) bytes.push_back(static_cast<unsigned char>(bits >> (8 * b)));
  }
  return bytes;
}

Case partial_column_sums(Draw& d) {
  const int rows = d.size(300), columns = 4 * d.size(140), chunk = rows_of_chunk(d, rows), chunks = (rows - 1) / chunk + 1;
  const int type = d.below(4);
  Case c;
  c.int32(rows).int32(columns).int32(chunk);
  c.in_bits("operand", operand_of(type), operand(d, operand_of(type), static_cast<int64_t>(rows) * columns)).int32(type);
  c.out("partial", static_cast<int64_t>(chunks) * columns).launch(Case::blocks(columns / 4), chunks, 128);
  return c;
}

Case partial_column_sums_any(Draw& d) {
  const int rows = d.size(300), stride = d.size(200), first = d.below(stride), columns = d.between(1, stride - first);
  const int chunk = rows_of_chunk(d, rows), chunks = (rows - 1) / chunk + 1;
  Case c;
  c.int32(rows).int32(stride).int32(columns).int32(chunk);
  c.in("x", d.values(static_cast<int64_t>(rows) * stride)).anywhere(d).from(first);
  c.out("partial", static_cast<int64_t>(chunks) * columns).launch(Case::blocks(columns), chunks, 128);
  return c;
}

Case add_partial_sums(Draw& d) {
  const int chunks = d.size(20), G = d.between(1, 4), H = d.size(90), Hp = d.either() ? padded(H) : H,
            stride = d.either() ? H : H + d.below(9);
  const int64_t sums = (G - 1) * static_cast<int64_t>(stride) + H;
  Case c;
  c.int32(chunks).int32(G).int32(H).int32(Hp).int32(stride).in("partial", d.values(static_cast<int64_t>(chunks) * G * Hp));
  c.in_out("sums", d.values(sums)).anywhere(d);
  if (d.either()) {
    c.in_out("twin", d.values(sums)).anywhere(d);
  } else {
    c.null();
  }
  c.threads(G * H);
  return c;
}

Case partial_norm_sums(Draw& d) {
  const int M = d.size(300), N = d.size(150), first = d.below(N), n = d.between(1, N - first);
  const int chunk = rows_of_chunk(d, M), chunks = (M - 1) / chunk + 1;
  const int64_t elements = static_cast<int64_t>(M) * N;
  Floats saved;
  for (int row = 0; row < M; ++row) {
    saved.push_back(d.real(-1, 1));
    saved.push_back(d.real(0.25f, 4));
  }
  Case c;
  c.int32(M).int32(N).int32(n).int32(chunk).in("x", d.values(elements)).anywhere(d).from(first);
  c.in("saved", saved).anywhere(d).in("dy", d.values(elements)).anywhere(d).from(first);
  // Terms up to 2·3·4, a third of that on average, of which a thread adds up `chunk` at most.
  c.out("partial", static_cast<int64_t>(chunks) * 2 * n).sums_up_to(8.0f * static_cast<float>(std::min(M, chunk)));
  c.launch(Case::blocks(n), chunks, 128);
  return c;
}

}  // namespace

void add_sum_cases(Kernels& kernels) {
  kernels["partial_column_sums"] = partial_column_sums;
  kernels["partial_column_sums_any"] = partial_column_sums_any;
  kernels["add_partial_sums"] = add_partial_sums;
  kernels["partial_norm_sums"] = partial_norm_sums;
}

}  // namespace kernelcases
