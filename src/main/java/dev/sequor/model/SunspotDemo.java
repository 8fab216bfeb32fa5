package dev.sequor.model;

import dev.sequor.backend.CellType;
import dev.sequor.data.Table;
import dev.sequor.data.TableSpec;
import dev.sequor.data.TableWindows;
import dev.sequor.data.Transformation;

/**
 * A forecast of the yearly sunspot numbers ({@link Table#sunspots}) with settings that were chosen
 * on the years 1700 to 1946 alone, the last fifth of which judged them: the years from 1947 on were
 * looked at once. {@code docs/tables.md} has the figures.
 */
public final class SunspotDemo {
  /** The column to forecast. */
  public static final String TARGET = "sunspots";

  /** The fraction held out: 62 years, 1947 to 2008. */
  public static final double HELD_OUT = 0.2;

  /** {@code H}. */
  public static final int HIDDEN_SIZE = 16;

  /** {@code T} of the training windows. */
  public static final int TIME_STEPS = 32;

  /** {@code B} of the training windows. */
  public static final int BATCH_SIZE = 16;

  /** Updates; more of them fit the training part ever better, and other years no better. */
  public static final int STEPS = 300;

  private SunspotDemo() {}

  /** A forecast of {@code horizon} years, of square roots: the spread grows with the numbers. */
  public static TableSpec spec(Table sunspots, int horizon) {
    return spec(sunspots, horizon, HELD_OUT);
  }

  /** The same with another fraction held out. */
  public static TableSpec spec(Table sunspots, int horizon, double heldOut) {
    return TableSpec.forecast(TARGET, horizon)
        .transform(TARGET, Transformation.SQUARE_ROOT)
        .holdOut(heldOut)
        .fit(sunspots);
  }

  /** A GRU of 16 units. */
  public static SequenceModelSpec model(TableSpec spec) {
    return Forecaster.model(spec).cell(CellType.GRU_RESET_BEFORE).hiddenSize(HIDDEN_SIZE).build();
  }

  /** AdamW with a learning rate of 0.002 and a decay of 0.1. */
  public static Optimizer optimizer() {
    return Optimizer.adamw(0.002f, 0.1f);
  }

  /** By a norm of 1. */
  public static Clipping clipping() {
    return Clipping.byGlobalNorm(1);
  }

  /** The training windows. */
  public static TableWindows windows(Table sunspots, TableSpec spec, long seed) {
    return new TableWindows(sunspots, spec, TIME_STEPS, BATCH_SIZE, seed);
  }
}
