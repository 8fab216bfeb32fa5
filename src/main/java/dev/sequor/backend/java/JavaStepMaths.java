package dev.sequor.backend.java;

import dev.sequor.backend.Memory;
import dev.sequor.backend.Philox;
import dev.sequor.backend.RandomKey;
import dev.sequor.backend.options.CellMaths;
import dev.sequor.backend.options.CellMaths.Family;
import dev.sequor.backend.options.StateRules;
import dev.sequor.backend.options.StepMaths;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Cells with options in Java: twin of {@code options.h} and its drivers. */
final class JavaStepMaths implements StepMaths {
  /** Elements that are worth waking other threads for. */
  private static final int WORTH_SHARING = 4096;

  private final ThreadTeam team;
  private final CellMaths cell;
  private final StateRules rules;
  private final int hidden;
  private final int gates;
  private final boolean resetFirst;

  JavaStepMaths(ThreadTeam team, ThreadTeam alone, CellMaths cell, StateRules rules) {
    this.team = rules.batchSize() * rules.hiddenSize() < WORTH_SHARING ? alone : team;
    this.cell = cell;
    this.rules = rules;
    this.hidden = rules.hiddenSize();
    this.gates = cell.firstGates();
    this.resetFirst = cell.family() == Family.GRU;
  }

  /** Work on the rows of a batch; each row is one thread's. */
  private interface Row {
    void work(GateMaths gate, int b);
  }

  private void eachRow(Row row) {
    team.run(
        thread -> {
          GateMaths gate = new GateMaths(cell);
          int end = team.share(rules.batchSize(), thread + 1);
          for (int b = team.share(rules.batchSize(), thread); b < end; b++) {
            row.work(gate, b);
          }
        });
  }

  /** An array and where it starts; empty for memory that the cell has no use for. */
  private static final class Floats {
    private static final Floats NONE = new Floats(new float[0], 0);

    private final float[] all;
    private final int at;

    Floats(float[] all, int at) {
      this.all = all;
      this.at = at;
    }

    static Floats of(@Nullable Memory memory) {
      JavaMemory known = JavaMemory.ofNullable(memory);
      return known == null ? NONE : new Floats(known.floats(), known.offset());
    }

    float get(int i) {
      return all[at + i];
    }

    void set(int i, double value) {
      all[at + i] = (float) value;
    }

    void add(int i, double value) {
      all[at + i] += (float) value;
    }
  }

  /** Element {@code (b, gate, j)} of {@code [B,G₁·H]}. */
  private int gateAt(int b, int gate, int j) {
    return (b * gates + gate) * hidden + j;
  }

  @Override
  public void gates(
      Memory wx,
      Memory rh,
      @Nullable Memory operand,
      @Nullable Memory c,
      @Nullable Memory peepholes,
      Memory kept,
      @Nullable Memory result) {
    Floats w = Floats.of(wx);
    Floats r = Floats.of(rh);
    Floats o = Floats.of(operand);
    Floats before = Floats.of(c);
    Floats p = Floats.of(peepholes);
    Floats keep = Floats.of(kept);
    Floats to = Floats.of(result);
    eachRow(
        (gate, b) -> {
          for (int j = 0; j < hidden; j++) {
            for (int g = 0; g < gates; g++) {
              int at = gateAt(b, g, j);
              keep.set(at, w.get(at) + r.get(at));
            }
            int unit = b * hidden + j;
            switch (cell.family()) {
              case RNN -> to.set(unit, gate.gate(0, keep.get(unit)));
              case GRU -> to.set(unit, gate.gate(0, keep.get(gateAt(b, 0, j))) * o.get(unit));
              case GRU_RESET_AFTER -> {}
              case LSTM -> to.set(unit, newCell(gate, b, j, keep, p, before.get(unit)));
            }
          }
        });
  }

  /** {@code f·c + i·g}, before clipping. */
  private double freshCell(GateMaths gate, int b, int j, Floats kept, double c) {
    double i = gate.gate(0, kept.get(gateAt(b, 0, j)));
    double f = cell.coupledGates() ? gate.rest : gate.gate(0, kept.get(gateAt(b, 1, j)));
    return f * c + i * gate.gate(1, kept.get(gateAt(b, gates - 2, j)));
  }

  private double newCell(GateMaths gate, int b, int j, Floats kept, Floats p, double c) {
    boolean peeps = cell.peepholes() > 0;
    for (int g = 0; peeps && g < cell.peepholes() - 1; g++) {
      kept.add(gateAt(b, g, j), p.get(g * hidden + j) * c);
    }
    double fresh = freshCell(gate, b, j, kept, c);
    double limit = cell.cellClip();
    float next =
        (float) (limit > 0 && Math.abs(fresh) > limit ? Math.copySign(limit, fresh) : fresh);
    if (peeps) {
      kept.add(gateAt(b, gates - 1, j), p.get((cell.peepholes() - 1) * hidden + j) * next);
    }
    return next;
  }

  @Override
  public void output(
      @Nullable Memory wx,
      @Nullable Memory rh,
      Memory state,
      Memory kept,
      @Nullable Memory candidate,
      Memory result) {
    Floats w = Floats.of(wx);
    Floats r = Floats.of(rh);
    Floats s = Floats.of(state);
    Floats a = Floats.of(kept);
    Floats n = Floats.of(candidate);
    Floats to = Floats.of(result);
    int vectors = cell.keptOfCandidate();
    eachRow(
        (gate, b) -> {
          for (int j = 0; j < hidden; j++) {
            int unit = b * hidden + j;
            if (cell.family() == Family.LSTM) {
              double o = gate.gate(0, a.get(gateAt(b, gates - 1, j)));
              to.set(unit, o * gate.function(2, s.get(unit)));
              continue;
            }
            double product = r.get(unit);
            int at = b * vectors * hidden + j;
            if (resetFirst) {
              n.set(at, w.get(unit) + product);
            } else {
              n.set(at, w.get(unit) + gate.gate(0, a.get(gateAt(b, 0, j))) * product);
              n.set(at + hidden, product);
            }
            double fresh = gate.gate(1, n.get(at));
            double z = gate.gate(0, a.get(gateAt(b, 1, j)));
            to.set(unit, gate.rest * fresh + z * s.get(unit));
          }
        });
  }

  @Override
  public void outputGradient(
      Memory dResult,
      Memory state,
      Memory kept,
      @Nullable Memory candidate,
      Memory dGates,
      Memory dState,
      @Nullable Memory dwx,
      @Nullable Memory drh) {
    Floats d = Floats.of(dResult);
    Floats s = Floats.of(state);
    Floats a = Floats.of(kept);
    Floats n = Floats.of(candidate);
    Floats da = Floats.of(dGates);
    Floats ds = Floats.of(dState);
    Floats dw = Floats.of(dwx);
    Floats dr = Floats.of(drh);
    int vectors = cell.keptOfCandidate();
    eachRow(
        (gate, b) -> {
          for (int j = 0; j < hidden; j++) {
            int unit = b * hidden + j;
            double dm = d.get(unit);
            if (cell.family() == Family.LSTM) {
              double shown = gate.function(2, s.get(unit));
              double shownSlope = gate.slope;
              double o = gate.gate(0, a.get(gateAt(b, gates - 1, j)));
              da.set(gateAt(b, gates - 1, j), dm * shown * gate.slope);
              ds.set(unit, dm * o * shownSlope);
              continue;
            }
            int at = b * vectors * hidden + j;
            double fresh = gate.gate(1, n.get(at));
            double freshSlope = gate.slope;
            double z = gate.gate(0, a.get(gateAt(b, 1, j)));
            double byCandidate = dm * gate.rest * freshSlope;
            da.set(gateAt(b, 1, j), dm * (s.get(unit) - fresh) * gate.slope);
            ds.add(unit, dm * z);
            if (!resetFirst) {
              double reset = gate.gate(0, a.get(gateAt(b, 0, j)));
              da.set(gateAt(b, 0, j), byCandidate * n.get(at + hidden) * gate.slope);
              dr.set(unit, byCandidate * reset);
            }
            dw.set(unit, byCandidate);
          }
        });
  }

  @Override
  public void gatesGradient(
      Memory kept,
      @Nullable Memory operand,
      @Nullable Memory c,
      @Nullable Memory newCell,
      @Nullable Memory peepholes,
      Memory dResult,
      Memory dGates,
      @Nullable Memory dc,
      @Nullable Memory dPeepholes) {
    Floats a = Floats.of(kept);
    Floats o = Floats.of(operand);
    Floats before = Floats.of(c);
    Floats next = Floats.of(newCell);
    Floats p = Floats.of(peepholes);
    Floats d = Floats.of(dResult);
    Floats da = Floats.of(dGates);
    Floats dBefore = Floats.of(dc);
    Floats dp = Floats.of(dPeepholes);
    eachRow(
        (gate, b) -> {
          for (int j = 0; j < hidden; j++) {
            int unit = b * hidden + j;
            switch (cell.family()) {
              case RNN -> {
                gate.gate(0, a.get(unit));
                da.set(unit, d.get(unit) * gate.slope);
              }
              case GRU -> {
                double r = gate.gate(0, a.get(gateAt(b, 0, j)));
                double dGated = d.get(unit);
                da.set(gateAt(b, 0, j), dGated * o.get(unit) * gate.slope);
                d.set(unit, dGated * r);
              }
              case GRU_RESET_AFTER -> {}
              case LSTM -> {
                double c0 = before.get(unit);
                double dNext = d.get(unit);
                int last = gateAt(b, gates - 1, j);
                if (cell.peepholes() > 0) {
                  int ofO = cell.peepholes() - 1;
                  dNext += da.get(last) * p.get(ofO * hidden + j);
                  dp.add(peepholeAt(ofO, unit), da.get(last) * next.get(unit));
                }
                cellGradient(gate, b, j, a, c0, dNext, da, dBefore);
                for (int g = 0; g < cell.peepholes() - 1; g++) {
                  double dGate = da.get(gateAt(b, g, j));
                  dBefore.add(unit, dGate * p.get(g * hidden + j));
                  dp.add(peepholeAt(g, unit), dGate * c0);
                }
              }
            }
          }
        });
  }

  private int peepholeAt(int peephole, int unit) {
    return peephole * rules.batchSize() * hidden + unit;
  }

  private void cellGradient(
      GateMaths gate,
      int b,
      int j,
      Floats kept,
      double c,
      double dNext,
      Floats da,
      Floats dBefore) {
    double fresh = freshCell(gate, b, j, kept, c);
    double g = gate.value;
    double gSlope = gate.slope;
    double d = cell.cellClip() > 0 && Math.abs(fresh) > cell.cellClip() ? 0 : dNext;
    double i = gate.gate(0, kept.get(gateAt(b, 0, j)));
    double forget = gate.rest;
    if (cell.coupledGates()) {
      da.set(gateAt(b, 0, j), d * (g - c) * gate.slope);
    } else {
      da.set(gateAt(b, 0, j), d * g * gate.slope);
      forget = gate.gate(0, kept.get(gateAt(b, 1, j)));
      da.set(gateAt(b, 1, j), d * c * gate.slope);
    }
    da.set(gateAt(b, gates - 2, j), d * i * gSlope);
    dBefore.add(b * hidden + j, d * forget);
  }

  // ---- state -----------------------------------------------------------------------------------

  /**
   * The numbers that rows {@code [..,B,width]} take of a stream of a key, a block of four at a
   * time.
   */
  static final class Words {
    private final @Nullable RandomKey key;
    private final int stream;
    private final int width;
    private final int[] words = new int[4];
    private int block = -1;

    Words(@Nullable Memory key, int stream, int width) {
      JavaMemory memory = JavaMemory.ofNullable(key);
      this.key =
          memory == null
              ? null
              : RandomKey.of(
                  Arrays.copyOfRange(
                      memory.ints(), memory.offset(), memory.offset() + RandomKey.ELEMENTS));
      this.stream = stream;
      this.width = width;
    }

    /** Whether element {@code index} is one of those that a probability takes. */
    boolean isBelow(int threshold, int index) {
      RandomKey known = Objects.requireNonNull(key);
      long place = known.part().place(index, width);
      int wanted = (int) (place >>> 2);
      if (wanted != block) {
        block = wanted;
        Philox.block(known.seed(), known.stream() + stream, known.offset(), block, words);
      }
      return Integer.compareUnsigned(words[(int) (place & 3)], threshold) < 0;
    }
  }

  /** The part of the old value in the new one. */
  private double partKept(float p, Words words, int index) {
    if (p == 0) {
      return 0;
    }
    return !rules.training() ? p : words.isBelow(Philox.dropThreshold(p), index) ? 1 : 0;
  }

  private static float mixed(double part, float old, float fresh) {
    return part == 0 ? fresh : part == 1 ? old : (float) (part * old + (1 - part) * fresh);
  }

  private int row(int k, int b, int length) {
    int time = k < length && rules.reverse() ? length - 1 - k : k;
    return time * rules.batchSize() + b;
  }

  private int length(@Nullable Memory lengths, int b) {
    JavaMemory known = JavaMemory.ofNullable(lengths);
    return known == null ? rules.timeSteps() : known.ints()[known.offset() + b];
  }

  @Override
  public void keep(
      int k,
      Memory result,
      @Nullable Memory newCell,
      Memory h,
      @Nullable Memory c,
      Memory nextH,
      @Nullable Memory nextC,
      @Nullable Memory operand,
      Memory y,
      @Nullable Memory lengths,
      @Nullable Memory key) {
    Floats made = Floats.of(result);
    Floats fresh = Floats.of(newCell);
    Floats h0 = Floats.of(h);
    Floats c0 = Floats.of(c);
    Floats h1 = Floats.of(nextH);
    Floats c1 = Floats.of(nextC);
    Floats masked = Floats.of(operand);
    Floats out = Floats.of(y);
    int width = rules.stateSize();
    float scale = 1f / (1f - rules.dropout());
    int threshold = Philox.dropThreshold(rules.dropout());
    eachRow(
        (gate, b) -> {
          Words ofH = new Words(key, rules.hiddenStream(), rules.stateSize());
          Words ofC = new Words(key, rules.cellStream(), hidden);
          Words ofMask =
              new Words(key, rules.dropoutStream(), rules.operandIsCell() ? hidden : width);
          int length = length(lengths, b);
          boolean active = k < length;
          int row = row(k, b, length);
          for (int j = 0; j < width; j++) {
            int at = b * width + j;
            float old = h0.get(at);
            float next =
                active
                    ? mixed(
                        partKept(rules.hiddenZoneout(), ofH, row * width + j), old, made.get(at))
                    : old;
            h1.set(at, next);
            out.set(row * rules.outputStride() + j, active ? next : 0);
            if (operand != null && !rules.operandIsCell()) {
              masked.set(at, ofMask.isBelow(threshold, at) ? 0 : next * scale);
            }
          }
          for (int j = 0; rules.hasCell() && j < hidden; j++) {
            int at = b * hidden + j;
            float old = c0.get(at);
            float next =
                active
                    ? mixed(
                        partKept(rules.cellZoneout(), ofC, row * hidden + j), old, fresh.get(at))
                    : old;
            c1.set(at, next);
            if (operand != null && rules.operandIsCell()) {
              masked.set(at, ofMask.isBelow(threshold, at) ? 0 : next * scale);
            }
          }
        });
  }

  @Override
  public void keepGradient(
      int k,
      @Nullable Memory dy,
      Memory dh,
      @Nullable Memory dc,
      Memory dResult,
      @Nullable Memory dNewCell,
      @Nullable Memory lengths,
      @Nullable Memory key) {
    Floats byY = Floats.of(dy);
    Floats byH = Floats.of(dh);
    Floats byC = Floats.of(dc);
    Floats byResult = Floats.of(dResult);
    Floats byCell = Floats.of(dNewCell);
    int width = rules.stateSize();
    eachRow(
        (gate, b) -> {
          Words ofH = new Words(key, rules.hiddenStream(), rules.stateSize());
          Words ofC = new Words(key, rules.cellStream(), hidden);
          int length = length(lengths, b);
          boolean active = k < length;
          int row = row(k, b, length);
          for (int j = 0; j < width; j++) {
            int at = b * width + j;
            if (!active) {
              byResult.set(at, 0);
              continue;
            }
            float d = byH.get(at) + (dy == null ? 0 : byY.get(row * rules.outputStride() + j));
            double part = partKept(rules.hiddenZoneout(), ofH, row * width + j);
            byH.set(at, mixed(part, d, 0));
            byResult.set(at, mixed(part, 0, d));
          }
          for (int j = 0; rules.hasCell() && j < hidden; j++) {
            int at = b * hidden + j;
            if (!active) {
              byCell.set(at, 0);
              continue;
            }
            float d = byC.get(at);
            double part = partKept(rules.cellZoneout(), ofC, row * hidden + j);
            byC.set(at, mixed(part, d, 0));
            byCell.set(at, mixed(part, 0, d));
          }
        });
  }

  @Override
  public void operandGradient(
      Memory dOperand, @Nullable Memory more, Memory dState, @Nullable Memory key) {
    Floats d = Floats.of(dOperand);
    Floats direct = Floats.of(more);
    Floats to = Floats.of(dState);
    int width = rules.stateSize();
    float scale = 1f / (1f - rules.dropout());
    int threshold = Philox.dropThreshold(rules.dropout());
    eachRow(
        (gate, b) -> {
          Words words = new Words(key, rules.dropoutStream(), width);
          for (int at = b * width; at < (b + 1) * width; at++) {
            float sum = d.get(at) + (more == null ? 0 : direct.get(at));
            if (rules.dropout() == 0) {
              to.add(at, sum);
            } else if (!words.isBelow(threshold, at)) {
              to.add(at, sum * scale);
            }
          }
        });
  }

  @Override
  public void close() {}
}
