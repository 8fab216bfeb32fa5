package dev.sequor.backend.java;

import static dev.sequor.backend.java.ElementaryFunctions.odds;
import static dev.sequor.backend.java.ElementaryFunctions.sigmoid;
import static dev.sequor.backend.java.ElementaryFunctions.sigmoidSlope;
import static dev.sequor.backend.java.ElementaryFunctions.tanh;
import static dev.sequor.backend.java.ElementaryFunctions.tanhSlope;

import java.util.Arrays;

/**
 * LSTM (Gers, Schmidhuber and Cummins 2000), with {@code a = wx + rh} per gate.
 *
 * <pre>
 *   i = σ(a_i)   f = σ(a_f)   g = tanh(a_g)   o = σ(a_o)
 *   c' = f∘c + i∘g            h' = o∘tanh(c')
 * </pre>
 *
 * Saved: the odds of i, f, g, o and tanh(c').
 */
final class Lstm implements LayerCell {
  @Override
  public int saved() {
    return 5;
  }

  @Override
  public void forward(CellRows rows, int n) {
    float[] i = rows.saved[0];
    float[] f = rows.saved[1];
    float[] g = rows.saved[2];
    float[] o = rows.saved[3];
    squash(rows.wx[0], rows.rh[0], i, n);
    squash(rows.wx[1], rows.rh[1], f, n);
    squash(rows.wx[3], rows.rh[3], o, n);
    float[] wxG = rows.wx[2];
    float[] rhG = rows.rh[2];
    for (int j = 0; j < n; j++) {
      g[j] = 2f * (wxG[j] + rhG[j]);
    }
    odds(g, rhG, n);
    float[] c = rows.state[1];
    float[] cNext = rows.next[1];
    for (int j = 0; j < n; j++) {
      cNext[j] = sigmoid(f[j]) * c[j] + sigmoid(i[j]) * tanh(g[j]);
    }
    float[] tanhC = rows.saved[4];
    for (int j = 0; j < n; j++) {
      tanhC[j] = 2f * cNext[j];
    }
    odds(tanhC, rhG, n);
    float[] hNext = rows.next[0];
    for (int j = 0; j < n; j++) {
      hNext[j] = sigmoid(o[j]) * tanh(tanhC[j]);
    }
  }

  /** {@code rh} is overwritten. */
  private static void squash(float[] wx, float[] rh, float[] gate, int n) {
    for (int j = 0; j < n; j++) {
      gate[j] = wx[j] + rh[j];
    }
    odds(gate, rh, n);
  }

  @Override
  public void backward(CellRows rows, int n) {
    float[] i = rows.saved[0];
    float[] f = rows.saved[1];
    float[] g = rows.saved[2];
    float[] o = rows.saved[3];
    float[] tanhC = rows.saved[4];
    float[] c = rows.state[1];
    float[] dH = rows.dNext[0];
    float[] dC = rows.dNext[1];
    float[] dI = rows.dwx[0];
    float[] dF = rows.dwx[1];
    float[] dG = rows.dwx[2];
    float[] dO = rows.dwx[3];
    for (int j = 0; j < n; j++) {
      dO[j] = dH[j] * tanh(tanhC[j]) * sigmoidSlope(o[j]);
    }
    for (int j = 0; j < n; j++) {
      dC[j] += dH[j] * sigmoid(o[j]) * tanhSlope(tanhC[j]);
    }
    for (int j = 0; j < n; j++) {
      dI[j] = dC[j] * tanh(g[j]) * sigmoidSlope(i[j]);
    }
    for (int j = 0; j < n; j++) {
      dF[j] = dC[j] * c[j] * sigmoidSlope(f[j]);
    }
    for (int j = 0; j < n; j++) {
      dG[j] = dC[j] * sigmoid(i[j]) * tanhSlope(g[j]);
    }
    float[] dCPrevious = rows.dState[1];
    for (int j = 0; j < n; j++) {
      dCPrevious[j] = dC[j] * sigmoid(f[j]);
    }
    Arrays.fill(rows.dState[0], 0, n, 0f);
  }
}
