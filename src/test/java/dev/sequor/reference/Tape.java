package dev.sequor.reference;

import dev.sequor.reference.Tape.Node;
import java.util.ArrayList;
import java.util.List;

/**
 * Reverse accumulation over the dozen operations of {@link Algebra}: records them as they are
 * carried out and afterwards walks back. It knows the derivative of each operation and nothing of
 * cells or time, and is itself checked against finite differences and complex steps.
 */
final class Tape implements Algebra<Node> {
  /** A value and the gradient of the loss by it. */
  static final class Node {
    final double[] value;
    final double[] gradient;

    Node(double[] value) {
      this.value = value;
      this.gradient = new double[value.length];
    }
  }

  private static final RealVectors REAL = new RealVectors();

  private final List<Runnable> backward = new ArrayList<>();

  /** Walks back from the nodes whose gradients the caller has set. */
  void backward() {
    for (int i = backward.size() - 1; i >= 0; i--) {
      backward.get(i).run();
    }
  }

  private Node record(Node result, Runnable step) {
    backward.add(step);
    return result;
  }

  @Override
  public Node constant(double... values) {
    return new Node(values);
  }

  @Override
  public Node slice(Node a, int from, int count) {
    Node y = new Node(REAL.slice(a.value, from, count));
    return record(y, () -> addTo(a.gradient, from, y.gradient, 0, count));
  }

  @Override
  public Node concatenate(Node a, Node b) {
    Node y = new Node(REAL.concatenate(a.value, b.value));
    return record(
        y,
        () -> {
          addTo(a.gradient, 0, y.gradient, 0, a.value.length);
          addTo(b.gradient, 0, y.gradient, a.value.length, b.value.length);
        });
  }

  @Override
  public Node product(Node m, Node x, int rows, int columns) {
    Node y = new Node(REAL.product(m.value, x.value, rows, columns));
    return record(
        y,
        () -> {
          for (int i = 0; i < rows; i++) {
            double dy = y.gradient[i];
            for (int j = 0; j < columns; j++) {
              m.gradient[i * columns + j] += dy * x.value[j];
              x.gradient[j] += dy * m.value[i * columns + j];
            }
          }
        });
  }

  @Override
  public Node add(Node a, Node b) {
    Node y = new Node(REAL.add(a.value, b.value));
    return record(
        y,
        () -> {
          for (int i = 0; i < y.gradient.length; i++) {
            a.gradient[i] += y.gradient[i];
            b.gradient[i] += y.gradient[i];
          }
        });
  }

  @Override
  public Node subtract(Node a, Node b) {
    Node y = new Node(REAL.subtract(a.value, b.value));
    return record(
        y,
        () -> {
          for (int i = 0; i < y.gradient.length; i++) {
            a.gradient[i] += y.gradient[i];
            b.gradient[i] -= y.gradient[i];
          }
        });
  }

  @Override
  public Node multiply(Node a, Node b) {
    Node y = new Node(REAL.multiply(a.value, b.value));
    return record(
        y,
        () -> {
          for (int i = 0; i < y.gradient.length; i++) {
            a.gradient[i] += y.gradient[i] * b.value[i];
            b.gradient[i] += y.gradient[i] * a.value[i];
          }
        });
  }

  @Override
  public Node sigmoid(Node a) {
    Node y = new Node(REAL.sigmoid(a.value));
    return record(
        y,
        () -> {
          for (int i = 0; i < y.gradient.length; i++) {
            a.gradient[i] += y.gradient[i] * y.value[i] * (1 - y.value[i]);
          }
        });
  }

  @Override
  public Node tanh(Node a) {
    Node y = new Node(REAL.tanh(a.value));
    return record(
        y,
        () -> {
          for (int i = 0; i < y.gradient.length; i++) {
            a.gradient[i] += y.gradient[i] * (1 - y.value[i] * y.value[i]);
          }
        });
  }

  @Override
  public Node relu(Node a) {
    Node y = new Node(REAL.relu(a.value));
    return record(
        y,
        () -> {
          for (int i = 0; i < y.gradient.length; i++) {
            a.gradient[i] += a.value[i] > 0 ? y.gradient[i] : 0;
          }
        });
  }

  @Override
  public Node oneMinus(Node a) {
    Node y = new Node(REAL.oneMinus(a.value));
    return record(
        y,
        () -> {
          for (int i = 0; i < y.gradient.length; i++) {
            a.gradient[i] -= y.gradient[i];
          }
        });
  }

  /** {@code y = f(a)}, element by element, whose slope is known. */
  private Node elementwise(Node a, double[] value, double[] slope) {
    Node y = new Node(value);
    return record(
        y,
        () -> {
          for (int i = 0; i < y.gradient.length; i++) {
            a.gradient[i] += y.gradient[i] * slope[i];
          }
        });
  }

  @Override
  public Node exp(Node a) {
    double[] e = REAL.exp(a.value);
    return elementwise(a, e, e);
  }

  @Override
  public Node log(Node a) {
    return elementwise(a, REAL.log(a.value), REAL.reciprocal(a.value));
  }

  @Override
  public Node reciprocal(Node a) {
    double[] r = REAL.reciprocal(a.value);
    return elementwise(a, r, REAL.subtract(new double[r.length], REAL.multiply(r, r)));
  }

  @Override
  public Node squareRoot(Node a) {
    double[] root = REAL.squareRoot(a.value);
    return elementwise(a, root, REAL.reciprocal(REAL.add(root, root)));
  }

  @Override
  public Node sum(Node a) {
    Node y = new Node(REAL.sum(a.value));
    return record(
        y,
        () -> {
          for (int i = 0; i < a.gradient.length; i++) {
            a.gradient[i] += y.gradient[0];
          }
        });
  }

  @Override
  public Node spread(Node a, int n) {
    Node y = new Node(REAL.spread(a.value, n));
    return record(
        y,
        () -> {
          for (double d : y.gradient) {
            a.gradient[0] += d;
          }
        });
  }

  @Override
  public Node choose(Node test, double threshold, Node above, Node below) {
    Node y = new Node(REAL.choose(test.value, threshold, above.value, below.value));
    return record(
        y,
        () -> {
          for (int i = 0; i < y.gradient.length; i++) {
            Node from = test.value[i] > threshold ? above : below;
            from.gradient[i] += y.gradient[i];
          }
        });
  }

  private static void addTo(double[] target, int at, double[] source, int from, int count) {
    for (int i = 0; i < count; i++) {
      target[at + i] += source[from + i];
    }
  }
}
