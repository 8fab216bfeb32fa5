package dev.sequor.backend.java;

/**
 * The maths of an update rule: the counterpart of its header in {@code
 * native/include/sequor/updates}.
 */
interface RowUpdate {
  /** Updates parameters and moments {@code from} to {@code to − 1}. */
  void run(UpdateRows rows, int from, int to);
}
