package dev.sequor.exchange.onnx;

import dev.sequor.backend.CellOptions;
import dev.sequor.backend.RnnSpec;
import dev.sequor.module.NamedTensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Supplier;

/**
 * One direction of one layer of a cell that ONNX does not have: a Scan whose body is the cell's
 * step, as {@link CellOptions} has it. What only depends on the input is computed for all steps
 * before it.
 */
final class ScanWriter {
  /**
   * What has been written.
   *
   * @param sequence {@code [T,B,P]}, zeros past the ends
   * @param states of each vector {@code [1,B,H]}, once it is asked for
   */
  record Made(String sequence, List<Supplier<String>> states) {}

  private final Writing to;
  private final GraphDraft graph;
  private final RnnSpec one;
  private final ScanCell cell;
  private final int direction;
  private final String axis;
  private final String name;

  ScanWriter(
      Writing to, RnnSpec one, int direction, String axis, String name, List<NamedTensor> given) {
    this.to = to;
    this.graph = to.graph;
    this.one = one;
    this.cell = new ScanCell(graph, one, name, given);
    this.direction = direction;
    this.axis = axis;
    this.name = name;
  }

  /**
   * Adds it.
   *
   * @param x {@code [T,B,I]}
   * @param first of each vector {@code [1,B,H]}, or empty for zeros
   */
  Made write(String x, List<String> first) {
    int states = first.size();
    List<String> from = new ArrayList<>();
    for (int s = 0; s < states; s++) {
      from.add(start(first.get(s), cell.width(s)));
    }
    from.addAll(cell.inputProducts(x));
    boolean masked = to.lengths(axis) != null;
    if (masked) {
      from.add(to.mask(axis));
    }
    int scans = from.size() - states;
    int backward = one.direction().isReverse(direction) ? 1 : 0;
    List<String> wanted = new ArrayList<>();
    for (int s = 0; s < states; s++) {
      wanted.add(name + "." + StateTensors.letter(s));
    }
    wanted.add(name);
    List<String> made =
        graph.addAll(
            "Scan",
            wanted,
            from,
            GraphDraft.graph("body", cell.body(masked)),
            GraphDraft.attribute("num_scan_inputs", (long) scans),
            GraphDraft.integers("scan_input_directions", Collections.nCopies(scans, backward)),
            GraphDraft.integers("scan_output_directions", List.of(backward)));
    List<Supplier<String>> ends = new ArrayList<>();
    for (int s = 0; s < states; s++) {
      String end = made.get(s);
      int missing = one.hiddenSize() - cell.width(s);
      ends.add(() -> to.unsqueeze(padded(end, missing), 0, name + ".end"));
    }
    return new Made(made.get(states), ends);
  }

  /** {@code [B,width]} to begin with. */
  private String start(String given, int width) {
    if (given.isEmpty()) {
      return graph.add(
          "Expand",
          name + ".zeros",
          List.of(graph.number(0), to.sizes(List.of(to.batch(), Dim.of(width)))));
    }
    String vector = to.squeeze(given, 0, name + ".start");
    return width == one.hiddenSize() ? vector : to.slice(vector, -1, 0, width, name + ".columns");
  }

  /** Zeros to the right. */
  private String padded(String x, int count) {
    return count == 0
        ? x
        : graph.add(
            "Pad", name + ".padded", List.of(x, graph.integers(0, 0, 0, count), graph.number(0)));
  }
}
