package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sequor.backend.CellType;
import dev.sequor.browser.Browser;
import dev.sequor.browser.Drawn;
import dev.sequor.browser.PageChecks;
import dev.sequor.browser.Tab;
import dev.sequor.browser.View;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.picture.AxisScale;
import dev.sequor.picture.Chart;
import dev.sequor.picture.ColourScale;
import dev.sequor.picture.HeatMap;
import dev.sequor.picture.HtmlPage;
import dev.sequor.picture.HtmlTable;
import dev.sequor.picture.NetworkPicture;
import dev.sequor.picture.Series;
import dev.sequor.study.CellStudy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every page that this library can make, in a browser. What they look like is kept in {@code
 * target/screenshots}.
 */
@Timeout(120)
class PagesInBrowserTest {
  private static final Path SCREENSHOTS = Path.of("target", "screenshots");

  /** What would load, run or end something if it were not escaped, and is too wide for a phone. */
  private static final String HOSTILE =
      "</title></svg></table>-->]]><img src=\"http://127.0.0.1:9/x\" onerror='alert(1)'/>"
          + "<script>alert(1)</script> & &amp; \u202e "
          + "wide".repeat(40);

  @TempDir private static Path folder;

  private static Browser browser;

  @BeforeAll
  static void start() throws IOException {
    browser = Browser.startOrSkip();
  }

  @AfterAll
  static void close() throws IOException {
    if (browser != null) {
      browser.close();
    }
  }

  private interface Maker {
    void make(Path file) throws IOException;
  }

  /**
   * A page.
   *
   * @param maker writes it
   * @param pictures that are in it
   */
  private record Page(String name, Maker maker, List<Drawn> pictures) {
    static Page of(String name, Maker maker, Drawn... pictures) {
      return new Page(name, maker, List.of(pictures));
    }
  }

  private static List<Page> pages() {
    return List.of(
        Page.of(
            "diagnose",
            command("diagnose", "--cell=rnn-tanh,lstm", "--steps=40", "--hidden=8", "--report"),
            Drawn.of("Gradient by the hidden state").with("rnn-tanh", 40).with("lstm", 40)),
        Page.of(
            "diagnose-layers",
            command(
                "diagnose",
                "--cell=gru-reset-after",
                "--layers=6",
                "--steps=400",
                "--hidden=4",
                "--every-step",
                "--report"),
            layers(6, 400)),
        Page.of("train", ofText("run", "--report"), training(40, 10)),
        Page.of(
            "compare",
            file -> {
              Path left = folder.resolve("left.html");
              ofText("left", "--cell=rnn-tanh", "--report").make(left);
              Path right = folder.resolve("right.html");
              ofText("right", "--report").make(right);
              CommandLineRun.of("compare", left, right, "--report", file).succeeds();
            },
            comparison(40, 10)),
        Page.of(
            "explain",
            file -> {
              Path model = folder.resolve("explained");
              trainOnText(model);
              command("explain", model, "--text=To \"be\" (1)\n question.", "--report").make(file);
            },
            Drawn.of("What explained makes of the text")),
        Page.of(
            "demo-agreement",
            command("demo", "agreement", "--distances=5,9", "--steps=3", "--hidden=4", "--report"),
            agreement(2, 11, 3)),
        Page.of(
            "demo-cells",
            command("demo", "cells", "--text=" + text(), "--steps=4", "--hidden=4", "--report"),
            cells(4)),
        Page.of("words", file -> write(words("Words alone"), file)),
        Page.of("every-element", file -> write(everyElement(), file), everyPicture()),
        Page.of(
            "hostile-words", file -> write(hostile(), file), Drawn.of(HOSTILE).with(HOSTILE, 3)));
  }

  /** A command whose last option is the page. */
  private static Maker command(Object... arguments) {
    return file -> {
      List<Object> all = new ArrayList<>(List.of(arguments));
      Collections.addAll(all, file, "--device=java", "--quiet");
      CommandLineRun.of(all.toArray()).succeeds();
    };
  }

  private static Path text() {
    return folder.resolve("text.txt");
  }

  private static void trainOnText(Path out, Object... more) throws IOException {
    Files.writeString(text(), "To be, or not to be: \"that\" is (1) question.\n".repeat(60));
    List<Object> all = new ArrayList<>(List.of("train", "--text", text(), "--out", out));
    Collections.addAll(all, "--steps=40", "--hidden=4", "--embedding=2", "--batch=2");
    Collections.addAll(all, "--seq-length=8", "--device=java", "--quiet");
    Collections.addAll(all, more);
    CommandLineRun.of(all.toArray()).succeeds();
  }

  /** A training whose last option is the page. */
  private static Maker ofText(String out, Object... more) {
    return file -> {
      List<Object> all = new ArrayList<>(List.of(more));
      all.add(file);
      trainOnText(folder.resolve(out), all.toArray());
    };
  }

  private static Drawn[] training(int points, int judged) {
    return new Drawn[] {
      Drawn.of("Loss").with("training", points).with("held-out", judged),
      Drawn.of("Norm of the gradient, before clipping").with("norm", points).with("clipping", 2),
      Drawn.of("Speed").with("speed", points)
    };
  }

  private static Drawn[] comparison(int points, int judged) {
    Drawn both = Drawn.of("Loss in training").with("left", points).with("right", points);
    return new Drawn[] {
      both,
      Drawn.of("Loss on held-out data").with("left", judged).with("right", judged),
      new Drawn("Loss in training, by time", both.series()),
      new Drawn("Norm of the gradient", both.series())
    };
  }

  private static Drawn[] agreement(int distances, int words, int steps) {
    return new Drawn[] {
      ofCells("Right, by distance", distances),
      ofCells("Before training, 9 words between", words),
      ofCells("After training, 9 words between", words),
      Drawn.of("Norm of the gradient, before clipping")
          .with("without clipping", steps)
          .with("with clipping", steps),
      Drawn.of("Loss").with("without clipping", steps).with("with clipping", steps)
    };
  }

  private static Drawn ofCells(String title, int points) {
    return Drawn.of(title)
        .with("rnn-tanh", points)
        .with("gru-reset-before", points)
        .with("lstm", points);
  }

  private static Drawn[] cells(int steps) {
    Drawn quality = Drawn.of("Quality against time");
    Drawn curves = Drawn.of("Training");
    for (CellType cell : CellStudy.CELLS) {
      quality = quality.with(cell.id(), 1);
      curves = curves.with(cell.id(), steps);
    }
    return new Drawn[] {quality, curves, quality, curves};
  }

  private static void write(HtmlPage page, Path file) throws IOException {
    Files.write(file, page.bytes());
  }

  private static Drawn layers(int count, int points) {
    Drawn layers = Drawn.of("Gradient by the hidden state");
    for (int layer = 1; layer <= count; layer++) {
      layers = layers.with("recurrent, layer " + layer, points);
    }
    return layers;
  }

  private static HtmlPage words(String title) {
    return HtmlPage.of(title)
        .paragraph("A paragraph.")
        .warning("A warning that nobody overlooks.")
        .remark("A remark.")
        .list(List.of(new HtmlPage.Item("Lead", "and words"), new HtmlPage.Item("", "words")))
        .footer("The end.");
  }

  private static HtmlPage everyElement() {
    List<Series> all =
        List.of(
            Series.marked("marked", 0, Series.values(1, 3, 2, 4, 3, 5)),
            Series.line("line", 1, Series.values(2, 2.5, Double.NaN, 1, 3, 2)),
            Series.steps("steps", 2, Series.values(0.5, 1, 1.5)),
            Series.points("points", 3, Series.values(4, 4.4, 4.2)),
            Series.marked("fifth", 4, Series.values(5, 5.5)),
            Series.line("sixth", 5, Series.values(6, 6.5)));
    Chart chart = Chart.of("All kinds").x("step", AxisScale.INTEGER).y("value", AxisScale.LINEAR);
    Chart legend = Chart.of("A legend").size(700, 300).watermark("A SAMPLE ALONE").legend();
    all.forEach(chart::add);
    all.forEach(legend::add);
    HtmlTable wide = HtmlTable.of("A wide table").words("name");
    List<String> row = new ArrayList<>(List.of("row"));
    for (int i = 0; i < 30; i++) {
      wide.numbers("column " + i);
      row.add("1,234." + i);
    }
    wide.row(row.toArray(String[]::new)).row(row.toArray(String[]::new));
    double[][] cells = new double[5][7];
    for (int i = 0; i < 35; i++) {
      cells[i / 7][i % 7] = i == 10 ? Double.NaN : i - 17;
    }
    return words("Every element")
        .section("Charts")
        .heading("Beside each other")
        .key(all)
        .pictures(List.of(chart.draw(), legend.draw()))
        .section("Tables")
        .table(wide)
        .table(HtmlTable.of("Doubtful").warning().words("a").numbers("b").row("x", "1"))
        .section("Networks and heat maps")
        .picture(
            NetworkPicture.of(
                SequenceModelSpec.languageModel(100, 16).layers(2).build().network(), "A network"))
        .picture(
            HeatMap.of("A heat map", ColourScale.DIVERGING, cells)
                .numbers()
                .rows("row", List.of("a", "b", "c", "d", "e"))
                .columns("column", List.of("1", "2", "3", "4", "5", "6", "7"))
                .draw());
  }

  private static Drawn[] everyPicture() {
    Drawn chart = Drawn.of("All kinds").with("marked", 6).with("line", 5).with("steps", 3);
    chart = chart.with("points", 3).with("fifth", 2).with("sixth", 2);
    return new Drawn[] {
      chart,
      new Drawn("A legend", chart.series()),
      Drawn.of("A network"),
      Drawn.of("A heat map").with("A heat map", 35)
    };
  }

  private static HtmlPage hostile() {
    return HtmlPage.of(HOSTILE)
        .paragraph(HOSTILE)
        .warning(HOSTILE)
        .list(List.of(new HtmlPage.Item(HOSTILE, HOSTILE)))
        .section(HOSTILE)
        .table(HtmlTable.of(HOSTILE).words(HOSTILE).row(HOSTILE))
        .section(HOSTILE)
        .heading(HOSTILE)
        .remark(HOSTILE)
        .key(List.of(Series.points(HOSTILE, 0, List.of())))
        .section(HOSTILE)
        .picture(Chart.of(HOSTILE).add(Series.line(HOSTILE, 0, Series.values(1, 2, 3))).draw())
        .footer(HOSTILE);
  }

  @TestFactory
  Stream<DynamicTest> inABrowser() {
    return pages().stream().map(page -> DynamicTest.dynamicTest(page.name(), () -> check(page)));
  }

  private static void check(Page page) throws IOException {
    Path file = folder.resolve(page.name() + ".html");
    page.maker().make(file);
    try (Tab tab = browser.open(file)) {
      keepPictures(tab, page.name());
      assertEquals(Map.of(), new PageChecks(tab, file).wrong(page.pictures()));
    }
  }

  private static void keepPictures(Tab tab, String name) throws IOException {
    Map<String, View> views = Map.of("light", View.DESKTOP, "dark", View.DARK, "phone", View.PHONE);
    for (Map.Entry<String, View> each : views.entrySet()) {
      tab.showAll(each.getValue());
      tab.screenshot(SCREENSHOTS.resolve(name + "-" + each.getKey() + ".png"));
    }
  }
}
