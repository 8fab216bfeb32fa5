package dev.sequor.backend;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Checks the buffers of one call after the other: each is named with what the call does with it,
 * then {@link #check()} looks for overlaps, and {@link #written()} marks what the call has written.
 * Kept by a backend, so that a call makes no object.
 */
final class Arguments {
  private static final int MOST = 16;

  private final Backend backend;
  private final String[] names = new String[MOST];
  private final @Nullable Buffer[] buffers = new Buffer[MOST];
  private final long[] counts = new long[MOST];
  private final boolean[] writes = new boolean[MOST];

  /** The arguments that this one may be the very same memory as: a bit each. */
  private final int[] over = new int[MOST];

  private int size;
  private Object purpose = "";

  /** What a step under way may be replayed with; null outside steps. */
  private @Nullable RecordedStep step;

  Arguments(Backend backend) {
    this.backend = backend;
  }

  /** Notes what the calls from now on use, for {@code step}; null for no step. */
  void noteFor(@Nullable RecordedStep step) {
    this.step = step;
  }

  /** Lets go of a call's buffers, so that the garbage collector may find what was dropped. */
  void forget() {
    Arrays.fill(buffers, 0, size, null);
    size = 0;
  }

  private Buffer buffer(int i) {
    return Objects.requireNonNull(buffers[i]);
  }

  /**
   * Begins a call.
   *
   * @param purpose what needs the buffers, for messages
   */
  Arguments of(Object purpose) {
    this.size = 0;
    this.purpose = purpose;
    return this;
  }

  /** What needs the buffers named from now on, in the same call. */
  Arguments andOf(Object purpose) {
    this.purpose = purpose;
    return this;
  }

  /** A buffer that is read: at least {@code count} elements. */
  Arguments reads(String name, @Nullable Buffer buffer, DType type, long count) {
    add(name, buffer, type, count, false, 0);
    return this;
  }

  /** The same; the buffer may be missing. */
  Arguments mayRead(String name, @Nullable Buffer buffer, DType type, long count) {
    return buffer == null ? this : reads(name, buffer, type, count);
  }

  /** A buffer that is written, and perhaps read. */
  Arguments writes(String name, @Nullable Buffer buffer, DType type, long count) {
    add(name, buffer, type, count, true, 0);
    return this;
  }

  /** The same; the buffer may be missing. */
  Arguments mayWrite(String name, @Nullable Buffer buffer, DType type, long count) {
    return buffer == null ? this : writes(name, buffer, type, count);
  }

  /** A buffer that is written, or null; it may start where that of the argument {@code of} does. */
  Arguments mayWriteOver(String of, String name, @Nullable Buffer buffer, DType type, long count) {
    return mayWriteOver(of, of, name, buffer, type, count);
  }

  /** The same; it may also start where that of the argument {@code orOf} does. */
  Arguments mayWriteOver(
      String of, String orOf, String name, @Nullable Buffer buffer, DType type, long count) {
    if (buffer != null) {
      int same = 0;
      for (int i = 0; i < size; i++) {
        same |= names[i].equals(of) || names[i].equals(orOf) ? 1 << i : 0;
      }
      add(name, buffer, type, count, true, same);
    }
    return this;
  }

  private void add(
      String name, @Nullable Buffer buffer, DType type, long count, boolean written, int sameAs) {
    if (buffer == null) {
      // A count of 0 is the argument's own: the call takes any.
      throw new IllegalArgumentException(
          name + " is missing; " + purpose + " needs " + (count == 0 ? "one" : count));
    }
    usable(name, buffer, type);
    if (buffer.elements() < count) {
      throw new IllegalArgumentException(
          name
              + " holds "
              + buffer.elements()
              + (type == DType.FLOAT32 ? " floats; " : " integers; ")
              + purpose
              + " needs "
              + count);
    }
    names[size] = name;
    buffers[size] = buffer;
    counts[size] = count;
    writes[size] = written;
    over[size] = sameAs;
    size++;
  }

  private void usable(String name, Buffer buffer, DType type) {
    if (buffer.backend() != backend) {
      throw new IllegalArgumentException(
          name
              + " lives on another backend, "
              + buffer.backend().name()
              + "; needed memory of "
              + backend.name());
    }
    if (buffer.isClosed()) {
      throw new IllegalStateException(name + " is used after close: " + buffer);
    }
    if (buffer.type() != type) {
      throw new IllegalArgumentException(name + " is " + buffer.type() + "; needed " + type);
    }
  }

  /** Refuses memory that one argument writes and another uses. */
  void check() {
    for (int i = 0; i < size; i++) {
      for (int j = 0; j < i; j++) {
        if ((writes[i] || writes[j]) && buffer(i).held() == buffer(j).held()) {
          requireApart(i, j);
        }
      }
    }
  }

  private void requireApart(int i, int j) {
    long start = buffer(i).memory().start();
    long other = buffer(j).memory().start();
    boolean mayBeSame = (over[i] >> j & 1) != 0;
    if (mayBeSame && start == other) {
      return;
    }
    if (start < other + counts[j] && other < start + counts[i]) {
      throw new IllegalArgumentException(
          names[i]
              + " shares memory with "
              + names[j]
              + "; needed memory of its own"
              + (mayBeSame ? ", or exactly the same" : ""));
    }
  }

  /** Marks what the call has written. */
  void written() {
    noteUses();
    for (int i = 0; i < size; i++) {
      if (writes[i]) {
        written(buffer(i));
      }
    }
  }

  /** Notes what the call uses. */
  void noteUses() {
    for (int i = 0; i < size; i++) {
      use(buffer(i).held());
    }
  }

  /** Requires something to be open, and notes that it is used. */
  void use(Held held) {
    held.requireOpen();
    if (step != null) {
      step.use(held);
    }
  }

  /**
   * Notes that the first {@code count} elements of an INT32 buffer get values from {@code low} to
   * {@code high}. Called before {@link #written()}.
   */
  void integers(int low, int high, Buffer target, long count) {
    Memory memory = target.memory();
    Memory.Contents contents = memory.contents();
    boolean all = memory.start() == 0 && count == contents.elements();
    if (step != null) {
      step.writes(contents, low, high, all);
    }
    if (all) {
      contents.replace(low, high);
    } else {
      contents.include(low, high);
    }
  }

  /** Notes that some elements of an INT32 buffer get values from {@code low} to {@code high}. */
  void someIntegers(int low, int high, Buffer target) {
    integers(low, high, target, 0);
  }

  /** Marks {@code buffer} as written. */
  void written(Buffer buffer) {
    Memory.Contents contents = buffer.memory().contents();
    contents.markWritten();
    if (step != null) {
      step.writes(contents);
    }
  }

  /**
   * Requires the first {@code count} integers of a buffer that has been named to lie in {@code
   * [low, high]}.
   *
   * @param what {@code high} is, for messages
   */
  void contents(String name, Buffer buffer, long count, int low, int high, String what) {
    require(new RecordedStep.Need(name, buffer.integers(), count, low, high, what, false));
  }

  /** The same, of integers none of which is less than the one before; {@code high} is the last. */
  void ascending(String name, Buffer buffer, long count, int low, int high) {
    require(new RecordedStep.Need(name, buffer.integers(), count, low, high, "", true));
  }

  private void require(RecordedStep.Need need) {
    if (step == null || !step.allows(need)) {
      requireContents(need, List.of());
    }
  }

  /** Requires lengths {@code [B]} of 0…T, where there are any. */
  void lengths(@Nullable Buffer lengths, int batchSize, int timeSteps) {
    if (lengths != null) {
      contents("lengths", lengths, batchSize, 0, timeSteps, "T=");
    }
  }

  /**
   * Looks at the contents themselves only if their range, as it is known, may be too wide, or their
   * order matters.
   *
   * @param pending will be copied to the device before anything reads the contents
   */
  void requireContents(RecordedStep.Need need, List<StepInput> pending) {
    long count = need.count();
    KnownIntegers integers = need.integers();
    if (count == 0 || integers.isKnown(count, need.low(), need.high(), need.ascending())) {
      return;
    }
    IntBuffer values = contents(integers, count, pending);
    for (int i = 0; i < count; i++) {
      int value = values.get(i);
      if (value < need.low() || value > need.high()) {
        throw new IllegalArgumentException(
            need.name()
                + "["
                + i
                + "] is "
                + value
                + "; needed "
                + (need.low() == Integer.MIN_VALUE ? "at most " : need.low() + " to ")
                + need.what()
                + need.high());
      }
      if (need.ascending() && i > 0 && value < values.get(i - 1)) {
        throw new IllegalArgumentException(
            need.name()
                + "["
                + i
                + "] is "
                + value
                + ", after "
                + values.get(i - 1)
                + "; needed ascending numbers");
      }
    }
    if (need.ascending() && values.get((int) count - 1) != need.high()) {
      throw new IllegalArgumentException(
          need.name()
              + " ends with "
              + values.get((int) count - 1)
              + "; needed "
              + need.high()
              + " last");
    }
    integers.know(count, need.low(), need.high(), need.ascending());
  }

  /** The first {@code count} of {@code integers} once all that is pending is there. */
  private IntBuffer contents(KnownIntegers integers, long count, List<StepInput> pending) {
    ByteBuffer host = Backend.hostMemory(DType.INT32, count);
    backend.engine().download(integers.memory(), host);
    IntBuffer values = host.asIntBuffer();
    for (StepInput input : pending) {
      if (input.target().held() == integers.held()) {
        IntBuffer given = input.source().asIntBuffer();
        long shift = input.target().memory().start() - integers.memory().start();
        for (int i = 0; i < given.limit(); i++) {
          if (i + shift >= 0 && i + shift < count) {
            values.put((int) (i + shift), given.get(i));
          }
        }
      }
    }
    return values;
  }

  /**
   * Requires host memory that is to be copied to the start of {@code buffer}, or from there.
   *
   * @throws IllegalArgumentException unless {@code host} is direct, in native order, writable if
   *     need be, and its remaining bytes are whole elements and no more than the buffer has
   */
  static void requireFit(String name, @Nullable ByteBuffer given, Buffer buffer, boolean written) {
    ByteBuffer host = Required.present(name, given);
    if (!host.isDirect() || host.order() != ByteOrder.nativeOrder()) {
      throw new IllegalArgumentException(
          name + " is not a direct buffer or not in native byte order; needed both");
    }
    if (written && host.isReadOnly()) {
      throw new IllegalArgumentException(name + " is read-only; needed one to write to");
    }
    int bytes = host.remaining();
    int element = buffer.type().bytes();
    if (bytes % element != 0 || bytes / element > buffer.elements()) {
      throw new IllegalArgumentException(
          name + " has " + bytes + " bytes; " + buffer + " has " + buffer.elements() * element);
    }
  }
}
