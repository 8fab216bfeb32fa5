package dev.sequor.backend;

import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What may be set for one backend. Whatever is not set here comes from a system property, or else
 * from an environment variable, when a backend is opened; so {@link #defaults()} is what the whole
 * process is set to. A backend passes over what is not for its kind of device.
 *
 * <pre>{@code
 * BackendSettings halves = BackendSettings.builder().mathMode("bf16").cudaMemory("8g").build();
 * Backend gpu = Devices.open("cuda:0", halves);
 * }</pre>
 */
public final class BackendSettings {
  /** What {@link Builder#mathMode} takes. */
  private static final List<String> MATH_MODES = List.of("fp32", "tf32", "bf16", "fp16");

  /** Those that {@code cpu} has. */
  private static final List<String> CPU_MATH_MODES = List.of("fp32", "bf16");

  private static final List<String> INSTRUCTION_SETS = List.of("AVX-512", "AVX2", "baseline");
  private static final int MOST_THREADS = 1024;
  private static final Pattern SIZE = Pattern.compile("(\\d{1,15})([kmgt]?)|(100|\\d{1,2})%");

  private static final String THREADS = "sequor.threads";
  private static final String INSTRUCTION_SET = "sequor.cpu.isa";
  private static final String CPU_MATH_MODE = "sequor.cpu.math";
  private static final String MATH_MODE = "sequor.cuda.math";
  private static final String CUDA_MEMORY = "sequor.cuda.memory";
  private static final String CUDA_CACHE = "sequor.cuda.cache";

  private static final BackendSettings DEFAULTS = builder().build();

  /** What is set here, checked; null for what is not. */
  private record Values(
      @Nullable Integer threads,
      @Nullable String instructionSet,
      @Nullable String mathMode,
      @Nullable String cudaMemory,
      @Nullable Boolean cudaCache) {}

  private final Values values;

  private BackendSettings(Values values) {
    this.values = values;
  }

  /** Nothing set: everything as the process is set. */
  public static BackendSettings defaults() {
    return DEFAULTS;
  }

  /** Nothing set yet. */
  public static Builder builder() {
    return new Builder();
  }

  /** Takes settings, each of which is checked at once. */
  public static final class Builder {
    private @Nullable Integer threads;
    private @Nullable String instructionSet;
    private @Nullable String mathMode;
    private @Nullable String cudaMemory;
    private @Nullable Boolean cudaCache;

    private Builder() {}

    /**
     * The threads of {@code cpu} and {@code java}; unless set, {@code sequor.threads} or {@code
     * SEQUOR_THREADS}, or else one per processor.
     *
     * @throws IllegalArgumentException if it is not 1 to 1024
     */
    public Builder threads(int threads) {
      if (threads < 1 || threads > MOST_THREADS) {
        throw new IllegalArgumentException(
            "threads is " + threads + "; needed a whole number from 1 to " + MOST_THREADS);
      }
      this.threads = threads;
      return this;
    }

    /**
     * The instruction set of {@code cpu}: {@code AVX-512}, {@code AVX2} or {@code baseline}; unless
     * set, {@code sequor.cpu.isa} or {@code SEQUOR_CPU_ISA}, or else the best of this processor.
     *
     * @throws IllegalArgumentException if it is none of these
     */
    public Builder instructionSet(String instructionSet) {
      Required.present("instructionSet", instructionSet);
      this.instructionSet = checkedInstructionSet("instructionSet", instructionSet);
      return this;
    }

    /**
     * What matrix products of {@code cuda} and {@code cpu} multiply: {@code fp32}, {@code tf32},
     * {@code bf16} or {@code fp16}, in any case; unless set, {@code sequor.cuda.math} or {@code
     * SEQUOR_CUDA_MATH} for the one, {@code sequor.cpu.math} or {@code SEQUOR_CPU_MATH} for the
     * other, or else {@code fp32}. {@code cpu} has {@code fp32} and {@code bf16}; set to {@code
     * tf32} or {@code fp16} here it multiplies {@code fp32}, which is no less exact. Its {@code
     * bf16} is fast on processors with AVX512_BF16, and slower than {@code fp32} on others, with
     * the same results.
     *
     * @throws IllegalArgumentException if it is none of these
     */
    public Builder mathMode(String mathMode) {
      Required.present("mathMode", mathMode);
      this.mathMode = checkedMathMode("mathMode", mathMode);
      return this;
    }

    /**
     * The most device memory that a {@code cuda} backend allocates: a number of bytes, with k, m, g
     * or t for powers of 1024 ({@code 8g}), or a part of what is free when it is opened ({@code
     * 80%}); unless set, {@code sequor.cuda.memory} or {@code SEQUOR_CUDA_MEMORY}, or else all that
     * is free but a tenth, or 1 GiB if that is less.
     *
     * @throws IllegalArgumentException if it has another form, or is 0
     */
    public Builder cudaMemory(String cudaMemory) {
      Required.present("cudaMemory", cudaMemory);
      bytes("cudaMemory", cudaMemory, Long.MAX_VALUE);
      this.cudaMemory = cudaMemory;
      return this;
    }

    /**
     * Whether a {@code cuda} backend keeps freed device memory for reuse; unless set, {@code
     * sequor.cuda.cache} or {@code SEQUOR_CUDA_CACHE}, {@code on} or {@code off}, or else {@code
     * on}.
     */
    public Builder cudaCache(boolean cudaCache) {
      this.cudaCache = cudaCache;
      return this;
    }

    /** What has been set so far. */
    public BackendSettings build() {
      return new BackendSettings(
          new Values(threads, instructionSet, mathMode, cudaMemory, cudaCache));
    }
  }

  // What a backend that is being opened asks for: set here, or for the process, or else the
  // default.

  /**
   * The number of threads to compute with.
   *
   * @throws IllegalArgumentException if it comes from the process and makes no sense, as for all of
   *     these; names the source, the value and what is needed
   */
  public int threads() {
    if (values.threads != null) {
      return values.threads;
    }
    String text = HostSettings.value(THREADS);
    if (text == null) {
      return Runtime.getRuntime().availableProcessors();
    }
    try {
      int threads = Integer.parseInt(text.trim());
      if (threads >= 1 && threads <= MOST_THREADS) {
        return threads;
      }
    } catch (NumberFormatException e) {
      // Reported below, with what was needed.
    }
    throw refused(HostSettings.source(THREADS), text, "a whole number from 1 to " + MOST_THREADS);
  }

  /** The instruction set to use; empty for the best. */
  public Optional<String> instructionSet() {
    if (values.instructionSet != null) {
      return Optional.of(values.instructionSet);
    }
    return Optional.ofNullable(HostSettings.value(INSTRUCTION_SET))
        .map(text -> checkedInstructionSet(HostSettings.source(INSTRUCTION_SET), text));
  }

  /** What products of {@code cpu} multiply: fp32 or bf16. */
  public String cpuMathMode() {
    if (values.mathMode != null) {
      return CPU_MATH_MODES.contains(values.mathMode) ? values.mathMode : "fp32";
    }
    String text = HostSettings.value(CPU_MATH_MODE);
    return text == null
        ? "fp32"
        : checkedMode(HostSettings.source(CPU_MATH_MODE), text, CPU_MATH_MODES);
  }

  /** The math mode of {@code cuda}, in lower case. */
  public String mathMode() {
    if (values.mathMode != null) {
      return values.mathMode;
    }
    String text = HostSettings.value(MATH_MODE);
    return text == null ? "fp32" : checkedMathMode(HostSettings.source(MATH_MODE), text);
  }

  /** The most bytes of device memory to allocate, of which {@code free} are free; or empty. */
  public OptionalLong cudaMemoryBytes(long free) {
    if (values.cudaMemory != null) {
      return OptionalLong.of(bytes("cudaMemory", values.cudaMemory, free));
    }
    String text = HostSettings.value(CUDA_MEMORY);
    return text == null
        ? OptionalLong.empty()
        : OptionalLong.of(bytes(HostSettings.source(CUDA_MEMORY), text, free));
  }

  /** Whether freed device memory is kept for reuse. */
  public boolean cudaCache() {
    if (values.cudaCache != null) {
      return values.cudaCache;
    }
    String text = HostSettings.value(CUDA_CACHE);
    if (text == null || text.equals("on")) {
      return true;
    }
    if (text.equals("off")) {
      return false;
    }
    throw refused(HostSettings.source(CUDA_CACHE), text, "on or off");
  }

  /**
   * What is set here, or for the process, unchecked: the same for backends that are set alike now.
   */
  List<String> inEffect() {
    return List.of(
        inEffect(values.threads, THREADS),
        inEffect(values.instructionSet, INSTRUCTION_SET),
        inEffect(values.mathMode, CPU_MATH_MODE),
        inEffect(values.mathMode, MATH_MODE),
        inEffect(values.cudaMemory, CUDA_MEMORY),
        inEffect(values.cudaCache, CUDA_CACHE));
  }

  private static String inEffect(@Nullable Object here, String property) {
    return String.valueOf(here == null ? HostSettings.value(property) : here);
  }

  private static String checkedInstructionSet(String source, String text) {
    if (INSTRUCTION_SETS.contains(text)) {
      return text;
    }
    throw refused(source, text, "one of " + String.join(", ", INSTRUCTION_SETS));
  }

  private static String checkedMathMode(String source, String text) {
    return checkedMode(source, text, MATH_MODES);
  }

  private static String checkedMode(String source, String text, List<String> modes) {
    String mode = text.trim().toLowerCase(Locale.ROOT);
    if (modes.contains(mode)) {
      return mode;
    }
    throw refused(source, text, "one of " + String.join(", ", modes));
  }

  private static long bytes(String source, String text, long free) {
    Matcher size = SIZE.matcher(text.trim().toLowerCase(Locale.ROOT));
    if (size.matches()) {
      double bytes =
          size.group(3) == null
              ? Double.parseDouble(size.group(1)) * unit(size.group(2))
              : free * (Integer.parseInt(size.group(3)) / 100.0);
      if (bytes >= 1) {
        return (long) bytes;
      }
    }
    throw refused(
        source,
        text,
        "a number of bytes such as 8g or 512m, or a part of the free memory such as 80%");
  }

  private static long unit(String suffix) {
    return suffix.isEmpty() ? 1 : 1L << (10 * ("kmgt".indexOf(suffix) + 1));
  }

  private static IllegalArgumentException refused(String source, String text, String needed) {
    return new IllegalArgumentException(source + " is '" + text + "'; needed " + needed);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof BackendSettings settings && values.equals(settings.values);
  }

  @Override
  public int hashCode() {
    return Objects.hash(values);
  }

  /** What is set here, not what the process is set to. */
  @Override
  public String toString() {
    return "BackendSettings" + values.toString().substring("Values".length());
  }
}
