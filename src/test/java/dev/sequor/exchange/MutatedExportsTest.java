package dev.sequor.exchange;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.Backend;
import dev.sequor.exchange.ExportedCases.Exported;
import dev.sequor.exchange.dl4j.Dl4jModel;
import dev.sequor.exchange.keras.KerasModel;
import dev.sequor.io.MalformedFileException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Whatever happens to a file that Keras, Deeplearning4j or PyTorch has written: it is read, and
 * then runs, or is refused with a reason. Of each format as many as {@link MutatedFiles#count}
 * says, of all files of the exported cases by turns.
 */
class MutatedExportsTest {
  /** Besides twice the size of the file: its pieces, its JSON, and classes that are loaded late. */
  private static final long MOST_BYTES = 2L << 20;

  @TempDir Path folder;

  private final SplittableRandom random = new SplittableRandom(MutatedFiles.seed());
  private final List<Supplier<byte[]>> mutations = new ArrayList<>();

  /** Which of them is next. */
  private int at;

  /** Files of an ending that are not to be refused as they are. */
  private static List<Path> good(String ending) throws IOException {
    List<Path> files = new ArrayList<>();
    for (Exported exported : ExportedCases.endingIn(ending)) {
      if (exported.why().isEmpty()) {
        files.add(exported.path());
      }
    }
    assumeTrue(!files.isEmpty(), "no models in " + ExportedCases.folder());
    return files;
  }

  /** Bytes of the whole file. */
  private void addBytes(Path file) throws IOException {
    byte[] good = Files.readAllBytes(file);
    mutations.add(() -> MutatedFiles.mutated(good, random));
  }

  /** Bytes of a member, in a whole zip. */
  private void addMember(Map<String, byte[]> members, String name) {
    byte[] good = Objects.requireNonNull(members.get(name), name);
    mutations.add(() -> Zips.of(members, name, MutatedFiles.mutated(good, random)));
  }

  /** What a member in JSON says, in a whole zip; twice as often, as there is most to say. */
  private void addJson(Map<String, byte[]> members, String name) throws IOException {
    MutatedJson json = new MutatedJson(Objects.requireNonNull(members.get(name), name), random);
    for (int i = 0; i < 2; i++) {
      mutations.add(() -> Zips.of(members, name, json.next()));
    }
  }

  private byte[] next() {
    return mutations.get(at++ % mutations.size()).get();
  }

  private void readAndRun(String ending, ExportedCases.Reader reader) throws IOException {
    int count = MutatedFiles.count(1000);
    try (Backend backend = MutatedRuns.backend()) {
      for (Path each : good(ending)) {
        MutatedRuns.run(backend, reader.read(each));
      }
      int refused =
          MutatedRuns.readAndRun(
              folder.resolve("mutated" + ending),
              this::next,
              count,
              bytes -> 2 * bytes + MOST_BYTES,
              backend,
              reader);
      assertTrue(refused > count / 10, refused + " of " + count + " were refused");
    }
  }

  @Test
  void kerasZips() throws Exception {
    for (Path each : good(".keras")) {
      Map<String, byte[]> members = Zips.members(each);
      addBytes(each);
      addMember(members, "config.json");
      addJson(members, "config.json");
      addMember(members, "model.weights.h5");
    }
    readAndRun(".keras", KerasModel::read);
  }

  @Test
  void kerasHdf5() throws Exception {
    for (Path each : good(".h5")) {
      addBytes(each);
    }
    readAndRun(".h5", KerasModel::read);
  }

  @Test
  void dl4jZips() throws Exception {
    for (Path each : good(".zip")) {
      Map<String, byte[]> members = Zips.members(each);
      addBytes(each);
      addMember(members, "configuration.json");
      addJson(members, "configuration.json");
      addMember(members, "coefficients.bin");
    }
    readAndRun(".zip", Dl4jModel::read);
  }

  private void readTensors(String ending, List<Path> files) throws IOException {
    int count = MutatedFiles.count(1000);
    for (Path each : files) {
      readTensors(each);
    }
    int refused =
        MutatedFiles.readOrRefuse(
            folder.resolve("mutated" + ending),
            this::next,
            count,
            bytes -> 2 * bytes + MOST_BYTES,
            MutatedExportsTest::readTensors);
    assertTrue(refused > count / 10, refused + " of " + count + " were refused");
  }

  private static void readTensors(Path file) throws IOException {
    try (StateDict dict = StateDict.open(file)) {
      for (String name : dict.names()) {
        dict.floats(name);
      }
      TorchLayers.find(dict);
    } catch (MalformedFileException e) {
      MutatedRuns.requireFound(e);
      throw e;
    }
  }

  private static List<Path> stateDicts(String name) throws IOException {
    ExportedCases.assumePresent();
    return ExportedCases.with(name).map(each -> each.resolve(name)).toList();
  }

  /** Zips whose members are stored, as PyTorch reads them, and the instructions in them alone. */
  @Test
  void pickles() throws Exception {
    List<Path> files = new ArrayList<>(stateDicts("state.pt"));
    for (String name : List.of("bfloat16.pt", "nested.pt", "protocol4.pt", "views.pt")) {
      files.add(ExportedCases.folder().resolve("pt_files").resolve(name));
    }
    for (Path each : files) {
      addBytes(each);
      Map<String, byte[]> members = new LinkedHashMap<>();
      Zips.members(each)
          .forEach((name, bytes) -> members.put(name.substring(name.indexOf('/') + 1), bytes));
      byte[] pickle = Objects.requireNonNull(members.get("data.pkl"));
      Map<String, byte[]> storages = new LinkedHashMap<>();
      members.forEach(
          (name, bytes) -> {
            if (name.startsWith("data/")) {
              storages.put(name.substring("data/".length()), bytes);
            }
          });
      mutations.add(() -> TorchFiles.zip(MutatedFiles.mutated(pickle, random), storages));
    }
    readTensors(".pt", files);
  }

  private static byte[] safetensors(byte[] header, byte[] data) {
    return ByteBuffer.allocate(8 + header.length + data.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(header.length)
        .put(header)
        .put(data)
        .array();
  }

  /** The header, which is most of what can be wrong, as bytes and as JSON; and the whole. */
  @Test
  void safetensors() throws Exception {
    List<Path> files = stateDicts("state.safetensors");
    for (Path each : files) {
      addBytes(each);
      byte[] good = Files.readAllBytes(each);
      int end = 8 + (int) ByteBuffer.wrap(good).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
      byte[] header = Arrays.copyOfRange(good, 8, end);
      byte[] data = Arrays.copyOfRange(good, end, good.length);
      MutatedJson json = new MutatedJson(header, random);
      mutations.add(() -> safetensors(json.next(), data));
      mutations.add(() -> safetensors(MutatedFiles.mutated(header, random), data));
    }
    readTensors(".safetensors", files);
  }
}
