package dev.sequor.backend.java;

/** The maths of a loss: the counterpart of its header in {@code native/include/sequor/losses}. */
interface RowLoss {
  /** The loss of one row; writes its gradient where {@code row.d} is given. */
  double run(LossRow row);
}
