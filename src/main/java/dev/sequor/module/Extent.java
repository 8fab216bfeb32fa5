package dev.sequor.module;

import dev.sequor.backend.Required;
import dev.sequor.backend.Sizes;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * How large the batches of a pass are.
 *
 * @param batchSize {@code B}
 * @param timeSteps {@code T} of each time axis, by its name
 */
public record Extent(int batchSize, Map<String, Integer> timeSteps) {
  /**
   * Checks the sizes.
   *
   * @throws IllegalArgumentException naming the first that is less than 1
   */
  public Extent {
    Sizes.atLeastOne("batchSize", batchSize);
    for (Map.Entry<String, Integer> axis : Required.present("timeSteps", timeSteps).entrySet()) {
      String name = "timeSteps of '" + Required.present("a time axis", axis.getKey()) + "'";
      Sizes.atLeastOne(name, Required.present(name, axis.getValue()));
      Sizes.product("timeSteps · batchSize", Integer.MAX_VALUE, axis.getValue(), batchSize);
    }
    timeSteps = Collections.unmodifiableMap(new TreeMap<>(timeSteps));
  }

  /** Of a network with one time axis. */
  public static Extent of(String axis, int timeSteps, int batchSize) {
    return new Extent(batchSize, Map.of(Required.present("axis", axis), timeSteps));
  }

  /** With axes whose steps are fixed, which may be among these already. */
  Extent with(Map<String, Integer> fixed) {
    Map<String, Integer> all = new TreeMap<>(timeSteps);
    fixed.forEach(
        (axis, steps) -> {
          Integer given = all.put(axis, steps);
          if (given != null && !given.equals(steps)) {
            throw new IllegalArgumentException(
                "timeSteps of '" + axis + "' is " + given + "; its node makes " + steps);
          }
        });
    return new Extent(batchSize, all);
  }

  /** {@code T} of {@code axis}; 1 for no axis. */
  int timeSteps(String axis) {
    if (axis.isEmpty()) {
      return 1;
    }
    Integer steps = timeSteps.get(axis);
    if (steps == null) {
      throw new IllegalArgumentException(
          "the time steps of '" + axis + "' are missing; given: " + timeSteps);
    }
    return steps;
  }

  int rows(ValueShape shape) {
    return shape.rows(timeSteps(shape.axis()), batchSize);
  }

  long elements(ValueShape shape) {
    return shape.elements(timeSteps(shape.axis()), batchSize);
  }
}
