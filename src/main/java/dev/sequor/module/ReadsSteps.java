package dev.sequor.module;

import dev.sequor.backend.Required;
import dev.sequor.backend.Sizes;

/**
 * A module that reads steps by their numbers, whatever the lengths of the sequences. Whoever puts
 * sequences together must not pad them for it: one more step is another input.
 */
public interface ReadsSteps extends Module {
  /**
   * How many steps there have to be along a time axis.
   *
   * @param fewest at least 1
   * @param most at least {@code fewest}
   */
  record Needed(int fewest, int most) {
    /**
     * Checks both.
     *
     * @throws IllegalArgumentException naming the first that is out of range
     */
    public Needed {
      Sizes.atLeastOne("fewest", fewest);
      Sizes.atLeast("most", most, fewest);
    }

    /**
     * Requires such a number.
     *
     * @param axis the time axis
     * @throws IllegalArgumentException if {@code timeSteps} is another
     */
    public void require(String axis, int timeSteps) {
      Required.present("axis", axis);
      if (timeSteps < fewest || timeSteps > most) {
        throw new IllegalArgumentException(
            "timeSteps of '" + axis + "' is " + timeSteps + "; needed " + this);
      }
    }

    /** What both allow. */
    Needed and(Needed other, String axis) {
      Needed high = fewest >= other.fewest ? this : other;
      Needed low = most <= other.most ? this : other;
      if (high.fewest > low.most) {
        throw new IllegalArgumentException(
            "along '" + axis + "' one node needs steps: " + high + "; another " + low);
      }
      return new Needed(high.fewest, low.most);
    }

    @Override
    public String toString() {
      if (fewest == most) {
        return String.valueOf(fewest);
      }
      return most == Integer.MAX_VALUE ? "at least " + fewest : fewest + " to " + most;
    }
  }

  /** How many steps its input needs. */
  Needed neededSteps();
}
