package dev.sequor.backend.java;

import dev.sequor.backend.host.LayerShape;
import java.util.Arrays;

/** The time loop of every {@link LayerCell}: one product with {@code R} a step, then the gates. */
final class SingleProductPlan extends JavaLayerPlan {
  private final LayerCell cell;
  private final int gateCount;
  private final Slice[] slices;
  private final Part[] parts;

  /** The recurrent weights of hidden units {@code [from, from + width)}. */
  private final class Slice {
    final int from;
    final int width;

    /** {@code Rᵀ [H, G·width]}. */
    final PackedRows weights;

    /** {@code bR [G·width]}. */
    final float[] bias;

    /** {@code R [G·H, width]}; empty in inference. */
    final PackedRows transposedWeights;

    Slice(int columnPart) {
      Product any = products[0];
      from = firstUnit(columnPart);
      width = firstUnit(columnPart + 1) - from;
      weights = any.packed(hiddenSize, gateCount * width);
      bias = new float[gateCount * width];
      transposedWeights = any.packed(training ? gateSize : 0, width);
    }
  }

  /** What one thread works on. */
  private final class Part {
    final Product product;
    final Slice slice;
    final int rowsPerCall;
    final CellRows cellRows;

    /** Result of a product: {@code [HEIGHT, G·width]}. */
    final float[][] sums;

    Part(int thread) {
      product = products[thread];
      slice = slices[columnPart(thread)];
      rowsPerCall = rowsPerCall(slice.width);
      cellRows =
          new CellRows(
              gateCount,
              states,
              savedValues,
              peepholes,
              hasSharedGradient(),
              rowsPerCall * slice.width);
      sums = new float[Math.min(Product.HEIGHT, batchSize)][gateCount * slice.width];
    }
  }

  SingleProductPlan(ThreadTeam team, Product[] products, LayerShape shape, LayerCell cell) {
    super(team, products, shape, cell.saved(), cell.recurrentState(), cell.sharedGradient());
    this.cell = cell;
    this.gateCount = shape.cell().gates();
    this.slices = new Slice[columnParts];
    for (int columnPart = 0; columnPart < slices.length; columnPart++) {
      slices[columnPart] = new Slice(columnPart);
    }
    this.parts = new Part[team.size()];
    for (int thread = 0; thread < parts.length; thread++) {
      parts[thread] = new Part(thread);
    }
  }

  @Override
  void packRecurrent(int thread) {
    Slice slice = parts[thread].slice;
    float[] r = parameters();
    for (int column = firstRow(slice.bias.length, thread);
        column < endRow(slice.bias.length, thread);
        column++) {
      int row = column / slice.width * hiddenSize + slice.from + column % slice.width;
      slice.weights.setColumn(column, r, recurrentWeightsAt() + row * hiddenSize);
      slice.bias[column] = r[recurrentBiasAt() + row];
    }
    if (training) {
      for (int k = firstRow(gateSize, thread); k < endRow(gateSize, thread); k++) {
        int at = recurrentWeightsAt() + k * hiddenSize + slice.from;
        slice.transposedWeights.setRow(k, r, at);
      }
    }
    CellRows cellRows = parts[thread].cellRows;
    for (int i = 0; i < peepholes; i++) {
      for (int row = 0; row < parts[thread].rowsPerCall; row++) {
        int at = peepholesAt() + i * hiddenSize + slice.from;
        System.arraycopy(r, at, cellRows.p[i], row * slice.width, slice.width);
      }
    }
  }

  @Override
  void forwardSteps(int thread) {
    Part part = parts[thread];
    Slice slice = part.slice;
    int steps = rows().steps();
    for (int k = 0; k < steps; k++) {
      int end = endRow(rows().count(k), thread);
      Matrix state =
          Matrix.of(stateHistory(), stateAt(cell.recurrentState(), rowBefore(k)), hiddenSize);
      for (int first = firstRow(rows().count(k), thread); first < end; first += Product.HEIGHT) {
        int height = Math.min(Product.HEIGHT, end - first);
        for (int i = 0; i < height; i++) {
          System.arraycopy(slice.bias, 0, part.sums[i], 0, slice.bias.length);
        }
        part.product.accumulate(state, first, part.sums, height, slice.weights);
        for (int i = 0; i < height; i += part.rowsPerCall) {
          forwardCell(part, k, first, i, Math.min(part.rowsPerCall, height - i));
        }
      }
      if (k + 1 < steps) {
        columnBarrier();
        rowBarrier(k, k + 1);
      }
    }
  }

  /** Rows {@code [first + from, first + from + count)} of step {@code k}. */
  private void forwardCell(Part part, int k, int first, int from, int count) {
    Slice slice = part.slice;
    CellRows cellRows = part.cellRows;
    int width = slice.width;
    int row = rows().offset(k) + first + from;
    int before = rowBefore(k) + first + from;
    int after = rowAfter(k) + first + from;
    for (int i = 0; i < count; i++) {
      int at = i * width;
      for (int gate = 0; gate < gateCount; gate++) {
        int input = (row + i) * gateSize + gate * hiddenSize + slice.from;
        System.arraycopy(gates, input, cellRows.wx[gate], at, width);
        System.arraycopy(part.sums[from + i], gate * width, cellRows.rh[gate], at, width);
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
    Part part = parts[thread];
    Slice slice = part.slice;
    for (int k = rows().steps() - 1; k >= 0; k--) {
      int start = firstRow(rows().count(k), thread);
      int end = endRow(rows().count(k), thread);
      for (int first = start; first < end; first += part.rowsPerCall) {
        backwardCell(part, k, first, Math.min(part.rowsPerCall, end - first));
      }
      columnBarrier();
      Matrix gradient = Matrix.of(recurrentGradients, rows().offset(k) * gateSize, gateSize);
      for (int first = start; first < end; first += Product.HEIGHT) {
        int height = Math.min(Product.HEIGHT, end - first);
        for (int i = 0; i < height; i++) {
          Arrays.fill(part.sums[i], 0, slice.width, 0f);
        }
        part.product.accumulate(gradient, first, part.sums, height, slice.transposedWeights);
        for (int i = 0; i < height; i++) {
          float[] sum = part.sums[i];
          int at = stateGradientAt(cell.recurrentState(), first + i) + slice.from;
          for (int j = 0; j < slice.width; j++) {
            stateGradients[at + j] += sum[j];
          }
        }
      }
      if (k > 0) {
        rowBarrier(k, k - 1);
      }
    }
  }

  private void backwardCell(Part part, int k, int first, int count) {
    Slice slice = part.slice;
    CellRows cellRows = part.cellRows;
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
        int target = (peephole * rowCapacity + row + i) * hiddenSize + slice.from;
        System.arraycopy(cellRows.dp[peephole], at, peepholeGradients, target, width);
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
