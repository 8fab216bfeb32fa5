package dev.sequor.spark;

/** Is told of rounds, on the thread that trains. What it throws ends the training. */
@FunctionalInterface
public interface RoundListener {
  /** After each round, and after the checkpoint if one was due. */
  void completed(RoundReport report);
}
