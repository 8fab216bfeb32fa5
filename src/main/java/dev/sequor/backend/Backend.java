package dev.sequor.backend;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A device that runs recurrent stacks and the little that a model needs besides. Work is queued in
 * order; results are ready after {@link #synchronize()} or a {@link #download}. All matrices are
 * row-major.
 *
 * <p>This is the checked way in to the engines. Every argument is validated before anything
 * happens: missing, closed, of another backend, of the wrong type, too short or overlapping buffers
 * and numbers out of range throw {@link IllegalArgumentException}, or {@link IllegalStateException}
 * if something is closed; then nothing has changed. A device that fails throws {@link
 * BackendException}.
 *
 * <p><b>Threads.</b> A backend, with all that was made from it, belongs to the thread that opened
 * it. Calls of another thread throw {@link IllegalStateException}, whether or not the owner is in a
 * call; it may {@link #takeOver() take over}, or open a backend of its own. Only what a thing is
 * may be asked by any thread: its name, type, size, shape, and whether it is closed.
 *
 * <p><b>Closing.</b> {@link #close()} first closes all buffers and plans that are still open, so
 * things may be closed in any order, and more than once.
 */
public final class Backend implements AutoCloseable {
  /** Recorded steps: training with and without carried state, for a few batch shapes. */
  private static final int STEPS_KEPT = 8;

  /** Of an embedding: their numbers are ints. */
  private static final long MOST_TABLE_ROWS = Integer.MAX_VALUE;

  private final Engine engine;
  private final String name;
  private final ThreadGuard guard;
  private final Arguments arguments = new Arguments(this);

  /** This backend as something that its user must close. */
  private final Held self;

  /** Buffers and plans that are open. */
  private final Set<Held> held = Collections.newSetFromMap(new IdentityHashMap<>());

  /** Those that were dropped without being closed. */
  private final Queue<Held> abandoned = new ConcurrentLinkedQueue<>();

  private final Map<Object, RecordedStep> steps = new LinkedHashMap<>(16, 0.75f, true);

  /** Whether the work of a step is under way. */
  private boolean inStep;

  /** Of {@link #write} and {@link #read}, if the device does not share the host's memory. */
  private @Nullable ByteBuffer staging;

  /** The way in to {@code engine}, which it takes over and closes. */
  @SuppressWarnings("this-escape") // The cleaner keeps a weak reference and calls nothing on it.
  public Backend(Engine engine) {
    this.engine = Required.present("engine", engine);
    this.name = engine.name();
    this.guard = new ThreadGuard(name);
    this.self = new Held(name, engine::close, null);
    self.watch(this);
  }

  /** The device in words, for example {@code cpu (AVX-512, 2 threads)}. */
  public String name() {
    return name;
  }

  // ---- whose it is -----------------------------------------------------------------------------

  /**
   * Makes the calling thread the one that this backend, and all that was made from it, belongs to.
   * What its former thread wrote before is seen. A thread that has ended need not be asked.
   *
   * @throws IllegalStateException if the former thread is in a call; it names both
   */
  public void takeOver() {
    guard.takeOver();
  }

  /**
   * Refuses threads that this backend does not belong to; for classes that keep state of their own
   * beside a backend.
   *
   * @throws IllegalStateException if the calling thread is not the owner; it names both
   */
  public void requireThread() {
    guard.require();
  }

  /** Whether this has been closed. */
  public boolean isClosed() {
    return self.isClosed();
  }

  /** What was made from this backend and is still open, in words: for finding leaks. */
  public List<String> openResources() {
    guard.enter();
    try {
      return held.stream().map(Held::toString).toList();
    } finally {
      guard.exit();
    }
  }

  Engine engine() {
    return engine;
  }

  /** Begins a call; each is ended by {@link #end()}. */
  void begin() {
    guard.enter();
    if (self.isClosed()) {
      guard.exit();
      self.requireOpen();
    }
  }

  void end() {
    arguments.forget();
    guard.exit();
  }

  /** For {@link RnnPlan}, between {@link #begin()} and {@link #end()}. */
  Arguments arguments() {
    return arguments;
  }

  private Held.Lease hold(String description, Runnable free) {
    Held holding = new Held(description, free, abandoned);
    held.add(holding);
    return holding.lease();
  }

  /** Closes a buffer or a plan of this backend. */
  void close(Held holding) {
    if (holding.isClosed()) {
      return; // perhaps by closing the backend, from any thread
    }
    guard.enter();
    try {
      requireOutsideStep("close");
      held.remove(holding);
      try {
        forgetStepsWith(holding);
      } finally {
        holding.close();
      }
    } finally {
      guard.exit();
    }
  }

  /** Frees the recordings that cannot be replayed any more. */
  private void forgetStepsWith(Held closing) {
    for (Iterator<RecordedStep> all = steps.values().iterator(); all.hasNext(); ) {
      RecordedStep step = all.next();
      if (step.uses(closing)) {
        all.remove();
        engine.forgetStep(step);
      }
    }
  }

  /** Frees what was dropped without being closed. */
  private void freeAbandoned() {
    for (Held lost = abandoned.poll(); lost != null; lost = abandoned.poll()) {
      close(lost);
    }
  }

  // ---- memory ----------------------------------------------------------------------------------

  /**
   * New memory, filled with zeros.
   *
   * @param elements 0 to 2⁴⁰
   * @throws DeviceMemoryException if there is not enough
   * @throws IllegalStateException within a {@link #step}
   */
  public Buffer allocate(DType type, long elements) {
    begin();
    try {
      requireOutsideStep("allocate");
      Required.present("type", type);
      if (elements < 0 || elements > Sizes.MOST_ELEMENTS) {
        throw new IllegalArgumentException(
            "a buffer of "
                + elements
                + " elements was asked for; needed 0 to "
                + Sizes.MOST_ELEMENTS);
      }
      freeAbandoned();
      Memory memory = engine.allocate(type, elements);
      return new Buffer(
          this, memory, hold("Buffer of " + elements + " " + type + " on " + name, memory::free));
    } finally {
      end();
    }
  }

  /**
   * Host memory for {@link #upload} and {@link #download}: direct and in native byte order, filled
   * with zeros.
   *
   * @param elements at most what fits 2³¹−1 bytes
   * @throws DeviceMemoryException if there is not enough memory
   */
  public static ByteBuffer hostMemory(DType type, long elements) {
    int most = Integer.MAX_VALUE / Required.present("type", type).bytes();
    if (elements < 0 || elements > most) {
      throw new IllegalArgumentException(
          "host memory for " + elements + " elements was asked for; needed 0 to " + most);
    }
    int bytes = (int) elements * type.bytes();
    try {
      return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
    } catch (OutOfMemoryError e) {
      throw new DeviceMemoryException(
          bytes + " bytes of direct host memory are not to be had; raise -XX:MaxDirectMemorySize",
          e);
    }
  }

  /**
   * Copies the remaining bytes of {@code source} (direct, native order) to the start of {@code
   * target}. The source may be changed again as soon as this returns.
   *
   * @throws IllegalStateException within a {@link #step}, which takes inputs
   */
  public void upload(ByteBuffer source, Buffer target) {
    begin();
    try {
      requireOutsideStep("upload");
      Arguments checked = arguments.of("upload").writes("target", target, elementType(target), 0);
      Arguments.requireFit("source", source, target, false);
      engine.upload(source, target.memory());
      takeRange(source, target);
      checked.written();
    } finally {
      end();
    }
  }

  private static long elements(@Nullable Buffer buffer) {
    return buffer == null ? 0 : buffer.elements();
  }

  private static DType elementType(@Nullable Buffer buffer) {
    return buffer == null ? DType.FLOAT32 : buffer.type();
  }

  /** Notes which integers {@code target} gets. */
  private void takeRange(ByteBuffer source, Buffer target) {
    if (target.type() != DType.INT32 || !source.hasRemaining()) {
      return;
    }
    IntBuffer values = source.asIntBuffer();
    int low = Integer.MAX_VALUE;
    int high = Integer.MIN_VALUE;
    for (int i = 0; i < values.limit(); i++) {
      int value = values.get(i);
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    arguments.integers(low, high, target, values.limit());
  }

  /**
   * Copies the start of {@code source} to the remaining bytes of {@code target} (direct, native
   * order), and waits.
   *
   * @throws IllegalStateException within a {@link #step}
   */
  public void download(Buffer source, ByteBuffer target) {
    begin();
    try {
      requireOutsideStep("download");
      arguments.of("download").reads("source", source, elementType(source), 0);
      Arguments.requireFit("target", target, source, true);
      engine.download(source.memory(), target);
    } finally {
      end();
    }
  }

  /**
   * Has {@code writer} write the elements of a FLOAT32 buffer, in any order: right to its place
   * where a device shares the host's memory, and to where it copies them from otherwise.
   *
   * @param writer is given all elements, which hold anything, and writes each. If it fails, it is
   *     not known what {@code target} holds. It calls nothing that a {@link #step} may not
   * @throws IllegalStateException within a {@link #step}
   */
  public void write(Buffer target, Consumer<FloatBuffer> writer) {
    begin();
    try {
      requireOutsideStep("write");
      Required.present("writer", writer);
      Arguments checked = arguments.of("write").writes("target", target, DType.FLOAT32, 0);
      FloatBuffer shared = engine.onHost(target.memory());
      ByteBuffer host = shared == null ? staging(target.elements()) : null;
      checked.written();
      doWork(() -> writer.accept(shared != null ? shared : floats(host)));
      if (host != null) {
        engine.upload(host, target.memory());
      }
    } finally {
      end();
    }
  }

  /**
   * Has {@code reader} read the elements of a FLOAT32 buffer, when all work on it is done: from
   * their place where a device shares the host's memory, and from a copy otherwise.
   *
   * @param reader is given all elements, to look at until it returns. It calls nothing that a
   *     {@link #step} may not
   * @throws IllegalStateException within a {@link #step}
   */
  public void read(Buffer source, Consumer<FloatBuffer> reader) {
    begin();
    try {
      requireOutsideStep("read");
      Required.present("reader", reader);
      arguments.of("read").reads("source", source, DType.FLOAT32, 0);
      FloatBuffer shared = engine.onHost(source.memory());
      ByteBuffer host = shared == null ? staging(source.elements()) : null;
      if (host != null) {
        engine.download(source.memory(), host);
      }
      doWork(() -> reader.accept((shared != null ? shared : floats(host)).asReadOnlyBuffer()));
    } finally {
      end();
    }
  }

  /** Has {@code work} change a FLOAT32 buffer; for {@link SumOverDevices}. */
  void changeInPlace(String call, Buffer values, Consumer<Memory> work) {
    begin();
    try {
      requireOutsideStep(call);
      Arguments checked = arguments.of(call).writes("values", values, DType.FLOAT32, 0);
      checked.written(); // If it fails, nobody knows what is there.
      work.accept(values.memory());
    } finally {
      end();
    }
  }

  private static FloatBuffer floats(@Nullable ByteBuffer host) {
    return Objects.requireNonNull(host).asFloatBuffer();
  }

  /** Host memory for so many floats, until the next call. */
  private ByteBuffer staging(long elements) {
    ByteBuffer known = staging;
    if (known == null || known.capacity() / Float.BYTES < elements) {
      known = hostMemory(DType.FLOAT32, elements);
      staging = known;
    }
    return known.clear().limit((int) elements * Float.BYTES);
  }

  /** Refuses what could not be recorded, also on engines that record nothing. */
  private void requireOutsideStep(String call) {
    if (inStep) {
      throw new IllegalStateException(
          call
              + " within a step, which may be recorded and replayed; needed calls that only queue"
              + " work on memory that is there");
    }
  }

  /** Sets every element of a FLOAT32 buffer. */
  public void fill(Buffer target, float value) {
    begin();
    try {
      Arguments checked = arguments.of("fill").writes("target", target, DType.FLOAT32, 0);
      engine.fill(target.memory(), value);
      checked.written();
    } finally {
      end();
    }
  }

  /** Copies all of {@code source} to {@code target}, which has the same type and length. */
  public void copy(Buffer source, Buffer target) {
    begin();
    try {
      DType type = elementType(source);
      long elements = elements(source);
      Arguments checked =
          arguments
              .of("copy")
              .reads("source", source, type, 0)
              .reads("target", target, elementType(target), 0);
      if (source.type() != target.type() || source.elements() != target.elements()) {
        throw new IllegalArgumentException(
            "copy of "
                + source.elements()
                + " "
                + source.type()
                + " to a buffer of "
                + target.elements()
                + " "
                + target.type()
                + "; needed the same type and length");
      }
      checked
          .of("copy")
          .reads("source", source, type, elements)
          .writes("target", target, type, elements)
          .check();
      if (type == DType.INT32) {
        Memory.Contents from = source.memory().contents();
        // At a replay nobody looks where the target's integers come from but there.
        arguments.contents("source", source, elements, from.lowest(), from.highest(), "");
        arguments.integers(from.lowest(), from.highest(), target, elements);
      }
      engine.copy(source.memory(), target.memory());
      checked.written();
    } finally {
      end();
    }
  }

  // ---- layers ----------------------------------------------------------------------------------

  /**
   * Prepares a recurrent stack. The caller closes it.
   *
   * @throws DeviceMemoryException if there is not enough memory
   */
  public RnnPlan plan(RnnShape shape, Mode mode) {
    return plan(shape, mode, WeightStorage.FLOAT32);
  }

  /**
   * Prepares a recurrent stack whose matrices are kept as {@code weights} says. The caller closes
   * it.
   *
   * @throws IllegalStateException within a {@link #step}
   * @throws IllegalArgumentException if this backend cannot keep them so, or in {@link
   *     Mode#TRAINING} with anything but {@link WeightStorage#FLOAT32}
   * @throws DeviceMemoryException if there is not enough memory
   */
  public RnnPlan plan(RnnShape shape, Mode mode, WeightStorage weights) {
    begin();
    try {
      requireOutsideStep("plan");
      Required.present("shape", shape);
      Required.present("mode", mode);
      Required.present("weights", weights);
      if (!engine.keeps(weights)) {
        throw new IllegalArgumentException(
            name + " cannot keep weights as " + weights.id() + "; needed float32 here");
      }
      if (mode == Mode.TRAINING && weights != WeightStorage.FLOAT32) {
        throw new IllegalArgumentException(
            "training with weights kept as " + weights.id() + "; needed float32");
      }
      if (weights != WeightStorage.FLOAT32 && shape.stack().options().changeSteps(mode)) {
        throw new IllegalArgumentException(
            "weights are to be kept as "
                + weights.id()
                + " with options "
                + shape.stack().options()
                + "; needed float32");
      }
      freeAbandoned();
      EnginePlan plan = enginePlan(shape, mode, weights);
      Engine working = engine;
      Held.Lease lease =
          hold(
              "Plan of " + shape.describe(mode) + " on " + name,
              () ->
                  new Closing()
                      .then(working::synchronize) // Queued work may still use its memory.
                      .then(plan::close)
                      .end());
      return new RnnPlan(this, shape, mode, plan, lease);
    } finally {
      end();
    }
  }

  private EnginePlan enginePlan(RnnShape shape, Mode mode, WeightStorage weights) {
    try {
      return engine.plan(shape, mode, weights);
    } catch (OutOfMemoryError e) {
      throw new DeviceMemoryException(
          name
              + ": a plan of "
              + shape.describe(mode)
              + " does not fit the Java heap of at most "
              + Runtime.getRuntime().maxMemory()
              + " bytes; raise -Xmx",
          e);
    }
  }

  /**
   * {@code y = f(x Wᵀ + b)}.
   *
   * @param x {@code [M,K]}
   * @param weight {@code [N,K]}
   * @param bias {@code [N]}, or null
   * @param y {@code [M,N]}, overwritten; memory of its own
   */
  public void linearForward(
      LinearShape shape, Buffer x, Buffer weight, @Nullable Buffer bias, Buffer y) {
    begin();
    try {
      Required.present("shape", shape);
      Arguments checked =
          arguments
              .of(shape)
              .reads("x", x, DType.FLOAT32, shape.inputElements())
              .reads("weight", weight, DType.FLOAT32, shape.weightElements())
              .mayRead("bias", bias, DType.FLOAT32, shape.outputSize())
              .writes("y", y, DType.FLOAT32, shape.outputElements());
      checked.check();
      engine.linearForward(shape, x.memory(), weight.memory(), memory(bias), y.memory());
      checked.written();
    } finally {
      end();
    }
  }

  private static @Nullable Memory memory(@Nullable Buffer buffer) {
    return buffer == null ? null : buffer.memory();
  }

  /**
   * Gradients of {@link #linearForward}.
   *
   * @param y the result of forward
   * @param dy {@code [M,N]}; multiplied in place by {@code f'} where there is an activation; may be
   *     {@code y} where there is none
   * @param dx {@code [M,K]}, overwritten; memory of its own; null if not wanted
   * @param dWeight {@code [N,K]}, added to
   * @param dBias {@code [N]}, added to; null if there is no bias
   */
  public void linearBackward(
      LinearShape shape,
      Buffer x,
      Buffer weight,
      Buffer y,
      Buffer dy,
      @Nullable Buffer dx,
      Buffer dWeight,
      @Nullable Buffer dBias) {
    begin();
    try {
      Required.present("shape", shape);
      long outputs = shape.outputElements();
      Arguments checked =
          arguments
              .of(shape)
              .reads("x", x, DType.FLOAT32, shape.inputElements())
              .reads("weight", weight, DType.FLOAT32, shape.weightElements())
              .reads("y", y, DType.FLOAT32, outputs);
      if (shape.activation() == Activation.NONE) {
        checked.reads("dy", dy, DType.FLOAT32, outputs);
      } else {
        checked.writes("dy", dy, DType.FLOAT32, outputs);
      }
      checked
          .mayWrite("dx", dx, DType.FLOAT32, shape.inputElements())
          .writes("dWeight", dWeight, DType.FLOAT32, shape.weightElements())
          .mayWrite("dBias", dBias, DType.FLOAT32, shape.outputSize())
          .check();
      engine.linearBackward(
          shape,
          x.memory(),
          weight.memory(),
          y.memory(),
          dy.memory(),
          memory(dx),
          dWeight.memory(),
          memory(dBias));
      checked.written();
    } finally {
      end();
    }
  }

  /**
   * {@code y = f(x)}, element by element, over all of {@code x}.
   *
   * @param y as many elements as {@code x}, overwritten; may be {@code x}
   */
  public void activation(Activation function, Buffer x, Buffer y) {
    begin();
    try {
      Required.present("function", function);
      long elements = elements(x);
      Arguments checked =
          arguments
              .of(function)
              .reads("x", x, DType.FLOAT32, elements)
              .mayWriteOver("x", "y", Required.present("y", y), DType.FLOAT32, elements);
      checked.check();
      engine.activation(function, x.memory(), y.memory());
      checked.written();
    } finally {
      end();
    }
  }

  /**
   * {@code dx = dy · f'(x)}, given {@code y = f(x)}, over all of {@code y}.
   *
   * @param dy as many elements as {@code y}
   * @param dx as many elements, overwritten; may be {@code dy}
   */
  public void activationGradient(Activation function, Buffer y, Buffer dy, Buffer dx) {
    begin();
    try {
      Required.present("function", function);
      long elements = elements(y);
      Arguments checked =
          arguments
              .of(function)
              .reads("y", y, DType.FLOAT32, elements)
              .reads("dy", dy, DType.FLOAT32, elements)
              .mayWriteOver("dy", "dx", Required.present("dx", dx), DType.FLOAT32, elements);
      checked.check();
      engine.activationGradient(function, y.memory(), dy.memory(), dx.memory());
      checked.written();
    } finally {
      end();
    }
  }

  /**
   * Layer normalisation, see {@link NormShape}.
   *
   * @param x {@code [M,N]}
   * @param parameters {@code [2,N]}: gain, then bias
   * @param y {@code [M,N]}, overwritten
   * @param saved {@code [M,2]}, overwritten: what backward needs
   */
  public void layerNormForward(
      NormShape shape, Buffer x, Buffer parameters, Buffer y, Buffer saved) {
    begin();
    try {
      Required.present("shape", shape);
      Arguments checked =
          arguments
              .of(shape)
              .reads("x", x, DType.FLOAT32, shape.elements())
              .reads("parameters", parameters, DType.FLOAT32, shape.parameterElements())
              .writes("y", y, DType.FLOAT32, shape.elements())
              .writes("saved", saved, DType.FLOAT32, shape.savedElements());
      checked.check();
      engine.layerNormForward(shape, x.memory(), parameters.memory(), y.memory(), saved.memory());
      checked.written();
    } finally {
      end();
    }
  }

  /**
   * Gradients of {@link #layerNormForward}.
   *
   * @param saved what forward wrote
   * @param dy {@code [M,N]}
   * @param dx {@code [M,N]}, overwritten; null if not wanted
   * @param dParameters {@code [2,N]}, added to
   */
  public void layerNormBackward(
      NormShape shape,
      Buffer x,
      Buffer parameters,
      Buffer saved,
      Buffer dy,
      @Nullable Buffer dx,
      Buffer dParameters) {
    begin();
    try {
      Required.present("shape", shape);
      Arguments checked =
          arguments
              .of(shape)
              .reads("x", x, DType.FLOAT32, shape.elements())
              .reads("parameters", parameters, DType.FLOAT32, shape.parameterElements())
              .reads("saved", saved, DType.FLOAT32, shape.savedElements())
              .reads("dy", dy, DType.FLOAT32, shape.elements())
              .mayWrite("dx", dx, DType.FLOAT32, shape.elements())
              .writes("dParameters", dParameters, DType.FLOAT32, shape.parameterElements());
      checked.check();
      engine.layerNormBackward(
          shape,
          x.memory(),
          parameters.memory(),
          saved.memory(),
          dy.memory(),
          memory(dx),
          dParameters.memory());
      checked.written();
    } finally {
      end();
    }
  }

  /**
   * Probabilities of rows, or their logarithms, see {@link SoftmaxShape}.
   *
   * @param x {@code [M,N]}
   * @param y {@code [M,N]}, overwritten; may be {@code x}
   */
  public void softmaxForward(SoftmaxShape shape, Buffer x, Buffer y) {
    begin();
    try {
      Required.present("shape", shape);
      Arguments checked =
          arguments
              .of(shape)
              .reads("x", x, DType.FLOAT32, shape.elements())
              .mayWriteOver("x", "y", Required.present("y", y), DType.FLOAT32, shape.elements());
      checked.check();
      engine.softmaxForward(shape, x.memory(), y.memory());
      checked.written();
    } finally {
      end();
    }
  }

  /**
   * The gradient of {@link #softmaxForward}: {@code dx = y ∘ (dy − Σ dy∘y)}, or of logarithms
   * {@code dx = dy − e^y Σ dy}.
   *
   * @param y {@code [M,N]}
   * @param dy {@code [M,N]}
   * @param dx {@code [M,N]}, overwritten; may be {@code dy}
   */
  public void softmaxBackward(SoftmaxShape shape, Buffer y, Buffer dy, Buffer dx) {
    begin();
    try {
      Required.present("shape", shape);
      Arguments checked =
          arguments
              .of(shape)
              .reads("y", y, DType.FLOAT32, shape.elements())
              .reads("dy", dy, DType.FLOAT32, shape.elements())
              .mayWriteOver(
                  "dy", "dx", Required.present("dx", dx), DType.FLOAT32, shape.elements());
      checked.check();
      engine.softmaxBackward(shape, y.memory(), dy.memory(), dx.memory());
      checked.written();
    } finally {
      end();
    }
  }

  /**
   * The largest element of each column over the steps of its sequence, see {@link MaximumShape}.
   *
   * <p>Its gradient is zeros, to which {@link #embeddingBackward} with rows of one element adds
   * {@code dy} where {@code from} says.
   *
   * @param x {@code [T,B,W]}
   * @param lengths INT32 {@code [B]}, each 0…T; null when every sequence has T steps
   * @param y {@code [B,W]}, overwritten; 0 for a sequence without steps
   * @param from INT32 {@code [B,W]}, overwritten: which element of {@code x} it is, counted from 0
   *     over all of {@code x}; {@value MaximumShape#NONE} for a sequence without steps
   */
  public void maximumOverTime(
      MaximumShape shape, Buffer x, @Nullable Buffer lengths, Buffer y, Buffer from) {
    begin();
    try {
      Required.present("shape", shape);
      Arguments checked =
          arguments
              .of(shape)
              .reads("x", x, DType.FLOAT32, shape.inputElements())
              .mayRead("lengths", lengths, DType.INT32, shape.batchSize())
              .writes("y", y, DType.FLOAT32, shape.outputElements())
              .writes("from", from, DType.INT32, shape.outputElements());
      checked.check();
      arguments.lengths(lengths, shape.batchSize(), shape.timeSteps());
      engine.maximumOverTime(shape, x.memory(), memory(lengths), y.memory(), from.memory());
      arguments.integers(
          MaximumShape.NONE, shape.inputElements() - 1, from, shape.outputElements());
      checked.written();
    } finally {
      end();
    }
  }

  /**
   * {@code y = a ∘ b}, element by element, over all of {@code a}.
   *
   * @param b as many elements as {@code a}; may be {@code a}
   * @param y as many elements, overwritten or added to; may be {@code a} or {@code b} if nothing is
   *     added
   * @param add whether {@code y} gets {@code y + a ∘ b}
   */
  public void multiply(Buffer a, Buffer b, Buffer y, boolean add) {
    begin();
    try {
      long elements = elements(a);
      Arguments checked =
          arguments
              .of("a product of elements")
              .reads("a", a, DType.FLOAT32, elements)
              .reads("b", b, DType.FLOAT32, elements);
      if (add) {
        checked.writes("y", y, DType.FLOAT32, elements);
      } else {
        checked.mayWriteOver("a", "b", "y", Required.present("y", y), DType.FLOAT32, elements);
      }
      checked.check();
      engine.multiply(elements, a.memory(), b.memory(), y.memory(), add);
      checked.written();
    } finally {
      end();
    }
  }

  /** Copies columns of one matrix to columns of another, or adds them. */
  public void copyColumns(ColumnCopy copy, Buffer source, Buffer target) {
    begin();
    try {
      Required.present("copy", copy);
      Arguments checked =
          arguments
              .of(copy)
              .reads("source", source, DType.FLOAT32, copy.sourceElements())
              .writes("target", target, DType.FLOAT32, copy.targetElements());
      checked.check();
      engine.copyColumns(copy, source.memory(), target.memory());
      checked.written();
    } finally {
      end();
    }
  }

  /**
   * {@code y[i] = 0} if word {@code i} of the key's random numbers, an unsigned integer, is below
   * {@code p·2³²}, else {@code x[i]/(1−p)}; over all of {@code x}. Its gradient is the same of
   * {@code dy}.
   *
   * @param p the probability of zeroing an element, in [0, 1)
   * @param key INT32, a {@link RandomKey}; for the sake of its {@link RandomKey#part()}, x and y
   *     are rows {@code [..,B,width]}
   * @param width at least 1; 0 for elements that belong to no sequence
   * @param y as many elements as {@code x}, overwritten; may be {@code x}
   */
  public void dropout(int width, float p, Buffer key, Buffer x, Buffer y) {
    begin();
    try {
      if (width < 0) {
        throw new IllegalArgumentException("width is " + width + "; needed at least 0");
      }
      if (!(p >= 0f && p < 1f)) {
        throw new IllegalArgumentException("p is " + p + "; needed 0 <= p < 1");
      }
      long elements = elements(x);
      Arguments checked =
          arguments
              .of("dropout")
              .reads("key", key, DType.INT32, RandomKey.ELEMENTS)
              .reads("x", x, DType.FLOAT32, elements)
              .mayWriteOver("x", "y", Required.present("y", y), DType.FLOAT32, elements);
      checked.check();
      engine.dropout(elements, width, p, key.memory(), 0, x.memory(), y.memory());
      checked.written();
    } finally {
      end();
    }
  }

  /**
   * {@code y[i] = table[tokens[i]]}; without a table, the one-hot row of {@code tokens[i]}. A
   * negative token gives a row of zeros.
   *
   * @param tokens INT32, at least {@code rows}, each less than the table's rows
   * @param table {@code [V,width]}, V at most 2³¹−1; null for one-hot rows of {@code width} columns
   * @param y {@code [rows,width]}, overwritten
   */
  public void embeddingForward(
      int rows, int width, Buffer tokens, @Nullable Buffer table, Buffer y) {
    begin();
    try {
      Arguments checked =
          arguments
              .of(embedding(rows, width))
              .reads("tokens", tokens, DType.INT32, rows)
              .mayRead("table", table, DType.FLOAT32, elements(table))
              .writes("y", y, DType.FLOAT32, Sizes.elements("y", rows, width));
      checked.check();
      requireTokens(tokens, rows, table == null ? width : tableRows("table", table, width));
      engine.embeddingForward(rows, width, tokens.memory(), memory(table), y.memory());
      checked.written();
    } finally {
      end();
    }
  }

  /** What an embedding's buffers are for; checks its sizes. */
  private static Object embedding(int rows, int width) {
    Sizes.atLeastOne("rows", rows);
    Sizes.atLeastOne("width", width);
    return new EmbeddingSizes(rows, width);
  }

  private record EmbeddingSizes(int rows, int width) {
    @Override
    public String toString() {
      return "an embedding with rows=" + rows + " width=" + width;
    }
  }

  private static long tableRows(String name, Buffer table, int width) {
    if (table.elements() < width || table.elements() % width != 0) {
      throw new IllegalArgumentException(
          name + " holds " + table.elements() + " floats; needed whole rows of " + width);
    }
    long rows = table.elements() / width;
    if (rows > MOST_TABLE_ROWS) {
      throw new IllegalArgumentException(
          name + " holds " + rows + " rows of " + width + "; needed at most " + MOST_TABLE_ROWS);
    }
    return rows;
  }

  private void requireTokens(Buffer tokens, int rows, long vocabularySize) {
    int last = (int) vocabularySize - 1;
    arguments.contents("tokens", tokens, rows, Integer.MIN_VALUE, last, "");
  }

  /**
   * {@code dTable[tokens[i]] += dy[i]}, in the order of {@code i}, so that two runs give the same
   * bits.
   *
   * @param tokens as for forward
   * @param dy {@code [rows,width]}
   * @param dTable {@code [V,width]}, V at most 2³¹−1, added to
   */
  public void embeddingBackward(int rows, int width, Buffer tokens, Buffer dy, Buffer dTable) {
    begin();
    try {
      Arguments checked =
          arguments
              .of(embedding(rows, width))
              .reads("tokens", tokens, DType.INT32, rows)
              .reads("dy", dy, DType.FLOAT32, Sizes.elements("dy", rows, width))
              .writes("dTable", dTable, DType.FLOAT32, elements(dTable));
      checked.check();
      requireTokens(tokens, rows, tableRows("dTable", dTable, width));
      engine.embeddingBackward(rows, width, tokens.memory(), dy.memory(), dTable.memory());
      checked.written();
    } finally {
      end();
    }
  }

  // ---- training --------------------------------------------------------------------------------

  /**
   * The loss of a padded batch and, if asked for, its gradient. Rows past a sequence's end, and
   * rows without a target, count nothing and get a zero gradient.
   *
   * @param outputs {@code a [T,B,N]}
   * @param targets INT32 {@code [T,B]}, each less than N, or FLOAT32 {@code [T,B,N]}, see {@link
   *     LossFunction}
   * @param lengths INT32 {@code [B]}, each 0…T; null when every sequence has T steps
   * @param gradientScale FLOAT32 {@code [1]}, factor of the gradient, usually 1 / (number of valid
   *     rows); null for 1
   * @param lossScale FLOAT32 {@code [1]}, a second factor, see {@link UpdateReport}; null for 1
   * @param dOutputs {@code [T,B,N]}, overwritten by {@code gradientScale · ∂(sum of row
   *     losses)/∂a}; null if not wanted. May be the same memory as {@code outputs}
   * @param result FLOAT32 {@code [2]}, overwritten: the sum of the rows' losses, and the number of
   *     valid rows
   */
  public void loss(
      LossShape shape,
      Buffer outputs,
      Buffer targets,
      @Nullable Buffer lengths,
      @Nullable Buffer gradientScale,
      @Nullable Buffer lossScale,
      @Nullable Buffer dOutputs,
      Buffer result) {
    loss(shape, outputs, targets, lengths, null, gradientScale, lossScale, dOutputs, result);
  }

  /**
   * The same, where some rows count more than others.
   *
   * @param weights FLOAT32 {@code [T,B]}, factor of each row's loss and gradient; a row of weight 0
   *     counts nothing. Null for 1
   * @param result FLOAT32 {@code [2]}, overwritten: the sum of the rows' losses times their
   *     weights, and the sum of the valid rows' weights
   */
  public void loss(
      LossShape shape,
      Buffer outputs,
      Buffer targets,
      @Nullable Buffer lengths,
      @Nullable Buffer weights,
      @Nullable Buffer gradientScale,
      @Nullable Buffer lossScale,
      @Nullable Buffer dOutputs,
      Buffer result) {
    begin();
    try {
      Required.present("shape", shape);
      if (shape.function().takesLabels()) {
        throw new IllegalArgumentException(
            shape.function() + " is a loss of whole sequences; needed one of rows, or ctcLoss");
      }
      boolean classes = shape.function().takesClasses();
      Arguments checked =
          arguments
              .of(shape)
              .reads("outputs", outputs, DType.FLOAT32, shape.outputElements())
              .reads(
                  "targets",
                  targets,
                  classes ? DType.INT32 : DType.FLOAT32,
                  classes ? shape.rows() : shape.outputElements())
              .mayRead("lengths", lengths, DType.INT32, shape.batchSize())
              .mayRead("weights", weights, DType.FLOAT32, shape.rows())
              .mayRead("gradientScale", gradientScale, DType.FLOAT32, 1)
              .mayRead("lossScale", lossScale, DType.FLOAT32, 1)
              .mayWriteOver("outputs", "dOutputs", dOutputs, DType.FLOAT32, shape.outputElements())
              .writes("result", result, DType.FLOAT32, 2);
      checked.check();
      if (classes) {
        int last = shape.outputSize() - 1;
        arguments.contents("targets", targets, shape.rows(), Integer.MIN_VALUE, last, "");
      }
      arguments.lengths(lengths, shape.batchSize(), shape.timeSteps());
      engine.loss(
          shape,
          outputs.memory(),
          targets.memory(),
          memory(lengths),
          memory(weights),
          memory(gradientScale),
          memory(lossScale),
          memory(dOutputs),
          result.memory());
      checked.written();
    } finally {
      end();
    }
  }

  /**
   * The {@linkplain Loss.Ctc loss} of sequences of labels without alignment and, if asked for, its
   * gradient. Sequences without a step or without a target count nothing and get a zero gradient,
   * as do rows past a sequence's end.
   *
   * <p>The loss of a target that {@linkplain CtcShape#requireAlignable cannot be aligned}, or that
   * outputs of minus infinity make impossible, is infinite and its gradient NaN.
   *
   * @param outputs {@code a [T,B,N]}, before the softmax
   * @param labels INT32 {@code [S,B]}, each 0…N−1, past a target's end as well; that none is the
   *     blank is not looked at here but by {@link CtcShape#requireLabels}, on the host
   * @param labelLengths INT32 {@code [B]}, the labels of each target, 0…S; negative for no target
   * @param lengths INT32 {@code [B]}, each 0…T; null when every sequence has T steps
   * @param gradientScale FLOAT32 {@code [1]}, factor of the gradient, usually 1 / (number of
   *     sequences that count); null for 1
   * @param lossScale FLOAT32 {@code [1]}, a second factor, see {@link UpdateReport}; null for 1
   * @param dOutputs {@code [T,B,N]}, overwritten by {@code gradientScale · ∂(sum of losses)/∂a};
   *     null if not wanted. May be the same memory as {@code outputs}
   * @param workspace FLOAT32, {@link CtcShape#workspaceElements()}, overwritten
   * @param result FLOAT32 {@code [2]}, overwritten: the sum of the sequences' losses, and the
   *     number of sequences that count
   */
  public void ctcLoss(
      CtcShape shape,
      Buffer outputs,
      Buffer labels,
      Buffer labelLengths,
      @Nullable Buffer lengths,
      @Nullable Buffer gradientScale,
      @Nullable Buffer lossScale,
      @Nullable Buffer dOutputs,
      Buffer workspace,
      Buffer result) {
    begin();
    try {
      Required.present("shape", shape);
      Arguments checked =
          arguments
              .of(shape)
              .reads("outputs", outputs, DType.FLOAT32, shape.outputElements())
              .reads("labels", labels, DType.INT32, shape.labelElements())
              .reads("labelLengths", labelLengths, DType.INT32, shape.batchSize())
              .mayRead("lengths", lengths, DType.INT32, shape.batchSize())
              .mayRead("gradientScale", gradientScale, DType.FLOAT32, 1)
              .mayRead("lossScale", lossScale, DType.FLOAT32, 1)
              .mayWriteOver("outputs", "dOutputs", dOutputs, DType.FLOAT32, shape.outputElements())
              .writes("workspace", workspace, DType.FLOAT32, shape.workspaceElements())
              .writes("result", result, DType.FLOAT32, 2);
      checked.check();
      arguments.contents("labels", labels, shape.labelElements(), 0, shape.outputSize() - 1, "");
      arguments.contents(
          "labelLengths",
          labelLengths,
          shape.batchSize(),
          Integer.MIN_VALUE,
          shape.mostLabels(),
          "S=");
      arguments.lengths(lengths, shape.batchSize(), shape.timeSteps());
      engine.ctcLoss(
          shape,
          outputs.memory(),
          labels.memory(),
          labelLengths.memory(),
          memory(lengths),
          memory(gradientScale),
          memory(lossScale),
          memory(dOutputs),
          workspace.memory(),
          result.memory());
      checked.written();
    } finally {
      end();
    }
  }

  /**
   * Clips the gradients and updates the parameters. If the gradients' norm is not finite the
   * parameters and moments stay as they are; {@code report} then tells.
   *
   * @param numbers FLOAT32, the {@linkplain OptimizerStep#values() numbers} of this update
   * @param parameters flat
   * @param gradients as many elements, multiplied by the loss scale of {@code report}; left as they
   *     were
   * @param moments {@code rule.moments()} times as many elements, one whole moment vector after the
   *     other, zero before the first step
   * @param report an {@link UpdateReport}, read and written
   */
  public void optimizerStep(
      UpdateRule rule,
      Buffer numbers,
      Buffer parameters,
      Buffer gradients,
      Buffer moments,
      Buffer report) {
    begin();
    try {
      update(rule, numbers, null, parameters, gradients, moments, report);
    } finally {
      end();
    }
  }

  /**
   * The same, with other numbers for each group of parameters. The gradient's norm, its bound and
   * the report are one, over all groups.
   *
   * @param numbers FLOAT32 {@code [G,}{@value OptimizerStep#ELEMENTS}{@code ]}, the numbers of each
   *     group; step and bound of the norm are those of the first
   */
  public void optimizerStep(
      UpdateRule rule,
      Buffer numbers,
      UpdateGroups groups,
      Buffer parameters,
      Buffer gradients,
      Buffer moments,
      Buffer report) {
    begin();
    try {
      update(
          rule,
          numbers,
          Required.present("groups", groups),
          parameters,
          gradients,
          moments,
          report);
    } finally {
      end();
    }
  }

  private void update(
      UpdateRule rule,
      Buffer numbers,
      @Nullable UpdateGroups groups,
      Buffer parameters,
      Buffer gradients,
      Buffer moments,
      Buffer report) {
    Required.present("rule", rule);
    Required.present("parameters", parameters);
    long elements = parameters.elements();
    Arguments checked =
        arguments
            .of("an update of " + elements + " parameters by " + rule)
            .reads("numbers", numbers, DType.FLOAT32, OptimizerStep.ELEMENTS)
            .mayRead("ends", groups == null ? null : groups.ends(), DType.INT32, 1)
            .mayRead("groups", groups == null ? null : groups.groups(), DType.INT32, 1)
            .writes("parameters", parameters, DType.FLOAT32, elements)
            .reads("gradients", gradients, DType.FLOAT32, elements)
            .writes("moments", moments, DType.FLOAT32, rule.moments() * elements)
            .writes("report", report, DType.FLOAT32, UpdateReport.ELEMENTS);
    checked.check();
    if (gradients.elements() != elements) {
      throw new IllegalArgumentException(
          "gradients holds "
              + gradients.elements()
              + " floats; needed as many as parameters, "
              + elements);
    }
    if (groups != null) {
      requireGroups(groups, numbers, elements);
    }
    engine.optimizerStep(
        rule,
        numbers.memory(),
        groups,
        parameters.memory(),
        gradients.memory(),
        moments.memory(),
        report.memory());
    checked.written();
  }

  private void requireGroups(UpdateGroups groups, Buffer numbers, long elements) {
    long count = numbers.elements() / OptimizerStep.ELEMENTS;
    if (numbers.elements() % OptimizerStep.ELEMENTS != 0 || count > UpdateGroups.MOST) {
      throw new IllegalArgumentException(
          "numbers holds "
              + numbers.elements()
              + " floats; needed "
              + OptimizerStep.ELEMENTS
              + " for each of 1 to "
              + UpdateGroups.MOST
              + " groups");
    }
    if (elements > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "an update of "
              + elements
              + " parameters has groups; needed at most "
              + Integer.MAX_VALUE);
    }
    int regions = groups.regions();
    arguments.ascending("ends", groups.ends(), regions, 0, (int) elements);
    arguments.contents("groups", groups.groups(), regions, UpdateGroups.NONE, (int) count - 1, "");
  }

  /**
   * Draws a token of a sequence: number {@code first + index}, with that random number of the key.
   * The same logits give the same token on every backend, unless the random number lies within a
   * rounding error of the border between two.
   *
   * @param key INT32, a {@link RandomKey}
   * @param first INT32 {@code [2]}, the low and the high word of a number of at least 0
   * @param logits {@code [V]}
   * @param token INT32 {@code [1]}, overwritten: the token, or −1 if a logit is not finite
   */
  public void drawToken(
      DrawShape shape, Buffer key, Buffer first, int index, Buffer logits, Buffer token) {
    draw(shape, 1, "key", key, first, index, logits, null, "token", token);
  }

  /**
   * Draws a token of each of {@code R} sequences, as {@link #drawToken} does: number {@code first +
   * index} of each sequence's own key, so that a sequence has the same tokens alone and among
   * others.
   *
   * @param rows {@code R}; {@code R·V} is at most 2²⁹−1
   * @param keys INT32 {@code [R]}, {@link RandomKey}s next to each other
   * @param first INT32 {@code [2]}, the low and the high word of a number of at least 0
   * @param logits {@code [R,V]}
   * @param seen INT32 {@code [R,V]}, not 0 for what a repetition penalty is for; the drawn token is
   *     added. Null for no penalty
   * @param tokens INT32 {@code [R]}, overwritten: the token, or −1 if a logit is not finite
   */
  public void drawTokens(
      DrawShape shape,
      int rows,
      Buffer keys,
      Buffer first,
      int index,
      Buffer logits,
      @Nullable Buffer seen,
      Buffer tokens) {
    draw(shape, rows, "keys", keys, first, index, logits, seen, "tokens", tokens);
  }

  private void draw(
      DrawShape shape,
      int rows,
      String keysName,
      Buffer keys,
      Buffer first,
      int index,
      Buffer logits,
      @Nullable Buffer seen,
      String tokensName,
      Buffer tokens) {
    begin();
    try {
      Required.present("shape", shape);
      Sizes.atLeastOne("rows", rows);
      if (index < 0) {
        throw new IllegalArgumentException("index is " + index + "; needed at least 0");
      }
      long elements =
          Sizes.product("rows · vocabularySize", Sizes.MOST_DECODED, rows, shape.vocabularySize());
      if (shape.vocabularySize() > engine.mostTokens(shape)) {
        throw new IllegalArgumentException(
            "vocabularySize is "
                + shape.vocabularySize()
                + "; to draw so, "
                + name
                + " needs at most "
                + engine.mostTokens(shape));
      }
      Arguments checked =
          arguments
              .of(shape)
              .reads(keysName, keys, DType.INT32, (long) rows * RandomKey.ELEMENTS)
              .reads("first", first, DType.INT32, 2)
              .reads("logits", logits, DType.FLOAT32, elements)
              .mayWrite("seen", seen, DType.INT32, elements)
              .writes(tokensName, tokens, DType.INT32, rows);
      checked.check();
      engine.drawTokens(
          shape,
          rows,
          keys.memory(),
          first.memory(),
          index,
          logits.memory(),
          memory(seen),
          tokens.memory());
      if (seen != null) {
        arguments.someIntegers(1, 1, seen);
      }
      arguments.integers(TokenDraw.NONE, shape.vocabularySize() - 1, tokens, rows);
      checked.written();
    } finally {
      end();
    }
  }

  /**
   * The likeliest tokens of each row of logits, the likeliest first and of equal ones that of the
   * smaller number, and the logarithms of their probabilities by the softmax of the row, which are
   * added up in double precision.
   *
   * @param logits {@code [R,V]}
   * @param tokens INT32 {@code [R,count]}, overwritten; −1 in a row with a logit that is not finite
   * @param logarithms FLOAT32 {@code [R,count]}, overwritten; NaN in such a row
   */
  public void likeliest(LikeliestShape shape, Buffer logits, Buffer tokens, Buffer logarithms) {
    begin();
    try {
      Required.present("shape", shape);
      Arguments checked =
          arguments
              .of(shape)
              .reads("logits", logits, DType.FLOAT32, shape.logits())
              .writes("tokens", tokens, DType.INT32, shape.results())
              .writes("logarithms", logarithms, DType.FLOAT32, shape.results());
      checked.check();
      engine.likeliest(shape, logits.memory(), tokens.memory(), logarithms.memory());
      arguments.integers(TokenDraw.NONE, shape.vocabularySize() - 1, tokens, shape.results());
      checked.written();
    } finally {
      end();
    }
  }

  /**
   * Mixes what is given with what was predicted, see {@link TokenMix}.
   *
   * @param key INT32, a {@link RandomKey}
   * @param threshold INT32 {@code [1]}, 0 to {@link TokenMix#ALWAYS}
   * @param given INT32 {@code [T,B]}, less than V
   * @param predicted INT32 {@code [T,B]}, less than V; a negative one is for no prediction
   * @param mixed INT32 {@code [T,B]}, overwritten
   */
  public void mixTokens(
      TokenMix mix, Buffer key, Buffer threshold, Buffer given, Buffer predicted, Buffer mixed) {
    begin();
    try {
      Required.present("mix", mix);
      Arguments checked =
          arguments
              .of(mix)
              .reads("key", key, DType.INT32, RandomKey.ELEMENTS)
              .reads("threshold", threshold, DType.INT32, 1)
              .reads("given", given, DType.INT32, mix.elements())
              .reads("predicted", predicted, DType.INT32, mix.elements())
              .writes("mixed", mixed, DType.INT32, mix.elements());
      checked.check();
      int last = mix.vocabularySize() - 1;
      arguments.contents("given", given, mix.elements(), Integer.MIN_VALUE, last, "");
      arguments.contents("predicted", predicted, mix.elements(), Integer.MIN_VALUE, last, "");
      engine.mixTokens(
          mix,
          key.memory(),
          threshold.memory(),
          given.memory(),
          predicted.memory(),
          mixed.memory());
      arguments.integers(Integer.MIN_VALUE, last, mixed, mix.elements());
      checked.written();
    } finally {
      end();
    }
  }

  /**
   * Whether gradients may vanish in this backend's products unless the loss is scaled up (half
   * precision).
   */
  public boolean wantsLossScaling() {
    return engine.wantsLossScaling();
  }

  /**
   * Whether, in inference, no bit of what comes of a sequence depends on the others in its batch,
   * on how many they are, or on how long, as long as the batch size is a multiple of four. So it is
   * on host backends; the products of a GPU are made in another way for another number of rows.
   */
  public boolean isBatchInvariant() {
    return engine.isBatchInvariant();
  }

  /**
   * Whether calls return before their work is done, so that asking for a result means waiting and a
   * caller does well to ask seldom.
   */
  public boolean isAsynchronous() {
    return engine.isAsynchronous();
  }

  /**
   * Copies {@code inputs} to the device and then does {@code work}, which is calls of this backend
   * that queue and do not wait. A backend may record the work of the first calls with some {@code
   * key} and replay it in later ones, without calling {@code work} again: so equal keys mean the
   * same calls on the same memory, with inputs of the same sizes for the same places, and nothing
   * else that changes: random keys, scales and learning rates are inputs like the data. A replay
   * checks contents of inputs as the calls did, and that all it uses is still open.
   *
   * <p>Within {@code work}, what could not be replayed throws {@link IllegalStateException}, on
   * every backend: allocating, preparing plans and closing them or buffers; uploads, downloads and
   * {@link #synchronize()}; another step. What the work needs is made before it.
   *
   * <p>A recording is kept until something that it works on is closed, or others have taken its
   * place, and the key with it: a key that refers to buffers keeps them from being found lost.
   */
  public void step(Object key, List<StepInput> inputs, Runnable work) {
    begin();
    try {
      requireOutsideStep("step");
      Required.present("key", key);
      Required.present("inputs", inputs);
      Required.present("work", work);
      for (StepInput input : inputs) {
        Required.present("an input", input);
        arguments
            .of("an input of a step")
            .writes("target", input.target(), elementType(input.target()), 0);
        Arguments.requireFit("source", input.source(), input.target(), false);
      }
      if (engine.recordsSteps()) {
        stepRecorded(recordedStep(key), inputs, work);
      } else {
        for (StepInput input : inputs) {
          upload(input.source(), input.target());
        }
        doWork(work);
      }
    } finally {
      end();
    }
  }

  private void doWork(Runnable work) {
    inStep = true;
    try {
      work.run();
    } finally {
      inStep = false;
    }
  }

  private RecordedStep recordedStep(Object key) {
    RecordedStep step = steps.computeIfAbsent(key, k -> new RecordedStep(arguments));
    if (steps.size() > STEPS_KEPT) {
      var eldest = steps.values().iterator();
      RecordedStep forgotten = eldest.next();
      eldest.remove();
      engine.forgetStep(forgotten);
    }
    return step;
  }

  private void stepRecorded(RecordedStep step, List<StepInput> inputs, Runnable work) {
    step.requireSame(inputs);
    step.begin();
    boolean done = false;
    try {
      for (StepInput input : inputs) {
        Memory.Contents contents = input.target().memory().contents();
        step.keepRange(contents);
        takeRange(input.source(), input.target());
        contents.markWritten();
      }
      step.requireUsable(inputs);
      engine.step(
          step,
          inputs,
          () -> {
            arguments.noteFor(step);
            try {
              doWork(work);
            } finally {
              arguments.noteFor(null);
            }
          });
      done = true;
    } finally {
      if (done) {
        step.succeed();
      } else {
        step.fail();
      }
    }
  }

  /**
   * Waits until all queued work is done.
   *
   * @throws IllegalStateException within a {@link #step}
   */
  public void synchronize() {
    begin();
    try {
      requireOutsideStep("synchronize");
      engine.synchronize();
    } finally {
      end();
    }
  }

  /**
   * Closes the buffers and plans that are still open, then frees the device's resources. Closing
   * twice is harmless.
   *
   * @throws IllegalStateException if the calling thread does not own this backend, or is in a step
   */
  @Override
  public void close() {
    if (self.isClosed()) {
      return;
    }
    guard.enter();
    try {
      requireOutsideStep("close");
      Closing closing = new Closing();
      held.forEach(holding -> closing.then(holding::close));
      held.clear();
      steps.clear();
      closing.then(self::close).end();
    } finally {
      guard.exit();
    }
  }

  @Override
  public String toString() {
    return self.toString();
  }
}
