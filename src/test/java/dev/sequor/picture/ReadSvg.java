package dev.sequor.picture;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;

/** A picture, read back by a parser of XML. */
final class ReadSvg {
  private static final Pattern MOVED =
      Pattern.compile("translate\\((\\S+) (\\S+)\\)(?: rotate\\((\\S+)\\))?");

  private final Element root;

  private ReadSvg(Element root) {
    this.root = root;
  }

  static ReadSvg of(Svg picture) {
    return new ReadSvg(parse(picture.file()).getDocumentElement());
  }

  static Document parse(String xml) {
    try {
      return DocumentBuilderFactory.newInstance()
          .newDocumentBuilder()
          .parse(new InputSource(new StringReader(xml)));
    } catch (SAXException | ParserConfigurationException | java.io.IOException e) {
      throw new AssertionError(xml, e);
    }
  }

  Element root() {
    return root;
  }

  static List<Element> elements(Element within, String name) {
    NodeList found = within.getElementsByTagName(name);
    List<Element> elements = new ArrayList<>();
    for (int i = 0; i < found.getLength(); i++) {
      elements.add((Element) found.item(i));
    }
    return elements;
  }

  List<Element> elements(String name) {
    return elements(root, name);
  }

  /** What shows under the pointer; the picture's own title is not among them. */
  List<String> titles() {
    return elements("title").stream()
        .filter(title -> !root.equals(title.getParentNode()))
        .map(Node::getTextContent)
        .toList();
  }

  /** What may be read, with the room that it takes at most. */
  record Text(String words, double left, double top, double right, double bottom) {
    boolean overlaps(Text other) {
      return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
    }
  }

  /** All text but that which is turned by other than a right angle. */
  List<Text> texts() {
    List<Text> texts = new ArrayList<>();
    for (Element element : elements("text")) {
      double x = number(element, "x");
      double y = number(element, "y");
      double size = number(element, "font-size");
      double bold = element.getAttribute("font-weight").equals("bold") ? TextWidth.BOLD : 1;
      String words = words(element);
      double width = TextWidth.of(words, size) * bold;
      String anchor = element.getAttribute("text-anchor");
      double left = anchor.equals("middle") ? -width / 2 : anchor.equals("end") ? -width : 0;
      double angle = 0;
      for (Node at = element; at instanceof Element each; at = at.getParentNode()) {
        Matcher moved = MOVED.matcher(each.getAttribute("transform"));
        if (moved.matches()) {
          x += Double.parseDouble(moved.group(1));
          y += Double.parseDouble(moved.group(2));
          angle = moved.group(3) == null ? angle : Double.parseDouble(moved.group(3));
        }
      }
      if (angle == 0) {
        texts.add(new Text(words, x + left, y - 0.76 * size, x + left + width, y + 0.2 * size));
      } else if (angle == -90) {
        texts.add(new Text(words, x - 0.76 * size, y - left - width, x + 0.2 * size, y - left));
      }
    }
    return texts;
  }

  /** Without the title under the pointer. */
  private static String words(Element text) {
    StringBuilder words = new StringBuilder();
    for (Node child = text.getFirstChild(); child != null; child = child.getNextSibling()) {
      if (child.getNodeType() == Node.TEXT_NODE) {
        words.append(child.getNodeValue());
      }
    }
    return words.toString();
  }

  private static double number(Element element, String attribute) {
    return Double.parseDouble(element.getAttribute(attribute));
  }

  /** No text lies on another, and all of it lies in the picture. */
  void requireReadable() {
    String[] box = root.getAttribute("viewBox").split(" ", -1);
    double width = Double.parseDouble(box[2]);
    double height = Double.parseDouble(box[3]);
    List<Text> texts = texts();
    for (int i = 0; i < texts.size(); i++) {
      Text text = texts.get(i);
      assertTrue(
          text.left() > -0.5
              && text.top() > -0.5
              && text.right() < width + 0.5
              && text.bottom() < height + 0.5,
          () -> text + " is not within " + width + " by " + height);
      for (Text other : texts.subList(0, i)) {
        assertFalse(text.overlaps(other), () -> text + " lies on " + other);
      }
    }
  }
}
