package dev.sequor.diagnose;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Loss;
import dev.sequor.model.NetworkModelSpec;
import dev.sequor.model.SequenceModel;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Models of any network whose weights are all from −1 to 1: no gate stands still, no bias is 0. */
final class LivelyModels {
  private LivelyModels() {}

  static float[] random(int count, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextDouble(-1, 1);
    }
    return values;
  }

  static SequenceModel model(Backend backend, Network network) {
    SequenceModel model =
        new SequenceModel(
            backend, new NetworkModelSpec(network, new Loss.SoftmaxCrossEntropy()), 7);
    List<NamedTensor> livelier = new ArrayList<>();
    for (NamedTensor tensor : model.tensors()) {
      float[] values = random(tensor.values().length, tensor.name().hashCode());
      livelier.add(new NamedTensor(tensor.name(), tensor.shape(), values));
    }
    model.load(livelier);
    return model;
  }
}
