package dev.sequor.benchmarks;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.Map;

/** The lines that parent and child exchange: each one JSON object. */
public final class Message {
  /** Starts each of the child's lines, since native libraries print to standard output too. */
  static final String MARK = "@sequor ";

  private Message() {}

  /** What a child is to do. */
  enum Command {
    PREPARE,
    TIME,
    RELEASE
  }

  /**
   * The parent's line.
   *
   * @param what the case to prepare
   * @param seed of its numbers
   * @param untimedCalls calls before the clock starts, since other processes have had the caches
   * @param timedCalls calls while it runs
   */
  record Request(Command command, Case what, long seed, int untimedCalls, int timedCalls) {}

  /**
   * The child's line.
   *
   * @param error why it could not do it, or null
   * @param description of the contender
   * @param nanos time of all timed calls
   * @param digests of the results
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  record Reply(String error, String description, long nanos, Map<String, Digest> digests) {}
}
