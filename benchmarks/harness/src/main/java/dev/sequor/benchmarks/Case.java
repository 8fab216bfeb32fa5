package dev.sequor.benchmarks;

import com.fasterxml.jackson.annotation.JsonIgnore;

/**
 * What is timed: one layer, one direction, input as wide as the hidden state.
 *
 * @param timeSteps {@code T}
 * @param batchSize {@code B}
 * @param hiddenSize {@code H}, and {@code I}
 */
public record Case(Cell cell, Pass pass, int timeSteps, int batchSize, int hiddenSize) {

  /** The cells that the peers have too. */
  public enum Cell {
    /** Four gates. */
    LSTM(4),
    /** The reset gate after the recurrent product, as in {@code torch.nn.GRU}. */
    GRU_RESET_AFTER(3);

    private final int gates;

    Cell(int gates) {
      this.gates = gates;
    }

    /** {@code G}. */
    public int gates() {
      return gates;
    }
  }

  /** What one timed call does. */
  public enum Pass {
    /** Inference: outputs only, weights unchanged from call to call. */
    FORWARD("forward", 1),
    /**
     * A training step's share: outputs, and the gradients of x, weights and biases, afresh from
     * weights that may have changed since the last call.
     */
    FORWARD_BACKWARD("forwardBackward", 3);

    private final String id;
    private final int products;

    Pass(String id, int products) {
      this.id = id;
      this.products = products;
    }

    /** The name in tables and files. */
    public String id() {
      return id;
    }
  }

  /** {@code G·H}, the rows of the weights. */
  @JsonIgnore
  public int gateRows() {
    return cell.gates() * hiddenSize;
  }

  /** Elements of {@code x [T,B,I]}, and of {@code y [T,B,H]}. */
  @JsonIgnore
  public int sequenceElements() {
    return timeSteps * batchSize * hiddenSize;
  }

  /**
   * Floating-point operations of the matrix products: {@code 2·T·B·G·H·(I+H)} forward, twice that
   * again backward.
   */
  @JsonIgnore
  public double flops() {
    double forward = 2.0 * timeSteps * batchSize * gateRows() * (2.0 * hiddenSize);
    return forward * pass.products;
  }

  /** Of the product with the recurrent weights, all time steps: {@code 2·T·B·G·H·H}. */
  @JsonIgnore
  public double recurrentFlops() {
    return 2.0 * timeSteps * batchSize * gateRows() * hiddenSize;
  }

  /** How often all time steps go through the recurrent weights: forward, and back again. */
  @JsonIgnore
  public int recurrentPasses() {
    return pass == Pass.FORWARD ? 1 : 2;
  }

  /** Of float32 weights {@code [G·H,H]}. */
  @JsonIgnore
  public long recurrentWeightBytes() {
    return 4L * gateRows() * hiddenSize;
  }

  /** {@code T,B,H}, as options and tables write it. */
  @JsonIgnore
  public String shape() {
    return timeSteps + "," + batchSize + "," + hiddenSize;
  }

  @Override
  public String toString() {
    return cell + " " + pass.id() + " " + shape();
  }
}
