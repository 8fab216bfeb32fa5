package dev.sequor.backend.java;

import static dev.sequor.backend.java.ElementaryFunctions.odds;
import static dev.sequor.backend.java.ElementaryFunctions.sigmoid;
import static dev.sequor.backend.java.ElementaryFunctions.sigmoidRest;
import static dev.sequor.backend.java.ElementaryFunctions.sigmoidSlope;
import static dev.sequor.backend.java.ElementaryFunctions.tanh;
import static dev.sequor.backend.java.ElementaryFunctions.tanhSlope;

/**
 * GRU with the reset gate after the recurrent product (arXiv:1406.1078v1; as cuDNN and PyTorch).
 *
 * <pre>
 *   r = σ(wx_r + rh_r)        z = σ(wx_z + rh_z)
 *   n = tanh(wx_n + r∘rh_n)   h' = (1−z)∘n + z∘h
 * </pre>
 *
 * Saved: the odds of r, z and n; rh_n.
 */
final class GruResetAfter implements LayerCell {
  @Override
  public int saved() {
    return 4;
  }

  @Override
  public boolean sharedGradient() {
    return false;
  }

  @Override
  public void forward(CellRows rows, int count) {
    float[] r = rows.saved[0];
    float[] z = rows.saved[1];
    float[] n = rows.saved[2];
    float[] wxR = rows.wx[0];
    float[] rhR = rows.rh[0];
    for (int j = 0; j < count; j++) {
      r[j] = wxR[j] + rhR[j];
    }
    odds(r, rhR, count);
    float[] wxZ = rows.wx[1];
    float[] rhZ = rows.rh[1];
    for (int j = 0; j < count; j++) {
      z[j] = wxZ[j] + rhZ[j];
    }
    odds(z, rhZ, count);
    float[] wxN = rows.wx[2];
    float[] rhN = rows.rh[2];
    for (int j = 0; j < count; j++) {
      n[j] = 2f * (wxN[j] + sigmoid(r[j]) * rhN[j]);
    }
    odds(n, rhZ, count);
    System.arraycopy(rhN, 0, rows.saved[3], 0, count);
    float[] h = rows.state[0];
    float[] next = rows.next[0];
    for (int j = 0; j < count; j++) {
      next[j] = sigmoidRest(z[j]) * tanh(n[j]) + sigmoid(z[j]) * h[j];
    }
  }

  @Override
  public void backward(CellRows rows, int count) {
    float[] r = rows.saved[0];
    float[] z = rows.saved[1];
    float[] n = rows.saved[2];
    float[] rhN = rows.saved[3];
    float[] h = rows.state[0];
    float[] dNext = rows.dNext[0];
    float[] dR = rows.dwx[0];
    float[] dZ = rows.dwx[1];
    float[] dN = rows.dwx[2];
    for (int j = 0; j < count; j++) {
      dN[j] = dNext[j] * sigmoidRest(z[j]) * tanhSlope(n[j]);
    }
    for (int j = 0; j < count; j++) {
      dZ[j] = dNext[j] * (h[j] - tanh(n[j])) * sigmoidSlope(z[j]);
    }
    for (int j = 0; j < count; j++) {
      dR[j] = dN[j] * rhN[j] * sigmoidSlope(r[j]);
    }
    System.arraycopy(dR, 0, rows.drh[0], 0, count);
    System.arraycopy(dZ, 0, rows.drh[1], 0, count);
    float[] dRhN = rows.drh[2];
    for (int j = 0; j < count; j++) {
      dRhN[j] = dN[j] * sigmoid(r[j]);
    }
    float[] dState = rows.dState[0];
    for (int j = 0; j < count; j++) {
      dState[j] = dNext[j] * sigmoid(z[j]);
    }
  }
}
