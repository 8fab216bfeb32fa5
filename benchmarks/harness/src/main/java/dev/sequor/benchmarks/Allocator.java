package dev.sequor.benchmarks;

import java.util.Map;

/**
 * How glibc's allocator is set. It gives large blocks back to the system as soon as they are free,
 * and the next call has to have its pages made again; a library that allocates in every call may
 * spend more time so than with arithmetic, most of all on virtual machines.
 */
enum Allocator {
  /** Not at all. */
  AS_IT_COMES("as it comes", Map.of()),
  /** Freed memory stays, in one heap for all threads. */
  KEEPING_PAGES(
      "keeping pages",
      Map.of(
          "MALLOC_ARENA_MAX", "1",
          "MALLOC_MMAP_MAX_", "0",
          "MALLOC_TOP_PAD_", "1000000000",
          "MALLOC_TRIM_THRESHOLD_", "100000000000"));

  private final String words;
  private final Map<String, String> environment;

  Allocator(String words, Map<String, String> environment) {
    this.words = words;
    this.environment = environment;
  }

  /** Variables that set it. */
  Map<String, String> environment() {
    return environment;
  }

  @Override
  public String toString() {
    return words;
  }
}
