package dev.sequor.exchange.onnx;

import dev.sequor.exchange.TensorLayout.Kind;

/**
 * What a dimension of an input was taken for has turned out to be something else: the translation
 * of the graph begins anew with what is known now.
 */
@SuppressWarnings("serial") // never leaves this package
final class Reconsider extends RuntimeException {
  final Atom.Origin origin;
  final Kind kind;

  /** 0 to leave it as it is. */
  final int size;

  /** The input whose steps these are as well; empty to leave it as it is. */
  final String axis;

  Reconsider(Atom.Origin origin, Kind kind, int size, String axis) {
    super(null, null, false, false);
    this.origin = origin;
    this.kind = kind;
    this.size = size;
    this.axis = axis;
  }
}
