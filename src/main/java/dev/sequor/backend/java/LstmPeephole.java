package dev.sequor.backend.java;

import static dev.sequor.backend.java.ElementaryFunctions.odds;
import static dev.sequor.backend.java.ElementaryFunctions.sigmoid;
import static dev.sequor.backend.java.ElementaryFunctions.sigmoidSlope;
import static dev.sequor.backend.java.ElementaryFunctions.tanh;
import static dev.sequor.backend.java.ElementaryFunctions.tanhSlope;

import java.util.Arrays;

/**
 * LSTM with peepholes (Gers, Schraudolph and Schmidhuber 2002), with {@code a = wx + rh} per gate.
 *
 * <pre>
 *   i = σ(a_i + p_i∘c)   f = σ(a_f + p_f∘c)   g = tanh(a_g)
 *   c' = f∘c + i∘g       o = σ(a_o + p_o∘c')  h' = o∘tanh(c')
 * </pre>
 *
 * Saved: the odds of i, f, g, o and tanh(c').
 */
final class LstmPeephole implements LayerCell {
  @Override
  public int saved() {
    return 5;
  }

  @Override
  public void forward(CellRows rows, int n) {
    float[] i = rows.saved[0];
    float[] f = rows.saved[1];
    float[] g = rows.saved[2];
    float[] c = rows.state[1];
    squash(rows.wx[0], rows.rh[0], rows.p[0], c, i, n);
    squash(rows.wx[1], rows.rh[1], rows.p[1], c, f, n);
    float[] wxG = rows.wx[2];
    float[] rhG = rows.rh[2];
    for (int j = 0; j < n; j++) {
      g[j] = 2f * (wxG[j] + rhG[j]);
    }
    odds(g, rhG, n);
    float[] cNext = rows.next[1];
    for (int j = 0; j < n; j++) {
      cNext[j] = sigmoid(f[j]) * c[j] + sigmoid(i[j]) * tanh(g[j]);
    }
    float[] o = rows.saved[3];
    squash(rows.wx[3], rows.rh[3], rows.p[2], cNext, o, n);
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
  private static void squash(float[] wx, float[] rh, float[] p, float[] c, float[] gate, int n) {
    for (int j = 0; j < n; j++) {
      gate[j] = wx[j] + rh[j] + p[j] * c[j];
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
    float[] cNext = rows.next[1];
    float[] dH = rows.dNext[0];
    float[] dC = rows.dNext[1];
    float[] dI = rows.dwx[0];
    float[] dF = rows.dwx[1];
    float[] dG = rows.dwx[2];
    float[] dO = rows.dwx[3];
    float[] pI = rows.p[0];
    float[] pF = rows.p[1];
    float[] pO = rows.p[2];
    for (int j = 0; j < n; j++) {
      dO[j] = dH[j] * tanh(tanhC[j]) * sigmoidSlope(o[j]);
    }
    for (int j = 0; j < n; j++) {
      dC[j] += dH[j] * sigmoid(o[j]) * tanhSlope(tanhC[j]) + dO[j] * pO[j];
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
      dCPrevious[j] = dC[j] * sigmoid(f[j]) + dI[j] * pI[j] + dF[j] * pF[j];
    }
    Arrays.fill(rows.dState[0], 0, n, 0f);
    multiply(dI, c, rows.dp[0], n);
    multiply(dF, c, rows.dp[1], n);
    multiply(dO, cNext, rows.dp[2], n);
  }

  private static void multiply(float[] x, float[] y, float[] product, int n) {
    for (int j = 0; j < n; j++) {
      product[j] = x[j] * y[j];
    }
  }
}
