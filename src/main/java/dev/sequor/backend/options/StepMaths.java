package dev.sequor.backend.options;

import dev.sequor.backend.DType;
import dev.sequor.backend.Engine;
import dev.sequor.backend.Memory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * The element-wise maths of a cell with options and {@link StateRules}, on one engine: what is
 * between the products of a step. All memory is FLOAT32 in the order of the steps, and of one step
 * {@code [B,·]}, where nothing else is said; what is nullable is null where the cell has no use for
 * it. Products, normalisations and projections are not done here. Symbols are those of options.h,
 * which has the equations.
 */
public interface StepMaths extends AutoCloseable {

  /** New INT32 memory with both as {@code struct OptionedStep} of options.h. */
  static Memory describe(Engine engine, CellMaths cell, StateRules rules) {
    int[] first = cell.words();
    int[] second = rules.words();
    ByteBuffer words =
        ByteBuffer.allocateDirect((first.length + second.length) * Integer.BYTES)
            .order(ByteOrder.nativeOrder());
    words.asIntBuffer().put(first).put(second);
    Memory memory = engine.allocate(DType.INT32, first.length + second.length);
    engine.upload(words, memory);
    return memory;
  }

  /**
   * The gates that the first products feed.
   *
   * @param wx {@code [B,G₁·H]}
   * @param rh {@code [B,G₁·H]}
   * @param operand of the product, of a GRU
   * @param c the cell state before, of an LSTM
   * @param peepholes {@code [P,H]}
   * @param kept {@code [B,G₁·H]}: what gates' functions get, before clipping
   * @param result of an RNN its output; of a GRU whose reset gate comes first {@code r∘operand}; of
   *     an LSTM {@code c'}
   */
  void gates(
      Memory wx,
      Memory rh,
      @Nullable Memory operand,
      @Nullable Memory c,
      @Nullable Memory peepholes,
      Memory kept,
      @Nullable Memory result);

  /**
   * The rest of the cell, of a GRU and of an LSTM.
   *
   * @param wx {@code [B,H]} of a GRU's candidate
   * @param rh {@code [B,H]} likewise
   * @param state of a GRU the h before; of an LSTM the {@code c'} that is shown, normalised or not
   * @param kept see {@link #gates}
   * @param candidate {@code [B,keptOfCandidate·H]}, overwritten, of a GRU
   * @param result {@code [B,H]}
   */
  void output(
      @Nullable Memory wx,
      @Nullable Memory rh,
      Memory state,
      Memory kept,
      @Nullable Memory candidate,
      Memory result);

  /**
   * From step {@code k}'s result to the next state; where a sequence has no step {@code k} the
   * state stays.
   *
   * @param result {@code [B,P]}
   * @param newCell {@code [B,H]}: {@code c'}
   * @param h before, {@code [B,P]}
   * @param c before, {@code [B,H]}
   * @param nextH overwritten
   * @param nextC overwritten
   * @param operand of the next product, masked; null where it is a state as it is
   * @param y {@code [T,B,·]} by time, from this direction's first column on
   */
  void keep(
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
      @Nullable Memory key);

  /**
   * The gradient of {@link #keep}, but for that of its operand.
   *
   * @param dy like {@code y}, or null for zeros
   * @param dh by {@code nextH}; becomes that by {@code h} on the direct path
   * @param dc by {@code nextC}; likewise
   * @param dResult overwritten, 0 where a sequence has no step {@code k}
   * @param dNewCell likewise
   */
  void keepGradient(
      int k,
      @Nullable Memory dy,
      Memory dh,
      @Nullable Memory dc,
      Memory dResult,
      @Nullable Memory dNewCell,
      @Nullable Memory lengths,
      @Nullable Memory key);

  /**
   * The gradient by the state that an operand was made of: {@code dState += mask∘(dOperand +
   * more)}.
   *
   * @param more or null
   */
  void operandGradient(Memory dOperand, @Nullable Memory more, Memory dState, @Nullable Memory key);

  /**
   * The gradient of {@link #output}.
   *
   * @param dResult {@code [B,H]}
   * @param dGates {@code [B,G₁·H]}: of a GRU z's part is written, and r's if the reset gate comes
   *     after; of an LSTM o's
   * @param dState of a GRU added to: by the h before; of an LSTM overwritten: by the shown {@code
   *     c'}
   * @param dwx {@code [B,H]} of a GRU, overwritten
   * @param drh {@code [B,H]} likewise; may be the memory of {@code dwx} if the reset gate comes
   *     first
   */
  void outputGradient(
      Memory dResult,
      Memory state,
      Memory kept,
      @Nullable Memory candidate,
      Memory dGates,
      Memory dState,
      @Nullable Memory dwx,
      @Nullable Memory drh);

  /**
   * The gradient of {@link #gates}, all parts of {@code dGates} that {@link #outputGradient} has
   * not written. Not needed for a GRU whose reset gate comes after.
   *
   * @param newCell {@code c'}, of an LSTM
   * @param dResult by the result; of a GRU overwritten: the direct part of that by the operand
   * @param dc by the cell state before; added to
   * @param dPeepholes {@code [P,B,H]}, added to
   */
  void gatesGradient(
      Memory kept,
      @Nullable Memory operand,
      @Nullable Memory c,
      @Nullable Memory newCell,
      @Nullable Memory peepholes,
      Memory dResult,
      Memory dGates,
      @Nullable Memory dc,
      @Nullable Memory dPeepholes);

  /** Frees what this holds of the engine's memory. */
  @Override
  void close();
}
