package dev.sequor.spark;

import dev.sequor.module.NamedTensor;
import dev.sequor.module.TensorShapes;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/**
 * A tensor on its way between driver and executors.
 *
 * @param name as in a checkpoint
 * @param shape its sizes
 * @param values row-major
 */
@SuppressWarnings("ArrayRecordComponent") // They are large: handed over, not copied.
record WorkerTensor(String name, int[] shape, float[] values) implements Serializable {
  static List<WorkerTensor> of(List<NamedTensor> tensors) {
    return tensors.stream()
        .map(
            tensor ->
                new WorkerTensor(
                    tensor.name(),
                    tensor.shape().stream().mapToInt(Integer::intValue).toArray(),
                    tensor.values()))
        .toList();
  }

  NamedTensor named() {
    List<Integer> sizes = new ArrayList<>();
    for (int size : shape) {
      sizes.add(size);
    }
    return new NamedTensor(name, sizes, values);
  }

  /**
   * The streams {@code from} to {@code from + count − 1} of the states {@code [blocks,S,B,H]} of
   * all streams; marks are of all streams.
   */
  static List<WorkerTensor> columns(List<NamedTensor> states, int from, int count) {
    List<WorkerTensor> own = new ArrayList<>();
    for (NamedTensor state : states) {
      if (state.name().startsWith(TensorShapes.STATE_MARK)) {
        own.add(new WorkerTensor(state.name(), new int[] {1}, state.values()));
        continue;
      }
      List<Integer> shape = state.shape();
      int width = shape.get(3);
      int rows = shape.get(0) * shape.get(1);
      float[] values = new float[rows * count * width];
      for (int row = 0; row < rows; row++) {
        System.arraycopy(
            state.values(),
            (row * shape.get(2) + from) * width,
            values,
            row * count * width,
            count * width);
      }
      own.add(
          new WorkerTensor(
              state.name(), new int[] {shape.get(0), shape.get(1), count, width}, values));
    }
    return own;
  }

  /** The states of all streams, of those of each worker, in the order of the workers. */
  static List<NamedTensor> together(List<List<WorkerTensor>> workers) {
    List<NamedTensor> all = new ArrayList<>();
    List<WorkerTensor> first = workers.get(0);
    for (int i = 0; i < first.size(); i++) {
      WorkerTensor one = first.get(i);
      if (one.name().startsWith(TensorShapes.STATE_MARK)) {
        all.add(one.named());
        continue;
      }
      int tensor = i;
      int batchSize = workers.stream().mapToInt(each -> each.get(tensor).shape()[2]).sum();
      int width = one.shape()[3];
      int rows = one.shape()[0] * one.shape()[1];
      float[] values = new float[rows * batchSize * width];
      int from = 0;
      for (List<WorkerTensor> worker : workers) {
        WorkerTensor own = worker.get(i);
        int count = own.shape()[2];
        for (int row = 0; row < rows; row++) {
          System.arraycopy(
              own.values(),
              row * count * width,
              values,
              (row * batchSize + from) * width,
              count * width);
        }
        from += count;
      }
      all.add(
          new NamedTensor(
              one.name(), List.of(one.shape()[0], one.shape()[1], batchSize, width), values));
    }
    return all;
  }
}
