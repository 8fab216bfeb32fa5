// One direction of one recurrent layer over a whole sequence, forward and back-propagation through time, for any cell.
//
// Rows are in compact order (variant.h, Rows): step k works on rows offset(k) … offset(k)+n(k)-1, and n falls with k, so work
// and memory follow the valid rows, not the padding.
//
// Each thread owns a slice of the hidden units through all time steps: its rows of W and R stay in its cache, packed so that one
// register tile holds all gates of its units, and the gates are applied to the tile while it is in L1. h (or c) of a step is all
// that threads exchange, so one barrier a step suffices. The input product is made for several steps at once where the batch is
// small, so that W is not read again for each step.
//
// saved (training): states before each step [S][T·B][Hs], gates [T·B][Hs/lanes][K][lanes] and, with two products, r∘h [T·B][Hs].
//
// Where products multiply bfloat16 (SeqEngine::pair_kernels), what they multiply is rounded once, when it is written: the weights
// when they are packed, x at the start of a chunk, states and gate gradients by the gates. Saved are then, after the gates, the
// state that R multiplies as bfloat16 [T·B][Hs], and r∘h as bfloat16 only. Everything else, and every sum, is float32.
#pragma once

#include <type_traits>

#include "column_sums.h"
#include "gemm.h"
#include "sequor/cells.h"
#include "variant.h"

namespace sequor {
namespace SEQ_ISA {

template <int n>
constexpr int at_least_one = n > 0 ? n : 1;

template <typename Cell>
struct Layer {
  static constexpr int G = Cell::kGates, S = Cell::kStates, K = Cell::kSaved, P = Cell::kPeepholes;
  // Gates of the first and, if there are two products, of the second recurrent product.
  static constexpr int kFirstGates = Cell::kTwoProducts ? G - 1 : G;
  static constexpr int kSecondGates = G - kFirstGates;
  // Unit blocks (one register of units each) that are packed together so that panels of two registers come out even.
  static constexpr int kGroup = (G % 2 == 0 && kFirstGates % 2 == 0) ? 1 : 2;

  static long unit_blocks(const SeqLayer& l) { return (l.H + kLanes - 1) / kLanes; }

  // The unit blocks [begin, end) of one thread.
  struct Slice {
    long begin, end;
  };

  static Slice slice_of(const SeqLayer& l, int member) {
    const long blocks = unit_blocks(l), groups = (blocks + kGroup - 1) / kGroup;
    const long begin = groups * member / l.threads * kGroup, end = groups * (member + 1) / l.threads * kGroup;
    return {begin < blocks ? begin : blocks, end < blocks ? end : blocks};
  }

  static long widest_slice(const SeqLayer& l) {
    long widest = 0;
    for (int member = 0; member < l.threads; ++member) {
      const Slice s = slice_of(l, member);
      if (s.end - s.begin > widest) widest = s.end - s.begin;
    }
    return widest;
  }

  static bool x_needs_packing(const SeqLayer& l) { return !l.rows.identity || l.I % 1024 == 0; }

  static bool multiplies_pairs(const SeqLayer& l) { return l.engine->pair_kernels != nullptr; }

  // What so many numbers of a row operand are: words of two, or themselves.
  static long words(const SeqLayer& l, long numbers) {
    return multiplies_pairs(l) ? Bfloat16Pairs::words(numbers) : numbers;
  }

  // Words of a row of x as bfloat16, kept off multiples of 4 KiB.
  static long pair_row(const SeqLayer& l) {
    const long row = Bfloat16Pairs::words(l.I);
    return row % 1024 == 0 ? row + kLanes : row;
  }

  // Memory of numbers of two bytes.
  static uint16_t* halves(float* memory) { return reinterpret_cast<uint16_t*>(memory); }

  // ---- sizes -------------------------------------------------------------------------------------------------------------

  static void bind(SeqLayer& l) {
    l.traits = {G, S, K, P, Cell::kTwoProducts, Cell::kSharedGateGradients};
    l.forward_function = forward;
    l.backward_function = backward;
    // A step too small to pay for a barrier runs on one thread, and so does a call too small to pay for waking the others: 60 us
    // where they sleep (measured on a virtual machine), about as long as one thread takes for kWorthWaking.
    constexpr double kWorthWaking = 8e6;
    const double step_flops = 2.0 * l.B * G * l.H * l.H, call_flops = 2.0 * l.T * l.B * G * l.H * (l.I + l.H);
    const long groups = (unit_blocks(l) + kGroup - 1) / kGroup;
    l.most_threads = l.engine->team->size();
    if (l.most_threads > groups) l.most_threads = int(groups);
    if (!l.engine->share_everything && (step_flops < 100e3 || call_flops < kWorthWaking)) l.most_threads = 1;
    l.chunk_steps = 128 / l.B;
    if (l.chunk_steps > l.T) l.chunk_steps = l.T;
    if (l.chunk_steps < 1) l.chunk_steps = 1;

    const long units = unit_blocks(l) * kLanes, rows = long(l.T) * l.B;
    l.input_pack_size = unit_blocks(l) * G * register_bytes(l.weights, l.I) / long(sizeof(float)) + 1;
    l.recurrent_pack_size = unit_blocks(l) * G * register_bytes(l.weights, l.H) / long(sizeof(float)) + 1;
    l.scales_size = l.weights == WeightFormat::kInt8 ? units * G : 0;
    l.bias_pack_size = 2 * units * G;
    l.peephole_pack_size = units * P;
    l.backward_peepholes_size = l.training ? units * P : 0;
    l.rows_apart = !l.training && l.B % kWholeTile == 0;
    l.state_size = l.training ? 0 : 2L * S * l.B * l.Hs;
    l.gates_size = !l.training && Cell::kTwoProducts ? long(l.B) * K * l.Hs : 0;
    // Strides are multiples of 16, so rows are whole numbers of words.
    l.gated_size = !l.training && Cell::kTwoProducts ? l.B * words(l, l.Hs) : 0;
    l.rounded_state_size = !l.training && multiplies_pairs(l) ? 2L * l.B * words(l, l.Hs) : 0;
    l.backward_pack_size = l.training ? units * G * words(l, l.Hs) : 0;
    l.dwx_size = l.training ? rows * words(l, l.ldg) : 0;
    l.drh_size = l.training && !Cell::kSharedGateGradients ? rows * words(l, l.ldg) : 0;
    l.carry_size = l.training ? long(S) * l.B * l.Hs : 0;
    l.scratch_size = 0;
    for (int threads = 1; threads <= l.most_threads; ++threads) {
      use_threads(l, threads);
      if (l.thread_size * threads > l.scratch_size) l.scratch_size = l.thread_size * threads;
    }
  }

  // Divides the layer among so many threads. What is packed for the forward pass lies the same for any number.
  static void use_threads(SeqLayer& l, int threads) {
    l.threads = threads;
    const long chunk_rows = long(l.chunk_steps) * l.B, columns = widest_slice(l) * G * kLanes;
    const long x_row = multiplies_pairs(l) ? pair_row(l) : l.I;
    l.thread_size = chunk_rows * columns + long(l.B) * kGroup * G * kLanes + chunk_rows * x_row + kLanes;  // pack_rows' last
  }

  static void use_advisable_threads(SeqLayer& l) {
    const int advisable = l.engine->team->advisable();
    use_threads(l, l.most_threads < advisable ? l.most_threads : advisable);
  }

  // ---- packing -----------------------------------------------------------------------------------------------------------

  // Where the registers of columns of a gate-interleaved matrix lie: register number `begin` and those after it.
  struct Panels {
    void* data;
    float* scales;

    Panels from(WeightFormat format, long begin, long width) const {
      return {static_cast<char*>(data) + begin * register_bytes(format, width), scales + begin * kLanes};
    }
  };

  static Panels input_panels(const SeqLayer& l) { return {l.packed->input_pack, l.packed->input_scales}; }
  static Panels recurrent_panels(const SeqLayer& l) { return {l.packed->recurrent_pack, l.packed->recurrent_scales}; }
  // Those of the second recurrent product.
  static Panels second_panels(const SeqLayer& l) {
    return recurrent_panels(l).from(l.weights, unit_blocks(l) * kFirstGates, l.H);
  }

  template <typename W>
  static void weigh_in(const SeqLayer& l, const Kernels<W>& kernels, long rows, long width, const RowOperand& a,
                       const Panels& at, long vectors, float* c, long ldc, const Panels& next) {
    using Element = typename W::Element;
    const long depth = W::words(width);
    if (l.rows_apart && rows / block_count(rows) < kWholeTile) {
      product_by_rows<W>(kernels, rows, depth, a, static_cast<Element*>(at.data), at.scales, int(vectors), c, ldc);
      return;
    }
    product<W>(kernels, rows, depth, a, static_cast<Element*>(at.data), at.scales, int(vectors), c, ldc, false,
               static_cast<Element*>(next.data));
  }

  template <typename W>
  static void weigh_floats(const SeqLayer& l, long rows, long width, const RowOperand& a, const Panels& at, long vectors,
                           float* c, long ldc, const Panels& next) {
    weigh_in<W>(l, kKernels<W>, rows, width, a, at, vectors, c, ldc, next);
  }

  // c[rows, vectors·lanes] = a · the matrix's registers of columns [begin, begin + vectors); those from `next` on come after them.
  static void weigh(const SeqLayer& l, long rows, long width, const RowOperand& a, const Panels& matrix, long begin,
                    long vectors, float* c, long ldc, long next) {
    const Panels at = matrix.from(l.weights, begin, width), later = matrix.from(l.weights, next, width);
    if (multiplies_pairs(l)) {
      weigh_in<Bfloat16Pairs>(l, *l.engine->pair_kernels, rows, width, a, at, vectors, c, ldc, later);
      return;
    }
    switch (l.weights) {
      case WeightFormat::kFloat32: return weigh_floats<Float32Weights>(l, rows, width, a, at, vectors, c, ldc, later);
      case WeightFormat::kBfloat16: return weigh_floats<Bfloat16Weights>(l, rows, width, a, at, vectors, c, ldc, later);
      case WeightFormat::kInt8: return weigh_floats<Int8Weights>(l, rows, width, a, at, vectors, c, ldc, later);
    }
  }

  // One register of columns: the rows of `weights` [lanes,width] of one unit block and gate; padding units get zeros. Panels of
  // nv registers are interleaved.
  template <typename W>
  static void pack_register(const float* weights, long width, long real_lanes, int nv, typename W::Element* to,
                            float* scales) {
    if constexpr (!W::kScaled) {
      const float* rows[kLanes] = {};
      const int count = int(real_lanes < kLanes ? real_lanes : kLanes);
      for (int lane = 0; lane < count; ++lane) rows[lane] = weights + lane * width;
      if constexpr (std::is_same<W, Float32Weights>::value) {
        interleave(rows, count, width, to, nv * kLanes);
      } else {
        interleave_words(rows, count, width, to, nv * kLanes);
      }
      return;
    } else {
      pack_scaled<W>(weights, width, real_lanes, nv, to, scales);
    }
  }

  template <typename W>
  static void pack_scaled(const float* weights, long width, long real_lanes, int nv, typename W::Element* to,
                          float* scales) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const float* row = weights + lane * width;
      const bool real = lane < real_lanes;
      const float scale = scales[lane] = real ? W::scale_of(row, width) : 0.0f;
      for (long k = 0; k < width; ++k)
        W::put(to + k / W::kRun * nv * kLanes, int(k % W::kRun), lane, real ? row[k] : 0.0f, scale);
    }
  }

  // Gate-interleaved panels of gates [first, first+count) of `weights` [G·H,width], for one slice: register v of a group is
  // gate v % count of unit block v / count.
  template <typename W>
  static void pack_gates(const SeqLayer& l, const Slice& slice, const float* weights, long width, int first, int count,
                         const Panels& matrix) {
    for (long group = slice.begin; group < slice.end; group += kGroup) {
      const long blocks = slice.end - group < kGroup ? slice.end - group : kGroup;
      const int vectors = int(blocks) * count;
      const Panels at = matrix.from(l.weights, group * count, width);
      for (int v = 0; v < vectors; ++v) {
        const int panel = v / 2 * 2, nv = vectors - panel >= 2 ? 2 : 1;
        const long unit = (group + v / count) * kLanes;
        pack_register<W>(
            weights + (long(first + v % count) * l.H + unit) * width, width, l.H - unit, nv,
            static_cast<typename W::Element*>(at.data) + panel * register_elements<W>(width) + (v - panel) * kLanes,
            at.scales + v * kLanes);
      }
    }
  }

  static void pack_vectors(const SeqLayer& l, const Slice& slice, const float* vectors, int count, float* pack) {
    for (long block = slice.begin; block < slice.end; ++block)
      for (int g = 0; g < count; ++g)
        for (int lane = 0; lane < kLanes; ++lane) {
          const long unit = block * kLanes + lane;
          pack[(block * count + g) * kLanes + lane] = unit < l.H ? vectors[long(g) * l.H + unit] : 0.0f;
        }
  }

  template <typename Format>
  static void pack_matrices(const SeqLayer& l, const Slice& slice, const float* W, const float* R) {
    pack_gates<Format>(l, slice, W, l.I, 0, G, input_panels(l));
    pack_gates<Format>(l, slice, R, l.H, 0, kFirstGates, recurrent_panels(l));
    if (kSecondGates > 0) pack_gates<Format>(l, slice, R, l.H, kFirstGates, kSecondGates, second_panels(l));
  }

  static void pack_forward(const SeqLayer& l, const Slice& slice, const float* parameters) {
    const float *W = parameters + l.block.input_weights, *R = parameters + l.block.recurrent_weights;
    switch (l.weights) {
      case WeightFormat::kFloat32: pack_matrices<Float32Weights>(l, slice, W, R); break;
      case WeightFormat::kBfloat16: pack_matrices<Bfloat16Weights>(l, slice, W, R); break;
      case WeightFormat::kInt8: pack_matrices<Int8Weights>(l, slice, W, R); break;
    }
    pack_vectors(l, slice, parameters + l.block.input_bias, G, l.packed->bias_pack);
    pack_vectors(l, slice, parameters + l.block.recurrent_bias, G, l.packed->bias_pack + unit_blocks(l) * G * kLanes);
    pack_vectors(l, slice, parameters + l.block.peepholes, P, l.packed->peephole_pack);
  }

  // Panels of two unit blocks over k = g·Hs + row of gate g, for gates [first, first+count): the operand of dgates·R.
  static void pack_backward(const SeqLayer& l, const Slice& slice, const float* R, int first, int count, float* pack) {
    if (multiplies_pairs(l)) {
      pack_backward_pairs(l, slice, R, first, count, reinterpret_cast<uint32_t*>(pack));
    } else {
      pack_backward_floats(l, slice, R, first, count, pack);
    }
  }

  static void pack_backward_pairs(const SeqLayer& l, const Slice& slice, const float* R, int first, int count,
                                  uint32_t* pack) {
    const long width = long(count) * l.Hs / 2;
    for (long block = slice.begin; block < slice.end; block += 2) {
      const int nv = slice.end - block >= 2 ? 2 : 1;
      const long unit = block * kLanes, real = l.H - unit < nv * kLanes ? l.H - unit : nv * kLanes;
      uint32_t* to = pack + unit * width;
      for (int g = 0; g < count; ++g) {
        for (long j = 0; j < l.Hs; j += 2, to += nv * kLanes) {
          const float* from = R + (long(first + g) * l.H + j) * l.H + unit;
          if (j < l.H) pair_rows(from, j + 1 < l.H ? from + l.H : nullptr, real, to);
          for (long lane = j < l.H ? real : 0; lane < nv * kLanes; ++lane) to[lane] = 0;
        }
      }
    }
  }

  static void pack_backward_floats(const SeqLayer& l, const Slice& slice, const float* R, int first, int count,
                                   float* pack) {
    const long width = long(count) * l.Hs;
    for (long block = slice.begin; block < slice.end; block += 2) {
      const int nv = slice.end - block >= 2 ? 2 : 1;
      float* to = pack + block * kLanes * width;
      for (int g = 0; g < count; ++g) {
        for (long j = 0; j < l.Hs; ++j) {
          float* row = to + (g * long(l.Hs) + j) * nv * kLanes;
          const float* from = R + (long(first + g) * l.H + j) * l.H + block * kLanes;
          for (int lane = 0; lane < nv * kLanes; ++lane)
            row[lane] = (j < l.H && block * kLanes + lane < l.H) ? from[lane] : 0.0f;
        }
      }
    }
  }

  // The groups of a slice, in turn from its first and from its last: a step begins with the weights that the step before it used
  // last, which are still in the cache where the slice's weights are larger than it.
  // visit(begin, end, next) says which group comes next; after the last one it is the last again.
  template <typename Visit>
  static void each_group(const Slice& slice, long width, bool backwards, const Visit& visit) {
    const long groups = (slice.end - slice.begin + width - 1) / width;
    const auto begin = [&](long i) { return slice.begin + (backwards ? groups - 1 - i : i) * width; };
    for (long i = 0; i < groups; ++i) {
      const long at = begin(i), next = begin(i + 1 < groups ? i + 1 : i);
      visit(at, at + width < slice.end ? at + width : slice.end, next);
    }
  }

  // Whether step k of this forward call goes through the weights from the last to the first.
  static bool turns_back(const SeqLayer& l, int k) { return ((l.steps_done + unsigned(k)) & 1) != 0; }

  // ---- forward -----------------------------------------------------------------------------------------------------------

  // State rows: element (s, i, j) at base[s·plane + i·Hs + j].
  // And the state that R multiplies as bfloat16, row i at rounded[i·Hs]; null where products multiply floats.
  struct States {
    float* base;
    long plane;
    uint16_t* rounded;

    RowOperand operand(const SeqLayer& l) const {
      if (rounded) return {rounded, l.Hs / 2, false};
      return {base + Cell::kRecurrentState * plane, l.Hs, false};
    }
  };

  // Planes of [T·B][Hs] floats.
  static long saved_plane(const SeqLayer& l) { return long(l.T) * l.B * l.Hs; }
  static float* saved_gates(const SeqLayer& l, float* saved) { return saved + S * saved_plane(l); }
  static float* saved_gated(const SeqLayer& l, float* saved) { return saved_gates(l, saved) + K * saved_plane(l); }
  static uint16_t* saved_rounded_states(const SeqLayer& l, float* saved) { return halves(saved_gated(l, saved)); }
  static uint16_t* saved_rounded_gated(const SeqLayer& l, float* saved) {
    return saved_rounded_states(l, saved) + saved_plane(l);
  }

  // Where the kept values of a row's unit block begin; the next value of the block is a register further.
  static long kept_at(const SeqLayer& l, long row, long unit) { return (row * l.Hs + unit) * K; }

  template <bool kTraining>
  static States states_before(const SeqLayer& l, float* saved, int k) {
    const bool rounds = multiplies_pairs(l);
    if (kTraining) {
      const long at = long(l.rows.offsets[k]) * l.Hs;
      return {saved + at, saved_plane(l), rounds ? saved_rounded_states(l, saved) + at : nullptr};
    }
    const long slot = long(l.B) * l.Hs;
    return {l.state + (k & 1) * S * slot, slot, rounds ? halves(l.rounded_state) + (k & 1) * slot : nullptr};
  }

  // Copies the initial state into the rows of step 0; sequences of length 0 end where they start.
  template <bool kTraining>
  static void begin_states(const SeqLayer& l, const ForwardCall& c, const Slice& slice) {
    const long first = slice.begin * kLanes, end = slice.end * kLanes, real = end < l.H ? end : l.H;
    const States st = states_before<kTraining>(l, c.saved, 0);
    const int running = l.rows.count(0);
    for (int s = 0; s < S; ++s) {
      for (int i = 0; i < l.B; ++i) {
        const long at = (long(s) * l.B + l.rows.order[i]) * l.H;
        if (i < running) {
          float* to = st.base + s * st.plane + long(i) * l.Hs;
          for (long j = first; j < end; ++j) to[j] = (c.s0 && j < real) ? c.s0[at + j] : 0.0f;
          if (st.rounded && s == Cell::kRecurrentState) {
            for (long j = first; j < end; j += kLanes) store_rounded(st.rounded + long(i) * l.Hs + j, load(to + j));
          }
        } else if (c.sT) {
          for (long j = first; j < real; ++j) c.sT[at + j] = c.s0 ? c.s0[at + j] : 0.0f;
        }
      }
    }
  }

  // Where the result of row i of step k goes.
  template <bool kTraining>
  struct Output {
    const SeqLayer& l;
    const ForwardCall& c;
    States next;
    int k, running_next;

    SEQ_HD void put(long i, long unit, const Vec* state) const {
      const int width = int(l.H - unit < kLanes ? l.H - unit : kLanes);
      store_first(c.y + long(l.rows.padded[l.rows.offsets[k] + i]) * l.ldy + unit, state[0], width);
      if (i < running_next) {
        for (int s = 0; s < S; ++s) store(next.base + s * next.plane + i * l.Hs + unit, state[s]);
        // Words of an odd number of units have one that does not exist, and that may be NaN if inputs are infinite.
        if (next.rounded) {
          store_rounded(next.rounded + i * l.Hs + unit, only(lanes_before(width), state[Cell::kRecurrentState]));
        }
      } else if (c.sT) {
        for (int s = 0; s < S; ++s) store_first(c.sT + (long(s) * l.B + l.rows.order[i]) * l.H + unit, state[s], width);
      }
    }
  };

  // W·x of the rows of a chunk of steps, group after group, each [chunk_rows][its blocks][G][lanes]; a step's rows begin at row0.
  struct InputProduct {
    float* base;
    long chunk_rows, row0;

    static float* of_group(float* base, long chunk_rows, const Slice& slice, long group) {
      return base + (group - slice.begin) * G * kLanes * chunk_rows;
    }

    // The registers of row i of the step, for a unit block of the group [group, end).
    const float* at(const Slice& slice, long group, long end, long block, long i) const {
      return of_group(base, chunk_rows, slice, group) + ((row0 + i) * (end - group) + block - group) * G * kLanes;
    }
  };

  template <bool kTraining>
  static void forward_member(SeqLayer& l, const ForwardCall& c, int member) {
    Team& team = *l.engine->team;
    const Slice slice = slice_of(l, member);
    if (c.repack) pack_forward(l, slice, c.parameters);
    begin_states<kTraining>(l, c, slice);
    team.barrier(member);

    const long chunk_rows = long(l.chunk_steps) * l.B;
    float* wx = l.thread_scratch + member * l.thread_size;
    float* tile = wx + chunk_rows * (slice.end - slice.begin) * G * kLanes;
    float* packed_x = tile + long(l.B) * kGroup * G * kLanes;

    for (int k0 = 0; k0 < l.rows.steps; k0 += l.chunk_steps) {
      const int k1 = k0 + l.chunk_steps < l.rows.steps ? k0 + l.chunk_steps : l.rows.steps;
      const long first = l.rows.offsets[k0], rows = l.rows.offsets[k1] - first;
      RowOperand x{c.x + first * l.I, l.I, false};
      if (multiplies_pairs(l)) {
        uint32_t* words = reinterpret_cast<uint32_t*>(packed_x);
        for (long r = 0; r < rows; ++r) round_row(c.x + long(l.rows.padded[first + r]) * l.I, l.I, words + r * pair_row(l));
        x = {words, pair_row(l), false};
      } else if (x_needs_packing(l)) {
        pack_rows(rows, l.I, c.x, l.I, l.rows.padded + first, packed_x);
        x = {packed_x, 0, true};
      }
      // Groups are packed one after the other, so the whole slice is one run of panels if its groups are even.
      each_group(slice, kGroup, turns_back(l, k0), [&](long group, long end, long next) {
        weigh(l, rows, l.I, x, input_panels(l), group * G, (end - group) * G,
              InputProduct::of_group(wx, chunk_rows, slice, group), (end - group) * G * kLanes, next * G);
      });
      for (int k = k0; k < k1; ++k) {
        const InputProduct of_step{wx, chunk_rows, l.rows.offsets[k] - first};
        if constexpr (Cell::kTwoProducts) {
          step_two_products<kTraining>(l, c, slice, member, k, of_step, tile);
        } else {
          step_one_product<kTraining>(l, c, slice, k, of_step, tile);
        }
        team.barrier(member);
      }
    }

    const long begin = slice.begin * kLanes, end = slice.end * kLanes < l.H ? slice.end * kLanes : l.H;
    for (int i = 0; i < l.rows.padding_count; ++i)
      for (long j = begin; j < end; ++j) c.y[long(l.rows.padding[i]) * l.ldy + j] = 0.0f;
  }

  template <bool kTraining>
  static void step_one_product(SeqLayer& l, const ForwardCall& c, const Slice& slice, int k, const InputProduct& wx,
                               float* tile) {
    const long n = l.rows.count(k);
    const States before = states_before<kTraining>(l, c.saved, k);
    const Output<kTraining> out{l, c, states_before<kTraining>(l, c.saved, k + 1), k, l.rows.count(k + 1)};
    const RowOperand operand = before.operand(l);
    float* gates = kTraining ? saved_gates(l, c.saved) + long(l.rows.offsets[k]) * K * l.Hs : nullptr;
    each_group(slice, kGroup, turns_back(l, k), [&](long group, long end, long next) {
      const long ldt = (end - group) * G * kLanes;
      weigh(l, n, l.H, operand, recurrent_panels(l), group * G, (end - group) * G, tile, ldt, next * G);
      for (long block = group; block < end; ++block) {
        Vec bw[G], br[G], p[at_least_one<P>];
        for (int g = 0; g < G; ++g) {
          bw[g] = load(l.packed->bias_pack + (block * G + g) * kLanes);
          br[g] = load(l.packed->bias_pack + ((unit_blocks(l) + block) * G + g) * kLanes);
        }
        for (int q = 0; q < P; ++q) p[q] = load(l.packed->peephole_pack + (block * P + q) * kLanes);
        const float* rh_block = tile + (block - group) * G * kLanes;
        const long unit = block * kLanes;
        for (long i = 0; i < n; ++i) {
          Vec w[G], r[G], s[S], next[S], kept[at_least_one<K>];
          const float* wx_row = wx.at(slice, group, end, block, i);
          for (int g = 0; g < G; ++g) {
            w[g] = load(wx_row + g * kLanes) + bw[g];
            r[g] = load(rh_block + i * ldt + g * kLanes) + br[g];
          }
          for (int q = 0; q < S; ++q) s[q] = load(before.base + q * before.plane + i * l.Hs + unit);
          Cell::template forward<Vec>(w, r, p, s, next, kept);
          if (kTraining) {
            for (int q = 0; q < K; ++q) store(gates + kept_at(l, i, unit) + q * kLanes, kept[q]);
          }
          out.put(i, unit, next);
        }
      }
    });
  }

  template <bool kTraining>
  static void step_two_products(SeqLayer& l, const ForwardCall& c, const Slice& slice, int member, int k,
                                const InputProduct& wx, float* tile) {
    const long n = l.rows.count(k), row0 = l.rows.offsets[k];
    const States before = states_before<kTraining>(l, c.saved, k);
    const Output<kTraining> out{l, c, states_before<kTraining>(l, c.saved, k + 1), k, l.rows.count(k + 1)};
    float* gates = kTraining ? saved_gates(l, c.saved) + row0 * K * l.Hs : l.gates;
    float* gated = kTraining ? saved_gated(l, c.saved) + row0 * l.Hs : l.gated;
    uint16_t* rounded_gated =
        !multiplies_pairs(l) ? nullptr : (kTraining ? saved_rounded_gated(l, c.saved) + row0 * l.Hs : halves(l.gated));
    const RowOperand gated_operand =
        rounded_gated ? RowOperand{rounded_gated, l.Hs / 2, false} : RowOperand{gated, l.Hs, false};
    const float* biases = l.packed->bias_pack + unit_blocks(l) * G * kLanes;
    each_group(slice, kGroup, turns_back(l, k), [&](long group, long end, long next) {
      const long ldt = (end - group) * kFirstGates * kLanes;
      weigh(l, n, l.H, before.operand(l), recurrent_panels(l), group * kFirstGates, (end - group) * kFirstGates, tile, ldt,
            next * kFirstGates);
      for (long block = group; block < end; ++block) {
        const long unit = block * kLanes;
        const SimdInt real = lanes_before(l.H - unit);
        for (long i = 0; i < n; ++i) {
          Vec w[kFirstGates], r[kFirstGates], kept[K], rh;
          const float* wx_row = wx.at(slice, group, end, block, i);
          for (int g = 0; g < kFirstGates; ++g) {
            w[g] = load(wx_row + g * kLanes) + load(l.packed->bias_pack + (block * G + g) * kLanes);
            r[g] = load(tile + i * ldt + ((block - group) * kFirstGates + g) * kLanes) +
                   load(biases + (block * G + g) * kLanes);
          }
          Cell::template forward_gates<Vec>(w, r, load(before.base + i * l.Hs + unit), rh, kept);
          for (int g = 0; g < kFirstGates; ++g) store(gates + kept_at(l, i, unit) + g * kLanes, kept[g]);
          if (rounded_gated) {
            store_rounded(rounded_gated + i * l.Hs + unit, only(real, rh));
          } else {
            store(gated + i * l.Hs + unit, rh);
          }
        }
      }
    });
    l.engine->team->barrier(member);
    each_group(slice, kGroup, turns_back(l, k), [&](long group, long end, long next) {
      const long ldt = (end - group) * kSecondGates * kLanes;
      weigh(l, n, l.H, gated_operand, second_panels(l), group * kSecondGates, (end - group) * kSecondGates, tile, ldt,
            next * kSecondGates);
      for (long block = group; block < end; ++block) {
        const long unit = block * kLanes;
        for (long i = 0; i < n; ++i) {
          Vec kept[K], next[S];
          for (int g = 0; g < kFirstGates; ++g) kept[g] = load(gates + kept_at(l, i, unit) + g * kLanes);
          const Vec w = load(wx.at(slice, group, end, block, i) + (G - 1) * kLanes) +
                        load(l.packed->bias_pack + (block * G + G - 1) * kLanes);
          const Vec r = load(tile + i * ldt + (block - group) * kLanes) + load(biases + (block * G + G - 1) * kLanes);
          Cell::template forward_candidate<Vec>(w, r, load(before.base + i * l.Hs + unit), next[0], kept);
          if (kTraining) store(gates + kept_at(l, i, unit) + (K - 1) * kLanes, kept[K - 1]);
          out.put(i, unit, next);
        }
      }
    });
  }

  static void forward(SeqLayer& l, const ForwardCall& c) {
    use_advisable_threads(l);
    run_team(*l.engine->team, l.threads, [&](int member) {
      if (l.training) {
        forward_member<true>(l, c, member);
      } else {
        forward_member<false>(l, c, member);
      }
    });
    l.steps_done += unsigned(l.rows.steps);
  }

  // ---- backward ----------------------------------------------------------------------------------------------------------

  // Gate gradients [N,ldg]: floats, or bfloat16 where products multiply that.
  static void put_gradient(const SeqLayer& l, float* gradients, long at, Vec value) {
    if (multiplies_pairs(l)) {
      store_rounded(halves(gradients) + at, value);
    } else {
      store(gradients + at, value);
    }
  }

  // The same from row `row` and word `begin` of it on, as rows of a product. A row is a whole number of words.
  static RowOperand gradient_rows(const SeqLayer& l, const float* gradients, long row, long begin) {
    const long stride = words(l, l.ldg);
    return {gradients + row * stride + begin, stride, false};
  }

  static Operand gradient_operand(const SeqLayer& l, float* gradients, long first, long row, long column) {
    if (multiplies_pairs(l)) return rounded_operand(halves(gradients) + first, row, column);
    return {gradients + first, row, column};
  }

  // The panel of unit blocks at `block` of R packed over `width` words of gate rows, from word k on. The last may be a single block.
  static const float* gradient_panel(const Slice& slice, const float* pack, long width, long block, long k) {
    const long nv = slice.end - block >= 2 ? 2 : 1;
    return pack + (block * width + k * nv) * kLanes;
  }

  // to[rows, up to 2·lanes] (+)= gate gradients · R over words [begin, end) of the gate rows, for the panel at `block`; `next` is
  // fetched ahead.
  static void recurrent_gradient(const SeqLayer& l, const Slice& slice, long block, long next, long rows,
                                 const RowOperand& gradients, const float* pack, long width, long begin, long end, float* to,
                                 long ldt, bool accumulate) {
    const float* panel = gradient_panel(slice, pack, width, block, begin);
    const float* later = gradient_panel(slice, pack, width, next, begin);
    const int nv = slice.end - block >= 2 ? 2 : 1;
    if (multiplies_pairs(l)) {
      product<Bfloat16Pairs>(*l.engine->pair_kernels, rows, end - begin, gradients, reinterpret_cast<const uint32_t*>(panel),
                             nullptr, nv, to, ldt, accumulate, reinterpret_cast<const uint32_t*>(later));
    } else {
      product<Float32Weights>(kKernels<Float32Weights>, rows, end - begin, gradients, panel, nullptr, nv, to, ldt,
                              accumulate, later);
    }
  }

  static void begin_carry(const SeqLayer& l, const BackwardCall& c, const Slice& slice) {
    const long first = slice.begin * kLanes, end = slice.end * kLanes;
    for (int s = 0; s < S; ++s) {
      for (int i = 0; i < l.B; ++i) {
        const float* from = c.dsT ? c.dsT + (long(s) * l.B + l.rows.order[i]) * l.H : nullptr;
        float* to = l.carry + (long(s) * l.B + i) * l.Hs;
        for (long j = first; j < end; ++j) to[j] = (from && j < l.H) ? from[j] : 0.0f;
      }
    }
  }

  static void end_carry(const SeqLayer& l, const BackwardCall& c, const Slice& slice) {
    if (!c.ds0) return;
    const long first = slice.begin * kLanes, end = slice.end * kLanes < l.H ? slice.end * kLanes : l.H;
    for (int s = 0; s < S; ++s)
      for (int i = 0; i < l.B; ++i)
        for (long j = first; j < end; ++j)
          c.ds0[(long(s) * l.B + l.rows.order[i]) * l.H + j] = l.carry[(long(s) * l.B + i) * l.Hs + j];
  }

  // carry (of the state that R multiplies) += the gradients of step k+1 times R. Rows that had no step k+1 keep what dsT gave.
  static void add_recurrent(const SeqLayer& l, const Slice& slice, int k) {
    const long n = l.rows.count(k + 1);
    if (n == 0) return;
    float* carry = l.carry + long(Cell::kRecurrentState) * l.B * l.Hs;
    // With two products, the gates of the first; the second was added within its own step.
    const long width = words(l, long(kFirstGates) * l.Hs);
    // Few enough gate rows at a time that the gradients of the batch stay in L2 beside a panel.
    constexpr long kDepth = 1024;
    const long parts = (width + kDepth - 1) / kDepth;
    for (long i = 0; i < parts; ++i) {
      const long part = (k & 1) ? parts - 1 - i : i, begin = width * part / parts, end = width * (part + 1) / parts;
      const RowOperand gradients = gradient_rows(l, l.drh, l.rows.offsets[k + 1], begin);
      each_group(slice, 2, k & 1, [&](long block, long, long next) {
        recurrent_gradient(l, slice, block, next, n, gradients, l.backward_pack, width, begin, end, carry + block * kLanes,
                           l.Hs, true);
      });
    }
  }

  static void backward_member(SeqLayer& l, const BackwardCall& c, int member) {
    Team& team = *l.engine->team;
    const Slice slice = slice_of(l, member);
    if (c.repack) {
      const float* R = c.parameters + l.block.recurrent_weights;
      pack_backward(l, slice, R, 0, kFirstGates, l.backward_pack);
      if (kSecondGates > 0) pack_backward(l, slice, R, kFirstGates, kSecondGates, second_backward_pack(l));
      pack_vectors(l, slice, c.parameters + l.block.peepholes, P, l.backward_peepholes);
    }
    begin_carry(l, c, slice);
    float* tile = l.thread_scratch + member * l.thread_size;
    for (int k = l.rows.steps - 1; k >= 0; --k) {
      add_recurrent(l, slice, k);
      if constexpr (Cell::kTwoProducts) {
        backward_candidate(l, c, slice, k);
        team.barrier(member);
        backward_reset(l, c, slice, k, tile);
      } else {
        backward_gates(l, c, slice, k);
      }
      team.barrier(member);
    }
    add_recurrent(l, slice, -1);
    end_carry(l, c, slice);
  }

  static float* second_backward_pack(const SeqLayer& l) {
    return l.backward_pack + unit_blocks(l) * kLanes * words(l, long(kFirstGates) * l.Hs);
  }

  SEQ_HD static Vec incoming(const SeqLayer& l, const BackwardCall& c, int s, int k, long i, long unit) {
    Vec d = load(l.carry + (long(s) * l.B + i) * l.Hs + unit);
    if (s == 0 && c.dy) {
      const int width = int(l.H - unit < kLanes ? l.H - unit : kLanes);
      d = d + load_first(c.dy + long(l.rows.padded[l.rows.offsets[k] + i]) * l.ldy + unit, width);
    }
    return d;
  }

  // Gate gradients of units that do not exist are stored as zeros: products run over them. What their lanes compute may be NaN, for
  // their weights are zero and inputs may be infinite.

  static void backward_gates(SeqLayer& l, const BackwardCall& c, const Slice& slice, int k) {
    const long n = l.rows.count(k), row0 = l.rows.offsets[k];
    const long plane = long(l.T) * l.B * l.Hs;
    const float* before = c.saved + row0 * l.Hs;
    const float* gates = c.saved + S * plane + row0 * K * l.Hs;
    float* d_peepholes = c.d_parameters + l.block.peepholes;
    for (long block = slice.begin; block < slice.end; ++block) {
      const long unit = block * kLanes;
      const SimdInt real = lanes_before(l.H - unit);
      Vec p[at_least_one<P>], dp_sum[at_least_one<P>];
      for (int q = 0; q < P; ++q) {
        p[q] = load(l.backward_peepholes + (block * P + q) * kLanes);
        dp_sum[q] = Vec(0.0f);
      }
      for (long i = 0; i < n; ++i) {
        Vec kept[at_least_one<K>], s[S], dnext[S], dwx[G], drh[G], ds[S], dp[at_least_one<P>];
        for (int q = 0; q < K; ++q) kept[q] = load(gates + kept_at(l, i, unit) + q * kLanes);
        for (int q = 0; q < S; ++q) {
          s[q] = load(before + q * plane + i * l.Hs + unit);
          dnext[q] = incoming(l, c, q, k, i, unit);
        }
        Cell::template backward<Vec>(kept, p, s, dnext, dwx, drh, ds, dp);
        for (int g = 0; g < G; ++g) {
          const long at = (row0 + i) * l.ldg + long(g) * l.Hs + unit;
          put_gradient(l, l.dwx, at, only(real, dwx[g]));
          if (!Cell::kSharedGateGradients) put_gradient(l, l.drh, at, only(real, drh[g]));
        }
        for (int q = 0; q < S; ++q) store(l.carry + (long(q) * l.B + i) * l.Hs + unit, ds[q]);
        for (int q = 0; q < P; ++q) dp_sum[q] = dp_sum[q] + dp[q];
      }
      const int width = int(l.H - unit < kLanes ? l.H - unit : kLanes);
      for (int q = 0; q < P; ++q) {
        float* to = d_peepholes + long(q) * l.H + unit;
        store_first(to, load_first(to, width) + dp_sum[q], width);
      }
    }
  }

  static void backward_candidate(SeqLayer& l, const BackwardCall& c, const Slice& slice, int k) {
    const long n = l.rows.count(k), row0 = l.rows.offsets[k];
    const float* before = c.saved + row0 * l.Hs;
    const float* gates = c.saved + long(S) * l.T * l.B * l.Hs + row0 * K * l.Hs;
    for (long block = slice.begin; block < slice.end; ++block) {
      const long unit = block * kLanes;
      const SimdInt real = lanes_before(l.H - unit);
      for (long i = 0; i < n; ++i) {
        Vec kept[K], da_z, da_n, dh;
        for (int q = 0; q < K; ++q) kept[q] = load(gates + kept_at(l, i, unit) + q * kLanes);
        Cell::template backward_candidate<Vec>(kept, load(before + i * l.Hs + unit), incoming(l, c, 0, k, i, unit), da_z,
                                               da_n, dh);
        const long at = (row0 + i) * l.ldg + unit;
        put_gradient(l, l.dwx, at + l.Hs, only(real, da_z));
        put_gradient(l, l.dwx, at + 2L * l.Hs, only(real, da_n));
        store(l.carry + i * l.Hs + unit, dh);
      }
    }
  }

  static void backward_reset(SeqLayer& l, const BackwardCall& c, const Slice& slice, int k, float* tile) {
    const long n = l.rows.count(k), row0 = l.rows.offsets[k];
    const float* before = c.saved + row0 * l.Hs;
    const float* gates = c.saved + long(S) * l.T * l.B * l.Hs + row0 * K * l.Hs;
    const RowOperand da_n = gradient_rows(l, l.drh, row0, words(l, long(kFirstGates) * l.Hs));
    each_group(slice, 2, k & 1, [&](long block, long, long next) {
      const int nv = slice.end - block >= 2 ? 2 : 1;
      const long width = words(l, long(kSecondGates) * l.Hs);
      recurrent_gradient(l, slice, block, next, n, da_n, second_backward_pack(l), width, 0, width, tile, nv * kLanes, false);
      for (int v = 0; v < nv; ++v) {
        const long unit = (block + v) * kLanes;
        const SimdInt real = lanes_before(l.H - unit);
        for (long i = 0; i < n; ++i) {
          Vec kept[K], da_r, dh = load(l.carry + i * l.Hs + unit);
          for (int q = 0; q < K; ++q) kept[q] = load(gates + kept_at(l, i, unit) + q * kLanes);
          Cell::template backward_reset<Vec>(kept, load(before + i * l.Hs + unit), load(tile + (i * nv + v) * kLanes), da_r,
                                             dh);
          put_gradient(l, l.dwx, (row0 + i) * l.ldg + unit, only(real, da_r));
          store(l.carry + i * l.Hs + unit, dh);
        }
      }
    });
  }

  // Everything that is a large product over all rows at once.
  static void gradients_member(SeqLayer& l, const BackwardCall& c, int member, int members) {
    const long N = l.rows.total(), H = l.H, I = l.I;
    const SeqEngine& e = *l.engine;
    const float* W = c.parameters + l.block.input_weights;
    float *dW = c.d_parameters + l.block.input_weights, *dR = c.d_parameters + l.block.recurrent_weights;
    float *dbW = c.d_parameters + l.block.input_bias, *dbR = c.d_parameters + l.block.recurrent_bias;
    const int32_t* index = l.rows.identity ? nullptr : l.rows.padded;
    float* saved = const_cast<float*>(c.saved);
    const Operand states = multiplies_pairs(l) ? rounded_operand(saved_rounded_states(l, saved), l.Hs, 1)
                                               : Operand{saved + Cell::kRecurrentState * saved_plane(l), l.Hs, 1};
    const Operand gated = multiplies_pairs(l) ? rounded_operand(saved_rounded_gated(l, saved), l.Hs, 1)
                                              : Operand{saved_gated(l, saved), l.Hs, 1};
    // Gates lie side by side without gaps if H needs no padding; then neighbouring gates make one larger product.
    const bool joined = l.Hs == l.H;
    for (int g = 0; g < G;) {
      const int width = joined ? (g < kFirstGates ? kFirstGates : G) - g : 1;
      const Operand wx = gradient_operand(l, l.dwx, long(g) * l.Hs, 1, l.ldg);
      const Operand rh = gradient_operand(l, l.drh, long(g) * l.Hs, 1, l.ldg);
      const Product of_x{I, {c.x, I, 1, index}, dW + g * H * I, I};
      const Product of_h{H, g < kFirstGates ? states : gated, dR + g * H * H, H};
      if (Cell::kSharedGateGradients) {
        gemm_part(e, member, members, width * H, N, wx, {of_x, of_h}, true);
      } else {
        gemm_part(e, member, members, width * H, N, wx, {of_x}, true);
        gemm_part(e, member, members, width * H, N, rh, {of_h}, true);
      }
      g += width;
    }
    for (int g = 0; c.dx && g < G;) {
      const int width = joined ? G : 1;
      gemm_part(e, member, members, N, width * H, gradient_operand(l, l.dwx, long(g) * l.Hs, l.ldg, 1),
                {{I, {W + g * H * I, I, 1}, c.dx, I, index}}, c.add_to_dx || g > 0);
      g += width;
    }
    const long blocks = unit_blocks(l), begin = blocks * member / members * kLanes;
    const long last = blocks * (member + 1) / members * kLanes, end = last < H ? last : H;
    const auto add_bias_gradients = [&](const auto* of_wx, const auto* of_rh) {
      for (int g = 0; g < G && begin < end; ++g) {
        if (Cell::kSharedGateGradients) {
          add_column_sums(of_wx + long(g) * l.Hs, l.ldg, N, begin, end, dbW + g * H, dbR + g * H);
        } else {
          add_column_sums(of_wx + long(g) * l.Hs, l.ldg, N, begin, end, dbW + g * H);
          add_column_sums(of_rh + long(g) * l.Hs, l.ldg, N, begin, end, dbR + g * H);
        }
      }
    };
    if (multiplies_pairs(l)) {
      add_bias_gradients(halves(l.dwx), halves(l.drh));
    } else {
      add_bias_gradients(l.dwx, l.drh);
    }
    if (c.dx && !c.add_to_dx && member == 0) {
      for (int i = 0; i < l.rows.padding_count; ++i) std::memset(c.dx + long(l.rows.padding[i]) * I, 0, sizeof(float) * I);
    }
  }

  static void backward(SeqLayer& l, const BackwardCall& call) {
    use_advisable_threads(l);
    BackwardCall c = call;
    // The panels of backward_pack start at the slices' first blocks.
    c.repack = c.repack || l.backward_threads != l.threads;
    l.backward_threads = l.threads;
    run_team(*l.engine->team, l.threads, [&](int member) { backward_member(l, c, member); });
    const double flops = 2.0 * l.rows.total() * G * l.H * (l.H + 2.0 * l.I);
    const int members = flops < 1e6 ? 1 : l.engine->team->advisable();
    run_team(*l.engine->team, members, [&](int member) { gradients_member(l, c, member, members); });
  }
};

}  // namespace SEQ_ISA
}  // namespace sequor
