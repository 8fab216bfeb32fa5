package dev.sequor.backend.java;

/** LSTM whose gates see {@code c} where they usually see {@code h}: {@code a = wx + R c + bR}. */
final class LstmCellRecurrent implements LayerCell {
  private final Lstm lstm = new Lstm();

  @Override
  public int saved() {
    return lstm.saved();
  }

  @Override
  public int recurrentState() {
    return 1;
  }

  @Override
  public void forward(CellRows rows, int n) {
    lstm.forward(rows, n);
  }

  @Override
  public void backward(CellRows rows, int n) {
    lstm.backward(rows, n);
  }
}
