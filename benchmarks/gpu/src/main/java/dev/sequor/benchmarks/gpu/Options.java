package dev.sequor.benchmarks.gpu;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HashMap;
import java.util.Map;

/** {@code --name value} and {@code --tiny}, and where the results go. */
final class Options {
  static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  private final Map<String, String> values = new HashMap<>();

  Options(String[] arguments) {
    for (int i = 0; i < arguments.length; i++) {
      String name = arguments[i];
      if (name.equals("--tiny")) {
        values.put(name, "");
      } else if (name.startsWith("--") && i + 1 < arguments.length) {
        values.put(name, arguments[++i]);
      } else {
        throw new IllegalArgumentException("'" + name + "' is no option with a value");
      }
    }
  }

  boolean tiny() {
    return values.containsKey("--tiny");
  }

  String required(String name) {
    String value = values.get(name);
    if (value == null) {
      throw new IllegalArgumentException(name + " is missing");
    }
    return value;
  }

  String or(String name, String otherwise) {
    return values.getOrDefault(name, otherwise);
  }

  /** Writes the results so far to {@code --out}; a reader sees the old file or the new one. */
  void write(Object results) throws IOException {
    Path out = Path.of(required("--out"));
    Path part = out.resolveSibling(out.getFileName() + ".part");
    Files.write(part, JSON.writeValueAsBytes(results));
    Files.move(part, out, StandardCopyOption.REPLACE_EXISTING);
  }
}
