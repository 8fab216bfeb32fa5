package dev.sequor.serve;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendException;
import dev.sequor.backend.BackendSettings;
import dev.sequor.backend.Closing;
import dev.sequor.backend.DeviceGroup;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Required;
import dev.sequor.backend.WeightStorage;
import dev.sequor.data.Values;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.ModelSpec;
import dev.sequor.module.ValueShape;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers requests of any number of threads with one copy of a model, which never changes. Its own
 * thread has a backend of its own; requests that come while it is at work wait, and are then
 * computed together. Of several devices each has a thread and a copy of the model, and takes what
 * waits when it has nothing to do. On host backends the answer to a sequence has the same bits
 * whatever it is computed together with (as long as modules of one's own work on each sequence for
 * itself); on a GPU it is the same up to rounding. Whoever drops a predictor without closing it
 * leaves its thread and its memory behind.
 *
 * <pre>{@code
 * try (Predictor predictor = Predictor.builder(TrainedModel.load(directory)).build()) {
 *   float[] outputs = predictor.predict(tokens);      // from any thread
 * }
 * }</pre>
 */
public final class Predictor implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Predictor.class);
  private static final AtomicInteger NUMBER = new AtomicInteger();

  private final ModelSpec spec;
  private final RequestShape shape;
  private final List<PredictorListener> listeners;

  /** Of each device. */
  private final List<Thread> threads = new ArrayList<>();

  /** Threads that take requests. */
  private final AtomicInteger serving = new AtomicInteger();

  private final Collection<ValueShape.State> states;

  private final RequestQueue queue;
  private final String device;

  private final Object statsLock = new Object();
  private PredictorStats stats = new PredictorStats(0, 0, 0, 0, 0, 0);

  private record Ready(String device, RequestQueue queue) {}

  /** What a predictor is made of; each setting is checked at once. */
  public static final class Builder {
    private final TrainedModel model;
    private String device = "auto";
    private BackendSettings settings = BackendSettings.defaults();
    private WeightStorage weights = WeightStorage.FLOAT32;
    private int maxBatch = 64;
    private Duration maxWait = Duration.ZERO;
    private int maxQueued = 1 << 16;
    private final List<PredictorListener> listeners = new ArrayList<>();

    private Builder(TrainedModel model) {
      this.model = Required.present("model", model);
    }

    /**
     * Where it runs, see {@link Devices#open(String)}; unless set, {@code auto}. It may be a list
     * of devices as {@link DeviceGroup#open(String)} takes it. If a batch fails on one of several,
     * its requests fail with the name of the device; a device that cannot answer the smallest
     * request any more either is left out from then on, unless it is the last.
     */
    public Builder device(String device) {
      this.device = Required.present("device", device);
      return this;
    }

    /**
     * How its backend is set, for example how many threads it computes with; unless set, as the
     * process is.
     */
    public Builder settings(BackendSettings settings) {
      this.settings = Required.present("settings", settings);
      return this;
    }

    /** How recurrent matrices are kept; unless set, {@link WeightStorage#FLOAT32}. */
    public Builder weights(WeightStorage weights) {
      this.weights = Required.present("weights", weights);
      return this;
    }

    /**
     * Sequences that are computed together, at most; unless set, 64.
     *
     * @throws IllegalArgumentException if it is not 1 to 4096
     */
    public Builder maxBatch(int maxBatch) {
      requireRange("maxBatch", maxBatch, 4096);
      this.maxBatch = maxBatch;
      return this;
    }

    /**
     * How long a request waits for others before a batch that is not full begins; unless set, not
     * at all. Whatever comes while a batch is computed is in the next one in any case, so under
     * load batches fill up by themselves.
     *
     * @throws IllegalArgumentException if it is negative, or more than a minute
     */
    public Builder maxWait(Duration maxWait) {
      Required.present("maxWait", maxWait);
      if (maxWait.isNegative() || maxWait.compareTo(Duration.ofMinutes(1)) > 0) {
        throw new IllegalArgumentException(
            "maxWait is " + maxWait + "; needed 0 to a minute, PT1M");
      }
      this.maxWait = maxWait;
      return this;
    }

    /**
     * Requests that wait at the same time, at most; unless set, 65,536. More are refused with a
     * {@link java.util.concurrent.RejectedExecutionException}.
     *
     * @throws IllegalArgumentException if it is not 1 to 2^24
     */
    public Builder maxQueued(int maxQueued) {
      requireRange("maxQueued", maxQueued, 1 << 24);
      this.maxQueued = maxQueued;
      return this;
    }

    /** Who is told of answers, besides others. */
    public Builder listener(PredictorListener listener) {
      listeners.add(Required.present("listener", listener));
      return this;
    }

    private static void requireRange(String name, int value, int most) {
      if (value < 1 || value > most) {
        throw new IllegalArgumentException(
            name + " is " + value + "; needed a whole number from 1 to " + most);
      }
    }

    /**
     * A predictor, ready to answer.
     *
     * @throws dev.sequor.backend.BackendUnavailableException if the device cannot be used
     * @throws IllegalArgumentException if the backend cannot keep the weights so, or the model ends
     *     in an adaptive softmax, whose classes are not among its outputs
     */
    public Predictor build() {
      return new Predictor(this);
    }
  }

  /** A predictor of {@code model}, yet to be set up. */
  public static Builder builder(TrainedModel model) {
    return new Builder(model);
  }

  private Predictor(Builder builder) {
    this.spec = builder.model.model();
    if (spec.classes() != spec.outputShape().width()) {
      throw new IllegalArgumentException(
          "the model's "
              + spec.classes()
              + " classes are those of an adaptive softmax; needed a model whose outputs are all"
              + " classes");
    }
    this.shape = new RequestShape(spec.network());
    this.listeners = List.copyOf(builder.listeners);
    this.states = spec.network().carriedStates().values();
    List<String> names = DeviceGroup.names(builder.device);
    int number = NUMBER.incrementAndGet();
    Ready first = await(start(builder, names.get(0), null, "sequor-predictor-" + number));
    this.queue = first.queue();
    List<String> ready = new ArrayList<>(List.of(first.device()));
    try {
      for (int i = 1; i < names.size(); i++) {
        String name = "sequor-predictor-" + number + "-" + i;
        ready.add(await(start(builder, names.get(i), queue, name)).device());
      }
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
    this.device = String.join(" + ", ready);
  }

  /** Starts the thread of a device; what it makes when it begins. */
  private CompletableFuture<Ready> start(
      Builder builder, String name, @Nullable RequestQueue requests, String threadName) {
    CompletableFuture<Ready> ready = new CompletableFuture<>();
    AtomicReference<@Nullable Builder> handedOver = new AtomicReference<>(builder);
    Thread thread = new Thread(() -> work(handedOver, name, requests, ready), threadName);
    threads.add(thread);
    thread.setDaemon(true);
    thread.start();
    return ready;
  }

  /** The value of a future of this class, or what it failed with, whether interrupted or not. */
  private static <T> T await(CompletableFuture<T> future) {
    try {
      return future.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      if (e.getCause() instanceof Error cause) {
        throw cause;
      }
      throw e;
    }
  }

  // ---- the predictor's threads -----------------------------------------------------------------

  /** What a thread works with. */
  private record Work(Backend backend, BatchRunner runner, BatchSizes sizes, RequestQueue queue) {}

  private void work(
      AtomicReference<@Nullable Builder> builder,
      String name,
      @Nullable RequestQueue shared,
      CompletableFuture<Ready> ready) {
    Work work;
    try {
      // The builder goes at once, and with it the model's weights in the memory of the host.
      work = begin(Objects.requireNonNull(builder.getAndSet(null)), name, shared);
    } catch (Throwable e) { // to be thrown on the thread that asked for a predictor
      ready.completeExceptionally(e);
      return;
    }
    RequestQueue requests = work.queue();
    boolean left = false;
    serving.incrementAndGet();
    ready.complete(new Ready(work.backend().name(), requests));
    try {
      for (List<Request> batch = requests.take(); !batch.isEmpty(); batch = requests.take()) {
        if (!answer(batch, work) && isLost(work) && leave()) {
          LOG.warn("{} answers no more; the other devices go on", work.backend().name());
          left = true;
          break;
        }
      }
    } finally {
      if (!left && serving.decrementAndGet() == 0) {
        requests.close();
        for (Request waiting : requests.leftovers()) { // none, unless this thread has failed
          failed(
              List.of(waiting), "", new IllegalStateException("the predictor's thread has ended"));
        }
      }
      close(work.backend());
    }
  }

  /** Gives back what there is; nobody waits for this thread to throw. */
  private static void close(Backend backend) {
    try {
      backend.close();
    } catch (RuntimeException | Error e) { // A lost device refuses every call.
      LOG.warn("closing {} failed: {}", backend.name(), e.getMessage());
    }
  }

  /** Whether this thread may end because others go on; it counts no more then. */
  private boolean leave() {
    return serving.getAndUpdate(now -> now > 1 ? now - 1 : now) > 1;
  }

  /** Whether a device that has failed cannot even answer the smallest request. */
  private boolean isLost(Work work) {
    if (threads.size() == 1) {
      return false;
    }
    try {
      work.runner().run(List.of(shape.smallest()), work.sizes());
      return false;
    } catch (Throwable e) { // whatever it is, it has been said of the batch before
      return true;
    }
  }

  private Work begin(Builder builder, String name, @Nullable RequestQueue shared) {
    Backend backend = Devices.open(name, builder.settings);
    try {
      BatchRunner runner = new BatchRunner(backend, builder.model, shape.axes(), builder.weights);
      BatchSizes sizes =
          new BatchSizes(
              spec.network(),
              shape.axes(),
              builder.maxBatch,
              backend.isBatchInvariant(),
              runner.startsApart());
      runner.run(List.of(shape.smallest()), sizes); // What cannot be done shows now.
      return new Work(
          backend,
          runner,
          sizes,
          shared != null
              ? shared
              : new RequestQueue(sizes, builder.maxWait.toNanos(), builder.maxQueued));
    } catch (RuntimeException | Error e) {
      Closing.after(e, backend::close);
      throw e;
    }
  }

  /** Whether all went well. */
  private boolean answer(List<Request> batch, Work work) {
    long begun = System.nanoTime();
    List<float[]> answers;
    try {
      answers = work.runner().run(batch, work.sizes());
    } catch (Throwable e) { // Those that wait must not do so for ever.
      failed(batch, threads.size() == 1 ? "" : " on " + work.backend().name(), e);
      return false;
    }
    long computed = System.nanoTime() - begun;
    long waited = 0;
    for (Request request : batch) {
      waited += begun - request.arrived();
    }
    count(batch.size(), 0, waited, computed);
    for (int i = 0; i < batch.size(); i++) {
      batch.get(i).answer().complete(answers.get(i));
    }
    for (Request request : batch) {
      tell(listener -> listener.answered(begun - request.arrived(), computed, batch.size()));
    }
    return true;
  }

  private void failed(List<Request> batch, String where, Throwable cause) {
    count(0, batch.size(), 0, 0);
    for (Request request : batch) {
      // One for each sender: a throwable belongs to the thread that throws it.
      request
          .answer()
          .completeExceptionally(
              new BackendException(
                  "a batch of " + batch.size() + " failed" + where + ": " + cause, cause));
    }
    tell(listener -> listener.failed(batch.size(), cause));
  }

  private void tell(Consumer<PredictorListener> news) {
    for (PredictorListener listener : listeners) {
      try {
        news.accept(listener);
      } catch (RuntimeException | Error e) {
        LOG.warn("a listener of {} failed", Thread.currentThread().getName(), e);
      }
    }
  }

  private void count(int answered, int failed, long waited, long computed) {
    synchronized (statsLock) {
      stats =
          new PredictorStats(
              stats.answered() + answered,
              stats.failed() + failed,
              stats.batches() + 1,
              0,
              stats.waitedNanos() + waited,
              stats.computedNanos() + computed);
    }
  }

  // ---- its users -------------------------------------------------------------------------------

  /** What the model is. */
  public ModelSpec spec() {
    return spec;
  }

  /** The device in words, for example {@code cpu (AVX-512, 2 threads)}. */
  public String device() {
    return device;
  }

  /**
   * The outputs for one sequence of tokens {@code [T]}, of a model with one input: {@code [T,N]},
   * one row after the other, or {@code [N]} if the model has one output a sequence. They are as the
   * network makes them: before a softmax, unless it has one.
   *
   * @throws IllegalArgumentException naming what does not fit the model
   * @throws IllegalStateException after {@link #close()}
   * @throws java.util.concurrent.RejectedExecutionException if too many requests wait
   * @throws BackendException if the batch could not be computed, for want of memory for example
   */
  public float[] predict(int... tokens) {
    return answer(request(new Values.Tokens(Required.present("tokens", tokens)), null));
  }

  /**
   * The outputs for one sequence of vectors {@code [T,I]}, one row after the other; otherwise as
   * {@link #predict(int[])}.
   */
  public float[] predict(float... vectors) {
    return answer(request(new Values.Reals(Required.present("vectors", vectors)), null));
  }

  /**
   * The outputs for one sequence, of a model with any inputs: by the name of each {@code [T]}
   * tokens, {@code [T,I]} vectors, or {@code [I]} where it has no time axis; otherwise as {@link
   * #predict(int[])}.
   */
  public float[] predict(Map<String, Values> inputs) {
    return answer(request(inputs, null));
  }

  /**
   * The same without waiting. Values are copied. What depends on the future runs on a thread of the
   * common pool, never on the predictor's.
   *
   * @throws IllegalArgumentException as for {@link #predict(Map)}, at once
   */
  public CompletableFuture<float[]> submit(Map<String, Values> inputs) {
    Map<String, Values> copies = new LinkedHashMap<>();
    Required.present("inputs", inputs).forEach((name, values) -> copies.put(name, copy(values)));
    return send(request(copies, null));
  }

  /** As {@link #submit(Map)}, of a model whose one input is tokens. */
  public CompletableFuture<float[]> submit(int... tokens) {
    return send(request(new Values.Tokens(Required.present("tokens", tokens).clone()), null));
  }

  /** As {@link #submit(Map)}, of a model whose one input is vectors. */
  public CompletableFuture<float[]> submit(float... vectors) {
    return send(request(new Values.Reals(Required.present("vectors", vectors).clone()), null));
  }

  private static Values copy(Values values) {
    if (values instanceof Values.Tokens tokens) {
      return new Values.Tokens(tokens.ids().clone());
    }
    return values instanceof Values.Reals reals ? new Values.Reals(reals.values().clone()) : values;
  }

  /**
   * A stream at its start.
   *
   * @throws IllegalArgumentException if the model needs whole sequences
   */
  public Session newSession() {
    requireStreams();
    return new Session(this, null);
  }

  /**
   * A stream that goes on from a state that {@link Session#state()} of the same model has given.
   *
   * @throws IllegalArgumentException if the model needs whole sequences, or the state has another
   *     size or is not finite
   */
  public Session newSession(float[] state) {
    requireStreams();
    int elements = ServingPass.elementsOfState(states);
    if (Required.present("state", state).length != elements) {
      throw new IllegalArgumentException(
          "the state holds " + state.length + " elements; the model's streams need " + elements);
    }
    for (int i = 0; i < elements; i++) {
      if (!Float.isFinite(state[i])) {
        throw new IllegalArgumentException(
            "element " + i + " of the state is " + state[i] + "; needed a finite number");
      }
    }
    return new Session(this, state.clone());
  }

  private void requireStreams() {
    if (!spec.carriesState()) {
      throw new IllegalArgumentException(
          "this model carries no state from one part of a sequence to the next, so it needs whole"
              + " sequences");
    }
  }

  Request request(Values values, Request.@Nullable Carried carried) {
    return shape.request(values, carried);
  }

  Request request(Map<String, Values> inputs, Request.@Nullable Carried carried) {
    return shape.request(inputs, carried);
  }

  /** The answer to a request, once it is there. */
  float[] answer(Request request) {
    queue.add(request);
    return await(request.answer());
  }

  private CompletableFuture<float[]> send(Request request) {
    queue.add(request);
    return request.answer().thenApplyAsync(answer -> answer);
  }

  /** What has been done so far. */
  public PredictorStats stats() {
    int waiting = queue.size();
    synchronized (statsLock) {
      return new PredictorStats(
          stats.answered(),
          stats.failed(),
          stats.batches(),
          waiting,
          stats.waitedNanos(),
          stats.computedNanos());
    }
  }

  /**
   * Answers what has been asked, takes nothing more, and gives everything back; returns when that
   * is done, whichever thread calls it and however often.
   */
  @Override
  public void close() {
    queue.close();
    boolean interrupted = false;
    for (Thread thread : threads) {
      if (Thread.currentThread() == thread) {
        return; // A listener closes it: the threads end by themselves.
      }
    }
    for (Thread thread : threads) {
      while (thread.isAlive()) {
        try {
          thread.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
