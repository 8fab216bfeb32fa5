package dev.sequor.backend.java;

import java.util.Arrays;

/** {@code h' = wx + rh}. */
final class RnnLinear implements LayerCell {
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
      next[j] = wx[j] + rh[j];
    }
  }

  @Override
  public void backward(CellRows rows, int n) {
    System.arraycopy(rows.dNext[0], 0, rows.dwx[0], 0, n);
    Arrays.fill(rows.dState[0], 0, n, 0f);
  }
}
