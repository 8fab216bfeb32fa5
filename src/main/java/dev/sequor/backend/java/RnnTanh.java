package dev.sequor.backend.java;

import static dev.sequor.backend.java.ElementaryFunctions.odds;
import static dev.sequor.backend.java.ElementaryFunctions.tanh;
import static dev.sequor.backend.java.ElementaryFunctions.tanhSlope;

import java.util.Arrays;

/** {@code h' = tanh(wx + rh)} (Elman 1990). Saved: the odds of h'. */
final class RnnTanh implements LayerCell {
  @Override
  public int saved() {
    return 1;
  }

  @Override
  public void forward(CellRows rows, int n) {
    float[] wx = rows.wx[0];
    float[] rh = rows.rh[0];
    float[] next = rows.next[0];
    float[] kept = rows.saved[0];
    for (int j = 0; j < n; j++) {
      kept[j] = 2f * (wx[j] + rh[j]);
    }
    odds(kept, rh, n);
    for (int j = 0; j < n; j++) {
      next[j] = tanh(kept[j]);
    }
  }

  @Override
  public void backward(CellRows rows, int n) {
    float[] kept = rows.saved[0];
    float[] dNext = rows.dNext[0];
    float[] dwx = rows.dwx[0];
    for (int j = 0; j < n; j++) {
      dwx[j] = dNext[j] * tanhSlope(kept[j]);
    }
    Arrays.fill(rows.dState[0], 0, n, 0f);
  }
}
