package dev.sequor.benchmarks.gpu;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sequor.backend.CellType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** Prints the cases to time, one a line, the most telling first, for time may not suffice. */
public final class Grid {
  private static final List<CellType> CELLS = List.of(CellType.LSTM, CellType.GRU_RESET_AFTER);
  private static final List<String> PASSES = List.of(GridCase.FORWARD_BACKWARD, GridCase.FORWARD);

  /** {@code T, B, H}. The first four tell most. */
  private static final List<int[]> SHAPES =
      List.of(
          new int[] {128, 64, 512},
          new int[] {512, 32, 1024},
          new int[] {256, 128, 1024},
          new int[] {64, 256, 2048},
          new int[] {1024, 16, 768},
          new int[] {128, 1, 512});

  private static final List<int[]> TINY = List.of(new int[] {6, 4, 16}, new int[] {9, 1, 24});

  private final Collection<GridCase> cases = new LinkedHashSet<>();

  private Grid(boolean tiny) {
    List<int[]> all = tiny ? TINY : SHAPES;
    List<int[]> first = tiny ? TINY : SHAPES.subList(0, 4);
    List<String> training = List.of(GridCase.FORWARD_BACKWARD);
    add(first, training, List.of("bf16", "tf32"), 1, 1, false);
    add(first, training, List.of("fp16", "fp32"), 1, 1, false);
    for (String pass : PASSES) {
      add(all, List.of(pass), List.of("bf16", "tf32", "fp16", "fp32"), 1, 1, false);
    }
    // Each of the other choices alone, then all together.
    for (List<int[]> shapes : List.of(first, all)) {
      for (List<String> modes : List.of(List.of("bf16", "tf32"), List.of("fp16", "fp32"))) {
        for (String pass : PASSES) {
          add(shapes, List.of(pass), modes, 1, 1, true);
          add(shapes, List.of(pass), modes, 1, 2, false);
          add(shapes, List.of(pass), modes, 2, 1, false);
        }
      }
    }
    for (int layers = 1; layers <= 2; layers++) {
      for (int directions = 1; directions <= 2; directions++) {
        for (boolean variable : new boolean[] {false, true}) {
          add(all, PASSES, List.of("bf16", "tf32", "fp16", "fp32"), layers, directions, variable);
        }
      }
    }
  }

  private void add(
      List<int[]> shapes,
      List<String> passes,
      List<String> modes,
      int layers,
      int directions,
      boolean variable) {
    for (int[] s : shapes) {
      for (CellType cell : CELLS) {
        for (String pass : passes) {
          for (String mode : modes) {
            cases.add(
                new GridCase(cell, pass, mode, layers, directions, variable, s[0], s[1], s[2]));
          }
        }
      }
    }
  }

  /**
   * Options: {@code --tiny} for shapes that a simulator can do, {@code --without FILE.json} for
   * cases that are not timed in that file, if there is one.
   */
  public static void main(String[] arguments) throws IOException {
    Options options = new Options(arguments);
    Set<String> timed = new HashSet<>();
    Path earlier = Path.of(options.or("--without", ""));
    if (Files.isRegularFile(earlier)) {
      for (JsonNode row : Options.JSON.readTree(earlier.toFile()).path("rows")) {
        timed.add(row.path("case").asText());
      }
    }
    for (GridCase each : new Grid(options.tiny()).cases) {
      if (!timed.contains(each.toString())) {
        System.out.println(each);
      }
    }
  }
}
