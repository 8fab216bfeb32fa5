package dev.sequor.exchange;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.io.SafetensorsFile;
import dev.sequor.io.Tensor;
import dev.sequor.model.UsableBackends;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;

/** Models as other libraries have written them, with inputs and what became of them there. */
public final class ExportedCases {
  private ExportedCases() {}

  /**
   * A file of a model.
   *
   * @param folder of the case
   * @param file in it
   * @param runs how many of the inputs it has to reproduce
   * @param why it has to be refused; empty if it has not
   */
  public record Exported(Path folder, String file, int runs, String why) {
    /** The model. */
    public Path path() {
      return folder.resolve(file);
    }

    /** Input number {@code i}. */
    public List<Tensor> inputs(int i) throws IOException {
      return SafetensorsFile.readAll(folder.resolve("input" + i + ".safetensors"));
    }

    /** What the library made of it. */
    public List<Tensor> outputs(int i) throws IOException {
      return SafetensorsFile.readAll(folder.resolve("output" + i + ".safetensors"));
    }

    @Override
    public String toString() {
      return folder.getFileName() + "/" + file;
    }
  }

  /** Where the cases are, which may be nowhere. */
  public static Path folder() {
    String shared = Objects.requireNonNullElse(System.getenv("SEQUOR_SHARED"), "../shared");
    return Path.of(shared, "conformance", "exported");
  }

  /** The folders that have such a file, or one that stands for them where they are not. */
  public static Stream<Path> with(String file) throws IOException {
    if (!Files.isDirectory(folder())) {
      return Stream.of(Path.of("absent"));
    }
    try (Stream<Path> all = Files.list(folder())) {
      return all.filter(each -> Files.exists(each.resolve(file))).sorted().toList().stream();
    }
  }

  /** Aborts a test where there are none. */
  public static void assumePresent() {
    Assumptions.assumeTrue(Files.isDirectory(folder()), folder() + " is not there");
  }

  /** All files whose names end so, of all cases. */
  public static List<Exported> endingIn(String ending) throws IOException {
    List<Exported> found = new ArrayList<>();
    if (!Files.isDirectory(folder())) {
      return found;
    }
    try (Stream<Path> folders = Files.list(folder())) {
      for (Path folder : folders.sorted().toList()) {
        Path json = folder.resolve("case.json");
        if (!Files.isRegularFile(json)) {
          continue;
        }
        JsonNode description = new JsonMapper().readTree(Files.readString(json));
        if (!description.path("schema").asText().equals("exported/1")) {
          continue;
        }
        for (Map.Entry<String, JsonNode> file : description.get("files").properties()) {
          if (file.getKey().endsWith(ending)) {
            found.add(
                new Exported(
                    folder,
                    file.getKey(),
                    file.getValue().path("runs").asInt(),
                    file.getValue().path("kind").asText().equals("reject")
                        ? file.getValue().path("why").asText()
                        : ""));
          }
        }
      }
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
    return found;
  }

  /** What reads a file. */
  public interface Reader {
    /** The model in a file. */
    ExchangedModel read(Path path) throws IOException;
  }

  /** What a test does with a file. */
  public interface Check {
    /** Fails if the file is not as it should be. */
    void of(Exported exported) throws IOException;
  }

  /**
   * Tests of all files whose names end so: on every device they say what they said where they were
   * written, or they are refused.
   */
  public static List<DynamicTest> tests(String ending, Reader reader, Check refuses)
      throws IOException {
    List<Exported> all = endingIn(ending);
    Assumptions.assumeTrue(!all.isEmpty(), "no models in " + folder());
    List<DynamicTest> tests = new ArrayList<>();
    for (Exported exported : all) {
      if (!exported.why().isEmpty()) {
        tests.add(DynamicTest.dynamicTest(exported + " is refused", () -> refuses.of(exported)));
        continue;
      }
      for (String device : UsableBackends.names().toList()) {
        tests.add(
            DynamicTest.dynamicTest(
                exported + " on " + device, () -> requireSame(exported, reader, device)));
      }
    }
    return tests;
  }

  /** The same of files among the resources of a test, each in a folder of its own. */
  public static List<DynamicTest> committed(Class<?> test, Reader reader, String... files)
      throws IOException, URISyntaxException {
    List<DynamicTest> tests = new ArrayList<>();
    for (String file : files) {
      Path path = Path.of(Objects.requireNonNull(test.getResource(file), file).toURI());
      Path folder = Objects.requireNonNull(path.getParent());
      Exported exported = new Exported(folder, String.valueOf(path.getFileName()), 1, "");
      for (String device : UsableBackends.names().toList()) {
        tests.add(
            DynamicTest.dynamicTest(
                exported + " on " + device, () -> requireSame(exported, reader, device)));
      }
    }
    return tests;
  }

  private static void requireSame(Exported exported, Reader reader, String device)
      throws IOException {
    ExchangedModel model = reader.read(exported.path());
    try (Backend backend = Devices.open(device);
        ModelRunner runner = new ModelRunner(backend, model)) {
      for (int i = 0; i < exported.runs(); i++) {
        requireClose(exported.outputs(i), runner.run(named(model, exported.inputs(i))));
      }
    }
  }

  /** A single input under the name that the model has for it: Keras makes up another. */
  private static List<Tensor> named(ExchangedModel model, List<Tensor> inputs) {
    if (inputs.size() != 1 || model.inputs().size() != 1) {
      return inputs;
    }
    Tensor only = inputs.get(0);
    return List.of(
        new Tensor(model.inputs().get(0).name(), only.type(), only.shape(), only.data()));
  }

  /** Throws if tensors are not those expected, within 1e-5 of the largest number. */
  public static void requireClose(List<Tensor> expected, List<Tensor> actual) {
    for (Tensor want : expected) {
      Tensor got =
          actual.stream()
              .filter(tensor -> tensor.name().equals(want.name()))
              .findFirst()
              .orElseThrow(() -> new AssertionError("no output '" + want.name() + "'"));
      if (!got.shape().equals(want.shape())) {
        throw new AssertionError(
            want.name() + " has the sizes " + got.shape() + ", not " + want.shape());
      }
      if (want.type().isInteger()) {
        long[] integers = want.type().integers(want.data());
        long[] others = got.type().integers(got.data());
        if (!java.util.Arrays.equals(integers, others)) {
          throw new AssertionError(want.name() + " has other integers");
        }
        continue;
      }
      float[] wanted = want.type().floats(want.data());
      float[] given = got.type().floats(got.data());
      for (int i = 0; i < wanted.length; i++) {
        float bar = 1e-5f + 1e-5f * Math.abs(wanted[i]);
        if (!(Math.abs(wanted[i] - given[i]) <= bar)) {
          throw new AssertionError(
              want.name() + "[" + i + "] is " + given[i] + "; expected " + wanted[i]);
        }
      }
    }
    if (actual.size() != expected.size()) {
      throw new AssertionError(actual.size() + " outputs; expected " + expected.size());
    }
  }
}
