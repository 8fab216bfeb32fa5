package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaMemory.address;

import dev.sequor.backend.Closing;
import dev.sequor.backend.EnginePlan;
import dev.sequor.backend.Memory;
import dev.sequor.backend.Mode;
import dev.sequor.backend.ParameterLayout;
import dev.sequor.backend.PlanGradients;
import dev.sequor.backend.PlanTensors;
import dev.sequor.backend.RnnShape;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A stack of layers on one device. The two directions of a layer run on two streams; a whole pass
 * is recorded once for the buffers it works on and then replayed ({@link Replays}). Lengths stay on
 * the device, so a pass never waits for the host.
 */
final class CudaRnnPlan implements EnginePlan {
  private static final Logger LOG = LoggerFactory.getLogger(CudaRnnPlan.class);

  /** No version of any buffer, and no recording. */
  private static final long NONE = -1;

  private final CudaEngine engine;
  private final RnnShape shape;
  private final Mode mode;
  private final ParameterLayout layout;

  /** Indexed by {@code layer · D + direction}. */
  private final List<LayerPath> layers = new ArrayList<>();

  /**
   * Byte offsets into {@code saved}: every layer and direction, then the outputs of every layer.
   */
  private final long[] savedOffsets;

  private final long savedBytes;

  /** Outputs (inference) or gradients (training) between layers; empty for a single layer. */
  private final List<DeviceMemory.Block> between = new ArrayList<>();

  private final Replays replays;
  private long packedAddress;
  private long packedVersion = NONE;

  /** The recording that the packing is part of, if any: it ran then only in that recording. */
  private long packedRecording = NONE;

  /** Whether packing is part of any recording, whose replays put its weights in place of others. */
  private boolean packedByRecordings;

  /** {@link CudaEngine#stepLaunches()} when the weights were last packed outside recordings. */
  private long packedLaunches;

  private boolean closed;

  CudaRnnPlan(CudaEngine engine, RnnShape shape, Mode mode) {
    this.engine = engine;
    this.shape = shape;
    this.mode = mode;
    this.layout = shape.parameterLayout();
    int directions = shape.directions();
    this.savedOffsets = new long[shape.layers() * directions + shape.layers()];
    CudaCell cell = engine.cell(shape.cell());
    CudaDevice device = engine.device();
    DeviceMemory memory = device.memory();
    long outputBytes = SavedLayout.aligned(shape.outputElements() * Float.BYTES);
    String holder = "plan of " + shape.describe(mode);
    this.replays = new Replays(device.recordings(), holder);
    Set<String> paths = new LinkedHashSet<>();
    try {
      long end = 0;
      for (int block = 0; block < shape.layers() * directions; block++) {
        int layer = block / directions;
        int direction = block % directions;
        LayerSizes sizes = LayerSizes.of(shape, mode, layer, direction);
        LayerSpec spec = new LayerSpec(cell, sizes, layout.block(layer), engine.mathMode());
        LayerPaths.Choice choice = engine.layerPaths().choose(spec, device);
        layers.add(choice.path().open(spec, device, holder));
        paths.add(choice.why());
        savedOffsets[block] = end;
        end += layers.get(block).savedBytes();
      }
      for (int layer = 0; layer < shape.layers() - 1; layer++) {
        savedOffsets[shape.layers() * directions + layer] = end;
        end += outputBytes;
      }
      this.savedBytes = mode == Mode.TRAINING ? end : 0;
      for (int i = 0; i < Math.min(2, shape.layers() - 1); i++) {
        between.add(memory.allocate(outputBytes, holder + ": between layers"));
      }
      if (directions == 2) {
        engine.besides(); // so that no pass has to make it
      }
      LOG.debug("{}: {}", holder, String.join(", and ", paths));
    } catch (RuntimeException | Error e) {
      Closing.after(e, this::close);
      throw e;
    }
  }

  @Override
  public long savedElements() {
    return savedBytes / Float.BYTES;
  }

  private boolean hasDropout() {
    return mode == Mode.TRAINING && shape.dropout() > 0;
  }

  // ---- where things are ------------------------------------------------------------------------

  private long state(long states, int block) {
    return states == 0
        ? 0
        : states
            + (long) block
                * shape.cell().states()
                * shape.batchSize()
                * shape.hiddenSize()
                * Float.BYTES;
  }

  private long parameters(long flat, int block) {
    int directions = shape.directions();
    return flat + Float.BYTES * layout.blockOffset(block / directions, block % directions);
  }

  /** The column of {@code y} where a direction's units start. */
  private long column(long y, int direction) {
    return y == 0 ? 0 : y + (long) direction * shape.hiddenSize() * Float.BYTES;
  }

  /** The output of {@code layer}, as its successor sees it. */
  private long outputOf(int layer, long saved) {
    return mode == Mode.TRAINING
        ? saved + savedOffsets[shape.layers() * shape.directions() + layer]
        : between.get(layer % between.size()).address();
  }

  // ---- before a pass ---------------------------------------------------------------------------

  /** Makes operands of the weights unless they are those of the last call. */
  private void pack(Memory parameters) {
    long recording = engine.recording() ? engine.recordingNumber() : NONE;
    boolean replaced =
        recording == NONE && packedByRecordings && packedLaunches != engine.stepLaunches();
    long flat = address(parameters);
    if (!replaced
        && packedRecording == recording
        && packedVersion == parameters.version()
        && packedAddress == flat) {
      return;
    }
    for (int block = 0; block < layers.size(); block++) {
      layers.get(block).pack(engine.queue(), parameters(flat, block));
    }
    packedAddress = flat;
    packedVersion = parameters.version();
    packedRecording = recording;
    if (recording == NONE) {
      packedLaunches = engine.stepLaunches();
    } else {
      packedByRecordings = true;
    }
  }

  /** The address of the key of a call's dropout bits; 0 if it draws none. */
  private long dropoutKey(PlanTensors t) {
    return hasDropout() ? address(t.dropoutKey()) : 0;
  }

  private void dropout(int layer, long key, long values) {
    engine.dropout(
        shape.outputElements(), shape.outputSize(), shape.dropout(), key, layer, values, values);
  }

  private long savedAddress(PlanTensors t) {
    long saved = address(t.saved());
    assert saved != 0 && saved % 16 == 0;
    return saved;
  }

  // ---- passes ----------------------------------------------------------------------------------

  /** One direction of one layer, on whichever queue it is given. */
  @FunctionalInterface
  private interface DirectionWork {
    void run(WorkQueue queue, int block, int direction);
  }

  /** Runs the directions of a layer: one on the main stream, the other beside it. */
  private void eachDirection(int layer, DirectionWork work) {
    if (layers.get(layer * shape.directions()).takesApart()) {
      Recorder recorder = engine.queue().recorder();
      recorder.apart(() -> eachDirection(layer, work, recorder::calls));
    } else {
      eachDirection(layer, work, Runnable::run);
    }
  }

  private void eachDirection(int layer, DirectionWork work, Consumer<Runnable> calls) {
    int first = layer * shape.directions();
    if (shape.directions() == 1) {
      work.run(engine.queue(), first, 0);
      return;
    }
    Besides besides = engine.besides();
    calls.accept(besides::fork);
    work.run(engine.queue(), first, 0);
    work.run(besides.queue(), first + 1, 1);
    calls.accept(besides::join);
  }

  @Override
  public void forward(PlanTensors t) {
    engine.device().makeCurrent();
    pack(t.parameters());
    long key = dropoutKey(t);
    long saved = mode == Mode.TRAINING ? savedAddress(t) : 0;
    long x = address(t.x());
    long lengths = address(t.lengths());
    long s0 = address(t.initialState());
    long y = address(t.y());
    long sT = address(t.finalState());
    replays.run(
        "forward",
        new long[] {x, lengths, s0, y, sT, saved, key},
        () -> forward(x, lengths, s0, y, sT, saved, key));
  }

  private void forward(long x, long lengths, long s0, long y, long sT, long saved, long key) {
    long input = x;
    for (int layer = 0; layer < shape.layers(); layer++) {
      boolean last = layer == shape.layers() - 1;
      long from = input;
      long output = last ? y : outputOf(layer, saved);
      eachDirection(
          layer,
          (queue, block, direction) ->
              layers
                  .get(block)
                  .forward(
                      queue,
                      new LayerPath.Forward(
                          from,
                          lengths,
                          state(s0, block),
                          column(output, direction),
                          state(sT, block),
                          saved == 0 ? 0 : saved + savedOffsets[block])));
      if (!last && hasDropout()) {
        dropout(layer, key, output);
      }
      input = output;
    }
  }

  @Override
  public void backward(PlanTensors t, PlanGradients g) {
    assert mode == Mode.TRAINING;
    engine.device().makeCurrent();
    pack(t.parameters());
    long key = dropoutKey(t);
    long x = address(t.x());
    long lengths = address(t.lengths());
    long saved = savedAddress(t);
    long dy = address(g.dy());
    long dsT = address(g.dFinalState());
    long dParameters = address(g.dParameters());
    long dx = address(g.dx());
    long ds0 = address(g.dInitialState());
    replays.run(
        "backward",
        new long[] {x, lengths, saved, dy, dsT, dParameters, dx, ds0, key},
        () -> backward(x, lengths, saved, dy, dsT, dParameters, dx, ds0, key));
  }

  private void backward(
      long x,
      long lengths,
      long saved,
      long dy,
      long dsT,
      long dParameters,
      long dx,
      long ds0,
      long key) {
    long outputGradient = dy;
    for (int layer = shape.layers() - 1; layer >= 0; layer--) {
      long input = layer == 0 ? x : outputOf(layer - 1, saved);
      long inputGradient = layer == 0 ? dx : between.get((layer - 1) % between.size()).address();
      long above = outputGradient;
      eachDirection(
          layer,
          (queue, block, direction) ->
              layers
                  .get(block)
                  .backward(
                      queue,
                      new LayerPath.Backward(
                          input,
                          lengths,
                          saved + savedOffsets[block],
                          column(above, direction),
                          state(dsT, block),
                          parameters(dParameters, block),
                          inputGradient,
                          state(ds0, block))));
      int last = shape.directions() - 1;
      if (shape.isReverse(last) && inputGradient != 0) {
        if (last == 0) { // No forward direction has overwritten it.
          engine.queue().fill(inputGradient, 0, inputElements(layer));
        }
        layers
            .get(layer * shape.directions() + last)
            .addInputGradient(engine.queue(), lengths, inputGradient);
      }
      if (layer > 0 && hasDropout()) {
        dropout(layer - 1, key, inputGradient);
      }
      outputGradient = inputGradient;
    }
  }

  private long inputElements(int layer) {
    return (long) shape.timeSteps() * shape.batchSize() * shape.layerInputSize(layer);
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    Closing closing = new Closing().then(replays::close);
    layers.forEach(layer -> closing.then(layer::close));
    between.forEach(block -> closing.then(block::close));
    closing.end();
  }
}
