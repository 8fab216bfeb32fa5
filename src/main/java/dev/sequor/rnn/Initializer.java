package dev.sequor.rnn;

/** Initial weights. */
public final class Initializer {
  private Initializer() {}
}
