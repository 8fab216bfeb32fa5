package dev.sequor.backend.host;

import dev.sequor.backend.Memory;
import org.jspecify.annotations.Nullable;

/**
 * One direction of one layer, over all time steps. {@code yColumn} is the first of the {@code H}
 * columns of {@code y} that belong to this direction. Nothing is checked here.
 */
public interface LayerPlan extends AutoCloseable {
  /** Elements of {@code saved}; 0 in inference. */
  long savedElements();

  /**
   * Forward over the valid rows; rows of {@code y} past a sequence's end are zeroed in this
   * direction's columns.
   *
   * @param rows the batch's rows in this direction's order
   * @param parameters of this layer and direction, laid out as {@link LayerShape#block} says
   * @param x {@code [T,B,I]}
   * @param initialState {@code [S,B,H]}, or null for zeros
   * @param y {@code [T,B,outputStride]}
   * @param finalState {@code [S,B,H]}, or null; may be the same memory as {@code initialState}
   * @param saved at least {@link #savedElements()}, or null in inference
   */
  void forward(
      SequenceRows rows,
      Memory parameters,
      Memory x,
      @Nullable Memory initialState,
      Memory y,
      int yColumn,
      @Nullable Memory finalState,
      @Nullable Memory saved);

  /**
   * Back-propagation through time.
   *
   * @param rows as for forward
   * @param parameters as for forward
   * @param x as for forward
   * @param saved what forward wrote
   * @param dy {@code [T,B,outputStride]}, or null for zeros
   * @param dFinalState {@code [S,B,H]}, or null for zeros
   * @param dParameters laid out as the parameters; added to
   * @param dx {@code [T,B,I]}, or null if not wanted
   * @param addToDx whether to add to {@code dx} (the second direction) or to overwrite it, with
   *     zeros in the padding
   * @param dInitialState {@code [S,B,H]}, overwritten, or null if not wanted
   */
  void backward(
      SequenceRows rows,
      Memory parameters,
      Memory x,
      Memory saved,
      @Nullable Memory dy,
      int yColumn,
      @Nullable Memory dFinalState,
      Memory dParameters,
      @Nullable Memory dx,
      boolean addToDx,
      @Nullable Memory dInitialState);

  @Override
  void close();
}
