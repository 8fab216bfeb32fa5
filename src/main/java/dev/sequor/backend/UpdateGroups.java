package dev.sequor.backend;

/**
 * Which group of parameters each element is of, for an {@linkplain Backend#optimizerStep update}
 * that has numbers for several groups: the elements before {@code ends[0]} are of group {@code
 * groups[0]}, those from there to before {@code ends[1]} of {@code groups[1]}, and so on. Both lie
 * on the device, so that an update of any number of groups is the same few calls.
 *
 * @param ends INT32 {@code [R]}, ascending; the last is the number of parameters
 * @param groups INT32 {@code [R]}, each 0 to the number of groups − 1, or {@value #NONE}
 */
public record UpdateGroups(Buffer ends, Buffer groups) {
  /** Parameters of no group are not updated, and their gradient counts nothing in the norm. */
  public static final int NONE = -1;

  /** The most groups of an update. */
  public static final int MOST = 1024;

  /**
   * Checks that both are equally long.
   *
   * @throws IllegalArgumentException if not, or they are empty
   */
  public UpdateGroups {
    Required.present("ends", ends);
    Required.present("groups", groups);
    if (ends.elements() != groups.elements() || ends.elements() < 1) {
      throw new IllegalArgumentException(
          "ends holds "
              + ends.elements()
              + " integers and groups "
              + groups.elements()
              + "; needed as many, at least 1");
    }
    if (ends.elements() > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "ends holds " + ends.elements() + " integers; needed at most " + Integer.MAX_VALUE);
    }
  }

  /** {@code R}. */
  public int regions() {
    return (int) ends.elements();
  }
}
