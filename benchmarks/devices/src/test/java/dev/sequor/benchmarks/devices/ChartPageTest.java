package dev.sequor.benchmarks.devices;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.browser.Browser;
import dev.sequor.browser.Drawn;
import dev.sequor.browser.PageChecks;
import dev.sequor.browser.Tab;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

class ChartPageTest {
  private static final List<Device> BOTH = List.of(Samples.CPU, Samples.GPU);

  private static String page(List<Device> devices) {
    return new ChartPage(Samples.results(devices), devices).html();
  }

  private static Document parse(String page) throws Exception {
    return DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new InputSource(new StringReader(page)));
  }

  private static String text(Document page, String element) {
    return page.getElementsByTagName(element).item(0).getTextContent();
  }

  @Test
  void isWellFormedAndNamesDevicesAndDate() throws Exception {
    String html = page(BOTH);
    Path copy = Path.of("target/sample.html"); // for people to look at
    Files.writeString(copy, html);
    Document page = parse(html);
    String title = "Sequor on cpu (AVX-512, 16 threads) and cuda:0 Made-up <GPU> & co, 2026-01-02";
    assertEquals(title, text(page, "title"));
    assertEquals(title, text(page, "h1"));
    assertTrue(text(page, "footer").contains("commit 0123456789ab"));
    assertTrue(text(page, "footer").contains("driver 580.1, for CUDA 13.0"));
  }

  @Test
  void isAsAPageShouldBeInABrowser() throws Exception {
    Path file = Path.of("target/browser.html").toAbsolutePath();
    for (List<Device> devices : List.of(BOTH, List.of(Samples.CPU))) {
      Files.writeString(file, page(devices));
      try (Browser browser = Browser.startOrSkip();
          Tab tab = browser.open(file)) {
        assertEquals(Map.of(), new PageChecks(tab, file).wrong(pictures(devices.size())));
      }
    }
  }

  /** Four batch sizes of each hidden size, by each device. */
  private static List<Drawn> pictures(int devices) {
    List<Drawn> pictures = new ArrayList<>();
    for (String title :
        List.of(
            "GRU_RESET_AFTER forward.",
            "GRU_RESET_AFTER forwardBackward.",
            "LSTM forward.",
            "LSTM forwardBackward.")) {
      Drawn drawn = Drawn.of(title);
      for (int device = 0; device < devices; device++) {
        drawn = drawn.with("H=128", 4).with("H=512", 4).with("H=1024", 4);
      }
      pictures.add(drawn);
    }
    Drawn copies = Drawn.of("copyIn and copyOut.");
    for (int device = 0; device < devices; device++) {
      copies = copies.with("in", 12).with("out", 12);
    }
    pictures.add(copies);
    return pictures;
  }

  @Test
  void takesNothingFromElsewhere() throws Exception {
    String html = page(BOTH);
    assertFalse(
        Pattern.compile("https?:|//|@import|url\\(|src=|<script|<link").matcher(html).find());
  }

  @Test
  void drawsEveryMeasuredPointAndListsEveryRow() throws Exception {
    Document page = parse(page(BOTH));
    int rows = Samples.results(BOTH).rows().size();
    int marks = 0;
    for (String shape : List.of("circle", "rect")) {
      NodeList elements = page.getElementsByTagName(shape);
      for (int i = 0; i < elements.getLength(); i++) {
        marks += ((Element) elements.item(i)).getAttribute("class").startsWith("f-series") ? 1 : 0;
      }
    }
    assertEquals(rows + BOTH.size(), marks); // and one each in the legend
    Element table = (Element) page.getElementsByTagName("tbody").item(0);
    assertEquals(rows, table.getElementsByTagName("tr").getLength());
  }

  @Test
  void keepsAllMarksInsideTheirCharts() {
    Matcher circle = Pattern.compile("cx=\"([^\"]+)\" cy=\"([^\"]+)\" r").matcher(page(BOTH));
    int seen = 0;
    while (circle.find()) {
      double x = Double.parseDouble(circle.group(1));
      double y = Double.parseDouble(circle.group(2));
      assertTrue(x >= 0 && x <= 420 && y >= 0 && y <= 330, circle.group());
      seen++;
    }
    assertTrue(seen > 10);
  }

  @Test
  void marksEveryChartAndTableOfASimulator() throws Exception {
    List<Device> devices = List.of(Samples.CPU, Samples.SIMULATED);
    String html = page(devices);
    Document page = parse(html);
    assertTrue(text(page, "title").startsWith("SIMULATOR, NOT A GPU."));
    NodeList figures = page.getElementsByTagName("figure");
    assertEquals(5, figures.getLength());
    for (int i = 0; i < figures.getLength(); i++) {
      assertTrue(figures.item(i).getTextContent().contains("SIMULATOR, NOT A GPU"));
    }
    NodeList captions = page.getElementsByTagName("caption");
    for (int i = 0; i < captions.getLength(); i++) {
      assertTrue(captions.item(i).getTextContent().startsWith("SIMULATOR, NOT A GPU"));
    }
    assertFalse(page(BOTH).contains("SIMULATOR"));
  }

  @Test
  void saysThatNoGpuWasMeasured() throws Exception {
    Document page = parse(page(List.of(Samples.CPU)));
    assertTrue(text(page, "ul").contains("No GPU was measured"));
  }
}
