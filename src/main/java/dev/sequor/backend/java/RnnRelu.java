package dev.sequor.backend.java;

import java.util.Arrays;

/** {@code h' = max(0, wx + rh)}. */
final class RnnRelu implements LayerCell {
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
      next[j] = Math.max(0f, wx[j] + rh[j]);
    }
  }

  @Override
  public void backward(CellRows rows, int n) {
    float[] h = rows.next[0];
    float[] dNext = rows.dNext[0];
    float[] dwx = rows.dwx[0];
    for (int j = 0; j < n; j++) {
      dwx[j] = h[j] <= 0f ? 0f : dNext[j];
    }
    Arrays.fill(rows.dState[0], 0, n, 0f);
  }
}
