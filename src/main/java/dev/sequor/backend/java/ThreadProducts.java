package dev.sequor.backend.java;

import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The products of a team: one instance for each thread, of each kind that is asked for. */
final class ThreadProducts {
  private final Products kind;
  private final int threads;
  private Product @Nullable [] preferred;
  private Product @Nullable [] loops;

  ThreadProducts(Products kind, int threads) {
    this.kind = kind;
    this.threads = threads;
  }

  /**
   * Those for a layer with a matrix of so many weights. The same ones for all passes of a layer,
   * whatever its batch and however its work is shared: their sums differ in the last bits.
   */
  Product[] of(long weights) {
    if (kind.areWorthWhile(weights)) {
      if (preferred == null) {
        preferred = make(kind::make);
      }
      return preferred;
    }
    if (loops == null) {
      loops = make(LoopProduct::new);
    }
    return loops;
  }

  private Product[] make(Supplier<Product> one) {
    Product[] all = new Product[threads];
    for (int i = 0; i < threads; i++) {
      all[i] = one.get();
    }
    return all;
  }
}
