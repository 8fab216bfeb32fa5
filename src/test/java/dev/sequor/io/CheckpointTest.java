package dev.sequor.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.CellType;
import dev.sequor.data.CharacterVocabulary;
import dev.sequor.model.Clipping;
import dev.sequor.model.LossScale;
import dev.sequor.model.Optimizer;
import dev.sequor.model.RateSchedule;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.model.TrainerProgress;
import dev.sequor.model.TrainerSnapshot;
import dev.sequor.module.NamedTensor;
import dev.sequor.rnn.TensorRegion;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CheckpointTest {
  private static final String TEXT = "\n \"\\abc\u00e9" + Character.toString(0x1F40B);

  @TempDir Path folder;

  static Checkpoint checkpoint(long steps) {
    CharacterVocabulary vocabulary = CharacterVocabulary.of(TEXT);
    SequenceModelSpec spec =
        SequenceModelSpec.languageModel(vocabulary.size(), 3)
            .cell(CellType.LSTM_PEEPHOLE)
            .hiddenSize(2)
            .layers(2)
            .dropout(0.1f)
            .build();
    List<NamedTensor> parameters = new ArrayList<>();
    List<NamedTensor> moments = new ArrayList<>();
    for (TensorRegion region : spec.network().layout().regions()) {
      float[] values = new float[(int) region.elements()];
      for (int i = 0; i < values.length; i++) {
        values[i] = steps + i / 7f;
      }
      parameters.add(new NamedTensor(region.name(), region.shape(), values));
      moments.add(new NamedTensor("moments.0." + region.name(), region.shape(), values));
    }
    return new Checkpoint(
        spec,
        vocabulary,
        Optimizer.sgd(0.1f, 0.9f),
        Clipping.byGlobalNorm(5),
        new TrainerSnapshot(
            new TrainerProgress(-3, steps, steps, 0, 0, 1, 2, 4),
            new LossScale(32768f, steps),
            parameters,
            moments,
            List.of(new NamedTensor("state.recurrent", List.of(2, 2, 4, 2), new float[32]))),
        new TrainingRun(
            new DataSource.Text("", 0.05, "00"),
            16,
            5,
            4,
            Long.MIN_VALUE,
            100,
            RateSchedule.COSINE,
            10,
            "auto",
            "java",
            new TrainingRun.Curve(
                steps < 5 ? List.of() : List.of(new TrainingRun.Point(5, 4.25)),
                steps < 6 ? List.of() : List.of(new TrainingRun.Point(6, 3.5)))));
  }

  private static void assertSame(Checkpoint expected, Checkpoint actual) {
    assertEquals(expected.model(), actual.model());
    assertEquals(expected.data(), actual.data());
    assertEquals(expected.optimizer(), actual.optimizer());
    assertEquals(expected.clipping(), actual.clipping());
    assertEquals(expected.run(), actual.run());
    assertEquals(expected.snapshot().progress(), actual.snapshot().progress());
    assertEquals(expected.snapshot().lossScale(), actual.snapshot().lossScale());
    assertSame(expected.snapshot().parameters(), actual.snapshot().parameters());
    assertSame(expected.snapshot().moments(), actual.snapshot().moments());
    assertSame(expected.snapshot().carriedState(), actual.snapshot().carriedState());
  }

  private static void assertSame(List<NamedTensor> expected, List<NamedTensor> actual) {
    assertEquals(expected.size(), actual.size());
    for (int i = 0; i < expected.size(); i++) {
      assertEquals(expected.get(i).name(), actual.get(i).name());
      assertEquals(expected.get(i).shape(), actual.get(i).shape());
      assertArrayEquals(expected.get(i).values(), actual.get(i).values());
    }
  }

  private String refusal() {
    String message =
        String.valueOf(
            assertThrows(MalformedFileException.class, () -> Checkpoint.load(folder)).getMessage());
    assertEquals(1, message.lines().count(), message);
    for (String word :
        List.of("Exception", "fasterxml", "dev.sequor", "TrainingRun", "DenseSpec", "`")) {
      assertFalse(message.contains(word), message);
    }
    return message;
  }

  private void refused(String part) {
    String message = refusal();
    assertTrue(message.contains(part), () -> "needed '" + part + "' in: " + message);
  }

  private List<String> files() throws IOException {
    try (var files = Files.list(folder)) {
      return files.map(file -> String.valueOf(file.getFileName())).sorted().toList();
    }
  }

  @Test
  void whatIsSavedIsLoaded() throws IOException {
    checkpoint(7).save(folder);
    assertSame(checkpoint(7), Checkpoint.load(folder));
  }

  /** Written before windows could overlap: all steps are new. */
  @Test
  void aRunThatDoesNotSayHowManyStepsAreNewIsLoaded() throws IOException {
    checkpoint(7).save(folder);
    Path config = folder.resolve("config.json");
    String json = Files.readString(config);
    String before = json.replaceFirst("\\s*\"newSteps\" : 5,", "");
    assertTrue(before.length() < json.length());
    Files.writeString(config, before);
    assertEquals(16, assertInstanceOf(TrainingRun.class, Checkpoint.load(folder).run()).newSteps());
  }

  /** Runs were on texts alone, at one learning rate, with all losses in bits per character. */
  @Test
  void aRunOfTheTimeWhenThereWereTextsOnlyIsLoaded() throws IOException {
    Checkpoint saved = checkpoint(7);
    saved.save(folder);
    Path file = folder.resolve("config.json");
    String now = Files.readString(file);
    String then =
        now.replaceFirst(
                "\"source\" : \\{\\s+\"type\" : \"text\",\\s+\"file\" : \"\",(\\s+\"heldOutFraction\" : 0.05,\\s+)\"sha256\" : \"00\"\\s+\\}",
                "\"textFile\" : \"\",$1\"corpusSha256\" : \"00\"")
            .replace("\"type\" : \"run\"", "\"type\" : \"text\"")
            .replace("\"loss\" : 4.25", "\"bitsPerCharacter\" : 4.25")
            .replace("\"schedule\" : \"COSINE\",", "");
    assertTrue(then.contains("textFile") && !then.contains("\"source\""), then);
    Files.writeString(file, then);
    TrainingRun loaded = assertInstanceOf(TrainingRun.class, Checkpoint.load(folder).run());
    TrainingRun expected = assertInstanceOf(TrainingRun.class, saved.run());
    assertEquals(RateSchedule.CONSTANT, loaded.schedule());
    assertEquals(expected.source(), loaded.source());
    assertEquals(expected.curve(), loaded.curve());
    assertEquals(expected.newSteps(), loaded.newSteps());
  }

  /** Written while characters were all that a model could have. */
  @Test
  void aVocabularyThatStandsAloneIsLoaded() throws IOException {
    checkpoint(7).save(folder);
    Path config = folder.resolve("config.json");
    String json = Files.readString(config);
    String before =
        json.replaceFirst(
            "\"data\" : \\{\\s*\"type\" : \"characters\",\\s*\"characters\" : (\"(?:[^\"\\\\]|\\\\.)*\")\\s*\\}",
            "\"vocabulary\" : $1");
    assertTrue(before.contains("\"vocabulary\" : \"") && !before.contains("\"data\""), before);
    Files.writeString(config, before);
    assertSame(checkpoint(7), Checkpoint.load(folder));
    assertEquals(checkpoint(7).data(), TrainedModel.load(folder).data());
    Files.writeString(
        config,
        before.replaceFirst("\"vocabulary\" : \"(?:[^\"\\\\]|\\\\.)*\"", "\"vocabulary\" : \"\""));
    assertNull(Checkpoint.load(folder).data());
    assertNull(TrainedModel.load(folder).data());
  }

  @Test
  void aVocabularyWithAnotherNumberOfTokensThanTheModelIsRefused() throws IOException {
    checkpoint(7).save(folder);
    Path config = folder.resolve("config.json");
    String json = Files.readString(config);
    for (String data :
        List.of(
            "\"type\" : \"bytes\" | the vocabulary has 256 bytes; the model's 9 outputs need as many",
            "\"type\" : \"words\", \"words\" : [ \"a\" ] | the vocabulary has 2 words; the model's 9",
            "\"type\" : \"words\", \"words\" : [ \"a\", \"a\" ] | data: word 1 of the vocabulary is word 0",
            "\"type\" : \"words\", \"words\" : [ ] | data: the vocabulary has 0 words; needed 1 to",
            "\"type\" : \"words\", \"words\" : [ \"\" ] | data: word 0 of the vocabulary is empty",
            "\"type\" : \"words\", \"words\" : [ null ] | data.words[0]: is null; needed a value",
            "\"type\" : \"words\", \"words\" : \"a\" | data.words: needed a list in brackets")) {
      String[] parts = data.split(" \\| ", -1);
      Files.writeString(
          config,
          json.replaceFirst(
              "\"data\" : \\{[^}]*\\}", "\"data\" : { " + parts[0].replace("\\", "\\\\") + " }"));
      refused(parts[1]);
    }
  }

  @Test
  void onlyTheLastCheckpointStays() throws IOException {
    Files.writeString(folder.resolve("notes.txt"), "mine");
    checkpoint(7).save(folder);
    checkpoint(8).save(folder);
    assertEquals(
        List.of("config.json", "model-8.safetensors", "notes.txt", "training-8.safetensors"),
        files());
    assertSame(checkpoint(8), Checkpoint.load(folder));
  }

  @Test
  void aStepThatIsSavedAgainNeverReplacesFilesInUse() throws IOException {
    checkpoint(7).save(folder);
    checkpoint(7).save(folder);
    assertEquals(
        List.of("config.json", "model-7-2.safetensors", "training-7-2.safetensors"), files());
    assertSame(checkpoint(7), Checkpoint.load(folder));
  }

  @Test
  void whateverAStoppedSaveLeavesBehindIsHarmless() throws IOException {
    checkpoint(7).save(folder);
    // As if stopped after the new files were written, while config.json was being replaced.
    Files.writeString(folder.resolve("model-8.safetensors"), "new");
    Files.writeString(folder.resolve("training-8.safetensors.partial"), "half");
    Files.writeString(folder.resolve("config.json.partial"), "{");
    assertSame(checkpoint(7), Checkpoint.load(folder));
    checkpoint(9).save(folder);
    assertEquals(List.of("config.json", "model-9.safetensors", "training-9.safetensors"), files());
  }

  @Test
  void directoriesAreVacantUntilTheFirstCheckpointIsWhole() throws IOException {
    ModelDirectory.requireVacant(folder);
    ModelDirectory.requireVacant(folder.resolve("missing"));
    Files.writeString(folder.resolve("model-0.safetensors"), "half");
    ModelDirectory.requireVacant(folder);
    checkpoint(0).save(folder);
    assertThrows(IllegalArgumentException.class, () -> ModelDirectory.requireVacant(folder));
  }

  @Test
  void whoReadsWhileAnotherSavesGetsAWholeCheckpoint() throws Exception {
    checkpoint(7).save(folder);
    AtomicBoolean done = new AtomicBoolean();
    ExecutorService thread = Executors.newSingleThreadExecutor();
    try {
      Future<Long> saved =
          thread.submit(
              () -> {
                long steps = 7;
                while (!done.get()) {
                  checkpoint(++steps).save(folder);
                }
                return steps;
              });
      long last = 7;
      for (int i = 0; i < 150; i++) {
        long steps = Checkpoint.load(folder).snapshot().progress().steps();
        assertTrue(steps >= last, steps + " after " + last);
        last = steps;
      }
      done.set(true);
      assertTrue(saved.get(60, TimeUnit.SECONDS) > 7);
    } finally {
      done.set(true);
      thread.shutdown();
    }
  }

  @Test
  void everyTruncationIsRefused() throws IOException {
    checkpoint(7).save(folder);
    for (String name : List.of("model-7.safetensors", "training-7.safetensors", "config.json")) {
      Path file = folder.resolve(name);
      byte[] bytes = Files.readAllBytes(file);
      for (int length = 0; length < bytes.length; length += 13) {
        Files.write(file, Arrays.copyOf(bytes, length));
        refused(name + ": ");
      }
      Files.write(file, bytes);
    }
    assertSame(checkpoint(7), Checkpoint.load(folder));
  }

  @Test
  void missingFilesAreNamed() throws IOException {
    checkpoint(7).save(folder);
    Files.delete(folder.resolve("training-7.safetensors"));
    refused("training-7.safetensors: is missing");
    assertEquals(checkpoint(7).model(), TrainedModel.load(folder).model());
    Files.delete(folder.resolve("config.json"));
    refused("holds no checkpoint; needed a directory with a config.json");
  }

  @Test
  void lengthsMustBeThoseOfTheConfiguration() throws IOException {
    checkpoint(7).save(folder);
    Path config = folder.resolve("config.json");
    String json = Files.readString(config);
    Files.writeString(config, json.replaceFirst("\"bytes\" : \\d+", "\"bytes\" : 1"));
    refused(" bytes; config.json needs 1");
  }

  @Test
  void aChangedBitIsFound() throws IOException {
    checkpoint(7).save(folder);
    Path file = folder.resolve("model-7.safetensors");
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length - 4] ^= 1; // the last bit of the last weight
    Files.write(file, bytes);
    refused("model-7.safetensors: has SHA-256 ");
  }

  @Test
  void notANumberIsRefusedWithItsPlace() throws IOException {
    checkpoint(7).save(folder);
    Path file = folder.resolve("model-7.safetensors");
    byte[] bytes = Files.readAllBytes(file);
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putFloat(bytes.length - 4, Float.NaN);
    Files.write(file, bytes);
    refused("tensor 'output.bias' has NaN at element " + (CharacterVocabulary.of(TEXT).size() - 1));
  }

  @Test
  void aHeaderLongerThanTheFileIsRefused() throws IOException {
    checkpoint(7).save(folder);
    Path file = folder.resolve("model-7.safetensors");
    byte[] bytes = Files.readAllBytes(file);
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(0, bytes.length);
    Files.write(file, bytes);
    refused("says its header has " + bytes.length + " bytes, but only ");
  }

  @ParameterizedTest(name = "{2}")
  @CsvSource(
      delimiter = '|',
      value = {
        "\"version\" : 2 | \"version\" : 3 | has checkpoint version 3; this program reads versions 1 and 2",
        "sequor-checkpoint | other | is no checkpoint",
        "\"hiddenSize\" : 2 | \"hiddenSize\" : 3 | the model needs [12, 3]",
        "\"hiddenSize\" : 2 | \"hiddenSize\" : 0 | hiddenSize is 0; needed at least 1",
        "\"hiddenSize\" : 2 | \"hiddenSize\" : 2.5 | model.stack.hiddenSize: needed a whole number",
        "\"hiddenSize\" : 2 | \"hiddenSize\" : \"2\" | model.stack.hiddenSize: needed a whole number",
        "\"hiddenSize\" : 2 | \"hiddenSize\" : null | model.stack.hiddenSize: is null; needed a value",
        "\"hiddenSize\" : 2 | \"hiddenSize\" : 2147483648 | model.stack.hiddenSize: needed a whole number from -2147483648 to 2147483647",
        "\"hiddenSize\" : 2 | \"hiddenSize\" : 1073741824 | model.stack: the rows times columns of a weight matrix is 4611686018427387904; needed at most 2147483647",
        "\"hiddenSize\" : 2, |  | model.stack.hiddenSize: is missing",
        "\"layers\" : 2 | \"layers\" : 20000 | model.stack: layers is 20000; needed at most 1000",
        "\"denseLayers\" : [ ] | \"denseLayers\" : [ null ] | model.denseLayers[0]: is null; needed a value",
        "\"denseLayers\" : [ ] | \"denseLayers\" : 3 | model.denseLayers: needed a list in brackets",
        "\"direction\" : \"FORWARD\" | \"direction\" : 0 | model.stack.direction: needed one of FORWARD, REVERSE, BIDIRECTIONAL",
        "\"dropout\" : 0.1 | \"dropout\" : [ ] | model.stack.dropout: needed a number",
        "\"dropout\" : 0.1 | \"dropout\" : 1e999 | dropout is Infinity; needed 0 <= dropout < 1",
        "\"steps\" : 7 | \"steps\" : 9007199254740993 | steps is 9007199254740993; needed 0 to 9007199254740992",
        "\"updates\" : 7 | \"updates\" : 6 | steps is 7; needed the sum of 6 updates and 0 skippedSteps",
        "\"step\" : 5 | \"step\" : -2147483648 | step is -2147483648; needed at least 1",
        "\"step\" : 5 | \"step\" : 8 | the curve goes to step 8; the progress is at step 7",
        "\"loss\" : 4.25 | \"loss\" : -1 | loss is -1.0; needed 0 to 1.0E39",
        "\"heldOutFraction\" : 0.05 | \"heldOutFraction\" : 1 | run.source: heldOutFraction is 1.0; needed at least 0 and less than 1",
        "\"sha256\" : \"00\" | \"sha257\" : \"00\" | run.source.sha25",
        "\"sequenceLength\" : 16 | \"sequenceLength\" : 2147483647 | batchSize is 8589934588; needed at most 2147483647",
        "\"batchSize\" : 4 | \"batchSize\" : {} | run.batchSize: needed a whole number",
        "\"curve\" : { | \"curve\" : 5, \"x\" : { | run.curve: needed an object in braces",
        "\"step\" : 5 | \"step\" : \"5\" | run.curve.training[0].step: needed a whole number",
        "training-7.safetensors | model-7.safetensors | is no name of a file of a checkpoint's training part",
        "\"hiddenSize\" : 2 | \"hiddenSize\" : 2, \"depth\" : 1 | model.stack.depth: unknown field",
        "\"hiddenSize\" : 2 | \"layers\" : 2 | Duplicate field 'layers'",
        "\"layers\" : 2 | \"layers\" : 1 | is none of the model's",
        "\"layers\" : 2 | \"layers\" : 3 | has no tensor 'recurrent.layers.2.forward.input_weights'",
        "\"type\" : \"sgd\" | \"type\" : \"x\" | optimizer: type 'x' is unknown",
        "\"type\" : \"sequence\", | | model: its \"type\" is missing",
        "\"scale\" : 32768.0 | \"scale\" : 0.5 | the loss scale is 0.5; needed a finite number of at least 1",
        "LSTM_PEEPHOLE | LSTN | model.stack.cell: needed one of RNN_LINEAR, ",
        "model-7.safetensors | ../model-7.safetensors | is no name of a file of a checkpoint",
        "\"outputSize\" : 9 | \"outputSize\" : 8 | the model needs [8, 2]",
        "\"type\" : \"characters\" | \"type\" : \"letters\" | data: type 'letters' is unknown",
        "\"type\" : \"characters\", | | data: its \"type\" is missing",
        "\"characters\" : | \"characters\" : null, \"x\" : | data.characters: is null; needed a value",
        "\"characters\" : | \"letters\" : | data.characters: is missing",
        "\"characters\" : \" | \"characters\" : \"z | data: character 1 of the vocabulary is",
        "\"data\" : { | \"data\" : 3, \"x\" : { | data: its \"type\" is missing",
        "\"data\" : { | \"vocabulary\" : { | vocabulary: needed a text in quotes",
        "\"data\" : { | \"vocabulary\" : \"a\", \"data\" : { | vocabulary: unknown field",
        "\"data\" : { | \"date\" : { | data: is missing",
      })
  void aConfigurationThatDoesNotFitIsRefused(String from, @Nullable String to, String part)
      throws IOException {
    checkpoint(7).save(folder);
    Path config = folder.resolve("config.json");
    String json = Files.readString(config);
    assertTrue(json.contains(from), json);
    Files.writeString(config, json.replace(from, to == null ? "" : to));
    refused(part);
  }

  @Test
  void whatIsNoJsonIsSaidWithoutTheParsersNames() throws IOException {
    checkpoint(7).save(folder);
    Path config = folder.resolve("config.json");
    String json = Files.readString(config);
    Files.writeString(config, json.replace("\"layers\" : 2,", "\"layers\" ; 2,"));
    refused("config.json: is no JSON at line 25, column 16");
    Files.writeString(config, json.substring(0, json.length() - 2));
    refused("config.json: ends before it is complete");
    Files.writeString(config, json.replace("\"layers\" : 2", "\"layers\" : " + "9".repeat(1001)));
    refused("config.json: holds a number or a text that is too long, or brackets within too many");
    Files.writeString(config, json.replace("\"layers\" : 2", "\"layers\" : " + "[".repeat(1001)));
    refused("config.json: holds a number or a text that is too long, or brackets within too many");
    Files.writeString(config, json + "{}");
    refused("config.json: ");
    Files.writeString(config, json + " ".repeat(ConfigFile.MAX_BYTES));
    refused("needed at most 32000000");
  }

  @Test
  void aFileLongerThanTheConfigurationSaysIsRefusedBeforeItIsRead() throws IOException {
    checkpoint(7).save(folder);
    try (var file =
        FileChannel.open(folder.resolve("model-7.safetensors"), StandardOpenOption.WRITE)) {
      file.write(ByteBuffer.allocate(1), 1L << 40); // A hole: no room on the disk is taken.
    }
    refused("model-7.safetensors: has 1099511627777 bytes; config.json needs ");
  }

  @Test
  void configurationsAreNeverDeserialisedAsOtherClasses() throws IOException {
    checkpoint(7).save(folder);
    Path config = folder.resolve("config.json");
    Files.writeString(
        config,
        Files.readString(config)
            .replace("\"model\" : {", "\"model\" : { \"@class\" : \"java.lang.Runtime\","));
    refused("model.@class: unknown field");
  }
}
