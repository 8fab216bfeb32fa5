package dev.sequor.benchmarks.gpu;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sequor.picture.AxisScale;
import dev.sequor.picture.Chart;
import dev.sequor.picture.Series;
import dev.sequor.picture.Svg;
import java.io.IOException;
import java.math.MathContext;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Puts what the parts of {@code ci/gpu-check} have found into one JSON file and one page of
 * Markdown, with a picture of the trainings. Options: {@code --in DIR}, {@code --out
 * DIR/gpu-check.json}; the page gets the same name with {@code .md}, the picture with {@code .svg}.
 */
public final class Report {
  private static final String SIMULATOR =
      "**Output of the simulator. It shows that every step works; its times measure nothing.**";

  private final Path folder;
  private final ObjectNode root = Options.JSON.createObjectNode();
  private final StringBuilder page = new StringBuilder();
  private final Path out;

  private Report(Path folder, Path out) {
    this.folder = folder;
    this.out = out;
  }

  public static void main(String[] arguments) throws IOException {
    Options options = new Options(arguments);
    Path out = Path.of(options.required("--out"));
    Report report = new Report(Path.of(options.required("--in")), out);
    report.gather();
    report.write();
    options.write(report.root);
    Files.writeString(report.beside(".md"), report.page);
  }

  private Path beside(String ending) {
    String name = out.getFileName().toString().replaceFirst("\\.json$", "");
    return out.resolveSibling(name + ending);
  }

  // ---- one JSON --------------------------------------------------------------------------------

  private void gather() throws IOException {
    JsonNode device = part("device");
    boolean simulator = device.path("simulator").asBoolean();
    root.put("simulator", simulator);
    if (simulator) {
      root.put("note", "simulator output: shows that every step works; its times measure nothing");
    }
    root.put("date", text("date.txt"));
    root.put("commit", text("commit.txt"));
    root.put("driver", text("driver.txt"));
    root.set("device", device);
    root.set("parts", parts());
    root.set("tests", tests());
    root.set("parity", part("parity"));
    root.set("training", part("training"));
    root.set("constants", part("constants"));
    root.set("sequor", times("sequor"));
    root.set("cudnn", times("cudnn"));
  }

  private JsonNode part(String name) throws IOException {
    Path file = folder.resolve(name + ".json");
    return Files.exists(file)
        ? Options.JSON.readTree(file.toFile())
        : Options.JSON.createObjectNode();
  }

  /** Both rounds as one; the second has left out what the first has timed. */
  private ObjectNode times(String who) throws IOException {
    ObjectNode first = (ObjectNode) part(who + "-first-times");
    ObjectNode second = (ObjectNode) part(who + "-times");
    if (first.isEmpty() || second.isEmpty()) {
      return first.isEmpty() ? second : first;
    }
    second.set("rows", ((ArrayNode) first.get("rows")).addAll((ArrayNode) second.get("rows")));
    return second;
  }

  private String text(String name) throws IOException {
    Path file = folder.resolve(name);
    return Files.exists(file) ? Files.readString(file).strip() : "";
  }

  /** Lines of part, outcome, seconds, reason. */
  private ArrayNode parts() throws IOException {
    ArrayNode parts = Options.JSON.createArrayNode();
    for (String line : text("parts.tsv").lines().toList()) {
      String[] words = line.split("\t", -1);
      ObjectNode part = parts.addObject();
      part.put("part", words[0]);
      part.put("outcome", words[1]);
      part.put("seconds", Integer.parseInt(words[2]));
      part.put("reason", words.length > 3 ? words[3] : "");
    }
    return parts;
  }

  /** What has become of the tests, from the lines that JUnit's launcher prints as it goes. */
  private ObjectNode tests() throws IOException {
    ObjectNode tests = Options.JSON.createObjectNode();
    Map<String, Integer> outcomes = new TreeMap<>();
    ArrayNode failures = Options.JSON.createArrayNode();
    Matcher line = Pattern.compile("(?m)^(.* > .*) :: ([A-Z]+)$").matcher(text("tests.log"));
    while (line.find()) {
      String outcome = line.group(2).toLowerCase(Locale.ROOT);
      outcomes.merge(outcome, 1, Integer::sum);
      if (outcome.equals("failed")) {
        failures.add(line.group(1));
      }
    }
    outcomes.forEach(tests::put);
    if (!failures.isEmpty()) {
      tests.set("failures", failures);
    }
    return tests;
  }

  // ---- one page --------------------------------------------------------------------------------

  private void line(String format, Object... values) {
    page.append(String.format(Locale.ROOT, format, values)).append('\n');
  }

  private void write() throws IOException {
    JsonNode device = root.get("device");
    line("# %s", device.path("device").asText("no device"));
    line("");
    if (root.get("simulator").asBoolean()) {
      line("%s", SIMULATOR);
      line("");
    }
    line(
        "%s, commit %s, driver %s (CUDA %s), cuBLAS %s, %s multiprocessors, compute capability %s,"
            + " %s",
        root.get("date").asText(),
        root.get("commit").asText(),
        root.get("driver").asText().isEmpty() ? "unknown" : root.get("driver").asText(),
        device.path("driverCudaVersion").asText(),
        device.path("cublasVersion").asText(),
        device.path("multiprocessors").asText(),
        device.path("computeCapability").asText(),
        device.path("java").asText());
    JsonNode versions = root.get("cudnn").path("versions");
    if (!versions.isMissingNode()) {
      line("");
      line(
          "cuDNN %s, PyTorch %s", versions.path("cudnn").asText(), versions.path("torch").asText());
    }
    writeParts();
    writeConstants();
    writeParity();
    writeTraining();
    writeTimes();
  }

  private void writeParts() {
    line("");
    line("| part | outcome | seconds | |");
    line("|---|---|--:|---|");
    for (JsonNode part : root.get("parts")) {
      String more = part.get("reason").asText();
      if (part.get("part").asText().equals("tests")) {
        more = root.get("tests") + (more.isEmpty() ? "" : "; " + more);
      }
      line(
          "| %s | %s | %d | %s |",
          part.get("part").asText(),
          part.get("outcome").asText(),
          part.get("seconds").asInt(),
          more.replace("|", "\\|"));
    }
  }

  /** What {@code native/deviceconstants} has measured. */
  private void writeConstants() {
    JsonNode constants = root.get("constants");
    if (!constants.has("constants")) {
      return;
    }
    line("");
    line("## Constants: measured beside predicted");
    line("");
    if (constants.path("simulated").asBoolean()) {
      line("%s", SIMULATOR);
      line("");
    }
    line("| | measured | predicted | | predicted by |");
    line("|---|--:|--:|---|---|");
    for (JsonNode constant : constants.get("constants")) {
      String measured = figure(constant.get("measured"));
      line(
          "| %s | %s | %s | %s | %s |",
          constant.get("name").asText().strip(),
          constant.has("failure") ? "**" + constant.get("failure").asText() + "**" : measured,
          figure(constant.get("predicted")),
          constant.get("unit").asText(),
          constant.get("source").asText());
    }
  }

  private static String figure(JsonNode number) {
    return number.isNumber()
        ? number.decimalValue().round(new MathContext(4)).stripTrailingZeros().toPlainString()
        : "";
  }

  private void writeParity() {
    JsonNode parity = root.get("parity");
    if (!parity.has("rows")) {
      return;
    }
    line("");
    line("## CPU against GPU");
    line("");
    line("The worst over several stacks, relative to %s.", parity.get("reference").asText());
    line("");
    line("| cell | mode | pass | L∞ | L2 | bar of L2 | |");
    line("|---|---|---|--:|--:|--:|---|");
    for (JsonNode row : parity.get("rows")) {
      line(
          "| %s | %s | %s | %.1e | %.1e | %s | %s |",
          row.get("cell").asText(),
          row.get("mode").asText(),
          row.get("pass").asText(),
          row.get("relativeLInfinity").asDouble(),
          row.get("relativeL2").asDouble(),
          row.get("bar").isNull()
              ? "none"
              : String.format(Locale.ROOT, "%.0e", row.get("bar").asDouble()),
          row.get("within").asBoolean() ? "" : "**too far**");
    }
  }

  private void writeTraining() throws IOException {
    JsonNode training = root.get("training");
    if (!training.has("steps")) {
      return;
    }
    line("");
    line("## Training");
    line("");
    int steps = training.get("steps").asInt();
    line(
        "The README's example, %d steps on %s and %s: the losses differ by at most %.1e (step %d);"
            + " bar %.0e%s. Loss %.4f at the start, %.4f at the end.",
        steps,
        training.get("cpu").asText(),
        training.get("gpu").asText(),
        training.get("worstRelativeDifference").asDouble(),
        training.get("worstStep").asInt(),
        training.get("bar").asDouble(),
        training.get("within").asBoolean() ? "" : ", **too far**",
        training.get("gpuLosses").get(0).asDouble(),
        training.get("gpuLosses").get(steps - 1).asDouble());
    Path picture = beside(".svg");
    Files.write(picture, losses(training).bytes());
    line("");
    line("![The loss of both trainings, step by step](%s)", picture.getFileName());
    line("");
    line("| character model | ms a step | characters a second |");
    line("|---|--:|--:|");
    for (JsonNode speed : training.path("speed")) {
      line(
          "| %d × LSTM %d, B=%d T=%d, %s | %.3f | %,.0f |",
          speed.get("layers").asInt(),
          speed.get("hiddenSize").asInt(),
          speed.get("batchSize").asInt(),
          speed.get("timeSteps").asInt(),
          speed.get("mode").asText(),
          speed.get("millisPerStep").asDouble(),
          speed.get("charactersPerSecond").asDouble());
    }
  }

  /** Both curves; where they lie on each other the dashes of the second show the first. */
  private Svg losses(JsonNode training) {
    return Chart.of("The README's example on both devices")
        .x("training step", AxisScale.INTEGER)
        .y("nats a character", AxisScale.LINEAR)
        .showing(0)
        .add(Series.line("CPU", 0, points(training.get("cpuLosses"))))
        .add(Series.line("GPU", 1, points(training.get("gpuLosses"))))
        .watermark(root.get("simulator").asBoolean() ? "SIMULATOR, NOT A GPU" : "")
        .draw();
  }

  /** A loss that is no number, as JSON has it, is a gap. */
  private static List<Series.Point> points(JsonNode losses) {
    List<Series.Point> points = new ArrayList<>();
    for (int i = 0; i < losses.size(); i++) {
      points.add(Series.Point.of(i + 1, losses.get(i).asDouble(Double.NaN)));
    }
    return points;
  }

  private static Map<String, JsonNode> byCase(JsonNode times, String list) {
    Map<String, JsonNode> rows = new LinkedHashMap<>();
    for (JsonNode row : times.path(list)) {
      rows.put(row.get("case").asText(), row);
    }
    return rows;
  }

  private void writeTimes() {
    Map<String, JsonNode> ours = byCase(root.get("sequor"), "rows");
    Map<String, JsonNode> theirs = byCase(root.get("cudnn"), "rows");
    if (ours.isEmpty()) {
      return;
    }
    line("");
    line("## Times");
    line("");
    line("Medians in milliseconds; `vs cuDNN` above 1 means that Sequor is faster.");
    line("");
    line(
        "| cell | pass | mode | L | D | lengths | T,B,H | Sequor | TFLOP/s | cuDNN | vs cuDNN | |");
    line("|---|---|---|--:|--:|---|---|--:|--:|--:|--:|---|");
    for (Map.Entry<String, JsonNode> row : ours.entrySet()) {
      String[] w = row.getKey().split(" ");
      JsonNode mine = row.getValue();
      JsonNode peer = theirs.get(row.getKey());
      double millis = mine.get("medianMillis").asDouble();
      boolean valid = mine.get("valid").asBoolean();
      line(
          "| %s | %s | %s | %s | %s | %s | %s,%s,%s | %.4g | %.4g | %s | %s | %s |",
          w[0],
          w[1],
          w[2],
          w[3],
          w[4],
          w[5],
          w[6],
          w[7],
          w[8],
          millis,
          mine.get("teraflops").asDouble(),
          peer == null
              ? ""
              : String.format(Locale.ROOT, "%.4g", peer.get("medianMillis").asDouble()),
          peer == null || !valid || root.get("simulator").asBoolean()
              ? ""
              : String.format(Locale.ROOT, "%.2f", peer.get("medianMillis").asDouble() / millis),
          valid ? "" : "**wrong result**");
    }
    writeSkipped("Sequor", root.get("sequor"));
    writeSkipped("cuDNN", root.get("cudnn"));
  }

  /** Counts by reason; the JSON names each case. */
  private void writeSkipped(String who, JsonNode times) {
    Map<String, Integer> reasons = new LinkedHashMap<>();
    for (JsonNode skipped : times.path("skipped")) {
      reasons.merge(skipped.get("why").asText(), 1, Integer::sum);
    }
    if (!reasons.isEmpty()) {
      line("");
      line("Not timed, %s: %s.", who, reasons);
    }
  }
}
