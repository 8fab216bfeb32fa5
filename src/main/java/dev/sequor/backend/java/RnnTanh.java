package dev.sequor.backend.java;

import java.util.Arrays;

/** {@code h' = tanh(wx + rh)} (Elman 1990). */
final class RnnTanh implements LayerCell {
  @Override
  public int saved() {
    return 0;
  }

  @Override
  public void forward(CellRows rows, int n) {
    float[] wx = rows.wx[0];
    float[] rh = rows.rh[0];
    float[] next = rows.next[0];
    for (int j = 0; j < n; j++) {
      next[j] = ElementaryFunctions.tanh(wx[j] + rh[j]);
    }
  }

  @Override
  public void backward(CellRows rows, int n) {
    float[] h = rows.next[0];
    float[] dNext = rows.dNext[0];
    float[] dwx = rows.dwx[0];
    for (int j = 0; j < n; j++) {
      dwx[j] = dNext[j] * (1f - h[j] * h[j]);
    }
    Arrays.fill(rows.dState[0], 0, n, 0f);
  }
}
