package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.RnnSpec;
import dev.sequor.io.TrainedModel;
import dev.sequor.rnn.Parameters;
import dev.sequor.rnn.Rnn;
import dev.sequor.rnn.RnnStepper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** There are two GRUs with weights of the same shapes: names say which, those of before as well. */
class GruNamesTest {
  private static final double R = sigmoid(0.5);
  private static final double Z = sigmoid(-0.25);

  @TempDir Path folder;

  private static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }

  /** The second of two steps of one unit, which has a state and a recurrent bias to reset. */
  @ParameterizedTest
  @CsvSource({"gru, false", "gru-reset-before, false", "gru-reset-after, true"})
  void everyNameHasItsMathematics(String name, boolean resetAfter) {
    RnnSpec spec = RnnSpec.of(CellType.ofId(name), 1, 1);
    try (Backend backend = Devices.open("java");
        Parameters parameters = new Rnn(backend, spec).newParameters(1)) {
      parameters.set("layers.0.forward.input_weights", 0, 0, 1);
      parameters.set("layers.0.forward.recurrent_weights", 0, 0, 2);
      parameters.set("layers.0.forward.input_bias", 0.5f, -0.25f, 0);
      parameters.set("layers.0.forward.recurrent_bias", 0, 0, 0.75f);
      try (RnnStepper stepper = new Rnn(backend, spec).newStepper(parameters.values(), 1)) {
        double h = 0;
        for (int t = 0; t < 2; t++) {
          stepper.input().put(0, 1f);
          stepper.step();
          double candidate = resetAfter ? R * (2 * h + 0.75) : 2 * (R * h) + 0.75;
          h = (1 - Z) * Math.tanh(1 + candidate) + Z * h;
          assertEquals(h, stepper.output().get(0), 1e-6, name);
        }
      }
    }
  }

  private CommandLineRun train(String cell, Path model, Object... more) throws IOException {
    Path text = Files.writeString(folder.resolve("text.txt"), "to be or not to be\n".repeat(99));
    Object[] first = {"train", "--text", text, "--out", model, "--cell", cell};
    Object[] all = new Object[first.length + EveryCommand.smallest().size() + more.length];
    System.arraycopy(first, 0, all, 0, first.length);
    System.arraycopy(
        EveryCommand.smallest().toArray(), 0, all, first.length, EveryCommand.smallest().size());
    System.arraycopy(more, 0, all, all.length - more.length, more.length);
    return CommandLineRun.of(all).succeeds();
  }

  private static String sampled(Path model) {
    return CommandLineRun.of("sample", model, "--device=java").succeeds().out();
  }

  @Test
  void theOptionTakesTheNameOfBeforeAndSaysWhatItIs() throws IOException {
    CommandLineRun bare = train("GRU", folder.resolve("bare"));
    assertTrue(
        bare.err().startsWith("--cell gru is gru-reset-before; PyTorch's nn.GRU, "), bare.err());
    assertTrue(bare.err().contains("gru-reset-before, 1 layer of 3"), bare.err());
    assertEquals("", train("gru", folder.resolve("quiet"), "--quiet").err());
    CommandLineRun full = train("gru-reset-before", folder.resolve("full"));
    assertFalse(full.err().contains("nn.GRU"), full.err());
    assertEquals(sampled(folder.resolve("full")), sampled(folder.resolve("bare")));
    String config = Files.readString(folder.resolve("bare/config.json"));
    assertTrue(config.contains("\"GRU_RESET_BEFORE\""), config);
    CommandLineRun.of("train", "--cell", "gru-").isRefusedWith(2, "known: rnn-linear, ");
  }

  @Test
  void checkpointsAndFilesOfBeforeAreRead() throws IOException {
    Path model = folder.resolve("model");
    train("gru-reset-before", model);
    Path file = folder.resolve("model.safetensors");
    TrainedModel.load(model).save(file);
    String expected = sampled(model);

    Path config = model.resolve("config.json");
    String before = Files.readString(config).replace("\"GRU_RESET_BEFORE\"", "\"GRU\"");
    assertTrue(before.contains("\"GRU\""), before);
    Files.writeString(config, before);
    assertEquals(expected, sampled(model));
    CommandLineRun.of("train", "--resume", model, "--steps", 3).succeeds();

    // The header, as long as it was: blanks follow it anyway.
    byte[] bytes = Files.readAllBytes(file);
    String now = new String(bytes, StandardCharsets.ISO_8859_1);
    int end = 8 + (int) ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
    String header = now.substring(8, end).replace("GRU_RESET_BEFORE\\\"", "GRU\\\"");
    assertTrue(header.length() < end - 8, header);
    String then =
        now.substring(0, 8) + header + " ".repeat(end - 8 - header.length()) + now.substring(end);
    Files.write(file, then.getBytes(StandardCharsets.ISO_8859_1));
    // It has a checksum of these words as well, and the program says what that would be.
    String said = CommandLineRun.of("sample", file, "--device=java").err();
    Matcher sums = Pattern.compile("SHA-256 (\\w{64}); its metadata need (\\w{64})").matcher(said);
    assertTrue(sums.find(), said);
    String whole = then.replace(sums.group(2), sums.group(1));
    Files.write(file, whole.getBytes(StandardCharsets.ISO_8859_1));
    assertEquals(expected, sampled(file));
  }
}
