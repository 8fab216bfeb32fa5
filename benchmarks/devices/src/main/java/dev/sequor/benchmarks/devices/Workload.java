package dev.sequor.benchmarks.devices;

import dev.sequor.backend.CellType;

/**
 * What is timed: one layer, one direction, all sequences of full length.
 *
 * @param cell null for copies
 */
record Workload(CellType cell, Pass pass, Shape shape) {
  @Override
  public String toString() {
    return (cell == null ? "" : cell + " ") + pass.id() + " T,B,H=" + shape;
  }
}
