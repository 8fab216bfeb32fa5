package dev.sequor.data;

import java.util.Arrays;

/**
 * Linear least squares by QR decomposition, row by row: each equation is rotated into a triangle
 * (Givens rotations; Golub and Van Loan, "Matrix Computations", 5.2), so that memory does not grow
 * with the equations and nothing is squared.
 */
final class LeastSquares {
  /** A column that is shorter than this part of the longest follows from those before it. */
  private static final double RANK_TOLERANCE = 1e-9;

  private final int unknowns;

  /** Upper triangle {@code R}, with {@code Qᵀy} as its last column. */
  private final double[][] triangle;

  private final double[] equation;

  LeastSquares(int unknowns) {
    this.unknowns = unknowns;
    this.triangle = new double[unknowns][unknowns + 1];
    this.equation = new double[unknowns + 1];
  }

  /** Adds {@code Σ factors[i]·x[i] = value}. */
  void add(double[] factors, double value) {
    System.arraycopy(factors, 0, equation, 0, unknowns);
    equation[unknowns] = value;
    rotateInto(triangle, equation);
  }

  /** Rotates {@code row}, which is lost, into a triangle. */
  private void rotateInto(double[][] into, double[] row) {
    for (int i = 0; i < unknowns; i++) {
      if (row[i] == 0) {
        continue;
      }
      double length = Math.hypot(into[i][i], row[i]);
      double cosine = into[i][i] / length;
      double sine = row[i] / length;
      for (int j = i; j <= unknowns; j++) {
        double upper = into[i][j];
        into[i][j] = cosine * upper + sine * row[j];
        row[j] = cosine * row[j] - sine * upper;
      }
    }
  }

  /**
   * The solution. If it is not the only one, unknowns whose columns follow from those before them,
   * within rounding, are 0.
   */
  double[] solution() {
    double longest = 0;
    for (int j = 0; j < unknowns; j++) {
      longest = Math.max(longest, length(triangle, j));
    }
    double[][] reduced = new double[unknowns][unknowns + 1];
    int rank = 0;
    // Columns that are used are moved to the front one by one, and the triangle is made anew.
    int[] order = new int[unknowns];
    for (int j = 0; j < unknowns; j++) {
      order[rank] = j;
      double[][] tried = triangleOf(Arrays.copyOf(order, rank + 1));
      if (Math.abs(tried[rank][rank]) > RANK_TOLERANCE * longest) {
        rank++;
        reduced = tried;
      }
    }
    double[] solution = new double[unknowns];
    for (int i = rank - 1; i >= 0; i--) {
      double value = reduced[i][unknowns];
      for (int j = i + 1; j < rank; j++) {
        value -= reduced[i][j] * solution[order[j]];
      }
      solution[order[i]] = value / reduced[i][i];
    }
    return solution;
  }

  /** The triangle of some of the columns, at the front, and the right-hand side. */
  private double[][] triangleOf(int[] columns) {
    double[][] made = new double[unknowns][unknowns + 1];
    double[] row = new double[unknowns + 1];
    for (double[] from : triangle) {
      Arrays.fill(row, 0);
      for (int j = 0; j < columns.length; j++) {
        row[j] = from[columns[j]];
      }
      row[unknowns] = from[unknowns];
      rotateInto(made, row);
    }
    return made;
  }

  private static double length(double[][] matrix, int column) {
    double length = 0;
    for (double[] row : matrix) {
      length = Math.hypot(length, row[column]);
    }
    return length;
  }
}
