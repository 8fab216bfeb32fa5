package dev.sequor.backend.java;

import dev.sequor.backend.UpdateGroups;
import org.jspecify.annotations.Nullable;

/** The runs of parameters that are of one group, see {@link UpdateGroups}. */
final class Regions {
  /** What is done to a run. */
  @FunctionalInterface
  interface Work {
    /** To elements {@code from} to {@code to − 1}, of {@code group}. */
    void run(int group, int from, int to);
  }

  private final int[] ends;
  private final int[] groups;
  private final int endsAt;
  private final int groupsAt;
  private final int count;

  private Regions(int[] ends, int endsAt, int[] groups, int groupsAt, int count) {
    this.ends = ends;
    this.endsAt = endsAt;
    this.groups = groups;
    this.groupsAt = groupsAt;
    this.count = count;
  }

  /** Those of {@code groups}; without any, all {@code elements} are of group 0. */
  static Regions of(@Nullable UpdateGroups groups, int elements) {
    if (groups == null) {
      return new Regions(new int[] {elements}, 0, new int[] {0}, 0, 1);
    }
    JavaMemory ends = JavaMemory.of(groups.ends().memory());
    JavaMemory numbers = JavaMemory.of(groups.groups().memory());
    return new Regions(
        ends.ints(), ends.offset(), numbers.ints(), numbers.offset(), groups.regions());
  }

  /** Does {@code work} to the runs, within {@code from} to {@code to − 1}, that have a group. */
  void within(int from, int to, Work work) {
    int begin = from;
    for (int r = first(from); begin < to && r < count; r++) {
      int end = Math.min(ends[endsAt + r], to);
      if (end <= begin) {
        continue;
      }
      if (groups[groupsAt + r] != UpdateGroups.NONE) {
        work.run(groups[groupsAt + r], begin, end);
      }
      begin = end;
    }
  }

  /** The region that element {@code i} is in. */
  private int first(int i) {
    int low = 0;
    int high = count - 1;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (i < ends[endsAt + middle]) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }
}
