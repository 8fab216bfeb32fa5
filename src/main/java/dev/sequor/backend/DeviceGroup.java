package dev.sequor.backend;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Several devices of one machine that work on the same thing at the same time. Each has a backend
 * and a thread that it belongs to: the first device's is the thread that opened the group, so that
 * its backend is used like any other; the others' are the group's own.
 *
 * <pre>{@code
 * try (DeviceGroup devices = DeviceGroup.open("cuda:0,cuda:1");
 *     SequenceModel model = new SequenceModel(devices.first(), spec, seed);
 *     Trainer trainer = new Trainer(devices, model, Optimizer.adam(1e-3f), clipping, seed)) {
 *   trainer.fit(data, Fit.epochs(20));      // each learns from its part of every batch
 * }
 * }</pre>
 *
 * <p>All devices are of one kind, so that they make the same bits of the same numbers. A GPU is in
 * a group once; host backends may be there several times.
 */
public final class DeviceGroup implements AutoCloseable {
  private static final String SEPARATOR = ",";

  private final List<Device> devices;
  private final SumOverDevices sum;
  private boolean working;
  private boolean closed;

  /** A device at work; the first has no thread of its own. */
  private record Device(String label, Backend backend, @Nullable ExecutorService thread) {}

  /** Work that each device does, on its own thread. */
  @FunctionalInterface
  public interface Work<R> {
    /** Does one device's part of it. */
    R run(Member member);
  }

  /** How the device of a number is opened, on the thread that it is to belong to. */
  @FunctionalInterface
  interface Opener {
    Backend open(int index);
  }

  /** One device in the middle of work that all of them do. */
  public final class Member {
    private final int index;
    private final Rendezvous meeting;

    private Member(int index, Rendezvous meeting) {
      this.index = index;
      this.meeting = meeting;
    }

    /** The number of this device, 0 for the first. */
    public int index() {
      return index;
    }

    /** Its backend. */
    public Backend backend() {
      return devices.get(index).backend();
    }

    /**
     * Waits for all others, who must call this too.
     *
     * @return what each has brought, in the order of the devices
     */
    public <T> List<T> exchange(T value) {
      return meeting.meet(index, value);
    }

    /**
     * Adds up a FLOAT32 buffer of each device, element by element in the order of the devices, and
     * replaces all of them by the sum: the same bits everywhere, however the sum was made. All
     * devices call this with buffers of the same length. It may only queue the work.
     *
     * @throws IllegalArgumentException if the lengths differ
     */
    public void addUp(Buffer values) {
      sum.addUp(this, values);
    }

    /**
     * Replaces a FLOAT32 buffer of each device by that of the first. All devices call this with
     * buffers of the same length.
     *
     * @throws IllegalArgumentException if the lengths differ
     */
    public void spread(Buffer values) {
      sum.spread(this, values);
    }
  }

  private DeviceGroup(List<Device> devices) {
    this.devices = List.copyOf(devices);
    this.sum = new SumOverDevices(devices.size());
  }

  /** Whether {@code device} names several. */
  public static boolean isList(String device) {
    return Required.present("device", device).contains(SEPARATOR);
  }

  /**
   * Opens devices.
   *
   * @param devices the names of one or more, as {@link Devices#open(String)} takes them, separated
   *     by commas; {@code auto} is none
   * @throws BackendUnavailableException if one cannot be used; names the cause and the cure
   * @throws IllegalArgumentException if the list has another form, names a GPU twice, or devices of
   *     different kinds
   */
  public static DeviceGroup open(String devices) {
    return open(devices, BackendSettings.defaults());
  }

  /**
   * The same, with settings for each of these backends.
   *
   * @throws BackendUnavailableException as {@link #open(String)}
   * @throws IllegalArgumentException as {@link #open(String)}
   */
  public static DeviceGroup open(String devices, BackendSettings settings) {
    List<String> names = names(devices);
    Required.present("settings", settings);
    return open(names, index -> Devices.open(names.get(index), settings));
  }

  /** A group of one device alone, which it takes over: closing the group closes it. */
  public static DeviceGroup of(Backend backend) {
    return open(List.of(Required.present("backend", backend).name()), index -> backend);
  }

  /**
   * The names in a list of devices, or the only one.
   *
   * @throws IllegalArgumentException as {@link #open(String)}
   */
  public static List<String> names(String devices) {
    List<String> names =
        Arrays.stream(Required.present("devices", devices).split(SEPARATOR, -1))
            .map(String::strip)
            .toList();
    Set<String> gpus = new HashSet<>();
    for (String name : names) {
      if (name.isEmpty() || (name.equals(Devices.AUTO) && names.size() > 1)) {
        throw new IllegalArgumentException(
            "the list of devices '"
                + devices
                + "' has "
                + (name.isEmpty() ? "an empty name" : "'" + name + "' in it")
                + "; needed names of devices, for example cuda:0,cuda:1");
      }
      if (!kind(name).equals(kind(names.get(0)))) {
        throw new IllegalArgumentException(
            "the list of devices '"
                + devices
                + "' has '"
                + names.get(0)
                + "' and '"
                + name
                + "'; needed devices of one kind");
      }
      boolean isGpu = kind(name).equals("cuda");
      if (isGpu && !gpus.add(name.contains(":") ? name : name + ":0")) {
        throw new IllegalArgumentException(
            "the list of devices '"
                + devices
                + "' has '"
                + name
                + "' twice; needed each GPU once: two halves of a batch on one GPU take longer than"
                + " the whole");
      }
    }
    return names;
  }

  private static String kind(String name) {
    int colon = name.indexOf(':');
    return colon < 0 ? name : name.substring(0, colon);
  }

  /** Opens devices of these names, each on its thread. */
  static DeviceGroup open(List<String> names, Opener opener) {
    List<Device> opened = new ArrayList<>();
    try {
      for (int i = 0; i < names.size(); i++) {
        int index = i;
        String name = names.get(i);
        boolean alone = names.indexOf(name) == names.lastIndexOf(name);
        String label = alone ? name : name + " (device " + i + " of " + names.size() + ")";
        if (i == 0) {
          opened.add(new Device(label, opener.open(0), null));
          continue;
        }
        ExecutorService thread =
            Executors.newSingleThreadExecutor(
                task -> {
                  Thread made = new Thread(task, "sequor-device-" + index);
                  made.setDaemon(true);
                  return made;
                });
        try {
          Backend backend = await(thread.submit(() -> opener.open(index)));
          opened.add(new Device(label, backend, thread));
        } catch (RuntimeException | Error e) {
          thread.shutdown();
          throw e;
        }
      }
      requireSameArithmetic(opened);
      return new DeviceGroup(opened);
    } catch (RuntimeException | Error e) {
      Closing.after(e, () -> close(opened));
      throw e;
    }
  }

  private static void requireSameArithmetic(List<Device> devices) {
    Device first = devices.get(0);
    for (Device device : devices) {
      String wanted = first.backend().engine().arithmetic();
      String found = device.backend().engine().arithmetic();
      if (!found.equals(wanted)) {
        throw new IllegalArgumentException(
            first.backend().name()
                + " has "
                + wanted
                + " and "
                + device.backend().name()
                + " has "
                + found
                + "; needed devices that make the same bits of the same numbers");
      }
    }
  }

  /** How many devices there are. */
  public int size() {
    return devices.size();
  }

  /** The first device's backend, which belongs to the thread that opened this. */
  public Backend first() {
    return devices.get(0).backend();
  }

  /** The devices in words, for example {@code cuda:0 NVIDIA H200 + cuda:1 NVIDIA H200}. */
  public String name() {
    return devices.stream()
        .map(device -> device.backend().name())
        .collect(Collectors.joining(" + "));
  }

  /** Whether this has been closed. */
  public boolean isClosed() {
    return closed;
  }

  /**
   * Has each device do {@code work} at the same time, and waits for all of them. If one fails, all
   * that wait for it in the middle of their work end theirs.
   *
   * @return what each has made, in the order of the devices
   * @throws IllegalArgumentException if one has refused an argument; it names the device
   * @throws BackendException if one has failed; it names the device
   * @throws IllegalStateException if this is closed, or the calling thread does not own the first
   *     device
   */
  public <R> List<R> onEach(Work<R> work) {
    List<@Nullable Throwable> failures = new ArrayList<>();
    List<@Nullable R> results = run(work, failures);
    RuntimeException named = null;
    for (int i = 0; i < failures.size(); i++) {
      Throwable failure = failures.get(i);
      if (failure == null || failure instanceof Rendezvous.Abandoned) {
        continue;
      }
      if (failure instanceof Error error) {
        throw error;
      }
      RuntimeException next = named(devices.get(i).label(), (RuntimeException) failure);
      if (named == null) {
        named = next;
      } else {
        named.addSuppressed(next);
      }
    }
    if (named != null) {
      throw named;
    }
    List<R> all = new ArrayList<>();
    results.forEach(result -> all.add(result));
    return all;
  }

  /**
   * Has each device do {@code work}, whatever fails: for giving back and putting right.
   *
   * @param failure of before, to which those of now are added
   */
  public void onEachAfter(Throwable failure, Work<?> work) {
    List<@Nullable Throwable> failures = new ArrayList<>();
    run(work, failures);
    for (Throwable next : failures) {
      if (next != null && next != failure) {
        failure.addSuppressed(next);
      }
    }
  }

  /** The failures are of each device, null for none. */
  private <R> List<@Nullable R> run(Work<R> work, List<@Nullable Throwable> failures) {
    Required.present("work", work);
    first().requireThread();
    if (closed) {
      throw new IllegalStateException("the group of " + labels() + " is used after close");
    }
    if (working) {
      throw new IllegalStateException(
          "the devices are at work already; needed another call after this one");
    }
    working = true;
    try {
      Rendezvous meeting = new Rendezvous(devices.size());
      List<Callable<R>> parts = new ArrayList<>();
      List<Future<R>> others = new ArrayList<>();
      for (int i = 0; i < devices.size(); i++) {
        Member member = new Member(i, meeting);
        parts.add(
            () -> {
              try {
                return work.run(member);
              } finally {
                meeting.leave();
              }
            });
        ExecutorService thread = devices.get(i).thread();
        if (thread != null) {
          others.add(thread.submit(parts.get(i)));
        }
      }
      List<@Nullable R> results = new ArrayList<>();
      for (int i = 0; i < devices.size(); i++) {
        R result = null;
        Throwable failure = null;
        try {
          result = i == 0 ? parts.get(0).call() : await(others.get(i - 1));
        } catch (Throwable e) { // of another thread, too: whoever calls is told
          failure = e;
        }
        results.add(result);
        failures.add(failure);
      }
      return results;
    } finally {
      working = false;
    }
  }

  private String labels() {
    return devices.stream().map(Device::label).collect(Collectors.joining(SEPARATOR));
  }

  /** The same failure with the name of the device before its words. */
  private RuntimeException named(String label, RuntimeException failure) {
    if (devices.size() == 1) {
      return failure;
    }
    String words = String.valueOf(failure.getMessage());
    String message = words.startsWith(label + " ") ? words : label + ": " + words;
    if (failure instanceof DeviceMemoryException) {
      return new DeviceMemoryException(message, failure);
    }
    if (failure instanceof BackendException) {
      return new BackendException(message, failure);
    }
    if (failure instanceof IllegalArgumentException) {
      return new IllegalArgumentException(message, failure);
    }
    if (failure instanceof IllegalStateException) {
      return new IllegalStateException(message, failure);
    }
    return new BackendException(label + ": " + failure, failure);
  }

  /** What a thread of this class makes, or what it fails with, whether interrupted or not. */
  private static <T> T await(Future<T> future) {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return future.get();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } catch (ExecutionException e) {
      if (e.getCause() instanceof Error error) {
        throw error;
      }
      if (e.getCause() instanceof RuntimeException exception) {
        throw exception;
      }
      throw new IllegalStateException(e.getCause());
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /**
   * Closes all devices, with all that was made on them, and ends their threads. Closing twice is
   * harmless.
   *
   * @throws IllegalStateException if the calling thread does not own the first device, or is in the
   *     middle of work
   */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    first().requireThread();
    if (working) {
      throw new IllegalStateException("the devices are at work; needed close after that");
    }
    closed = true;
    close(devices);
  }

  private static void close(List<Device> devices) {
    Closing closing = new Closing();
    for (Device device : devices) { // One may still read another's memory.
      closing.then(() -> onItsThread(device, synchronizes(device.backend())));
    }
    for (Device device : devices) {
      closing.then(() -> onItsThread(device, device.backend()::close));
      if (device.thread() != null) {
        device.thread().shutdown();
      }
    }
    closing.end();
  }

  private static Runnable synchronizes(Backend backend) {
    return () -> {
      if (!backend.isClosed()) {
        backend.synchronize();
      }
    };
  }

  private static void onItsThread(Device device, Runnable work) {
    ExecutorService thread = device.thread();
    if (thread == null) {
      work.run();
    } else {
      await(thread.submit(work, true));
    }
  }

  @Override
  public String toString() {
    return "DeviceGroup of " + labels();
  }
}
