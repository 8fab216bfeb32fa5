package dev.sequor.backend.java;

import static dev.sequor.backend.java.ElementaryFunctions.sigmoid;
import static dev.sequor.backend.java.ElementaryFunctions.tanh;

import dev.sequor.backend.host.LayerShape;
import java.util.Arrays;

/**
 * GRU with the reset gate before the recurrent product (Cho et al., arXiv:1406.1078v3). Its two
 * products a step depend on each other, so it has a time loop of its own.
 *
 * <pre>
 *   r = σ(wx_r + R_r h + bR_r)         z = σ(wx_z + R_z h + bR_z)
 *   n = tanh(wx_n + R_n (r∘h) + bR_n)  h' = (1−z)∘n + z∘h
 * </pre>
 *
 * Saved: r, z, n, r∘h.
 */
final class ResetBeforeGruPlan extends JavaLayerPlan {
  private static final int R = 0;
  private static final int Z = 1;
  private static final int N = 2;
  private static final int RESET_STATE = 3;

  private final Slice[] slices;

  /** {@code r∘h [B,H]} of the step under way, when nothing is saved. */
  private final float[] resetStates;

  /** What one thread keeps for its hidden units {@code [from, from + width)}. */
  private final class Slice {
    final int from;
    final int width;

    /** {@code [R_r R_z]ᵀ [H, 2·width]} and {@code R_nᵀ [H, width]}, padded with zeros. */
    final float[][] gateWeights;

    final float[][] candidateWeights;

    /** {@code [R_r; R_z] [2·H, width]} and {@code R_n [H, width]}; empty in inference. */
    final float[][] transposedGateWeights;

    final float[][] transposedCandidateWeights;
    final float[] gateBias;
    final float[] candidateBias;

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

    Slice(int thread) {
      from = sliceStart(thread);
      width = sliceStart(thread + 1) - from;
      int depth = Product.padded(hiddenSize);
      gateWeights = new float[depth][2 * width];
      candidateWeights = new float[depth][width];
      transposedGateWeights = new float[training ? Product.padded(2 * hiddenSize) : 0][width];
      transposedCandidateWeights = new float[training ? depth : 0][width];
      gateBias = new float[2 * width];
      candidateBias = new float[width];
      sums = new float[Math.min(Product.HEIGHT, batchSize)][2 * width];
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
    this.slices = new Slice[team.size()];
    for (int thread = 0; thread < slices.length; thread++) {
      slices[thread] = new Slice(thread);
    }
  }

  @Override
  void packRecurrent(int thread) {
    Slice slice = slices[thread];
    float[] weights = parameters();
    for (int gate = R; gate <= N; gate++) {
      float[][] packed = gate == N ? slice.candidateWeights : slice.gateWeights;
      float[] bias = gate == N ? slice.candidateBias : slice.gateBias;
      int first = gate == Z ? slice.width : 0;
      int row = gate * hiddenSize + slice.from;
      for (int j = 0; j < slice.width; j++) {
        int at = recurrentWeightsAt() + (row + j) * hiddenSize;
        for (int k = 0; k < hiddenSize; k++) {
          packed[k][first + j] = weights[at + k];
        }
      }
      System.arraycopy(weights, recurrentBiasAt() + row, bias, first, slice.width);
    }
    if (training) {
      for (int k = 0; k < gateSize; k++) {
        boolean candidate = k >= 2 * hiddenSize;
        float[] target =
            candidate
                ? slice.transposedCandidateWeights[k - 2 * hiddenSize]
                : slice.transposedGateWeights[k];
        int at = recurrentWeightsAt() + k * hiddenSize + slice.from;
        System.arraycopy(weights, at, target, 0, slice.width);
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
    Slice slice = slices[thread];
    for (int k = 0; k < rows().steps(); k++) {
      int count = rows().count(k);
      Matrix state = Matrix.of(stateHistory(), stateAt(0, rowBefore(k)), hiddenSize);
      for (int first = 0; first < count; first += Product.HEIGHT) {
        int height = Math.min(Product.HEIGHT, count - first);
        multiply(thread, state, first, height, hiddenSize, slice.gateWeights, slice.gateBias);
        for (int i = 0; i < height; i++) {
          forwardGates(slice, k, first + i, slice.sums[i]);
        }
      }
      team.barrier();
      Matrix resetState = Matrix.of(resetStateArray(), resetStateAt(k, 0), hiddenSize);
      for (int first = 0; first < count; first += Product.HEIGHT) {
        int height = Math.min(Product.HEIGHT, count - first);
        multiply(
            thread,
            resetState,
            first,
            height,
            hiddenSize,
            slice.candidateWeights,
            slice.candidateBias);
        for (int i = 0; i < height; i++) {
          forwardCandidate(slice, k, first + i, slice.sums[i]);
        }
      }
      team.barrier();
    }
  }

  /** {@code sums = start + matrix · weights}, rows {@code [first, first + height)}. */
  private void multiply(
      int thread,
      Matrix matrix,
      int first,
      int height,
      int depth,
      float[][] weights,
      float[] start) {
    float[][] sums = slices[thread].sums;
    for (int i = 0; i < height; i++) {
      System.arraycopy(start, 0, sums[i], 0, start.length);
    }
    products[thread].accumulate(
        matrix, first, 0, depth, sums, height, weights, 0, weights.length, start.length);
  }

  private void forwardGates(Slice slice, int k, int i, float[] sum) {
    int width = slice.width;
    int row = rows().offset(k) + i;
    int input = row * gateSize + slice.from;
    System.arraycopy(gates, input, slice.inputR, 0, width);
    System.arraycopy(gates, input + hiddenSize, slice.inputZ, 0, width);
    System.arraycopy(sum, 0, slice.r, 0, width);
    System.arraycopy(sum, width, slice.z, 0, width);
    System.arraycopy(stateHistory(), stateAt(0, rowBefore(k) + i) + slice.from, slice.h, 0, width);
    squash(slice.inputR, slice.r, width);
    squash(slice.inputZ, slice.z, width);
    multiply(slice.r, slice.h, slice.reset, width);
    System.arraycopy(slice.reset, 0, resetStateArray(), resetStateAt(k, i) + slice.from, width);
    // z waits in the gates' scratch for the second half of the step.
    System.arraycopy(slice.z, 0, gates, input + hiddenSize, width);
    if (training) {
      System.arraycopy(slice.r, 0, saved(), savedAt(R, row) + slice.from, width);
      System.arraycopy(slice.z, 0, saved(), savedAt(Z, row) + slice.from, width);
    }
  }

  private static void squash(float[] input, float[] gate, int n) {
    for (int j = 0; j < n; j++) {
      gate[j] = sigmoid(gate[j] + input[j]);
    }
  }

  private static void multiply(float[] x, float[] y, float[] product, int n) {
    for (int j = 0; j < n; j++) {
      product[j] = x[j] * y[j];
    }
  }

  private void forwardCandidate(Slice slice, int k, int i, float[] sum) {
    int width = slice.width;
    int row = rows().offset(k) + i;
    int input = row * gateSize + slice.from;
    float[] n = slice.n;
    float[] z = slice.z;
    float[] h = slice.h;
    System.arraycopy(gates, input + 2 * hiddenSize, n, 0, width);
    System.arraycopy(gates, input + hiddenSize, z, 0, width);
    System.arraycopy(stateHistory(), stateAt(0, rowBefore(k) + i) + slice.from, h, 0, width);
    for (int j = 0; j < width; j++) {
      n[j] = tanh(n[j] + sum[j]);
    }
    if (training) {
      System.arraycopy(n, 0, saved(), savedAt(N, row) + slice.from, width);
    }
    for (int j = 0; j < width; j++) {
      h[j] = (1f - z[j]) * n[j] + z[j] * h[j];
    }
    System.arraycopy(h, 0, stateHistory(), stateAt(0, rowAfter(k) + i) + slice.from, width);
    output(row, slice.from, width, h, 0);
  }

  @Override
  void backwardSteps(int thread) {
    Slice slice = slices[thread];
    Arrays.fill(slice.reset, 0f);
    for (int k = rows().steps() - 1; k >= 0; k--) {
      int count = rows().count(k);
      for (int i = 0; i < count; i++) {
        backwardCandidate(slice, k, i);
      }
      team.barrier();
      int firstRow = rows().offset(k) * gateSize;
      Matrix dCandidate = Matrix.of(gates, firstRow + 2 * hiddenSize, gateSize);
      for (int first = 0; first < count; first += Product.HEIGHT) {
        int height = Math.min(Product.HEIGHT, count - first);
        multiply(
            thread,
            dCandidate,
            first,
            height,
            hiddenSize,
            slice.transposedCandidateWeights,
            slice.reset);
        for (int i = 0; i < height; i++) {
          backwardReset(slice, k, first + i, slice.sums[i]);
        }
      }
      team.barrier();
      Matrix dGates = Matrix.of(gates, firstRow, gateSize);
      for (int first = 0; first < count; first += Product.HEIGHT) {
        int height = Math.min(Product.HEIGHT, count - first);
        multiply(
            thread,
            dGates,
            first,
            height,
            2 * hiddenSize,
            slice.transposedGateWeights,
            slice.reset);
        for (int i = 0; i < height; i++) {
          addToStateGradient(slice, first + i, slice.sums[i]);
        }
      }
    }
  }

  /** {@code z} and {@code n}, and the direct path to {@code h}. */
  private void backwardCandidate(Slice slice, int k, int i) {
    int width = slice.width;
    int row = rows().offset(k) + i;
    float[] z = slice.z;
    float[] n = slice.n;
    float[] h = slice.h;
    float[] dNext = slice.dNext;
    float[] dZ = slice.dZ;
    float[] dN = slice.dN;
    float[] dState = slice.dState;
    System.arraycopy(saved(), savedAt(Z, row) + slice.from, z, 0, width);
    System.arraycopy(saved(), savedAt(N, row) + slice.from, n, 0, width);
    System.arraycopy(stateHistory(), stateAt(0, rowBefore(k) + i) + slice.from, h, 0, width);
    outputGradient(row, i, slice.from, width, dNext, 0);
    for (int j = 0; j < width; j++) {
      dN[j] = dNext[j] * (1f - z[j]) * (1f - n[j] * n[j]);
    }
    for (int j = 0; j < width; j++) {
      dZ[j] = dNext[j] * (h[j] - n[j]) * z[j] * (1f - z[j]);
    }
    for (int j = 0; j < width; j++) {
      dState[j] = dNext[j] * z[j];
    }
    int target = row * gateSize + slice.from;
    System.arraycopy(dZ, 0, gates, target + hiddenSize, width);
    System.arraycopy(dN, 0, gates, target + 2 * hiddenSize, width);
    System.arraycopy(dState, 0, stateGradients, stateGradientAt(0, i) + slice.from, width);
  }

  /** {@code r}, from the gradient by {@code r∘h}. */
  private void backwardReset(Slice slice, int k, int i, float[] dResetState) {
    int width = slice.width;
    int row = rows().offset(k) + i;
    float[] r = slice.r;
    float[] h = slice.h;
    float[] dR = slice.dR;
    float[] dState = slice.dState;
    System.arraycopy(saved(), savedAt(R, row) + slice.from, r, 0, width);
    System.arraycopy(stateHistory(), stateAt(0, rowBefore(k) + i) + slice.from, h, 0, width);
    System.arraycopy(stateGradients, stateGradientAt(0, i) + slice.from, dState, 0, width);
    for (int j = 0; j < width; j++) {
      dR[j] = dResetState[j] * h[j] * r[j] * (1f - r[j]);
    }
    for (int j = 0; j < width; j++) {
      dState[j] += dResetState[j] * r[j];
    }
    System.arraycopy(dR, 0, gates, row * gateSize + slice.from, width);
    System.arraycopy(dState, 0, stateGradients, stateGradientAt(0, i) + slice.from, width);
  }

  private void addToStateGradient(Slice slice, int i, float[] sum) {
    int at = stateGradientAt(0, i) + slice.from;
    for (int j = 0; j < slice.width; j++) {
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
