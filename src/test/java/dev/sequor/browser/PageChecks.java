package dev.sequor.browser;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;

/**
 * What every page of this library must be, looked at in a browser. Each check says what is wrong,
 * and nothing if all is well.
 */
public final class PageChecks {
  /** Letters on a phone, in CSS pixels. */
  private static final double LEAST_LETTERS = 12;

  private static final int MOST_STOPS = 1000;
  private static final double LIGHT = 0.9;

  /** Points under the pointer; a line of more points has none. */
  private static final int MOST_MARKS = 300;

  private static final Pattern PAGE_OF_PDF = Pattern.compile("/Type\\s*/Page\\b");
  private static final Set<String> NAMED_ROLES =
      Set.of("heading", "image", "link", "navigation", "region", "table");

  private final Tab tab;
  private final Path file;

  /**
   * Of a page.
   *
   * @param tab where it is loaded
   */
  public PageChecks(Tab tab, Path file) {
    this.tab = tab;
    this.file = file;
  }

  private interface Check {
    List<String> wrong() throws IOException;
  }

  /**
   * What is wrong, by what it should be; nothing if all is well.
   *
   * @param pictures that are in it
   */
  public Map<String, List<String>> wrong(List<Drawn> pictures) throws IOException {
    Map<String, Check> all = new LinkedHashMap<>();
    all.put("is valid", this::isValid);
    all.put("shows all", () -> shows(pictures));
    all.put("is readable", () -> isReadable(View.DESKTOP));
    all.put("is readable in the dark", () -> isReadable(View.DARK));
    all.put("fits a phone", () -> fits(View.PHONE));
    all.put("has keys", () -> isReachableByKeys(View.DESKTOP));
    all.put("has keys on a phone", () -> isReachableByKeys(View.PHONE));
    all.put("is printed", this::isPrinted);
    all.put("stands alone", this::standsAlone);
    Map<String, List<String>> wrong = new LinkedHashMap<>();
    for (Map.Entry<String, Check> each : all.entrySet()) {
      List<String> found = each.getValue().wrong();
      if (!found.isEmpty()) {
        wrong.put(each.getKey(), found);
      }
    }
    return wrong;
  }

  /** It asks for nothing but itself, and nothing in it is refused. */
  public List<String> standsAlone() throws IOException {
    List<String> wrong = new ArrayList<>();
    // By the answer to this, whatever the page asked for when it was loaded has been heard of.
    tab.evaluate("new Promise(done => setTimeout(done, 50))");
    for (String request : tab.requests()) {
      if (!request.equals(file.toUri().toString())) {
        wrong.add("asks for " + request);
      }
    }
    tab.complaints().forEach(complaint -> wrong.add("console: " + complaint));
    return wrong;
  }

  /** It is XML, of which the browser makes the same elements; its ids and names are in order. */
  public List<String> isValid() throws IOException {
    List<String> wrong = new ArrayList<>();
    List<String> written = new ArrayList<>();
    Set<String> ids = new HashSet<>();
    NodeList elements = parsed().getElementsByTagName("*");
    for (int i = 0; i < elements.getLength(); i++) {
      Element element = (Element) elements.item(i);
      written.add(element.getTagName());
      String id = element.getAttribute("id");
      if (!id.isEmpty() && !ids.add(id)) {
        wrong.add("two elements have the id '" + id + "'");
      }
    }
    for (int i = 0; i < elements.getLength(); i++) {
      String link = ((Element) elements.item(i)).getAttribute("href");
      if (link.startsWith("#") && !ids.contains(link.substring(1))) {
        wrong.add("no element has the id of the link '" + link + "'");
      }
    }
    List<String> shown = tab.strings("checks.names()");
    if (!written.equals(shown)) {
      wrong.add("the file has the elements " + written + ", the browser " + shown);
    }
    if (count(written, "h1") != 1) {
      wrong.add("has " + count(written, "h1") + " h1; needed one");
    }
    wrong.addAll(namesForVoices());
    return wrong;
  }

  private org.w3c.dom.Document parsed() throws IOException {
    try {
      String text = Files.readString(file);
      return DocumentBuilderFactory.newInstance()
          .newDocumentBuilder()
          .parse(new InputSource(new StringReader(text)));
    } catch (SAXException | ParserConfigurationException e) {
      throw new IOException(file + " is no XML", e);
    }
  }

  private static long count(List<String> names, String name) {
    return names.stream().filter(name::equals).count();
  }

  private List<String> namesForVoices() throws IOException {
    List<String> wrong = new ArrayList<>();
    long images = 0;
    for (JsonNode node : tab.accessibilityTree()) {
      String role = node.at("/role/value").asText();
      boolean isNamed = !node.at("/name/value").asText().isBlank();
      if (!node.path("ignored").asBoolean() && NAMED_ROLES.contains(role) && !isNamed) {
        wrong.add("has a " + role + " without a name");
      }
      images += role.equals("image") ? 1 : 0;
    }
    int pictures = tab.evaluate("checks.charts().length").asInt();
    if (images != pictures) {
      wrong.add("has " + pictures + " pictures, and voices know of " + images);
    }
    return wrong;
  }

  /** Text stands out from what is behind it, and lies within its picture. */
  public List<String> isReadable(View view) throws IOException {
    tab.showAll(view);
    List<String> wrong = new ArrayList<>(tab.strings("checks.contrast()"));
    wrong.addAll(tab.strings("checks.cut()"));
    return wrong;
  }

  /** Nothing but what scrolls by itself is wider than the screen, and letters are not too small. */
  public List<String> fits(View view) throws IOException {
    tab.showAll(view);
    List<String> wrong = new ArrayList<>(tab.strings("checks.sideways(" + view.width() + ")"));
    wrong.addAll(tab.strings("checks.small(" + LEAST_LETTERS + ")"));
    return wrong;
  }

  /** The Tab key goes to every link and all that scrolls, in order, and is seen where it is. */
  public List<String> isReachableByKeys(View view) throws IOException {
    tab.show(view);
    tab.evaluate("scrollTo(0, 0)");
    Set<Integer> missing = new TreeSet<>();
    tab.evaluate("checks.reachable()").forEach(each -> missing.add(each.asInt()));
    List<String> wrong = new ArrayList<>();
    int last = -1;
    for (int stop = 0; stop < MOST_STOPS; stop++) {
      tab.pressTab();
      JsonNode focused = tab.evaluate("checks.focused()");
      int element = focused.get("element").asInt();
      if (element < 0) {
        break;
      }
      String name = focused.get("name").asText();
      if (element <= last) {
        wrong.add(name + " is reached after what is behind it");
      }
      if (!focused.get("ringed").asBoolean()) {
        wrong.add(name + " has the focus, which is not seen");
      }
      if (!focused.get("inSight").asBoolean()) {
        wrong.add(name + " has the focus, out of sight");
      }
      missing.remove(element);
      last = Math.max(last, element);
    }
    for (int each : missing) {
      wrong.add(
          "no key goes to "
              + tab.evaluate("document.querySelectorAll('*')[" + each + "].outerHTML.slice(0,80)")
                  .asText());
    }
    tab.evaluate("document.activeElement.blur()");
    return wrong;
  }

  /** Paper is light whatever the screen is, and there is at least a page of it. */
  public List<String> isPrinted() throws IOException {
    List<String> wrong = new ArrayList<>(isReadable(View.PAPER));
    double luminance = tab.evaluate("checks.canvas()").asDouble();
    if (luminance < LIGHT) {
      wrong.add("is printed on a background with a luminance of " + luminance);
    }
    String pdf = new String(tab.pdf(), StandardCharsets.ISO_8859_1);
    if (!pdf.startsWith("%PDF-") || !PAGE_OF_PDF.matcher(pdf).find()) {
      wrong.add("makes a PDF without pages");
    }
    return wrong;
  }

  /** Its pictures are those that were put in, with all their points. */
  public List<String> shows(List<Drawn> pictures) throws IOException {
    tab.show(View.DESKTOP);
    JsonNode shown = tab.evaluate("checks.charts()");
    List<String> wrong = new ArrayList<>();
    if (shown.size() != pictures.size()) {
      wrong.add("shows " + shown.size() + " pictures; " + pictures.size() + " were put in");
    }
    for (int i = 0; i < Math.min(shown.size(), pictures.size()); i++) {
      compare(pictures.get(i), shown.get(i), wrong);
    }
    return wrong;
  }

  private static void compare(Drawn drawn, JsonNode shown, List<String> wrong) {
    String label = shown.get("label").asText();
    if (!label.startsWith(drawn.title())) {
      wrong.add("shows '" + label + "' instead of '" + drawn.title() + "'");
    }
    List<String> names = new ArrayList<>();
    shown.get("series").forEach(each -> names.add(each.get("name").asText()));
    List<String> expected = drawn.series().stream().map(Drawn.Series::name).toList();
    if (!names.equals(expected)) {
      wrong.add(label + " shows the series " + names + "; put in were " + expected);
      return;
    }
    for (int i = 0; i < names.size(); i++) {
      JsonNode each = shown.get("series").get(i);
      String name = names.get(i);
      int points = drawn.series().get(i).points();
      int marks = each.get("marks").asInt();
      int corners = each.get("corners").asInt();
      boolean hasMarks = marks == points || (marks == 0 && points > MOST_MARKS);
      boolean hasLine = corners == 0 ? marks > 0 : corners == points || corners == 2 * points;
      boolean isWhole = hasMarks && hasLine;
      if (!isWhole) {
        wrong.add(
            label
                + ": '"
                + name
                + "' has "
                + marks
                + " marks and "
                + corners
                + " corners; put in were "
                + points
                + " points");
      }
      if (!each.get("inside").asBoolean()) {
        wrong.add(label + ": '" + name + "' is not drawn within the picture");
      }
    }
  }
}
