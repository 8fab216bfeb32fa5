package dev.sequor.picture;

import dev.sequor.backend.Required;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * An element of a picture. Whatever is put into it is text: it is escaped, and there are neither
 * scripts nor references, so that a picture of strangers' words is as safe as any.
 */
public final class SvgElement {
  private static final Set<String> ELEMENTS =
      Set.of("circle", "g", "line", "path", "rect", "text", "title", "tspan");

  private static final Pattern ATTRIBUTE = Pattern.compile("[a-z]+[a-zA-Z0-9]*(-[a-z]+)*");

  /** What could load or run something. */
  private static final Pattern UNSAFE = Pattern.compile("on.*|href|src|style|class");

  private final String name;
  private final Map<String, String> attributes = new LinkedHashMap<>();
  private final List<String> classes = new ArrayList<>();
  private final List<Object> content = new ArrayList<>();

  private SvgElement(String name) {
    this.name = name;
  }

  /**
   * An empty element.
   *
   * @throws IllegalArgumentException if it is none of circle, g, line, path, rect, text, title and
   *     tspan
   */
  public static SvgElement of(String name) {
    if (!ELEMENTS.contains(Required.present("name", name))) {
      throw new IllegalArgumentException(
          "'" + name + "' is no element for a picture; needed one of " + new TreeSet<>(ELEMENTS));
    }
    return new SvgElement(name);
  }

  /** A straight line. */
  public static SvgElement line(double x1, double y1, double x2, double y2) {
    return of("line").with("x1", x1).with("y1", y1).with("x2", x2).with("y2", y2);
  }

  /** A rectangle. */
  public static SvgElement rect(double x, double y, double width, double height) {
    return of("rect").with("x", x).with("y", y).with("width", width).with("height", height);
  }

  /**
   * Words in the colour of text.
   *
   * @param y of the line that the letters stand on
   */
  public static SvgElement text(double x, double y, double size, String words) {
    return of("text").with("x", x).with("y", y).with("font-size", size).fill(Ink.TEXT).add(words);
  }

  /** An attribute that is a number. */
  public SvgElement with(String attribute, double value) {
    return with(attribute, Numbers.plain(attribute, value));
  }

  /**
   * An attribute; a second one of the name takes the place of the first.
   *
   * @throws IllegalArgumentException if it is no name of one, or could load or run something
   */
  public SvgElement with(String attribute, String value) {
    Required.present("value", value);
    if (!ATTRIBUTE.matcher(Required.present("attribute", attribute)).matches()
        || UNSAFE.matcher(attribute).matches()) {
      throw new IllegalArgumentException(
          "'" + attribute + "' is no attribute for a picture; needed one that draws");
    }
    attributes.put(attribute, value);
    return this;
  }

  /** Fills it. The colour stands in it twice, for what follows the page and for what does not. */
  public SvgElement fill(Ink ink) {
    classes.removeIf(each -> each.startsWith("f-"));
    classes.add("f-" + ink.id());
    return with("fill", ink.light().hex());
  }

  /** Draws its outline. */
  public SvgElement stroke(Ink ink) {
    classes.removeIf(each -> each.startsWith("s-"));
    classes.add("s-" + ink.id());
    return with("stroke", ink.light().hex());
  }

  /** Fills it, on a colour that is the same on light and dark pages, so that it can be read. */
  SvgElement onColour(Rgb background) {
    classes.removeIf(each -> each.startsWith("f-"));
    return with("fill", ColourScale.readableOn(background).hex());
  }

  /** Puts an element into it, behind what is there. */
  public SvgElement add(SvgElement child) {
    content.add(Required.present("child", child));
    return this;
  }

  /** Puts words into it. */
  public SvgElement add(String words) {
    content.add(Required.present("words", words));
    return this;
  }

  /** What shows under the pointer. */
  public SvgElement titled(String words) {
    content.add(0, of("title").add(words));
    return this;
  }

  void writeTo(StringBuilder svg) {
    svg.append('<').append(name);
    if (!classes.isEmpty()) {
      svg.append(" class=\"").append(String.join(" ", classes)).append('"');
    }
    attributes.forEach(
        (attribute, value) ->
            svg.append(' ').append(attribute).append("=\"").append(Escape.xml(value)).append('"'));
    if (content.isEmpty()) {
      svg.append("/>");
    } else {
      svg.append('>');
      for (Object each : content) {
        if (each instanceof SvgElement child) {
          child.writeTo(svg);
        } else {
          svg.append(Escape.xml((String) each));
        }
      }
      svg.append("</").append(name).append('>');
    }
    if (!name.equals("title") && !name.equals("tspan") && !name.equals("text")) {
      svg.append('\n');
    }
  }
}
