package dev.sequor.model;

import dev.sequor.module.NamedTensor;
import dev.sequor.module.TensorShapes;
import java.util.ArrayList;
import java.util.List;

/**
 * The states {@code [blocks,S,B,H]} that B streams carry, cut and put together along the streams.
 * The marks beside them are of all streams: these start, or go on, together.
 */
public final class CarriedStates {
  private CarriedStates() {}

  /**
   * Those of some neighbouring streams.
   *
   * @param all as {@link TrainerSnapshot#carriedState()}
   * @param first the number of the first stream
   * @param count how many
   */
  public static List<NamedTensor> ofStreams(List<NamedTensor> all, int first, int count) {
    List<NamedTensor> own = new ArrayList<>();
    for (NamedTensor state : all) {
      if (isMark(state)) {
        own.add(state);
        continue;
      }
      List<Integer> shape = state.shape();
      int width = shape.get(3);
      int rows = shape.get(0) * shape.get(1);
      float[] values = new float[rows * count * width];
      for (int row = 0; row < rows; row++) {
        System.arraycopy(
            state.values(),
            (row * shape.get(2) + first) * width,
            values,
            row * count * width,
            count * width);
      }
      own.add(of(state, count, values));
    }
    return own;
  }

  /**
   * Those of all streams.
   *
   * @param parts of neighbouring streams, in their order; those that carry nothing are empty
   */
  public static List<NamedTensor> together(List<List<NamedTensor>> parts) {
    List<List<NamedTensor>> carrying = parts.stream().filter(each -> !each.isEmpty()).toList();
    if (carrying.size() < 2) {
      return carrying.isEmpty() ? List.of() : carrying.get(0);
    }
    List<NamedTensor> all = new ArrayList<>();
    for (int i = 0; i < carrying.get(0).size(); i++) {
      NamedTensor one = carrying.get(0).get(i);
      if (isMark(one)) {
        all.add(one);
        continue;
      }
      int streams = 0;
      for (List<NamedTensor> part : carrying) {
        streams += part.get(i).shape().get(2);
      }
      int width = one.shape().get(3);
      int rows = one.shape().get(0) * one.shape().get(1);
      float[] values = new float[rows * streams * width];
      int first = 0;
      for (List<NamedTensor> part : carrying) {
        NamedTensor own = part.get(i);
        int count = own.shape().get(2);
        for (int row = 0; row < rows; row++) {
          System.arraycopy(
              own.values(),
              row * count * width,
              values,
              (row * streams + first) * width,
              count * width);
        }
        first += count;
      }
      all.add(of(one, streams, values));
    }
    return all;
  }

  private static boolean isMark(NamedTensor state) {
    return state.name().startsWith(TensorShapes.STATE_MARK);
  }

  private static NamedTensor of(NamedTensor like, int streams, float[] values) {
    List<Integer> shape = like.shape();
    return new NamedTensor(
        like.name(), List.of(shape.get(0), shape.get(1), streams, shape.get(3)), values);
  }
}
