package dev.sequor.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.DoubleNode;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;

/**
 * A process with little memory that damages a model directory in many ways and gives it to each
 * command. Prints the mutations that were not answered with exit code 0, or with 2 and one line (4
 * if the training went on and diverged); then how many there were, and how long the longest took.
 */
final class HostileDirectories {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String WEIGHTS = "model-37.safetensors";
  private static final String TRAINING = "training-37.safetensors";
  private static final List<String> FILES = List.of("config.json", WEIGHTS, TRAINING);

  private final Path good;
  private final Path work;
  private final Path fifo;
  private final SplittableRandom random;
  private String what = "";

  private HostileDirectories(Path good, Path work, Path fifo, long seed) {
    this.good = good;
    this.work = work;
    this.fifo = fifo;
    this.random = new SplittableRandom(seed);
  }

  /** Arguments: a good model of version 1, a folder to work in, the first seed, how many. */
  public static void main(String[] args) throws Exception {
    System.setProperty("java.awt.headless", "true");
    System.setProperty("org.slf4j.simpleLogger.defaultLogLevel", "error");
    Path good = Path.of(args[0]);
    Path folder = Path.of(args[1]);
    long first = Long.parseLong(args[2]);
    long count = Long.parseLong(args[3]);
    Path fifo = folder.resolve("fifo");
    new ProcessBuilder("mkfifo", fifo.toString()).inheritIO().start().waitFor();
    HostileDirectories undamaged =
        new HostileDirectories(good, folder.resolve("model"), fifo, first);
    for (String command : List.of("sample", "eval", "train")) {
      undamaged.copy();
      String answer = undamaged.answerTo(command);
      if (!answer.equals("0")) {
        System.out.println("FAULT of the undamaged model, " + command + ": " + answer);
      }
    }
    Map<String, Integer> codes = new TreeMap<>();
    long longest = 0;
    String slowest = "";
    int faults = 0;
    for (long seed = first; seed < first + count; seed++) {
      HostileDirectories one = new HostileDirectories(good, folder.resolve("model"), fifo, seed);
      one.prepare();
      if ((seed - first) % 1000 == 999) {
        report(seed - first, faults, codes, longest, slowest);
      }
      for (String command : List.of("sample", "eval", "train")) {
        long start = System.nanoTime();
        String answer = one.answerTo(command);
        long millis = (System.nanoTime() - start) / 1_000_000;
        if (millis > longest) {
          longest = millis;
          slowest = command + ", seed " + seed + ", " + one.what;
        }
        codes.merge(command + " " + answer.substring(0, 1), 1, Integer::sum);
        if (!List.of("0", "2", "4").contains(answer)) {
          faults++;
          System.out.println(
              "FAULT seed " + seed + " " + command + " after " + one.what + ": " + answer);
        }
      }
    }
    report(count, faults, codes, longest, slowest);
  }

  private static void report(
      long count, int faults, Map<String, Integer> codes, long longest, String slowest) {
    System.out.println(count + " mutations, " + faults + " faults, answers " + codes);
    System.out.println("longest " + longest + " ms: " + slowest);
  }

  /** The exit code, with what is wrong about the answer if anything is. */
  private String answerTo(String command) {
    Path text = good.resolve("text.txt");
    boolean trainsOn = command.equals("train") && random.nextInt(20) == 0;
    CommandLineRun run;
    try {
      run =
          switch (command) {
            case "sample" -> CommandLineRun.of("sample", work, "--length", 9, "--device", "java");
            case "eval" -> CommandLineRun.of("eval", work, "--text", text, "--device", "java");
            default ->
                CommandLineRun.of(
                    "train",
                    "--resume",
                    work,
                    "--text",
                    text,
                    "--steps",
                    trainsOn ? 39 : 37,
                    "--device",
                    "java",
                    "--quiet");
          };
    } catch (Throwable e) { // An error that is not caught would end the program with a trace.
      return "! " + e;
    }
    String err = run.err();
    if (Boolean.getBoolean("sequor.hostile.print")) {
      System.out.println(command + " after " + what + ": " + run.code() + " " + err.strip());
    }
    // Numbers that are in their ranges may still be none to learn from.
    if (run.code() == 4 && trainsOn && err.contains("the training diverged at step ")) {
      return "4";
    }
    if (run.code() == 2) {
      boolean oneLine = run.out().isEmpty() && err.lines().count() == 1;
      boolean inWords =
          !err.contains("Exception")
              && !err.contains("fasterxml")
              && !err.contains("dev.sequor")
              && !err.contains("java.");
      return oneLine && inWords ? "2" : "2, but says: " + err + run.out();
    }
    boolean fine = run.code() == 0 && !err.contains("not drawn") && !run.out().contains("NaN");
    return fine ? "0" : run.code() + (run.code() == 0 ? ", but says: " : ": ") + err;
  }

  private static void delete(Path path) throws IOException {
    if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
      try (var below = Files.list(path)) {
        for (Path entry : below.toList()) {
          delete(entry);
        }
      }
    }
    Files.delete(path);
  }

  private void copy() throws IOException {
    delete(work);
    Files.createDirectory(work);
    for (String name : FILES) {
      Files.copy(good.resolve(name), work.resolve(name));
    }
  }

  /** A copy of the good model with one to three things wrong. */
  private void prepare() throws Exception {
    copy();
    int changes = random.nextInt(4) == 0 ? 1 + random.nextInt(3) : 1;
    for (int i = 0; i < changes; i++) {
      String file = FILES.get(random.nextInt(FILES.size()));
      if (!isFile(file)) {
        continue;
      }
      try {
        change(file);
      } catch (JsonProcessingException e) {
        note("no JSON any more");
      }
    }
  }

  private void change(String file) throws Exception {
    switch (random.nextInt(10)) {
      case 0 -> flipBytes(file);
      case 1 -> cutOrExtend(file);
      case 2, 3, 4, 5 -> changeJson();
      case 6 -> changeHeader(random.nextBoolean() ? WEIGHTS : TRAINING);
      case 7 -> changeNumbers(random.nextBoolean() ? WEIGHTS : TRAINING);
      case 8 -> swap();
      default -> replaceFile(file);
    }
  }

  /** Whether it is a file of this directory, and not one that a link leads to. */
  private boolean isFile(String file) {
    return Files.isRegularFile(work.resolve(file), LinkOption.NOFOLLOW_LINKS);
  }

  private void put(String file, byte[] bytes) throws IOException {
    delete(work.resolve(file));
    Files.write(work.resolve(file), bytes);
  }

  private void note(String change) {
    what += (what.isEmpty() ? "" : "; ") + change;
  }

  private byte[] bytes(String file) throws IOException {
    Path path = work.resolve(file);
    // Not what another change has put there: a hole of a terabyte, or a pipe.
    return isFile(file) && Files.size(path) < 1_000_000 ? Files.readAllBytes(path) : new byte[0];
  }

  private void flipBytes(String file) throws Exception {
    byte[] bytes = bytes(file);
    int flips = 1 + random.nextInt(4);
    for (int i = 0; i < flips && bytes.length > 0; i++) {
      int range = random.nextBoolean() ? bytes.length : Math.min(bytes.length, 400);
      bytes[random.nextInt(range)] = (byte) random.nextInt();
    }
    note(flips + " bytes of " + file);
    write(file, bytes);
  }

  /** Half of the time the configuration goes along, so that more is looked at than the SHA-256. */
  private void write(String file, byte[] bytes) throws Exception {
    put(file, bytes);
    if (file.equals("config.json") || random.nextBoolean()) {
      return;
    }
    agree(file);
  }

  private void agree(String file) throws IOException, NoSuchAlgorithmException {
    if (JSON.readTree(bytes("config.json")) instanceof ObjectNode config
        && config.get(file.equals(WEIGHTS) ? "weights" : "training") instanceof ObjectNode o) {
      byte[] bytes = bytes(file);
      o.put("bytes", Files.size(work.resolve(file)));
      o.put("sha256", HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes)));
      put("config.json", JSON.writeValueAsBytes(config));
      note("with its SHA-256");
    }
  }

  private void cutOrExtend(String file) throws Exception {
    byte[] bytes = bytes(file);
    switch (random.nextInt(4)) {
      case 0 -> {
        note("a hole after " + file);
        try (FileChannel channel = FileChannel.open(work.resolve(file), StandardOpenOption.WRITE)) {
          channel.write(ByteBuffer.allocate(1), 1L << random.nextInt(20, 41));
        }
        if (!file.equals("config.json") && random.nextBoolean()) {
          JsonNode config = JSON.readTree(bytes("config.json"));
          if (config.get(file.equals(WEIGHTS) ? "weights" : "training") instanceof ObjectNode o) {
            o.put("bytes", Files.size(work.resolve(file)));
            put("config.json", JSON.writeValueAsBytes(config));
          }
        }
      }
      case 1 -> {
        note("more bytes after " + file);
        byte[] more = Arrays.copyOf(bytes, bytes.length + 1 + random.nextInt(64));
        for (int i = bytes.length; i < more.length; i++) {
          more[i] = (byte) random.nextInt();
        }
        write(file, more);
      }
      default -> {
        note(file + " is cut");
        write(file, Arrays.copyOf(bytes, random.nextInt(bytes.length + 1)));
      }
    }
  }

  /** Where a value stands: in an object or a list. */
  private record Place(JsonNode holder, String field, int index) {
    JsonNode value() {
      return holder.isObject() ? holder.get(field) : holder.get(index);
    }

    void set(JsonNode value) {
      if (holder instanceof ObjectNode object) {
        object.set(field, value);
      } else if (holder instanceof ArrayNode list) {
        list.set(index, value);
      }
    }

    void remove() {
      if (holder instanceof ObjectNode object) {
        object.remove(field);
      } else if (holder instanceof ArrayNode list) {
        list.remove(index);
      }
    }
  }

  private static void places(JsonNode node, List<Place> found) {
    if (node.isObject()) {
      node.fieldNames()
          .forEachRemaining(
              field -> {
                found.add(new Place(node, field, 0));
                places(node.get(field), found);
              });
    } else if (node.isArray()) {
      for (int i = 0; i < Math.min(node.size(), 4); i++) {
        found.add(new Place(node, "", i));
        places(node.get(i), found);
      }
    }
  }

  private JsonNode extreme() {
    return switch (random.nextInt(14)) {
      case 0 -> JSON.getNodeFactory().numberNode(0);
      case 1 -> JSON.getNodeFactory().numberNode(-1);
      case 2 -> JSON.getNodeFactory().numberNode(Integer.MAX_VALUE);
      case 3 -> JSON.getNodeFactory().numberNode(Integer.MIN_VALUE);
      case 4 -> JSON.getNodeFactory().numberNode(Long.MAX_VALUE);
      case 5 -> JSON.getNodeFactory().numberNode(Long.MIN_VALUE);
      case 6 -> JSON.getNodeFactory().numberNode(BigInteger.TEN.pow(random.nextInt(900)));
      case 7 -> DoubleNode.valueOf(1e308);
      case 8 -> DoubleNode.valueOf(random.nextBoolean() ? 0.5 : -1e-300);
      case 9 -> JSON.getNodeFactory().numberNode(1 << random.nextInt(31));
      case 10 -> JSON.getNodeFactory().numberNode(1L << random.nextInt(63));
      case 11 -> JSON.getNodeFactory().numberNode(20_000);
      case 12 -> JSON.getNodeFactory().numberNode(random.nextInt(64));
      default -> DoubleNode.valueOf(Double.longBitsToDouble(random.nextLong()));
    };
  }

  private JsonNode other() {
    return switch (random.nextInt(9)) {
      case 0 -> NullNode.getInstance();
      case 1 -> TextNode.valueOf("");
      case 2 -> TextNode.valueOf("\ud800 \n\u0000\u202e" + "x".repeat(random.nextInt(3000)));
      case 3 -> JSON.createArrayNode();
      case 4 -> JSON.createArrayNode().add(NullNode.getInstance());
      case 5 -> JSON.createObjectNode();
      case 6 -> JSON.createObjectNode().put("@class", "java.lang.Runtime");
      case 7 -> JSON.getNodeFactory().booleanNode(random.nextBoolean());
      default -> TextNode.valueOf("../../text.txt");
    };
  }

  private void changeJson() throws IOException {
    JsonNode config = JSON.readTree(bytes("config.json"));
    List<Place> places = new ArrayList<>();
    places(config, places);
    if (places.isEmpty()) {
      return;
    }
    Place place = places.get(random.nextInt(places.size()));
    String name = place.field() + "[" + place.index() + "]";
    String text = JSON.writeValueAsString(config);
    switch (random.nextInt(8)) {
      case 0 -> {
        place.remove();
        note("without " + name);
        text = JSON.writeValueAsString(config);
      }
      case 1 -> {
        String value = JSON.writeValueAsString(place.value());
        note(name + " twice");
        String field = "\"" + place.field() + "\":" + value;
        text = text.replace(field, field + "," + field);
      }
      case 2 -> {
        JsonNode value = places.get(random.nextInt(places.size())).value().deepCopy();
        note(name + " as another");
        place.set(value);
        text = JSON.writeValueAsString(config);
      }
      case 3 -> {
        note(name + " deep");
        place.set(TextNode.valueOf("@@"));
        text =
            JSON.writeValueAsString(config).replace("\"@@\"", "[".repeat(1 << random.nextInt(17)));
      }
      case 4 -> {
        JsonNode value = other();
        note(name + " is " + value.getNodeType());
        place.set(value);
        text = JSON.writeValueAsString(config);
      }
      default -> {
        JsonNode value = extreme();
        String number = value.asText();
        note(name + " is " + number.substring(0, Math.min(40, number.length())));
        place.set(value);
        text = JSON.writeValueAsString(config);
      }
    }
    put("config.json", text.getBytes(StandardCharsets.UTF_8));
  }

  /** Changes the header's JSON, in place or with another length. */
  private void changeHeader(String file) throws Exception {
    byte[] bytes = bytes(file);
    if (bytes.length < 16) {
      return;
    }
    ByteBuffer old = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    long length = old.getLong(0);
    if (length < 2 || length > bytes.length - 8) {
      return;
    }
    if (random.nextInt(5) == 0) {
      note("another header length of " + file);
      old.putLong(0, random.nextBoolean() ? random.nextLong() : random.nextInt(120_000_000));
      write(file, bytes);
      return;
    }
    String header = new String(bytes, 8, (int) length, StandardCharsets.UTF_8);
    try {
      JsonNode root = JSON.readTree(header);
      List<Place> places = new ArrayList<>();
      places(root, places);
      if (places.isEmpty()) {
        return;
      }
      Place place = places.get(random.nextInt(places.size()));
      note("header of " + file + ": " + place.field());
      switch (random.nextInt(4)) {
        case 0 -> place.remove();
        case 1 -> place.set(other());
        case 2 -> place.set(places.get(random.nextInt(places.size())).value().deepCopy());
        default -> place.set(extreme());
      }
      header = JSON.writeValueAsString(root);
    } catch (JsonProcessingException e) {
      return;
    }
    byte[] changed = header.getBytes(StandardCharsets.UTF_8);
    int data = bytes.length - 8 - (int) length;
    ByteBuffer made = ByteBuffer.allocate(8 + changed.length + data).order(ByteOrder.LITTLE_ENDIAN);
    made.putLong(changed.length).put(changed).put(bytes, 8 + (int) length, data);
    write(file, made.array());
  }

  private void changeNumbers(String file) throws Exception {
    byte[] bytes = bytes(file);
    if (bytes.length < 3000) {
      return;
    }
    float[] numbers = {
      Float.NaN,
      Float.POSITIVE_INFINITY,
      Float.MAX_VALUE,
      -Float.MAX_VALUE,
      1e30f,
      -1e20f,
      1e6f,
      Float.MIN_VALUE,
      -0f
    };
    ByteBuffer data = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    float number = numbers[random.nextInt(numbers.length)];
    int count = random.nextInt(3) == 0 ? 400 : 1;
    note(count + " numbers of " + file + " are " + number);
    for (int i = 0; i < count; i++) {
      data.putFloat(bytes.length - 4 - 4 * random.nextInt(500), number);
    }
    put(file, bytes);
    agree(file);
  }

  private void swap() throws Exception {
    if (random.nextBoolean()) {
      note("swapped files");
      byte[] weights = bytes(WEIGHTS);
      byte[] training = bytes(TRAINING);
      write(WEIGHTS, training);
      write(TRAINING, weights);
      return;
    }
    String file = random.nextBoolean() ? WEIGHTS : TRAINING;
    note("swapped tensors of " + file);
    byte[] bytes = bytes(file);
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    String[] pairs = {
      "forward.input_bias",
      "forward.recurrent_bias",
      "layers.0",
      "layers.1",
      "output.weights",
      "output.bias",
      "moments.0",
      "moments.1"
    };
    int pair = 2 * random.nextInt(pairs.length / 2);
    text =
        text.replace(pairs[pair], "@")
            .replace(pairs[pair + 1], pairs[pair])
            .replace("@", pairs[pair + 1]);
    write(file, text.getBytes(StandardCharsets.ISO_8859_1));
  }

  private void replaceFile(String file) throws Exception {
    Path path = work.resolve(file);
    delete(path);
    int kind = random.nextInt(8);
    note(file + " replaced, kind " + kind);
    switch (kind) {
      case 0 -> Files.createDirectory(path);
      case 1 -> Files.createSymbolicLink(path, path);
      case 2 -> Files.createSymbolicLink(path, good.resolve(file));
      case 3 -> Files.createSymbolicLink(path, Path.of("/dev/zero"));
      case 4 -> Files.createLink(path, fifo);
      case 5 -> Files.createSymbolicLink(path, good.resolve("missing"));
      case 6 -> Files.createFile(path);
      default -> {}
    }
  }
}
