package dev.sequor.picture;

import java.util.ArrayList;
import java.util.List;

/** The names of series in rows. */
final class Legend {
  private static final double GAP = 16;

  /** A series at a place in its row. */
  record Entry(Series series, double x) {}

  /** What stands beside each other. */
  record Row(List<Entry> entries) {}

  private Legend() {}

  /**
   * As many in a row as have room.
   *
   * @param swatch the width of what stands before each name
   */
  static List<Row> rows(List<Series> series, double size, double width, double swatch) {
    List<Row> rows = new ArrayList<>();
    List<Entry> row = new ArrayList<>();
    double x = 0;
    for (Series each : series) {
      double needed = swatch + TextWidth.of(each.name(), size);
      if (!row.isEmpty() && x + needed > width) {
        rows.add(new Row(row));
        row = new ArrayList<>();
        x = 0;
      }
      row.add(new Entry(each, x));
      x += needed + GAP;
    }
    if (!row.isEmpty()) {
      rows.add(new Row(row));
    }
    return rows;
  }
}
