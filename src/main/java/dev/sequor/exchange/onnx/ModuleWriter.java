package dev.sequor.exchange.onnx;

import dev.sequor.module.Network;

/** What modules of one kind become in a file: the inverse of {@link Operator}. */
@FunctionalInterface
interface ModuleWriter {
  /**
   * Adds the nodes that do what a node of the network does, and says which tensors its outputs are.
   *
   * @throws IllegalArgumentException if ONNX cannot say it; says why
   */
  void write(Network.Node node, Writing to);
}
