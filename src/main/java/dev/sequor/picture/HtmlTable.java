package dev.sequor.picture;

import dev.sequor.backend.Required;
import java.util.ArrayList;
import java.util.List;

/** A table of an {@link HtmlPage}. */
public final class HtmlTable {
  private record Column(String name, boolean isNumber) {}

  private final String caption;
  private final List<Column> columns = new ArrayList<>();
  private final List<List<String>> rows = new ArrayList<>();
  private boolean warning;

  private HtmlTable(String caption) {
    this.caption = caption;
  }

  /** A table without columns; its caption says what is in it. */
  public static HtmlTable of(String caption) {
    return new HtmlTable(Required.present("caption", caption));
  }

  /** Adds a column of words. */
  public HtmlTable words(String name) {
    columns.add(new Column(Required.present("name", name), false));
    return this;
  }

  /** Adds a column of numbers, which stand below each other. */
  public HtmlTable numbers(String name) {
    columns.add(new Column(Required.present("name", name), true));
    return this;
  }

  /**
   * Adds a row.
   *
   * @throws IllegalArgumentException if it has not as many cells as there are columns
   */
  public HtmlTable row(String... cells) {
    if (Required.present("cells", cells).length != columns.size()) {
      throw new IllegalArgumentException(
          "a row has " + cells.length + " cells; needed " + columns.size());
    }
    rows.add(List.of(cells));
    return this;
  }

  /** Makes the caption a warning. */
  public HtmlTable warning() {
    warning = true;
    return this;
  }

  /** The table, in a place that scrolls by itself, with the keyboard too. */
  void writeTo(StringBuilder page) {
    String label = Escape.xml(caption);
    page.append("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"");
    page.append(label).append("\"><table>\n<caption");
    page.append(warning ? " class=\"warn\">" : ">").append(label).append("</caption>\n<thead><tr>");
    for (Column column : columns) {
      page.append("<th scope=\"col\"").append(column.isNumber() ? ">" : " class=\"words\">");
      page.append(Escape.xml(column.name())).append("</th>");
    }
    page.append("</tr></thead>\n<tbody>\n");
    for (List<String> row : rows) {
      page.append("<tr>");
      for (int i = 0; i < row.size(); i++) {
        page.append(columns.get(i).isNumber() ? "<td>" : "<td class=\"words\">");
        page.append(Escape.xml(row.get(i))).append("</td>");
      }
      page.append("</tr>\n");
    }
    page.append("</tbody></table></div>\n");
  }
}
