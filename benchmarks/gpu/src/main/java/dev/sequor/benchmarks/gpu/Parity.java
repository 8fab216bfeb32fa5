package dev.sequor.benchmarks.gpu;

import dev.sequor.backend.CellType;
import dev.sequor.backend.RnnSpec;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Compares CPU and GPU: the worst distances per cell, math mode and pass, over stacks with one and
 * two layers and directions, full and differing lengths. Options: {@code --out FILE.json}, {@code
 * --cells ID,…}, {@code --modes MODE,…}, {@code --tiny}.
 */
public final class Parity {
  private record Setting(int layers, boolean bidirectional, int T, int B, int I, int H) {}

  private static final List<Setting> SETTINGS =
      List.of(
          new Setting(1, false, 24, 16, 40, 72),
          new Setting(2, true, 17, 9, 33, 47),
          new Setting(1, false, 64, 32, 256, 256));
  private static final List<Setting> TINY =
      List.of(new Setting(1, false, 5, 3, 8, 8), new Setting(2, true, 4, 3, 5, 7));

  private Parity() {}

  public static void main(String[] arguments) throws IOException {
    Options options = new Options(arguments);
    List<CellType> cells = words(options.or("--cells", "")).stream().map(CellType::ofId).toList();
    List<String> modes = words(options.or("--modes", "fp32,tf32,bf16,fp16"));
    List<Object> rows = new ArrayList<>();
    boolean allWithin = true;
    try (CudaDevices devices = new CudaDevices()) {
      Map<String, Object> results = new LinkedHashMap<>();
      results.put("reference", devices.cpu().name());
      results.put("rows", rows);
      for (CellType cell : CellType.values()) {
        if (cells.isEmpty() || cells.contains(cell)) {
          for (Comparison c : compare(devices, cell, modes, options.tiny() ? TINY : SETTINGS)) {
            rows.add(c.row());
            allWithin &= c.within();
          }
          options.write(results);
        }
      }
    }
    if (!allWithin) {
      System.err.println("parity: some distances are larger than rounding explains");
      System.exit(1);
    }
  }

  private static List<String> words(String text) {
    return Arrays.stream(text.split(",")).filter(word -> !word.isBlank()).toList();
  }

  private record Comparison(CellType cell, String mode, String pass, Distance distance) {
    /**
     * A rounded sum on the other side of ReLU's kink has another slope; no bar can allow for that.
     */
    boolean judged() {
      boolean steady = cell != CellType.RNN_RELU || mode.equals("fp32");
      return steady || pass.equals(GridCase.FORWARD);
    }

    boolean within() {
      return !judged() || distance.l2() <= Distance.bar(mode);
    }

    Map<String, Object> row() {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("cell", cell.id());
      row.put("mode", mode);
      row.put("pass", pass);
      row.put("relativeLInfinity", distance.lInfinity());
      row.put("relativeL2", distance.l2());
      row.put("bar", judged() ? Distance.bar(mode) : null);
      row.put("within", within());
      return row;
    }
  }

  private static List<Comparison> compare(
      CudaDevices devices, CellType cell, List<String> modes, List<Setting> settings) {
    Map<String, Distance> forward = new LinkedHashMap<>();
    Map<String, Distance> backward = new LinkedHashMap<>();
    for (Setting setting : settings) {
      Map<String, float[]> expected = results(devices.cpu(), cell, setting);
      for (String mode : modes) {
        Map<String, float[]> actual = results(devices.cuda(mode), cell, setting);
        Distance outputs = Distance.of(expected.get("y"), actual.get("y"));
        Distance gradients =
            Distance.of(expected.get("dx"), actual.get("dx"))
                .or(Distance.of(expected.get("dParameters"), actual.get("dParameters")));
        forward.merge(mode, outputs, Distance::or);
        backward.merge(mode, gradients, Distance::or);
      }
    }
    List<Comparison> comparisons = new ArrayList<>();
    for (String mode : modes) {
      comparisons.add(new Comparison(cell, mode, GridCase.FORWARD, forward.get(mode)));
      comparisons.add(new Comparison(cell, mode, "backward", backward.get(mode)));
    }
    return comparisons;
  }

  private static Map<String, float[]> results(
      dev.sequor.backend.Backend backend, CellType cell, Setting s) {
    RnnSpec spec =
        RnnSpec.of(cell, s.I(), s.H()).withLayers(s.layers()).withBidirectional(s.bidirectional());
    try (Passes passes = new Passes(backend, spec, s.T(), s.B(), lengths(s), true, 1)) {
      passes.run();
      return passes.results();
    }
  }

  /** Of the bidirectional stacks: from 0 to T. */
  private static int @Nullable [] lengths(Setting s) {
    if (!s.bidirectional()) {
      return null;
    }
    int[] lengths = new int[s.B()];
    for (int b = 0; b < s.B(); b++) {
      lengths[b] = s.T() * b / (s.B() - 1);
    }
    return lengths;
  }
}
