package dev.sequor.serve;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.Mode;
import dev.sequor.backend.WeightStorage;
import dev.sequor.data.Values;
import dev.sequor.module.Extent;
import dev.sequor.module.Network;
import dev.sequor.module.NetworkPass;
import dev.sequor.module.NetworkState;
import dev.sequor.module.NetworkWeights;
import dev.sequor.module.ValueShape;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A pass of a predictor's network over batches of one size, with the memory of the host around it:
 * sequences come in one by one, and what is made of each goes out.
 */
final class ServingPass implements AutoCloseable {
  private final Network network;
  private final Backend backend;
  private final Extent extent;
  private final List<String> axes;
  private final ValueShape output;
  private final NetworkPass pass;
  private final Buffer outputs;

  /** {@code [T,B]} or {@code [T,B,I]} of each input, by its number; ints or floats. */
  private final List<Object> staging = new ArrayList<>();

  /** {@code [B]} of each time axis. */
  private final int[][] lengths;

  /** What sequences carry, and how many floats of one that is. */
  private final List<ValueShape.State> states;

  private final int stateElements;

  /** Of a network that carries states; made when the first sequence brings one. */
  private @Nullable NetworkState state;

  private @Nullable ByteBuffer stateStaging;

  /**
   * A pass.
   *
   * @param weights stay the caller's
   * @param axes in the order in which requests count their steps
   * @param outputName the value that requests are answered with
   */
  ServingPass(
      NetworkWeights weights,
      Extent extent,
      List<String> axes,
      String outputName,
      WeightStorage storage) {
    this.network = weights.network();
    this.backend = weights.backend();
    this.extent = extent;
    this.axes = axes;
    this.output = Objects.requireNonNull(network.shapes().get(outputName));
    this.states = List.copyOf(network.carriedStates().values());
    this.stateElements = elementsOfState(states);
    this.lengths = new int[axes.size()][extent.batchSize()];
    this.pass = new NetworkPass(weights, extent, Mode.INFERENCE, storage, Set.of());
    try {
      this.outputs = pass.value(outputName);
      for (Network.Input input : network.inputs()) {
        int elements = Math.toIntExact(elements(input.shape()));
        boolean tokens = input.shape() instanceof ValueShape.Tokens;
        staging.add(tokens ? new int[elements] : new float[elements]);
      }
    } catch (RuntimeException | Error e) {
      pass.close();
      throw e;
    }
  }

  private int timeSteps(ValueShape shape) {
    return extent.timeSteps().getOrDefault(shape.axis(), 1);
  }

  private long elements(ValueShape shape) {
    return shape.elements(timeSteps(shape), extent.batchSize());
  }

  /** The answers, in the order of the requests, of which there are at most {@code B}. */
  List<float[]> run(List<Request> requests) {
    for (int axis = 0; axis < axes.size(); axis++) {
      for (int b = 0; b < extent.batchSize(); b++) {
        lengths[axis][b] = b < requests.size() ? requests.get(b).timeSteps(axis) : 0;
      }
    }
    for (boolean bringing : new boolean[] {true, false}) { // lengths come with those that bring one
      for (int i = 0; i < network.inputs().size(); i++) {
        if (network.inputs().get(i).bringsAxis() == bringing) {
          put(i, requests);
        }
      }
    }
    pass.upload();
    NetworkState carried = carry(requests);
    pass.carry(carried);
    pass.forward();
    List<float[]> answers = new ArrayList<>();
    backend.read(
        outputs,
        values -> {
          for (int b = 0; b < requests.size(); b++) {
            answers.add(answer(b, values));
          }
        });
    if (carried != null) {
      takeStates(carried, requests);
    }
    return answers;
  }

  /** Rows of the batch are {@code B} apart; what is past a sequence's end stays as it is. */
  private void put(int number, List<Request> requests) {
    Network.Input input = network.inputs().get(number);
    int width = input.shape().width();
    int stride = extent.batchSize() * width;
    for (int b = 0; b < requests.size(); b++) {
      Values values = requests.get(b).inputs().get(number);
      Object from =
          values instanceof Values.Tokens tokens ? tokens.ids() : ((Values.Reals) values).values();
      for (int t = 0; t * width < values.size(); t++) {
        System.arraycopy(from, t * width, staging.get(number), t * stride + b * width, width);
      }
    }
    int @Nullable [] ends = input.bringsAxis() ? lengths[axes.indexOf(input.name())] : null;
    if (staging.get(number) instanceof int[] tokens) {
      pass.put(input.name(), tokens, ends);
    } else {
      pass.put(input.name(), (float[]) staging.get(number), ends);
    }
  }

  private float[] answer(int b, FloatBuffer values) {
    int width = output.width();
    int axis = axes.indexOf(output.axis());
    // An axis that no request brings has all its steps each time.
    int all = pass.extent().timeSteps().getOrDefault(output.axis(), 1);
    int steps = output.rows(axis < 0 ? all : lengths[axis][b], 1);
    float[] answer = new float[steps * width];
    for (int t = 0; t < steps; t++) {
      values.get((t * extent.batchSize() + b) * width, answer, t * width, width);
    }
    return answer;
  }

  // ---- states ----------------------------------------------------------------------------------

  /** The states of the sequences, on the device; null if none of them carries one. */
  private @Nullable NetworkState carry(List<Request> requests) {
    if (requests.stream().allMatch(request -> request.carried() == null)) {
      return null;
    }
    NetworkState known = state;
    ByteBuffer host = stateStaging;
    if (known == null || host == null) {
      known = new NetworkState(backend, network, extent.batchSize());
      state = known;
      host = Backend.hostMemory(DType.FLOAT32, known.values().elements());
      stateStaging = host;
    }
    known.zero();
    if (requests.stream().anyMatch(Request::goesOn)) {
      FloatBuffer all = host.clear().asFloatBuffer();
      eachRow(
          requests,
          (request, from, at, width) -> {
            Request.Carried given = request.carried();
            float[] before = given == null ? null : given.before;
            for (int j = 0; j < width; j++) {
              all.put(at + j, before == null ? 0f : before[from + j]);
            }
          });
      backend.upload(host.clear(), known.values());
      known.marks().values().forEach(mark -> mark.write(new int[] {NetworkState.GOES_ON}));
    }
    return known;
  }

  private void takeStates(NetworkState carried, List<Request> requests) {
    ByteBuffer host = Objects.requireNonNull(stateStaging);
    backend.download(carried.values(), host.clear());
    FloatBuffer all = host.clear().asFloatBuffer();
    for (Request request : requests) {
      Request.Carried given = request.carried();
      if (given != null) {
        given.after = new float[stateElements];
      }
    }
    eachRow(
        requests,
        (request, to, at, width) -> {
          Request.Carried given = request.carried();
          float[] after = given == null ? null : given.after;
          if (after != null) {
            all.position(at).get(after, to, width);
          }
        });
  }

  /** A vector of one sequence's state, at {@code own} in its own memory and {@code at} in all. */
  private interface Row {
    void visit(Request request, int own, int at, int width);
  }

  /** The states {@code [blocks,S,B,H]} of all nodes, one after the other, row by row. */
  private void eachRow(List<Request> requests, Row row) {
    int batchSize = extent.batchSize();
    int own = 0;
    for (ValueShape.State shape : states) {
      for (int vector = 0; vector < shape.blocks() * shape.states(); vector++) {
        for (int b = 0; b < requests.size(); b++) {
          row.visit(requests.get(b), own, own * batchSize + b * shape.width(), shape.width());
        }
        own += shape.width();
      }
    }
  }

  /** Floats of one sequence's state: {@code [blocks,S,H]} of each node that carries one. */
  static int elementsOfState(Collection<ValueShape.State> states) {
    return Math.toIntExact(states.stream().mapToLong(state -> state.elements(1, 1)).sum());
  }

  @Override
  public void close() {
    pass.close();
    if (state != null) {
      state.close();
    }
  }
}
