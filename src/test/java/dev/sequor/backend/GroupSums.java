package dev.sequor.backend;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** A program: adds up numbers of several devices, and prints how, and the bits of the sums. */
public final class GroupSums {
  private GroupSums() {}

  /** Takes the list of devices. */
  public static void main(String[] args) {
    try (DeviceGroup group = DeviceGroup.open(args[0])) {
      for (int elements : new int[] {1, 3, 5, 4099, 70_001}) {
        List<Integer> sums =
            group.onEach(
                member -> {
                  SplittableRandom random = new SplittableRandom(member.index());
                  float[] values = new float[elements];
                  for (int i = 0; i < elements; i++) {
                    values[i] = (float) ((random.nextDouble() - 0.5) * (1 << random.nextInt(24)));
                  }
                  try (Buffer buffer = member.backend().allocate(DType.FLOAT32, elements)) {
                    buffer.write(values);
                    member.addUp(buffer);
                    member.addUp(buffer); // again, before anybody has looked
                    return Arrays.hashCode(buffer.readFloats());
                  }
                });
        System.out.println(elements + " elements: " + sums);
      }
      List<Boolean> between =
          group.onEach(
              member -> {
                List<Engine> engines = member.exchange(member.backend().engine());
                return engines.get(member.index()).peerSum(engines, member.index()) != null;
              });
      System.out.println("between devices: " + between);
    }
  }
}
