package dev.sequor.benchmarks;

/** A system under test, as it runs in its own process. */
public interface Contender {
  /** The system and its version or device, in words. */
  String describe();

  /** Sets one case up: weights, inputs and whatever the system plans ahead. */
  Trial prepare(Case what, Problem numbers) throws Exception;
}
