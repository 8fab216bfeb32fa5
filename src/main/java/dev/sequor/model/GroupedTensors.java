package dev.sequor.model;

import dev.sequor.backend.UpdateGroups;
import dev.sequor.module.NetworkLayout;
import dev.sequor.rnn.TensorRegion;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Which tensors of a network are of which group of parameters, and where those lie. */
final class GroupedTensors {
  private final int[] ends;
  private final int[] groups;

  /**
   * Finds the group of each tensor: number 0 for those that no group names, from 1 on those of
   * {@code groups}, and {@link UpdateGroups#NONE} if they are not updated.
   *
   * @throws IllegalArgumentException if a pattern names no tensor, or a tensor is of two groups
   */
  GroupedTensors(List<ParameterGroup> groups, NetworkLayout layout) {
    List<TensorRegion> regions = layout.regions();
    int[] numbers = new int[regions.size()];
    int[] owners = new int[numbers.length];
    @Nullable String[] named = new String[numbers.length];
    for (int g = 0; g < groups.size(); g++) {
      int group = g + 1;
      int number = groups.get(g).rate() == 0f ? UpdateGroups.NONE : group;
      for (String pattern : groups.get(g).tensors()) {
        Pattern names = ParameterGroup.pattern(pattern);
        boolean found = false;
        for (int i = 0; i < numbers.length; i++) {
          if (!names.matcher(regions.get(i).name()).matches()) {
            continue;
          }
          found = true;
          String before = named[i];
          if (before != null && owners[i] != group) {
            throw new IllegalArgumentException(
                "tensor '"
                    + regions.get(i).name()
                    + "' is of two groups of parameters, by '"
                    + before
                    + "' and by '"
                    + pattern
                    + "'; needed one at most");
          }
          named[i] = pattern;
          owners[i] = group;
          numbers[i] = number;
        }
        if (!found) {
          throw new IllegalArgumentException(
              "'"
                  + pattern
                  + "', of a group of parameters, names no tensor; the model has "
                  + String.join(", ", regions.stream().map(TensorRegion::name).toList()));
        }
      }
    }
    List<Integer> lasts = new ArrayList<>();
    for (int i = 0; i < numbers.length; i++) {
      if (i + 1 == numbers.length || numbers[i + 1] != numbers[i]) {
        lasts.add(i);
      }
    }
    this.ends = new int[lasts.size()];
    this.groups = new int[lasts.size()];
    for (int r = 0; r < ends.length; r++) {
      int next = lasts.get(r) + 1;
      // Gaps are of the tensor before them: what lies there is zero, and its gradient too.
      ends[r] = (int) (next < numbers.length ? regions.get(next).offset() : layout.totalElements());
      this.groups[r] = numbers[lasts.get(r)];
    }
    if (numbers.length > 0
        && Arrays.stream(numbers).allMatch(number -> number == UpdateGroups.NONE)) {
      throw new IllegalArgumentException(
          "all tensors are of groups with rate 0; needed one that is updated");
    }
  }

  /** The ends of the runs of tensors that are of one group, {@link UpdateGroups#ends}. */
  int[] ends() {
    return ends.clone();
  }

  /** The group of each of them. */
  int[] groups() {
    return groups.clone();
  }
}
