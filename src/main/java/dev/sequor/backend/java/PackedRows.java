package dev.sequor.backend.java;

/** A matrix {@code [depth,width]} that many products read, laid out as they want it. */
interface PackedRows {
  /** Sets a column from {@code source[at]} on. */
  void setColumn(int column, float[] source, int at);

  /** Sets a row from {@code source[at]} on. */
  void setRow(int row, float[] source, int at);
}
