package dev.sequor.backend.options;

import dev.sequor.backend.Activation;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Closing;
import dev.sequor.backend.ColumnCopy;
import dev.sequor.backend.LinearShape;
import dev.sequor.backend.Memory;
import dev.sequor.backend.Mode;
import dev.sequor.backend.NormShape;
import dev.sequor.backend.ParameterLayout;
import dev.sequor.backend.ParameterLayout.Kind;
import dev.sequor.backend.RandomStreams;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.RnnSpec;
import dev.sequor.backend.options.StepMemory.Series;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One direction of one layer whose steps have options. Everything is in the order of the steps,
 * also for the reverse direction; past a sequence's end rows of x are zero, the state stays and
 * gradients are zero, so that products may run over all rows.
 *
 * <p>Per step forward: products with R, their normalisation, {@link StepMaths#gates}, of a GRU the
 * candidate's product, of an LSTM the normalisation of c', {@link StepMaths#output}, the
 * projection, {@link StepMaths#keep}. Backward the same in the other order. Weight gradients are
 * made of all steps at once afterwards.
 */
final class StepwiseLayer {
  private final OptionsEngine engine;
  private final CellMaths cell;
  private final StateRules rules;
  private final StepRows inputRows;
  private final ParameterLayout layout;
  private final int layer;
  private final StepMaths maths;
  private final boolean training;
  private final boolean norm;
  private final boolean projects;

  private final int steps;
  private final int batch;
  private final int inputs;
  private final int hidden;
  private final int stateSize;

  /**
   * The gates that are made by one product: all of them, or of a GRU r and z, and the candidate.
   */
  private final List<Group> groups = new ArrayList<>();

  /** What backward needs; in inference this plan's own. */
  private final StepMemory kept = new StepMemory();

  private final StepMemory scratch = new StepMemory();

  private final Series x;
  private final Series gates;
  private final @Nullable Series candidate;
  private final @Nullable Series gated;
  private final Series h;
  private final @Nullable Series c;
  private final @Nullable Series operand;
  private final @Nullable Series newCell;
  private final @Nullable Series shown;
  private final @Nullable Series shownScale;
  private final Series result;
  private final @Nullable Series projected;

  private final @Nullable Series cellNorm;
  private final @Nullable Series dCellNorm;

  // Backward only.
  private final @Nullable Series dh;
  private final @Nullable Series dc;
  private final @Nullable Series dState;
  private final @Nullable Series dResult;
  private final @Nullable Series dNewCell;
  private final @Nullable Series dShown;
  private final @Nullable Series dProjected;
  private final @Nullable Series dOperand;
  private final @Nullable Series dGated;
  private final @Nullable Series dPeepholes;
  private final @Nullable Series dx;

  /** The part of {@link #dx} by the candidate of a GRU. */
  private final @Nullable Series dxOfCandidate;

  /** Gates of one product with W and one with R. */
  private final class Group {
    final int firstRow;
    final int width;

    /** {@code W x + bW}, or {@code LN(W x)} {@code [T,B,width]}. */
    final Series wx;

    /** {@code R h + bR}, or {@code LN(R h)}, of one step. */
    final Series rh;

    /** Products before they are normalised, and what normalisation keeps. */
    final @Nullable Series rawWx;

    final @Nullable Series scaleWx;
    final @Nullable Series rawRh;
    final @Nullable Series scaleRh;

    /** Gain and bias {@code [2,width]}, of W x and of R h. */
    final @Nullable Series normWx;

    final @Nullable Series normRh;
    final @Nullable Series dNormWx;
    final @Nullable Series dNormRh;

    /** Gradients by {@link #wx} and {@link #rh}: one array unless they differ. */
    final @Nullable Series dwx;

    final @Nullable Series drh;

    /** The gradients by the products themselves: the same arrays without normalisation. */
    final @Nullable Series dRawWx;

    final @Nullable Series dRawRh;

    Group(int firstGate, int gateCount, boolean sameGradients) {
      firstRow = firstGate * hidden;
      width = gateCount * hidden;
      long row = (long) batch * width;
      wx = scratch.reserve(row, steps);
      rh = scratch.reserve(row, 1);
      int slots = training ? steps : 1;
      rawWx = norm ? (training ? kept : scratch).reserve(row, steps) : null;
      scaleWx = norm ? kept.reserve(2L * batch, steps) : null;
      rawRh = norm ? kept.reserve(row, slots) : null;
      scaleRh = norm ? kept.reserve(2L * batch, slots) : null;
      normWx = norm ? scratch.reserve(2L * width, 1) : null;
      normRh = norm ? scratch.reserve(2L * width, 1) : null;
      dNormWx = norm && training ? scratch.reserve(2L * width, 1) : null;
      dNormRh = norm && training ? scratch.reserve(2L * width, 1) : null;
      dwx = training ? scratch.reserve(row, steps) : null;
      drh = training && !sameGradients ? scratch.reserve(row, steps) : dwx;
      dRawWx = training && norm ? scratch.reserve(row, steps) : dwx;
      dRawRh = training && norm ? scratch.reserve(row, steps) : drh;
    }

    private Memory rows(Memory block, Kind kind, int columns) {
      return block.slice(
          layout.within(kind, layer) + (long) firstRow * columns, (long) width * columns);
    }

    private void takeNorm(Memory block) {
      if (normWx != null && normRh != null) {
        takeNorm(block, Kind.INPUT_GAIN, Kind.INPUT_BIAS, normWx.at(0));
        takeNorm(block, Kind.RECURRENT_GAIN, Kind.RECURRENT_BIAS, normRh.at(0));
      }
    }

    private void takeNorm(Memory block, Kind gain, Kind bias, Memory to) {
      engine.copy(rows(block, gain, 1), to.slice(0, width));
      engine.copy(rows(block, bias, 1), to.slice(width, width));
    }

    private void giveNorm(Memory from, Memory dBlock, Kind gain, Kind bias) {
      add(from.slice(0, width), rows(dBlock, gain, 1), 1);
      add(from.slice(width, width), rows(dBlock, bias, 1), 1);
    }

    /** {@code wx} of all steps. */
    void input(Memory block) {
      Memory weights = rows(block, Kind.INPUT_WEIGHTS, inputs);
      LinearShape shape = linear(steps * batch, inputs, width);
      if (rawWx == null) {
        engine.linearForward(shape, x.all(), weights, rows(block, Kind.INPUT_BIAS, 1), wx.all());
      } else {
        engine.linearForward(shape, x.all(), weights, null, rawWx.all());
        engine.layerNormForward(
            normal(steps * batch, width),
            rawWx.all(),
            some(normWx).at(0),
            wx.all(),
            some(scaleWx).all());
      }
    }

    /** {@code rh} of step k. */
    Memory recurrent(Memory block, Memory from, int k) {
      Memory weights = rows(block, Kind.RECURRENT_WEIGHTS, stateSize);
      LinearShape shape = linear(batch, stateSize, width);
      if (rawRh == null) {
        engine.linearForward(shape, from, weights, rows(block, Kind.RECURRENT_BIAS, 1), rh.at(0));
      } else {
        engine.linearForward(shape, from, weights, null, rawRh.at(k));
        engine.layerNormForward(
            normal(batch, width), rawRh.at(k), some(normRh).at(0), rh.at(0), some(scaleRh).at(k));
      }
      return rh.at(0);
    }

    /** From the gradient by {@code rh} of step k to that by what R was multiplied with. */
    void recurrentGradient(Memory block, int k, Memory to) {
      Memory gradient = some(drh).at(k);
      if (rawRh != null) {
        engine.layerNormBackward(
            normal(batch, width),
            rawRh.at(k),
            some(normRh).at(0),
            some(scaleRh).at(k),
            gradient,
            some(dRawRh).at(k),
            some(dNormRh).at(0));
        gradient = some(dRawRh).at(k);
      }
      engine.linearBackward(
          linear(batch, stateSize, width),
          to, // not read: there is no gradient by the weights
          rows(block, Kind.RECURRENT_WEIGHTS, stateSize),
          gradient,
          gradient,
          to,
          null,
          null);
    }

    /** Adds the gradients of weights and biases, and makes or adds to the gradient by x. */
    void parameterGradients(Memory block, Memory operands, Memory dBlock, @Nullable Memory dInput) {
      if (rawWx != null) {
        engine.layerNormBackward(
            normal(steps * batch, width),
            rawWx.all(),
            some(normWx).at(0),
            some(scaleWx).all(),
            some(dwx).all(),
            some(dRawWx).all(),
            some(dNormWx).at(0));
        giveNorm(some(dNormWx).at(0), dBlock, Kind.INPUT_GAIN, Kind.INPUT_BIAS);
        giveNorm(some(dNormRh).at(0), dBlock, Kind.RECURRENT_GAIN, Kind.RECURRENT_BIAS);
      }
      Memory byWx = some(dRawWx).all();
      Memory byRh = some(dRawRh).all();
      engine.linearBackward(
          linear(steps * batch, inputs, width),
          x.all(),
          rows(block, Kind.INPUT_WEIGHTS, inputs),
          byWx,
          byWx,
          dInput,
          rows(dBlock, Kind.INPUT_WEIGHTS, inputs),
          norm ? null : rows(dBlock, Kind.INPUT_BIAS, 1));
      engine.linearBackward(
          linear(steps * batch, stateSize, width),
          operands,
          rows(block, Kind.RECURRENT_WEIGHTS, stateSize),
          byRh,
          byRh,
          null,
          rows(dBlock, Kind.RECURRENT_WEIGHTS, stateSize),
          norm ? null : rows(dBlock, Kind.RECURRENT_BIAS, 1));
    }
  }

  StepwiseLayer(OptionsEngine engine, RnnShape shape, Mode mode, int layer, int direction) {
    RnnSpec stack = shape.stack();
    CellOptions options = stack.options();
    this.engine = engine;
    this.layer = layer;
    this.layout = shape.parameterLayout();
    this.cell = CellMaths.of(stack);
    this.training = mode == Mode.TRAINING;
    this.norm = options.layerNorm();
    this.projects = options.projectionSize() > 0;
    this.steps = shape.timeSteps();
    this.batch = shape.batchSize();
    this.inputs = shape.layerInputSize(layer);
    this.hidden = stack.hiddenSize();
    this.stateSize = stack.stateSize();
    boolean lstm = cell.family() == CellMaths.Family.LSTM;
    boolean gru = cell.family().isGru();
    boolean reverse = shape.isReverse(direction);
    this.inputRows = new StepRows(steps, batch, inputs, reverse, 0f, 0);
    this.rules =
        new StateRules(
            steps,
            batch,
            stateSize,
            hidden,
            lstm,
            reverse,
            shape.outputSize(),
            stack.cell() == CellType.LSTM_CELL_RECURRENT,
            training,
            options.hiddenZoneout(),
            RandomStreams.HIDDEN_ZONEOUT.of(stack, layer, direction),
            options.cellZoneout(),
            RandomStreams.CELL_ZONEOUT.of(stack, layer, direction),
            training ? options.recurrentDropout() : 0f,
            RandomStreams.RECURRENT_DROPOUT.of(stack, layer, direction));

    int slots = training ? steps : 1;
    int states = training ? steps + 1 : 2;
    long units = (long) batch * hidden;
    long state = (long) batch * stateSize;
    x = (training ? kept : scratch).reserve((long) batch * inputs, steps);
    boolean sameGradients = cell.family() != CellMaths.Family.GRU_RESET_AFTER;
    groups.add(new Group(0, cell.firstGates(), true));
    if (gru) {
      groups.add(new Group(2, 1, sameGradients));
    }
    gates = kept.reserve(units * cell.firstGates(), slots);
    candidate = gru ? kept.reserve(units * cell.keptOfCandidate(), slots) : null;
    gated = cell.family() == CellMaths.Family.GRU ? kept.reserve(units, slots) : null;
    h = kept.reserve(state, states);
    c = lstm ? kept.reserve(units, states) : null;
    operand = rules.dropout() > 0 ? kept.reserve(state, states) : null;
    newCell = lstm ? kept.reserve(units, slots) : null;
    shown = lstm && norm ? kept.reserve(units, slots) : null;
    shownScale = lstm && norm ? kept.reserve(2L * batch, slots) : null;
    result = (training && projects ? kept : scratch).reserve(units, projects ? slots : 1);
    projected = projects ? scratch.reserve(state, 1) : null;
    cellNorm = lstm && norm ? scratch.reserve(2L * hidden, 1) : null;

    dCellNorm = training && lstm && norm ? scratch.reserve(2L * hidden, 1) : null;
    dh = training ? scratch.reserve(state, 1) : null;
    dc = training && lstm ? scratch.reserve(units, 1) : null;
    dState = training ? scratch.reserve(units, 1) : null;
    dResult = training ? scratch.reserve(units, 1) : null;
    dNewCell = training && lstm ? scratch.reserve(units, 1) : null;
    dShown = training && lstm ? scratch.reserve(units, 1) : null;
    dProjected = training && projects ? scratch.reserve(state, steps) : null;
    dOperand = training ? scratch.reserve(state, 1) : null;
    dGated = training && gru ? scratch.reserve(units, 1) : null;
    dPeepholes =
        training && cell.peepholes() > 0 ? scratch.reserve(units * cell.peepholes(), 1) : null;
    dx = training ? scratch.reserve((long) batch * inputs, steps) : null;
    dxOfCandidate = training && gru ? scratch.reserve((long) batch * inputs, steps) : null;

    this.maths = engine.stepMaths(cell, rules);
    try {
      scratch.allocate(engine);
      if (!training) {
        kept.allocate(engine);
      }
    } catch (RuntimeException | Error e) {
      Closing.after(e, this::close);
      throw e;
    }
  }

  private static Series some(@Nullable Series series) {
    return Objects.requireNonNull(series);
  }

  private Memory tensor(Memory block, Kind kind) {
    return block.slice(layout.within(kind, layer), layout.elements(kind, layer));
  }

  private static LinearShape linear(int rows, int inputs, int outputs) {
    return new LinearShape(rows, inputs, outputs, Activation.NONE);
  }

  private static NormShape normal(int rows, int width) {
    return new NormShape(rows, width, CellOptions.NORM_EPSILON);
  }

  private void add(Memory from, Memory to, int rows) {
    int width = Math.toIntExact(from.elements() / rows);
    engine.copyColumns(new ColumnCopy(rows, width, 0, width, 0, width, 1f, true), from, to);
  }

  /** Elements of what forward keeps for backward; 0 in inference. */
  long savedElements() {
    return training ? kept.elements() : 0;
  }

  /** What R is multiplied with in step k. */
  private Memory operandOf(int k) {
    return operand != null ? operand.at(k) : rules.operandIsCell() ? some(c).at(k) : h.at(k);
  }

  private Memory operands() {
    Series all = operand != null ? operand : rules.operandIsCell() ? some(c) : h;
    return all.all().slice(0, (long) steps * batch * stateSize);
  }

  /** Columns [0, width) of the states {@code [B,H]} of a vector, from or to {@code [B,width]}. */
  private ColumnCopy columns(int width, boolean in) {
    return in
        ? new ColumnCopy(batch, width, 0, hidden, 0, width, 1f, false)
        : new ColumnCopy(batch, width, 0, width, 0, hidden, 1f, false);
  }

  private Memory state(Memory states, int vector) {
    long elements = (long) batch * hidden;
    return states.slice(vector * elements, elements);
  }

  private void takeState(@Nullable Memory states, Series first, int vector, int width) {
    if (states == null) {
      engine.fill(first.at(0), 0f);
    } else {
      engine.copyColumns(columns(width, true), state(states, vector), first.at(0));
    }
  }

  private void giveState(Memory last, @Nullable Memory states, int vector, int width) {
    if (states != null) {
      if (width < hidden) {
        engine.fill(state(states, vector), 0f);
      }
      engine.copyColumns(columns(width, false), last, state(states, vector));
    }
  }

  /**
   * A forward pass.
   *
   * @param block the parameters of this layer and direction
   * @param input {@code [T,B,I]} by time
   * @param s0 {@code [S,B,H]} or null
   * @param y from this direction's first column on
   * @param sT {@code [S,B,H]} or null
   * @param saved see {@link #savedElements}; null in inference
   */
  void forward(
      Memory block,
      Memory input,
      @Nullable Memory lengths,
      @Nullable Memory s0,
      Memory y,
      @Nullable Memory sT,
      @Nullable Memory saved,
      @Nullable Memory key) {
    if (saved != null) {
      kept.use(saved);
    }
    engine.gatherSteps(inputRows, input, lengths, null, x.all());
    for (Group group : groups) {
      group.takeNorm(block);
      group.input(block);
    }
    if (cellNorm != null) {
      engine.copy(tensor(block, Kind.CELL_GAIN), cellNorm.at(0).slice(0, hidden));
      engine.copy(tensor(block, Kind.CELL_BIAS), cellNorm.at(0).slice(hidden, hidden));
    }
    takeState(s0, h, 0, stateSize);
    if (c != null) {
      takeState(s0, c, 1, hidden);
    }
    if (operand != null) {
      maskFirstOperand(key);
    }
    for (int k = 0; k < steps; k++) {
      step(block, k, y, lengths, key);
    }
    giveState(h.at(steps), sT, 0, stateSize);
    if (c != null) {
      giveState(c.at(steps), sT, 1, hidden);
    }
  }

  /** The operand of step 0: the masked initial state. */
  private void maskFirstOperand(@Nullable Memory key) {
    Memory from = rules.operandIsCell() ? some(c).at(0) : h.at(0);
    engine.gatherSteps(
        new StepRows(1, batch, stateSize, false, rules.dropout(), rules.dropoutStream()),
        from,
        null,
        key,
        some(operand).at(0));
  }

  private void step(Memory block, int k, Memory y, @Nullable Memory lengths, @Nullable Memory key) {
    Group first = groups.get(0);
    Memory from = operandOf(k);
    Memory rh = first.recurrent(block, from, k);
    Memory peepholes = cell.peepholes() > 0 ? tensor(block, Kind.PEEPHOLES) : null;
    Memory made = result.at(k);
    switch (cell.family()) {
      case RNN -> maths.gates(first.wx.at(k), rh, null, null, null, gates.at(k), made);
      case GRU, GRU_RESET_AFTER -> {
        Group second = groups.get(1);
        Memory reset = gated == null ? null : gated.at(k);
        maths.gates(first.wx.at(k), rh, from, null, null, gates.at(k), reset);
        Memory rhOfCandidate = second.recurrent(block, reset == null ? from : reset, k);
        maths.output(
            second.wx.at(k), rhOfCandidate, h.at(k), gates.at(k), some(candidate).at(k), made);
      }
      case LSTM -> {
        Memory fresh = some(newCell).at(k);
        maths.gates(first.wx.at(k), rh, null, some(c).at(k), peepholes, gates.at(k), fresh);
        maths.output(null, null, showCell(fresh, k), gates.at(k), null, made);
      }
    }
    if (projected != null) {
      engine.linearForward(
          linear(batch, hidden, stateSize),
          made,
          tensor(block, Kind.PROJECTION),
          null,
          projected.at(0));
      made = projected.at(0);
    }
    maths.keep(
        k,
        made,
        newCell == null ? null : newCell.at(k),
        h.at(k),
        c == null ? null : c.at(k),
        h.at(k + 1),
        c == null ? null : c.at(k + 1),
        operand == null ? null : operand.at(k + 1),
        y,
        lengths,
        key);
  }

  private Memory showCell(Memory fresh, int k) {
    if (shown == null) {
      return fresh;
    }
    engine.layerNormForward(
        normal(batch, hidden), fresh, some(cellNorm).at(0), shown.at(k), some(shownScale).at(k));
    return shown.at(k);
  }

  /**
   * A backward pass; arguments as of {@link #forward}.
   *
   * @param dy from this direction's first column on, or null
   * @param dsT {@code [S,B,H]} or null
   * @param dBlock added to
   * @param dInput {@code [T,B,I]} or null
   * @param addToInput whether to add to it
   * @param ds0 {@code [S,B,H]} or null
   */
  void backward(
      Memory block,
      @Nullable Memory lengths,
      Memory saved,
      @Nullable Memory dy,
      @Nullable Memory dsT,
      Memory dBlock,
      @Nullable Memory dInput,
      boolean addToInput,
      @Nullable Memory ds0,
      @Nullable Memory key) {
    kept.use(saved);
    for (Group group : groups) {
      group.takeNorm(block);
      clear(group.dNormWx);
      clear(group.dNormRh);
    }
    if (cellNorm != null) {
      engine.copy(tensor(block, Kind.CELL_GAIN), cellNorm.at(0).slice(0, hidden));
      engine.copy(tensor(block, Kind.CELL_BIAS), cellNorm.at(0).slice(hidden, hidden));
    }
    clear(dCellNorm);
    clear(dPeepholes);
    takeState(dsT, some(dh), 0, stateSize);
    if (dc != null) {
      takeState(dsT, dc, 1, hidden);
    }
    for (int k = steps - 1; k >= 0; k--) {
      stepGradient(block, k, dy, lengths, key);
    }
    giveState(some(dh).at(0), ds0, 0, stateSize);
    if (dc != null) {
      giveState(dc.at(0), ds0, 1, hidden);
    }
    parameterGradients(block, dBlock, dInput != null);
    if (dInput != null) {
      engine.scatterSteps(inputRows, some(dx).all(), lengths, null, addToInput, dInput);
    }
  }

  private void clear(@Nullable Series series) {
    if (series != null) {
      engine.fill(series.at(0), 0f);
    }
  }

  private void stepGradient(
      Memory block, int k, @Nullable Memory dy, @Nullable Memory lengths, @Nullable Memory key) {
    Group first = groups.get(0);
    Memory dGates = some(first.dwx).at(k);
    Memory byResult = some(dResult).at(0);
    Memory byNewCell = dNewCell == null ? null : dNewCell.at(0);
    Memory byKept = dProjected == null ? byResult : dProjected.at(k);
    Memory carriedH = some(dh).at(0);
    Memory carriedC = dc == null ? null : dc.at(0);
    maths.keepGradient(k, dy, carriedH, carriedC, byKept, byNewCell, lengths, key);
    if (dProjected != null) {
      engine.linearBackward(
          linear(batch, hidden, stateSize),
          result.at(k),
          tensor(block, Kind.PROJECTION),
          byKept,
          byKept,
          byResult,
          null,
          null);
    }
    Memory peepholes = cell.peepholes() > 0 ? tensor(block, Kind.PEEPHOLES) : null;
    Memory byPeepholes = dPeepholes == null ? null : dPeepholes.at(0);
    Memory byOperand = some(dOperand).at(0);
    Memory direct = null;
    switch (cell.family()) {
      case RNN ->
          maths.gatesGradient(gates.at(k), null, null, null, null, byResult, dGates, null, null);
      case GRU, GRU_RESET_AFTER -> {
        Group second = groups.get(1);
        maths.outputGradient(
            byResult,
            h.at(k),
            gates.at(k),
            some(candidate).at(k),
            dGates,
            carriedH,
            some(second.dwx).at(k),
            some(second.drh).at(k));
        direct = some(dGated).at(0);
        second.recurrentGradient(block, k, direct);
        if (gated != null) {
          maths.gatesGradient(
              gates.at(k), operandOf(k), null, null, null, direct, dGates, null, null);
        }
      }
      case LSTM -> {
        Memory fresh = some(newCell).at(k);
        Memory seen = shown == null ? fresh : shown.at(k);
        Memory byShown = some(dShown).at(0);
        maths.outputGradient(byResult, seen, gates.at(k), null, dGates, byShown, null, null);
        if (shown != null) {
          Memory through = some(dState).at(0);
          engine.layerNormBackward(
              normal(batch, hidden),
              fresh,
              some(cellNorm).at(0),
              some(shownScale).at(k),
              byShown,
              through,
              some(dCellNorm).at(0));
          byShown = through;
        }
        add(byShown, Objects.requireNonNull(byNewCell), batch);
        maths.gatesGradient(
            gates.at(k),
            null,
            some(c).at(k),
            fresh,
            peepholes,
            Objects.requireNonNull(byNewCell),
            dGates,
            carriedC,
            byPeepholes);
      }
    }
    first.recurrentGradient(block, k, byOperand);
    Memory into = rules.operandIsCell() ? Objects.requireNonNull(carriedC) : carriedH;
    maths.operandGradient(byOperand, direct, into, key);
  }

  private void parameterGradients(Memory block, Memory dBlock, boolean wantsInput) {
    Memory toInput = wantsInput ? some(dx).all() : null;
    groups.get(0).parameterGradients(block, operands(), dBlock, toInput);
    if (groups.size() > 1) {
      Memory second = gated == null ? operands() : gated.all();
      Memory share = wantsInput ? some(dxOfCandidate).all() : null;
      groups.get(1).parameterGradients(block, second, dBlock, share);
      if (share != null && toInput != null) {
        add(share, toInput, steps * batch);
      }
    }
    if (dProjected != null) {
      engine.linearBackward(
          linear(steps * batch, hidden, stateSize),
          result.all(),
          tensor(block, Kind.PROJECTION),
          dProjected.all(),
          dProjected.all(),
          null,
          tensor(dBlock, Kind.PROJECTION),
          null);
    }
    if (dCellNorm != null) {
      add(dCellNorm.at(0).slice(0, hidden), tensor(dBlock, Kind.CELL_GAIN), 1);
      add(dCellNorm.at(0).slice(hidden, hidden), tensor(dBlock, Kind.CELL_BIAS), 1);
    }
    for (int p = 0; p < cell.peepholes() && dPeepholes != null; p++) {
      Memory each = dPeepholes.at(0).slice((long) p * batch * hidden, (long) batch * hidden);
      engine.linearBackward(
          linear(batch, 1, hidden),
          each,
          each,
          each,
          each,
          null,
          null,
          tensor(dBlock, Kind.PEEPHOLES).slice((long) p * hidden, hidden));
    }
  }

  /** Frees what was allocated. */
  void close() {
    new Closing().then(maths::close).then(scratch::free).then(kept::free).end();
  }
}
