package dev.sequor.spark;

import dev.sequor.model.CarriedStates;
import dev.sequor.module.NamedTensor;
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

  /** The states of all streams, of those of each worker, in the order of the workers. */
  static List<NamedTensor> together(List<List<WorkerTensor>> workers) {
    return CarriedStates.together(
        workers.stream().map(own -> own.stream().map(WorkerTensor::named).toList()).toList());
  }
}
