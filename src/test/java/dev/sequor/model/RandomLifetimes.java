package dev.sequor.model;

import dev.sequor.backend.Activation;
import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendException;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.CellType;
import dev.sequor.backend.DType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.LinearShape;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnPlan;
import dev.sequor.backend.RnnSpec;
import dev.sequor.backend.RnnTensors;
import dev.sequor.data.TokenWindow;
import dev.sequor.data.Window;
import dev.sequor.module.Extent;
import dev.sequor.module.NetworkPass;
import dev.sequor.module.NetworkState;
import dev.sequor.module.NetworkWeights;
import dev.sequor.rnn.Parameters;
import dev.sequor.rnn.Rnn;
import dev.sequor.rnn.RnnStepper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A program of its own for {@link LifetimesTest}: makes, uses and closes things of a device in
 * random order, used or closed as they may be. Nothing but the documented exceptions may come of
 * it, and nothing may be left at the end.
 */
public final class RandomLifetimes {
  private static final int ACTIONS = 50;

  /** A megabyte, so that leaks add up to something. */
  private static final int BUFFER = 1 << 18;

  /** Growth of the process that is no leak: code, the heap, what allocators keep. */
  private static final long GROWTH_ALLOWED_KB = 200 << 10;

  private static final RnnSpec STACK = RnnSpec.of(CellType.LSTM, 3, 5).withLayers(2);
  private static final SequenceModelSpec MODEL =
      SequenceModelSpec.languageModel(5, 3).hiddenSize(4).build();

  private final String device;
  private final Random random;
  private final List<AutoCloseable> things = new ArrayList<>();

  private RandomLifetimes(String device, long seed) {
    this.device = device;
    this.random = new Random(seed);
  }

  /** Arguments: device, number of orders. */
  public static void main(String[] arguments) throws Exception {
    int orders = Integer.parseInt(arguments[1]);
    long before = 0;
    for (int seed = 0; seed < orders; seed++) {
      if (seed == Math.min(50, orders / 2)) {
        System.gc();
        before = residentKilobytes();
      }
      try {
        new RandomLifetimes(arguments[0], seed).run();
      } catch (RuntimeException | AssertionError e) {
        throw new IllegalStateException("order " + seed, e);
      }
    }
    System.gc();
    long growth = residentKilobytes() - before;
    if (growth > GROWTH_ALLOWED_KB) {
      throw new IllegalStateException("the process grew by " + growth + " kB");
    }
    long threads = teamThreads();
    if (threads > 0) {
      throw new IllegalStateException(threads + " threads of closed backends are left");
    }
    System.out.println(orders + " orders");
  }

  private static long residentKilobytes() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmRSS:")) {
        return Long.parseLong(line.replaceAll("[^0-9]", ""));
      }
    }
    throw new IOException("no VmRSS");
  }

  private static long teamThreads() throws Exception {
    long count = 1;
    for (int attempt = 0; attempt < 100 && count > 0; attempt++) {
      Thread.sleep(10); // a thread may end a little after its backend
      count = 0;
      try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
        for (Path task : tasks.toList()) {
          try {
            String name = Files.readString(task.resolve("comm"));
            count += name.startsWith("sequor-team") || name.startsWith("sequor-java") ? 1 : 0;
          } catch (IOException ended) {
            // the thread has ended since
          }
        }
      }
    }
    return count;
  }

  private void run() throws Exception {
    things.add(Devices.open(device));
    for (int i = 0; i < ACTIONS; i++) {
      try {
        act(random.nextInt(14));
      } catch (IllegalArgumentException | IllegalStateException | BackendException refused) {
        if (String.valueOf(refused.getMessage()).length() < 10) {
          throw new AssertionError("no words", refused);
        }
      }
    }
    Collections.shuffle(things, random);
    for (AutoCloseable thing : things) {
      close(thing);
    }
    for (AutoCloseable thing : things) {
      thing.close();
      if (thing instanceof Backend backend && !backend.openResources().isEmpty()) {
        throw new AssertionError("left open: " + backend.openResources());
      }
    }
  }

  /** One of the things of a type, open or closed. */
  private <T> @Nullable T any(Class<T> type) {
    List<T> all = things.stream().filter(type::isInstance).map(type::cast).toList();
    return all.isEmpty() ? null : all.get(random.nextInt(all.size()));
  }

  private Backend backend() {
    Backend backend = any(Backend.class);
    if (backend == null || (random.nextInt(8) == 0 && count(Backend.class) < 3)) {
      backend = Devices.open(device);
      things.add(backend);
    }
    return backend;
  }

  private long count(Class<?> type) {
    return things.stream().filter(type::isInstance).count();
  }

  private static Window window() {
    int[] tokens = {0, 1, 2, 3, 4, 0};
    return new TokenWindow(3, 2, tokens, tokens, null, true);
  }

  private void act(int action) throws Exception {
    switch (action) {
      case 0, 1 -> things.add(backend().allocate(DType.FLOAT32, BUFFER));
      case 2 -> {
        Buffer buffer = any(Buffer.class);
        if (buffer != null) {
          buffer.write(1f, 2f);
          buffer.slice(1, 2).readFloats();
        }
      }
      case 3 -> {
        NetworkWeights weights = NetworkWeights.draw(backend(), MODEL.network(), 1);
        things.add(weights);
        Extent extent = Extent.of(SequenceModelSpec.INPUT, 3, 2);
        NetworkPass pass = new NetworkPass(weights, extent, Mode.TRAINING);
        things.add(pass);
        pass.put(SequenceModelSpec.INPUT, new int[6]);
        pass.upload();
        pass.forward();
        pass.backward();
      }
      case 4 -> {
        Rnn rnn = new Rnn(backend(), STACK);
        Parameters parameters = rnn.newParameters(1);
        things.add(parameters);
        things.add(rnn.newStepper(parameters.values(), 1));
        things.add(rnn.prepare(3, 2, Mode.INFERENCE));
      }
      case 5 -> {
        RnnStepper stepper = any(RnnStepper.class);
        if (stepper != null) {
          stepper.step();
        }
      }
      case 6 -> forward();
      case 7 -> {
        SequenceModel model = new SequenceModel(backend(), MODEL, 1);
        things.add(model);
        things.add(new Trainer(model, Optimizer.adam(0.1f), Clipping.byGlobalNorm(1), 1));
        things.add(new Sampler(model));
      }
      case 8, 9 -> {
        Trainer trainer = any(Trainer.class);
        if (trainer != null) {
          trainer.step(window());
        }
      }
      case 10 -> {
        SequenceModel model = any(SequenceModel.class);
        if (model != null) {
          NetworkState state = model.newState(2);
          things.add(state);
          model.forward(1 + random.nextInt(6), 2, new int[2], null, state);
        }
      }
      case 11 -> {
        Sampler sampler = any(Sampler.class);
        if (sampler != null) {
          sampler.sample(new int[] {1}, 3, Sampling.ofTemperature(1f, 1));
        }
      }
      case 12 -> {
        Backend one = backend();
        Buffer buffer = any(Buffer.class);
        if (buffer != null) {
          one.linearForward(
              new LinearShape(8, 8, 8, Activation.TANH),
              buffer.slice(0, 64),
              buffer.slice(64, 64),
              null,
              buffer.slice(128, 64));
        }
      }
      default -> close(things.get(random.nextInt(things.size())));
    }
  }

  /** Now and then on another thread, to which everything belongs then; it ends at once. */
  private void close(AutoCloseable thing) throws Exception {
    if (random.nextInt(3) > 0) {
      thing.close();
      return;
    }
    FutureTask<@Nullable Void> task =
        new FutureTask<>(
            () -> {
              for (AutoCloseable each : things) {
                if (each instanceof Backend backend) {
                  backend.takeOver();
                }
              }
              thing.close();
              return null;
            });
    Thread other = new Thread(task, "closes");
    other.start();
    other.join();
    try {
      task.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException failure) {
        throw failure;
      }
      throw e;
    }
  }

  private void forward() {
    RnnPlan plan = any(RnnPlan.class);
    Parameters parameters = any(Parameters.class);
    Buffer buffer = any(Buffer.class);
    if (plan != null && parameters != null && buffer != null) {
      long x = plan.shape().inputElements();
      plan.forward(
          RnnTensors.of(
              parameters.values(),
              buffer.slice(0, x),
              buffer.slice(x, plan.shape().outputElements())));
    }
  }
}
