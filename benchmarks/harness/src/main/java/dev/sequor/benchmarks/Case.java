package dev.sequor.benchmarks;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonUnwrapped;

/** What is timed: a cell, what a call does, and its sizes. */
public record Case(Cell cell, Pass pass, @JsonUnwrapped Shape shape) {

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

  /** One layer, one direction, sequences of one length. */
  public Case(Cell cell, Pass pass, int timeSteps, int batchSize, int hiddenSize) {
    this(cell, pass, new Shape(timeSteps, batchSize, hiddenSize));
  }

  /** {@code T}. */
  public int timeSteps() {
    return shape.timeSteps();
  }

  /** {@code B}. */
  public int batchSize() {
    return shape.batchSize();
  }

  /** {@code H}, and {@code I}. */
  public int hiddenSize() {
    return shape.hiddenSize();
  }

  /** {@code L}. */
  public int layers() {
    return shape.layers();
  }

  /** {@code D}. */
  public int directions() {
    return shape.directions();
  }

  /** {@code G·H}, the rows of the weights of one direction of a layer. */
  @JsonIgnore
  public int gateRows() {
    return cell.gates() * hiddenSize();
  }

  /**
   * Floating-point operations of the matrix products: {@code 2·N·G·H·(I+H)} forward for each
   * direction of each layer, {@code N} the time steps of all sequences together, and twice that
   * again backward.
   */
  @JsonIgnore
  public double flops() {
    double columns = 0;
    for (int layer = 0; layer < layers(); layer++) {
      columns += directions() * (shape.inputSize(layer) + hiddenSize());
    }
    return 2.0 * shape.rows() * gateRows() * columns * pass.products;
  }

  /** Of one product of one row with the recurrent weights {@code [G·H,H]}: {@code 2·G·H·H}. */
  @JsonIgnore
  public double recurrentRowFlops() {
    return 2.0 * gateRows() * hiddenSize();
  }

  /**
   * How often all time steps go through recurrent weights, those of each direction of each layer:
   * forward, and back again.
   */
  @JsonIgnore
  public int recurrentPasses() {
    return layers() * directions() * (pass == Pass.FORWARD ? 1 : 2);
  }

  /** Of float32 weights {@code [G·H,H]}. */
  @JsonIgnore
  public long recurrentWeightBytes() {
    return 4L * gateRows() * hiddenSize();
  }

  @Override
  public String toString() {
    return cell + " " + pass.id() + " " + shape;
  }
}
