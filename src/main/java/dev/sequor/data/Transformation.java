package dev.sequor.data;

/** What is done to the values of a column before they are scaled, and undone to predictions. */
public enum Transformation {
  /** Nothing. */
  NONE {
    @Override
    public double apply(double value) {
      return value;
    }

    @Override
    public double undo(double transformed) {
      return transformed;
    }
  },
  /**
   * {@code √v}, for values of at least 0 whose spread grows with them, such as counts. Undone by
   * {@code max(z, 0)²}.
   */
  SQUARE_ROOT {
    @Override
    public double apply(double value) {
      return Math.sqrt(value);
    }

    @Override
    public double undo(double transformed) {
      double root = Math.max(transformed, 0);
      return root * root;
    }
  },
  /**
   * {@code log(1 + v)}, for values above −1 of which the ratios matter. Undone by {@code eᶻ − 1}.
   */
  LOG_1P {
    @Override
    public double apply(double value) {
      return Math.log1p(value);
    }

    @Override
    public double undo(double transformed) {
      return Math.expm1(transformed);
    }
  };

  /** The transformed value; not finite for one that this transformation cannot take. */
  public abstract double apply(double value);

  /** The value whose transform this is. */
  public abstract double undo(double transformed);
}
