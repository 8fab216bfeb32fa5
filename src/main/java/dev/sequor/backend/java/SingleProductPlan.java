package dev.sequor.backend.java;

import dev.sequor.backend.host.LayerShape;
import java.util.Arrays;

/** The time loop of every {@link LayerCell}: one product with {@code R} a step, then the gates. */
final class SingleProductPlan extends JavaLayerPlan {
  private final LayerCell cell;
  private final int gateCount;
  private final Slice[] slices;

  /** What one thread keeps for its hidden units {@code [from, from + width)}. */
  private final class Slice {
    final int from;
    final int width;
    final int rowsPerCall;
    final CellRows cellRows;

    /** {@code Rᵀ [H, G·width]}, padded with zeros for {@link Product#accumulate}. */
    final float[][] weights;

    /** {@code bR [G·width]}. */
    final float[] bias;

    /** {@code R [G·H, width]}, padded; empty in inference. */
    final float[][] transposedWeights;

    /** Result of a product: {@code [HEIGHT, G·width]}. */
    final float[][] sums;

    Slice(int thread) {
      from = sliceStart(thread);
      width = sliceStart(thread + 1) - from;
      rowsPerCall = rowsPerCall(width);
      cellRows =
          new CellRows(
              gateCount, states, savedValues, peepholes, hasSharedGradient(), rowsPerCall * width);
      weights = new float[Product.padded(hiddenSize)][gateCount * width];
      bias = new float[gateCount * width];
      transposedWeights = new float[training ? Product.padded(gateSize) : 0][width];
      sums = new float[Math.min(Product.HEIGHT, batchSize)][gateCount * width];
    }
  }

  SingleProductPlan(ThreadTeam team, Product[] products, LayerShape shape, LayerCell cell) {
    super(team, products, shape, cell.saved(), cell.recurrentState(), cell.sharedGradient());
    this.cell = cell;
    this.gateCount = shape.cell().gates();
    this.slices = new Slice[team.size()];
    for (int thread = 0; thread < slices.length; thread++) {
      slices[thread] = new Slice(thread);
    }
  }

  @Override
  void packRecurrent(int thread) {
    Slice slice = slices[thread];
    float[] r = parameters();
    for (int gate = 0; gate < gateCount; gate++) {
      int first = gate * hiddenSize + slice.from;
      for (int j = 0; j < slice.width; j++) {
        int at = recurrentWeightsAt() + (first + j) * hiddenSize;
        int column = gate * slice.width + j;
        for (int k = 0; k < hiddenSize; k++) {
          slice.weights[k][column] = r[at + k];
        }
      }
      System.arraycopy(r, recurrentBiasAt() + first, slice.bias, gate * slice.width, slice.width);
    }
    if (training) {
      for (int k = 0; k < gateSize; k++) {
        System.arraycopy(
            r,
            recurrentWeightsAt() + k * hiddenSize + slice.from,
            slice.transposedWeights[k],
            0,
            slice.width);
      }
    }
    for (int i = 0; i < peepholes; i++) {
      for (int row = 0; row < slice.rowsPerCall; row++) {
        System.arraycopy(
            r,
            peepholesAt() + i * hiddenSize + slice.from,
            slice.cellRows.p[i],
            row * slice.width,
            slice.width);
      }
    }
  }

  @Override
  void forwardSteps(int thread) {
    Slice slice = slices[thread];
    Product product = products[thread];
    for (int k = 0; k < rows().steps(); k++) {
      int count = rows().count(k);
      Matrix state =
          Matrix.of(stateHistory(), stateAt(cell.recurrentState(), rowBefore(k)), hiddenSize);
      for (int first = 0; first < count; first += Product.HEIGHT) {
        int height = Math.min(Product.HEIGHT, count - first);
        for (int i = 0; i < height; i++) {
          System.arraycopy(slice.bias, 0, slice.sums[i], 0, slice.bias.length);
        }
        product.accumulate(
            state,
            first,
            0,
            hiddenSize,
            slice.sums,
            height,
            slice.weights,
            0,
            slice.weights.length,
            slice.bias.length);
        for (int i = 0; i < height; i += slice.rowsPerCall) {
          int rows = Math.min(slice.rowsPerCall, height - i);
          forwardCell(slice, k, first, i, rows);
        }
      }
      team.barrier();
    }
  }

  /** Rows {@code [first + from, first + from + count)} of step {@code k}. */
  private void forwardCell(Slice slice, int k, int first, int from, int count) {
    CellRows cellRows = slice.cellRows;
    int width = slice.width;
    int row = rows().offset(k) + first + from;
    int before = rowBefore(k) + first + from;
    int after = rowAfter(k) + first + from;
    for (int i = 0; i < count; i++) {
      int at = i * width;
      for (int gate = 0; gate < gateCount; gate++) {
        int input = (row + i) * gateSize + gate * hiddenSize + slice.from;
        System.arraycopy(gates, input, cellRows.wx[gate], at, width);
        System.arraycopy(slice.sums[from + i], gate * width, cellRows.rh[gate], at, width);
      }
      for (int state = 0; state < states; state++) {
        int old = stateAt(state, before + i) + slice.from;
        System.arraycopy(stateHistory(), old, cellRows.state[state], at, width);
      }
    }
    cell.forward(cellRows, count * width);
    for (int i = 0; i < count; i++) {
      int at = i * width;
      for (int state = 0; state < states; state++) {
        int result = stateAt(state, after + i) + slice.from;
        System.arraycopy(cellRows.next[state], at, stateHistory(), result, width);
      }
      if (training) {
        for (int value = 0; value < savedValues; value++) {
          int kept = savedAt(value, row + i) + slice.from;
          System.arraycopy(cellRows.saved[value], at, saved(), kept, width);
        }
      }
      output(row + i, slice.from, width, cellRows.next[0], at);
    }
  }

  @Override
  void backwardSteps(int thread) {
    Slice slice = slices[thread];
    Product product = products[thread];
    int recurrentState = cell.recurrentState();
    for (int k = rows().steps() - 1; k >= 0; k--) {
      int count = rows().count(k);
      for (int i = 0; i < count; i += slice.rowsPerCall) {
        backwardCell(slice, k, i, Math.min(slice.rowsPerCall, count - i));
      }
      team.barrier();
      Matrix gradient = Matrix.of(recurrentGradients, rows().offset(k) * gateSize, gateSize);
      for (int first = 0; first < count; first += Product.HEIGHT) {
        int height = Math.min(Product.HEIGHT, count - first);
        for (int i = 0; i < height; i++) {
          Arrays.fill(slice.sums[i], 0, slice.width, 0f);
        }
        product.accumulate(
            gradient,
            first,
            0,
            gateSize,
            slice.sums,
            height,
            slice.transposedWeights,
            0,
            slice.transposedWeights.length,
            slice.width);
        for (int i = 0; i < height; i++) {
          float[] sum = slice.sums[i];
          int at = stateGradientAt(recurrentState, first + i) + slice.from;
          for (int j = 0; j < slice.width; j++) {
            stateGradients[at + j] += sum[j];
          }
        }
      }
    }
  }

  private void backwardCell(Slice slice, int k, int first, int count) {
    CellRows cellRows = slice.cellRows;
    int width = slice.width;
    int row = rows().offset(k) + first;
    int before = rowBefore(k) + first;
    int after = rowAfter(k) + first;
    for (int i = 0; i < count; i++) {
      int at = i * width;
      outputGradient(row + i, first + i, slice.from, width, cellRows.dNext[0], at);
      for (int state = 1; state < states; state++) {
        int gradient = stateGradientAt(state, first + i) + slice.from;
        System.arraycopy(stateGradients, gradient, cellRows.dNext[state], at, width);
      }
      for (int state = 0; state < states; state++) {
        int old = stateAt(state, before + i) + slice.from;
        System.arraycopy(stateHistory(), old, cellRows.state[state], at, width);
        int result = stateAt(state, after + i) + slice.from;
        System.arraycopy(stateHistory(), result, cellRows.next[state], at, width);
      }
      for (int value = 0; value < savedValues; value++) {
        int kept = savedAt(value, row + i) + slice.from;
        System.arraycopy(saved(), kept, cellRows.saved[value], at, width);
      }
    }
    cell.backward(cellRows, count * width);
    for (int i = 0; i < count; i++) {
      int at = i * width;
      for (int gate = 0; gate < gateCount; gate++) {
        int target = (row + i) * gateSize + gate * hiddenSize + slice.from;
        System.arraycopy(cellRows.dwx[gate], at, gates, target, width);
        if (!hasSharedGradient()) {
          System.arraycopy(cellRows.drh[gate], at, recurrentGradients, target, width);
        }
      }
      for (int state = 0; state < states; state++) {
        int gradient = stateGradientAt(state, first + i) + slice.from;
        System.arraycopy(cellRows.dState[state], at, stateGradients, gradient, width);
      }
      for (int peephole = 0; peephole < peepholes; peephole++) {
        float[] dp = cellRows.dp[peephole];
        int total = peephole * hiddenSize + slice.from;
        for (int j = 0; j < width; j++) {
          peepholeGradients[total + j] += dp[at + j];
        }
      }
    }
  }

  @Override
  void recurrentWeightGradient(Product product, Matrix dR, int from, int to) {
    Matrix gradients = Matrix.of(recurrentGradients, 0, gateSize).transposed();
    int n = rows().rows();
    product.multiply(gradients, statesBefore(), dR, n, from, to, 0, hiddenSize, null, 0, true);
  }
}
