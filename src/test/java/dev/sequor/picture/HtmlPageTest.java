package dev.sequor.picture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

class HtmlPageTest {
  private static final String NASTY = "<script>alert('1')</script> & \"more\"";

  private static HtmlPage page() {
    Svg chart = Chart.of(NASTY).add(Series.marked(NASTY, 0, Series.values(1, 2))).draw();
    return HtmlPage.of(NASTY)
        .warning(NASTY)
        .paragraph(NASTY)
        .section("One " + NASTY)
        .list(List.of(new HtmlPage.Item("lead", NASTY), new HtmlPage.Item("", "words")))
        .pictures(List.of(chart, chart))
        .section("Two")
        .heading(NASTY)
        .table(HtmlTable.of(NASTY).words("name").numbers("value").row(NASTY, "1").row("b", NASTY))
        .section("Three")
        .key(List.of(Series.points(NASTY, 1, List.of())))
        .picture(new Svg(900, 100, NASTY, NASTY, List.of()))
        .remark(NASTY)
        .footer(NASTY);
  }

  private static Document parsed() {
    return ReadSvg.parse(page().html());
  }

  private static List<Element> elements(String name) {
    return ReadSvg.elements(parsed().getDocumentElement(), name);
  }

  @Test
  void isWellFormedAndEscapesAllWords() {
    Document page = parsed();
    assertTrue(ReadSvg.elements(page.getDocumentElement(), "script").isEmpty());
    assertEquals(NASTY, elements("title").get(0).getTextContent());
    assertEquals(NASTY, elements("h1").get(0).getTextContent());
    assertEquals(NASTY, elements("caption").get(0).getTextContent());
    assertEquals("lead " + NASTY, elements("li").get(0).getTextContent());
    assertEquals(3, elements("tr").size());
    assertEquals(3, elements("figure").size());
  }

  @Test
  void takesNothingFromElsewhereAndRunsNothing() {
    String html = page().html();
    assertFalse(
        Pattern.compile("//|@import|url\\(|src=|<script|<link| on[a-z]+=\"").matcher(html).find());
    assertTrue(
        html.contains(
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';"
                + " style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\"/>"));
  }

  /** Data are neither seen nor run, and come back as they were. */
  @Test
  void dataComeBackAndChangeNothing() {
    String json = "{\"a\":\"</script><!-- ]]> & \\u0000 \u00e9\ud83d\udc0b\ud800\"}";
    String html = page().data("some-data", json).html();
    String found = HtmlPage.dataIn(html, "some-data").orElseThrow();
    assertTrue(found.chars().allMatch(c -> c >= 0x20 && c < 0x7F), found);
    assertEquals(
        "{\"a\":\"\\u003c/script\\u003e\\u003c!-- ]]\\u003e \\u0026 \\u0000"
            + " \\u00e9\\ud83d\\udc0b\\ud800\"}",
        found);
    assertEquals(Optional.empty(), HtmlPage.dataIn(html, "other"));
    assertEquals(Optional.empty(), HtmlPage.dataIn(page().html(), "some-data"));
    Element script = ReadSvg.elements(ReadSvg.parse(html).getDocumentElement(), "script").get(0);
    assertEquals(found, script.getTextContent());
    assertEquals(
        page().html(), html.replaceAll("<script type=\"application/json\".*</script>\n", ""));
    assertThrows(IllegalArgumentException.class, () -> page().data("a\"b", "{}"));
  }

  @Test
  void wordsMayKeepTheirLines() {
    assertTrue(HtmlPage.of("").verbatim("a\n  <b>").html().contains("<pre>a\n  &lt;b&gt;</pre>"));
  }

  @Test
  void aLiveScriptIsOneThatXmlCanHold() {
    for (String bad : List.of("a < b", "a && b", "a]]>b")) {
      assertThrows(IllegalArgumentException.class, () -> page().live(bad));
    }
    String html = page().live("say(1 > 0);").html();
    assertEquals(
        "say(1 > 0);",
        ReadSvg.elements(ReadSvg.parse(html).getDocumentElement(), "script")
            .get(0)
            .getTextContent());
    assertTrue(html.contains("; script-src 'sha256-"));
    assertTrue(html.contains("<main>\n" + page().content() + "</main>"));
  }

  @Test
  void hasALanguageAndNamesForWhatIsSeen() {
    assertEquals("en", parsed().getDocumentElement().getAttribute("lang"));
    assertTrue(HtmlPage.of("Titel", "de").html().contains("<html lang=\"de\">"));
    for (Element svg : elements("svg")) {
      boolean hidden = svg.getAttribute("aria-hidden").equals("true");
      assertTrue(
          hidden
              || (svg.getAttribute("role").equals("img")
                  && !svg.getAttribute("aria-label").isEmpty()));
    }
    assertTrue(elements("th").stream().allMatch(th -> th.getAttribute("scope").equals("col")));
  }

  /** Who has no pointer scrolls, and jumps, with keys. */
  @Test
  void whatScrollsCanBeReachedByKeys() {
    Element scrolling =
        elements("div").stream()
            .filter(div -> div.getAttribute("class").equals("scroll"))
            .findFirst()
            .orElseThrow();
    assertEquals("0", scrolling.getAttribute("tabindex"));
    assertEquals("region", scrolling.getAttribute("role"));
    assertEquals(NASTY, scrolling.getAttribute("aria-label"));
    assertEquals(
        List.of("", "", "0"),
        elements("figure").stream().map(figure -> figure.getAttribute("tabindex")).toList());
    List<Element> links = elements("a");
    assertEquals(3, links.size());
    for (int i = 0; i < links.size(); i++) {
      assertEquals(
          "#" + elements("h2").get(i).getAttribute("id"), links.get(i).getAttribute("href"));
      assertEquals(elements("h2").get(i).getTextContent(), links.get(i).getTextContent());
    }
  }

  /** A class without a colour would be black on a dark page. */
  @Test
  void everyInkHasItsRules() {
    String style = elements("style").get(0).getTextContent();
    for (Ink ink : Ink.values()) {
      assertTrue(style.contains(".f-" + ink.id() + "{fill:var(--" + ink.id() + ")}"), ink::id);
      assertTrue(style.contains(".s-" + ink.id() + "{stroke:var(--" + ink.id() + ")}"), ink::id);
      assertEquals(3, style.split("--" + ink.id() + "[:)]", -1).length - 1 - used(style, ink));
    }
    assertTrue(style.contains("@media screen and (prefers-color-scheme:dark)"));
    assertTrue(style.contains("@media print"));
  }

  /** Uses other than by a class. */
  private static int used(String style, Ink ink) {
    return style.split("var\\(--" + ink.id() + "\\)", -1).length - 1 - 1;
  }

  @Test
  void aRowHasACellForEachColumn() {
    HtmlTable table = HtmlTable.of("").words("a").numbers("b");
    assertEquals(
        "a row has 1 cells; needed 2",
        assertThrows(IllegalArgumentException.class, () -> table.row("x")).getMessage());
  }
}
