package dev.sequor.backend.java;

import static dev.sequor.backend.java.ElementaryFunctions.odds;
import static dev.sequor.backend.java.ElementaryFunctions.sigmoid;
import static dev.sequor.backend.java.ElementaryFunctions.sigmoidRest;
import static dev.sequor.backend.java.ElementaryFunctions.sigmoidSlope;
import static dev.sequor.backend.java.ElementaryFunctions.tanh;
import static dev.sequor.backend.java.ElementaryFunctions.tanhSlope;

import dev.sequor.backend.host.LayerShape;

/**
 * GRU with the reset gate before the recurrent product (Cho et al., arXiv:1406.1078v3). Its two
 * products a step depend on each other, so it has a time loop of its own.
 *
 * <pre>
 *   r = σ(wx_r + R_r h + bR_r)         z = σ(wx_z + R_z h + bR_z)
 *   n = tanh(wx_n + R_n (r∘h) + bR_n)  h' = (1−z)∘n + z∘h
 * </pre>
 *
 * Saved: the odds of r, z and n; r∘h.
 */
final class ResetBeforeGruPlan extends JavaLayerPlan {
  private static final int R = 0;
  private static final int Z = 1;
  private static final int N = 2;
  private static final int RESET_STATE = 3;

  private final Slice[] slices;
  private final Part[] parts;

  /** {@code r∘h [B,H]} of the step under way, when nothing is saved. */
  private final float[] resetStates;

  /** The recurrent weights of hidden units {@code [from, from + width)}. */
  private final class Slice {
    final int from;
    final int width;

    /** {@code [R_r R_z]ᵀ [H, 2·width]} and {@code R_nᵀ [H, width]}. */
    final PackedRows gateWeights;

    final PackedRows candidateWeights;

    /** {@code [R_r; R_z] [2·H, width]} and {@code R_n [H, width]}; empty in inference. */
    final PackedRows transposedGateWeights;

    final PackedRows transposedCandidateWeights;
    final float[] gateBias;
    final float[] candidateBias;

    Slice(int columnPart) {
      from = firstUnit(columnPart);
      width = firstUnit(columnPart + 1) - from;
      Product any = products[0];
      gateWeights = any.packed(hiddenSize, 2 * width);
      candidateWeights = any.packed(hiddenSize, width);
      transposedGateWeights = any.packed(training ? 2 * hiddenSize : 0, width);
      transposedCandidateWeights = any.packed(training ? hiddenSize : 0, width);
      gateBias = new float[2 * width];
      candidateBias = new float[width];
    }
  }

  /** What one thread works on. */
  private final class Part {
    final Product product;
    final Slice slice;
    final int from;
    final int width;

    /** Results of products: {@code [HEIGHT, 2·width]}. */
    final float[][] sums;

    // Operands of the element loops, [width] each.
    final float[] inputR;
    final float[] inputZ;
    final float[] r;
    final float[] z;
    final float[] n;
    final float[] h;
    final float[] reset;
    final float[] dNext;
    final float[] dR;
    final float[] dZ;
    final float[] dN;
    final float[] dState;

    /** {@code [width]}. */
    final float[] zeros;

    Part(int thread) {
      product = products[thread];
      slice = slices[columnPart(thread)];
      from = slice.from;
      width = slice.width;
      sums = new float[Math.min(Product.HEIGHT, batchSize)][2 * width];
      zeros = new float[width];
      inputR = new float[width];
      inputZ = new float[width];
      r = new float[width];
      z = new float[width];
      n = new float[width];
      h = new float[width];
      reset = new float[width];
      dNext = new float[width];
      dR = new float[width];
      dZ = new float[width];
      dN = new float[width];
      dState = new float[width];
    }
  }

  ResetBeforeGruPlan(ThreadTeam team, Product[] products, LayerShape shape) {
    super(team, products, shape, 4, 0, true);
    this.resetStates = new float[training ? 0 : batchSize * hiddenSize];
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
    float[] weights = parameters();
    for (int gate = R; gate <= N; gate++) {
      PackedRows packed = gate == N ? slice.candidateWeights : slice.gateWeights;
      float[] bias = gate == N ? slice.candidateBias : slice.gateBias;
      int first = gate == Z ? slice.width : 0;
      for (int j = firstRow(slice.width, thread); j < endRow(slice.width, thread); j++) {
        int row = gate * hiddenSize + slice.from + j;
        packed.setColumn(first + j, weights, recurrentWeightsAt() + row * hiddenSize);
        bias[first + j] = weights[recurrentBiasAt() + row];
      }
    }
    if (training) {
      for (int k = firstRow(gateSize, thread); k < endRow(gateSize, thread); k++) {
        int at = recurrentWeightsAt() + k * hiddenSize + slice.from;
        if (k >= 2 * hiddenSize) {
          slice.transposedCandidateWeights.setRow(k - 2 * hiddenSize, weights, at);
        } else {
          slice.transposedGateWeights.setRow(k, weights, at);
        }
      }
    }
  }

  private float[] resetStateArray() {
    return training ? saved() : resetStates;
  }

  /** Where {@code r∘h} of row {@code i} of step {@code k} lies in {@link #resetStateArray}. */
  private int resetStateAt(int k, int i) {
    return training ? savedAt(RESET_STATE, rows().offset(k) + i) : i * hiddenSize;
  }

  @Override
  void forwardSteps(int thread) {
    Part part = parts[thread];
    Slice slice = part.slice;
    int steps = rows().steps();
    for (int k = 0; k < steps; k++) {
      int start = firstRow(rows().count(k), thread);
      int end = endRow(rows().count(k), thread);
      Matrix state = Matrix.of(stateHistory(), stateAt(0, rowBefore(k)), hiddenSize);
      for (int first = start; first < end; first += Product.HEIGHT) {
        int height = Math.min(Product.HEIGHT, end - first);
        multiply(part, state, first, height, slice.gateWeights, slice.gateBias);
        for (int i = 0; i < height; i++) {
          forwardGates(part, k, first + i, part.sums[i]);
        }
      }
      columnBarrier();
      Matrix resetState = Matrix.of(resetStateArray(), resetStateAt(k, 0), hiddenSize);
      for (int first = start; first < end; first += Product.HEIGHT) {
        int height = Math.min(Product.HEIGHT, end - first);
        multiply(part, resetState, first, height, slice.candidateWeights, slice.candidateBias);
        for (int i = 0; i < height; i++) {
          forwardCandidate(part, k, first + i, part.sums[i]);
        }
      }
      if (k + 1 < steps) {
        columnBarrier();
        rowBarrier(k, k + 1);
      }
    }
  }

  /** {@code sums = start + matrix · weights}, rows {@code [first, first + height)}. */
  private static void multiply(
      Part part, Matrix matrix, int first, int height, PackedRows weights, float[] start) {
    for (int i = 0; i < height; i++) {
      System.arraycopy(start, 0, part.sums[i], 0, start.length);
    }
    part.product.accumulate(matrix, first, part.sums, height, weights);
  }

  private void forwardGates(Part part, int k, int i, float[] sum) {
    int width = part.width;
    int row = rows().offset(k) + i;
    int input = row * gateSize + part.from;
    System.arraycopy(gates, input, part.inputR, 0, width);
    System.arraycopy(gates, input + hiddenSize, part.inputZ, 0, width);
    System.arraycopy(sum, 0, part.r, 0, width);
    System.arraycopy(sum, width, part.z, 0, width);
    System.arraycopy(stateHistory(), stateAt(0, rowBefore(k) + i) + part.from, part.h, 0, width);
    squash(part.inputR, part.r, width);
    squash(part.inputZ, part.z, width);
    for (int j = 0; j < width; j++) {
      part.reset[j] = sigmoid(part.r[j]) * part.h[j];
    }
    System.arraycopy(part.reset, 0, resetStateArray(), resetStateAt(k, i) + part.from, width);
    // The odds of z wait in the gates' scratch for the second half of the step.
    System.arraycopy(part.z, 0, gates, input + hiddenSize, width);
    if (training) {
      System.arraycopy(part.r, 0, saved(), savedAt(R, row) + part.from, width);
      System.arraycopy(part.z, 0, saved(), savedAt(Z, row) + part.from, width);
    }
  }

  /** {@code input} is overwritten. */
  private static void squash(float[] input, float[] gate, int n) {
    for (int j = 0; j < n; j++) {
      gate[j] += input[j];
    }
    odds(gate, input, n);
  }

  private void forwardCandidate(Part part, int k, int i, float[] sum) {
    int width = part.width;
    int row = rows().offset(k) + i;
    int input = row * gateSize + part.from;
    float[] n = part.n;
    float[] z = part.z;
    float[] h = part.h;
    System.arraycopy(gates, input + 2 * hiddenSize, n, 0, width);
    System.arraycopy(gates, input + hiddenSize, z, 0, width);
    System.arraycopy(stateHistory(), stateAt(0, rowBefore(k) + i) + part.from, h, 0, width);
    for (int j = 0; j < width; j++) {
      n[j] = 2f * (n[j] + sum[j]);
    }
    odds(n, part.inputR, width);
    if (training) {
      System.arraycopy(n, 0, saved(), savedAt(N, row) + part.from, width);
    }
    for (int j = 0; j < width; j++) {
      h[j] = sigmoidRest(z[j]) * tanh(n[j]) + sigmoid(z[j]) * h[j];
    }
    System.arraycopy(h, 0, stateHistory(), stateAt(0, rowAfter(k) + i) + part.from, width);
    output(row, part.from, width, h, 0);
  }

  @Override
  void backwardSteps(int thread) {
    Part part = parts[thread];
    Slice slice = part.slice;
    for (int k = rows().steps() - 1; k >= 0; k--) {
      int start = firstRow(rows().count(k), thread);
      int end = endRow(rows().count(k), thread);
      for (int i = start; i < end; i++) {
        backwardCandidate(part, k, i);
      }
      columnBarrier();
      int firstRow = rows().offset(k) * gateSize;
      Matrix dCandidate = Matrix.of(gates, firstRow + 2 * hiddenSize, gateSize);
      for (int first = start; first < end; first += Product.HEIGHT) {
        int height = Math.min(Product.HEIGHT, end - first);
        multiply(part, dCandidate, first, height, slice.transposedCandidateWeights, part.zeros);
        for (int i = 0; i < height; i++) {
          backwardReset(part, k, first + i, part.sums[i]);
        }
      }
      columnBarrier();
      Matrix dGates = Matrix.of(gates, firstRow, gateSize);
      for (int first = start; first < end; first += Product.HEIGHT) {
        int height = Math.min(Product.HEIGHT, end - first);
        multiply(part, dGates, first, height, slice.transposedGateWeights, part.zeros);
        for (int i = 0; i < height; i++) {
          addToStateGradient(part, first + i, part.sums[i]);
        }
      }
      if (k > 0) {
        rowBarrier(k, k - 1);
      }
    }
  }

  /** {@code z} and {@code n}, and the direct path to {@code h}. */
  private void backwardCandidate(Part part, int k, int i) {
    int width = part.width;
    int row = rows().offset(k) + i;
    float[] z = part.z;
    float[] n = part.n;
    float[] h = part.h;
    float[] dNext = part.dNext;
    float[] dZ = part.dZ;
    float[] dN = part.dN;
    float[] dState = part.dState;
    System.arraycopy(saved(), savedAt(Z, row) + part.from, z, 0, width);
    System.arraycopy(saved(), savedAt(N, row) + part.from, n, 0, width);
    System.arraycopy(stateHistory(), stateAt(0, rowBefore(k) + i) + part.from, h, 0, width);
    outputGradient(row, i, part.from, width, dNext, 0);
    for (int j = 0; j < width; j++) {
      dN[j] = dNext[j] * sigmoidRest(z[j]) * tanhSlope(n[j]);
    }
    for (int j = 0; j < width; j++) {
      dZ[j] = dNext[j] * (h[j] - tanh(n[j])) * sigmoidSlope(z[j]);
    }
    for (int j = 0; j < width; j++) {
      dState[j] = dNext[j] * sigmoid(z[j]);
    }
    int target = row * gateSize + part.from;
    System.arraycopy(dZ, 0, gates, target + hiddenSize, width);
    System.arraycopy(dN, 0, gates, target + 2 * hiddenSize, width);
    System.arraycopy(dState, 0, stateGradients, stateGradientAt(0, i) + part.from, width);
  }

  /** {@code r}, from the gradient by {@code r∘h}. */
  private void backwardReset(Part part, int k, int i, float[] dResetState) {
    int width = part.width;
    int row = rows().offset(k) + i;
    float[] r = part.r;
    float[] h = part.h;
    float[] dR = part.dR;
    float[] dState = part.dState;
    System.arraycopy(saved(), savedAt(R, row) + part.from, r, 0, width);
    System.arraycopy(stateHistory(), stateAt(0, rowBefore(k) + i) + part.from, h, 0, width);
    System.arraycopy(stateGradients, stateGradientAt(0, i) + part.from, dState, 0, width);
    for (int j = 0; j < width; j++) {
      dR[j] = dResetState[j] * h[j] * sigmoidSlope(r[j]);
    }
    for (int j = 0; j < width; j++) {
      dState[j] += dResetState[j] * sigmoid(r[j]);
    }
    System.arraycopy(dR, 0, gates, row * gateSize + part.from, width);
    System.arraycopy(dState, 0, stateGradients, stateGradientAt(0, i) + part.from, width);
  }

  private void addToStateGradient(Part part, int i, float[] sum) {
    int at = stateGradientAt(0, i) + part.from;
    for (int j = 0; j < part.width; j++) {
      stateGradients[at + j] += sum[j];
    }
  }

  /** {@code R_r} and {@code R_z} were multiplied by {@code h}, {@code R_n} by {@code r∘h}. */
  @Override
  void recurrentWeightGradient(Product product, Matrix dR, int from, int to) {
    Matrix gradients = Matrix.of(gates, 0, gateSize).transposed();
    int n = rows().rows();
    int split = Math.min(to, Math.max(from, 2 * hiddenSize));
    product.multiply(gradients, statesBefore(), dR, n, from, split, 0, hiddenSize, null, 0, true);
    Matrix resetStates = Matrix.of(saved(), savedAt(RESET_STATE, 0), hiddenSize);
    product.multiply(gradients, resetStates, dR, n, split, to, 0, hiddenSize, null, 0, true);
  }
}
