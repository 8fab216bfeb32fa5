package dev.sequor.browser;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Each check finds the fault that was put into a page for it, and none where there is none. */
@Timeout(60)
class PageChecksTest {
  private static final String STYLE =
      "body{color:#111;background:#fff;font-size:16px} :focus-visible{outline:3px solid #00f}"
          + " div{overflow-x:auto}";

  private static Browser browser;

  @TempDir private Path folder;

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

  private interface Check {
    List<String> of(PageChecks page) throws IOException;
  }

  private List<String> found(String style, String body, Check check) throws IOException {
    String html =
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>"
            + "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>"
            + "<title>a page</title><style>"
            + STYLE
            + style
            + "</style></head><body><h1>A page</h1>"
            + body
            + "</body></html>";
    return foundIn(html, check);
  }

  private List<String> foundIn(String html, Check check) throws IOException {
    Path file = Files.writeString(folder.resolve("page.html"), html);
    try (Tab tab = browser.open(file)) {
      return check.of(new PageChecks(tab, file));
    }
  }

  private static void assertSaid(String part, List<String> found) {
    assertEquals(1, found.size(), found::toString);
    assertTrue(found.get(0).contains(part), found::toString);
  }

  private static String svg(String label, String content) {
    return "<svg viewBox=\"0 0 300 100\" width=\"300\" height=\"100\" role=\"img\" aria-label=\""
        + label
        + "\">"
        + content
        + "</svg>";
  }

  private static String text(double x, String attributes) {
    return "<text x=\"" + x + "\" y=\"50\" " + attributes + ">words</text>";
  }

  @Test
  void aPageWithoutFaultsPassesThemAll() throws IOException {
    String body =
        "<p><a href=\"#end\">to the end</a></p><div aria-label=\"wide\"><p style=\"width:900px\">"
            + "wide</p></div>"
            + svg(
                "A chart",
                "<rect width=\"90\" height=\"60\" fill=\"#000\"/>"
                    + text(9, "fill=\"#fff\" font-size=\"14\""))
            + "<p id=\"end\">end</p>";
    assertEquals(List.of(), found("", body, PageChecks::standsAlone));
    assertEquals(List.of(), found("", body, PageChecks::isValid));
    assertEquals(List.of(), found("", body, page -> page.isReadable(View.DESKTOP)));
    assertEquals(List.of(), found("", body, page -> page.fits(View.PHONE)));
    assertEquals(List.of(), found("", body, page -> page.isReachableByKeys(View.PHONE)));
    assertEquals(List.of(), found("", body, PageChecks::isPrinted));
    assertEquals(List.of(), found("", body, page -> page.shows(List.of(Drawn.of("A chart")))));
  }

  @Test
  void whatIsAskedForElsewhereIsFound() throws IOException {
    List<String> said =
        found("", "<img alt=\"\" src=\"http://127.0.0.1:9/x.png\"/>", PageChecks::standsAlone);
    assertTrue(said.contains("asks for http://127.0.0.1:9/x.png"), said::toString);
    assertTrue(
        found("p{background:url(other.png)}", "<p>a</p>", PageChecks::standsAlone).stream()
            .anyMatch(each -> each.endsWith("/other.png")));
  }

  @Test
  void whatIsRefusedOrThrownIsFound() throws IOException {
    assertSaid(
        "script-src",
        found(
            "",
            "<meta http-equiv=\"Content-Security-Policy\" content=\"script-src 'none'\"/>"
                + "<script>1</script>",
            PageChecks::standsAlone));
    assertSaid("planted", found("", "<script>throw 'planted'</script>", PageChecks::standsAlone));
    assertSaid(
        "planted", found("", "<script>console.error('planted')</script>", PageChecks::standsAlone));
  }

  @Test
  void whatABrowserReadsOtherwiseIsFound() throws IOException {
    // A p ends where a div begins.
    assertSaid("the browser", found("", "<p><div>a</div></p>", PageChecks::isValid));
    assertSaid("the id 'a'", found("", "<i id=\"a\">a</i><b id=\"a\">b</b>", PageChecks::isValid));
    assertSaid("'#nowhere'", found("", "<a href=\"#nowhere\">a</a>", PageChecks::isValid));
    assertSaid("2 h1", found("", "<h1>Another</h1>", PageChecks::isValid));
  }

  @Test
  void whatHasNoNameIsFound() throws IOException {
    assertSaid("image without", found("", svg("", ""), PageChecks::isValid));
    assertSaid("link without", found("", "<a href=\"#a\" id=\"a\"></a>", PageChecks::isValid));
  }

  @Test
  void whatCannotBeReadIsFound() throws IOException {
    Check light = page -> page.isReadable(View.DESKTOP);
    assertSaid("contrast of 2.8", found("", "<p style=\"color:#999\">a</p>", light));
    assertSaid("contrast", found("", "<p style=\"opacity:.4\">a</p>", light));
    assertSaid("contrast", found("", "<p style=\"background:#444\">a</p>", light));
    assertSaid(
        "contrast of 1.0",
        found("", svg("a", "<rect width=\"300\" height=\"100\"/>" + text(9, "")), light));
    assertSaid(
        "contrast", found("", svg("a", text(9, "fill=\"#000\" fill-opacity=\"0.3\"")), light));
    assertSaid("reaches out", found("", svg("a", text(280, "")), light));
    // Dark only: what is readable on light pages.
    String dark = "@media (prefers-color-scheme:dark){body{background:#000;color:#eee}}";
    String body = "<p style=\"color:#333\">a</p>";
    assertEquals(List.of(), found(dark, body, light));
    assertSaid("contrast", found(dark, body, page -> page.isReadable(View.DARK)));
  }

  @Test
  void whatDoesNotFitIsFound() throws IOException {
    Check phone = page -> page.fits(View.PHONE);
    assertSaid("wide: p", found("", "<p style=\"width:500px\">a</p>", phone));
    assertSaid("11.0 px", found("", "<p style=\"font-size:11px\">a</p>", phone));
    assertSaid(
        "9.0 px",
        found("svg{width:150px;height:50px}", svg("a", text(9, "font-size=\"18\"")), phone));
  }

  @Test
  void whatKeysDoNotReachIsFound() throws IOException {
    Check keys = page -> page.isReachableByKeys(View.PHONE);
    String link = "<a href=\"#a\">a</a>";
    assertSaid("no key", found("", "<a href=\"#a\" tabindex=\"-1\">a</a>", keys));
    assertSaid(
        "no key", found("", "<div tabindex=\"-1\"><p style=\"width:900px\">a</p></div>", keys));
    assertSaid("not seen", found(":focus-visible{outline:none}", link, keys));
    assertSaid("not seen", found(":focus-visible{outline:3px solid #eee}", link, keys));
    assertSaid(
        "after what is behind", found("", link + "<a href=\"#b\" tabindex=\"1\">b</a>", keys));
  }

  @Test
  void darkPaperIsFound() throws IOException {
    List<String> said =
        found(
            "@media (prefers-color-scheme:dark){body{background:#000;color:#eee}}",
            "<p>a</p>",
            PageChecks::isPrinted);
    assertSaid("background", said);
  }

  @Test
  void whatIsNotDrawnIsFound() throws IOException {
    String line =
        "<g data-series=\"a\"><path fill=\"none\" stroke=\"#000\" d=\"M1 1L50 50L90 20\"/>"
            + "<circle r=\"1\"><title>1</title></circle>".repeat(3)
            + "</g>";
    Drawn drawn = Drawn.of("A chart").with("a", 3);
    Check check = page -> page.shows(List.of(drawn));
    assertEquals(List.of(), found("", svg("A chart. More", line), check));
    assertSaid("0 pictures", found("", "", check));
    assertSaid("instead of", found("", svg("Another", line), check));
    assertSaid("the series []", found("", svg("A chart", ""), check));
    assertSaid("2 corners", found("", svg("A chart", line.replace("L90 20", "")), check));
    assertSaid(
        "6 marks",
        found(
            "",
            svg(
                "A chart",
                line.replace(
                    "/title></circle></g>",
                    "/title></circle>"
                        + "<circle r=\"1\"><title>1</title></circle>".repeat(3)
                        + "</g>")),
            check));
    assertSaid("not drawn within", found("", svg("A chart", line.replace("L90", "L900")), check));
  }
}
