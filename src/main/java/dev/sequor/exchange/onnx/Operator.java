package dev.sequor.exchange.onnx;

/** What becomes of the nodes of one kind. */
@FunctionalInterface
interface Operator {
  /**
   * Says what the outputs of a node are.
   *
   * @throws IllegalArgumentException if it cannot be said; says why
   */
  void translate(OnnxNode node, Translation to);
}
