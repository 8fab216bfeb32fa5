package dev.sequor.rnn;

import dev.sequor.backend.CellType;
import dev.sequor.backend.ParameterLayout;
import dev.sequor.backend.ParameterLayout.Kind;
import java.util.Arrays;

/**
 * Initial weights, a pure function of (seed, number of the tensor): the same on every backend.
 *
 * <ul>
 *   <li>Input and dense weights: uniform in ±√(6/(fan in + fan out)) (Glorot and Bengio 2010); for
 *       {@code W [G·H,I]} each gate is a matrix of its own, with fan in {@code I} and fan out
 *       {@code H}.
 *   <li>Recurrent weights: each gate's {@code [H,H]} is a random orthogonal matrix (Saxe,
 *       McClelland and Ganguli 2014).
 *   <li>Embeddings: standard normal, so that, after Glorot's weights, the gates see a variance near
 *       one.
 *   <li>Biases and peepholes: 0, but an LSTM's forget gate has an input bias of 1 (Jozefowicz,
 *       Zaremba and Sutskever 2015), so that it remembers before it has learned what to forget. The
 *       recurrent bias, which is added to it, stays 0.
 * </ul>
 */
public final class Initializer {
  private final long seed;

  /** Draws from {@code seed}. */
  public Initializer(long seed) {
    this.seed = seed;
  }

  /** Sets all parameters of a stack; its tensors are numbered from 0. */
  public void initialize(Parameters parameters) {
    parameters.values().write(stack(parameters.layout(), 0));
  }

  /**
   * The flat parameters of a stack.
   *
   * @param firstTensor number of its first tensor; the others follow in the order of {@link
   *     Parameters#regions}
   */
  public float[] stack(ParameterLayout layout, int firstTensor) {
    float[] flat = new float[Math.toIntExact(layout.totalElements())];
    int tensor = firstTensor;
    for (int layer = 0; layer < layout.layers(); layer++) {
      for (int direction = 0; direction < layout.directions(); direction++) {
        for (Kind kind : Kind.values()) {
          if (layout.elements(kind, layer) > 0) {
            float[] values = tensor(layout, kind, layer, tensor++);
            int offset = (int) layout.offset(kind, layer, direction);
            System.arraycopy(values, 0, flat, offset, values.length);
          }
        }
      }
    }
    return flat;
  }

  private float[] tensor(ParameterLayout layout, Kind kind, int layer, int tensor) {
    int hidden = layout.hiddenSize();
    int gates = layout.cell().gates();
    return switch (kind) {
      case INPUT_WEIGHTS -> {
        int inputs = layout.columns(kind, layer);
        yield uniform(gates * hidden, inputs, glorotBound(inputs, hidden), tensor);
      }
      case RECURRENT_WEIGHTS -> orthogonal(gates, hidden, tensor);
      case INPUT_BIAS -> inputBias(layout.cell(), hidden);
      case RECURRENT_BIAS, PEEPHOLES -> new float[layout.rows(kind)];
    };
  }

  private static float[] inputBias(CellType cell, int hidden) {
    float[] bias = new float[cell.gates() * hidden];
    int forget = cell.gateNames().indexOf('f');
    if (forget >= 0) {
      Arrays.fill(bias, forget * hidden, (forget + 1) * hidden, 1f);
    }
    return bias;
  }

  private static double glorotBound(int fanIn, int fanOut) {
    return Math.sqrt(6.0 / (fanIn + fanOut));
  }

  /** A dense layer's weights {@code [outputs,inputs]}, by Glorot and Bengio. */
  public float[] glorotUniform(int outputs, int inputs, int tensor) {
    return uniform(outputs, inputs, glorotBound(inputs, outputs), tensor);
  }

  private float[] uniform(int rows, int columns, double bound, int tensor) {
    float[] values = new float[Math.multiplyExact(rows, columns)];
    Draws draws = new Draws(seed, tensor);
    for (int i = 0; i < values.length; i++) {
      values[i] = draws.uniform(bound);
    }
    return values;
  }

  /** An embedding table {@code [rows,columns]}, standard normal. */
  public float[] normal(int rows, int columns, int tensor) {
    float[] values = new float[Math.multiplyExact(rows, columns)];
    Draws draws = new Draws(seed, tensor);
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) draws.normal();
    }
    return values;
  }

  /**
   * {@code gates} random orthogonal matrices {@code [size,size]} below each other, each uniform
   * among all of them (Haar measure).
   */
  public float[] orthogonal(int gates, int size, int tensor) {
    float[] values = new float[Math.multiplyExact(Math.multiplyExact(gates, size), size)];
    Draws draws = new Draws(seed, tensor);
    for (int gate = 0; gate < gates; gate++) {
      double[][] matrix = new double[size][size];
      for (double[] row : matrix) {
        for (int column = 0; column < size; column++) {
          row[column] = draws.normal();
        }
      }
      orthonormalizeColumns(matrix);
      for (int row = 0; row < size; row++) {
        for (int column = 0; column < size; column++) {
          values[(gate * size + row) * size + column] = (float) matrix[row][column];
        }
      }
    }
    return values;
  }

  /**
   * Modified Gram-Schmidt: {@code A = QR} with a positive diagonal of {@code R}, the choice of
   * signs that makes {@code Q} of a normal {@code A} uniform (Mezzadri 2007). Both inner loops run
   * along rows without a reduction, so that they vectorise.
   */
  private static void orthonormalizeColumns(double[][] matrix) {
    int size = matrix.length;
    double[] projections = new double[size];
    for (int k = 0; k < size; k++) {
      double squares = 0;
      for (double[] row : matrix) {
        squares += row[k] * row[k];
      }
      double scale = 1.0 / Math.sqrt(squares);
      Arrays.fill(projections, 0.0);
      for (double[] row : matrix) {
        double q = row[k] * scale;
        row[k] = q;
        for (int j = k + 1; j < size; j++) {
          projections[j] += q * row[j];
        }
      }
      for (double[] row : matrix) {
        double q = row[k];
        for (int j = k + 1; j < size; j++) {
          row[j] -= q * projections[j];
        }
      }
    }
  }
}
