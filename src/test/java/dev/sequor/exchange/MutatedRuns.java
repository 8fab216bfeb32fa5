package dev.sequor.exchange;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendException;
import dev.sequor.backend.BackendSettings;
import dev.sequor.backend.Devices;
import dev.sequor.io.MalformedFileException;
import dev.sequor.io.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongUnaryOperator;
import java.util.function.Supplier;

/** What models of files that something has happened to do, when they have been read. */
public final class MutatedRuns {
  /** More numbers than this are not made up for a model to run with. */
  private static final long LARGEST_INPUT = 1 << 20;

  private MutatedRuns() {}

  /** What they run on: with one thread, since models are small and many. */
  public static Backend backend() {
    return Devices.open("java", BackendSettings.builder().threads(1).build());
  }

  /**
   * Requires that a file was refused for something that was found, not for what came of it. HDF5 is
   * read by jHDF, and whatever that throws is a reason.
   */
  public static void requireFound(MalformedFileException refusal) {
    if (String.valueOf(refusal.getMessage()).contains("malformed HDF5")) {
      return;
    }
    for (Throwable cause = refusal; cause != null; cause = cause.getCause()) {
      if (cause instanceof IndexOutOfBoundsException
          || cause instanceof ArithmeticException
          || cause instanceof NegativeArraySizeException
          || cause instanceof ClassCastException
          || cause instanceof NullPointerException) {
        throw new AssertionError("refused for what came of it", refusal);
      }
    }
  }

  /** Reads models one after the other, and runs each. */
  public static int readAndRun(
      Path file,
      Supplier<byte[]> next,
      int count,
      LongUnaryOperator most,
      Backend backend,
      ExportedCases.Reader reader)
      throws IOException {
    List<ExchangedModel> last = new ArrayList<>();
    int refused =
        MutatedFiles.readOrRefuse(
            file,
            () -> {
              last.forEach(model -> run(backend, model));
              last.clear();
              return next.get();
            },
            count,
            most,
            path -> {
              try {
                last.add(reader.read(path));
              } catch (MalformedFileException e) {
                requireFound(e);
                throw e;
              }
            });
    last.forEach(model -> run(backend, model));
    return refused;
  }

  /** Runs a model with numbers of a kind that it takes: it does, or says why not. */
  public static void run(Backend backend, ExchangedModel model) {
    List<Tensor> inputs = new ArrayList<>();
    for (ExchangedModel.Input input : model.inputs()) {
      List<Long> sizes = sizes(input.layout());
      long count = 1;
      for (long size : sizes) {
        count *= size;
        if (count > LARGEST_INPUT) {
          return;
        }
      }
      if (input.type().isInteger()) {
        long[] numbers = new long[(int) count];
        Arrays.fill(numbers, input.areLengths() ? 1 : 0);
        inputs.add(Tensor.ofIntegers(input.name(), numbers, sizes));
      } else {
        float[] numbers = new float[(int) count];
        Arrays.fill(numbers, 0.5f);
        long[] all = sizes.stream().mapToLong(Long::longValue).toArray();
        inputs.add(Tensor.ofFloats(input.name(), numbers, all));
      }
    }
    try (ModelRunner runner = new ModelRunner(backend, model)) {
      runner.run(inputs);
    } catch (IllegalArgumentException | BackendException e) {
      assertTrue(e.getMessage() != null, e.toString());
    }
  }

  /** Three steps, two sequences, where any number may be. */
  private static List<Long> sizes(TensorLayout layout) {
    List<Long> sizes = new ArrayList<>();
    for (List<TensorLayout.Part> parts : layout.dimensions()) {
      long size = 1;
      for (TensorLayout.Part part : parts) {
        size *= part.size() > 0 ? part.size() : part.kind() == TensorLayout.Kind.BATCH ? 2 : 3;
      }
      sizes.add(size);
    }
    return sizes;
  }
}
