package dev.sequor.picture;

import dev.sequor.backend.Required;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * A picture as SVG.
 *
 * @param width in units of its elements; pixels, where it is shown as large as it was made
 * @param height likewise
 * @param title what it is, in a few words
 * @param description what it shows, for those who do not see it
 * @param elements from the back to the front
 */
public record Svg(
    double width, double height, String title, String description, List<SvgElement> elements) {
  /** The name that Java has for what the machine shows without serifs. */
  private static final String FONT_OF_JAVA = "SansSerif";

  /** The same of letters that are all as wide. */
  private static final String EVEN_FONT_OF_JAVA = "Monospaced";

  /** Of letters that are all as wide. */
  static final String EVEN_FONT = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace";

  /** Of what text is written in; what is there of these comes first. */
  static final String FONT = "system-ui, 'DejaVu Sans', Arial, sans-serif";

  /**
   * Copies the list and checks the sizes.
   *
   * @throws IllegalArgumentException naming the first size that is not above 0, or what is missing
   */
  public Svg {
    requireAboveZero("width", width);
    requireAboveZero("height", height);
    Required.present("title", title);
    Required.present("description", description);
    elements = List.copyOf(Required.present("elements", elements));
  }

  private static void requireAboveZero(String name, double value) {
    if (!(value > 0)) {
      throw new IllegalArgumentException(name + " is " + value + "; needed more than 0");
    }
    Numbers.plain(name, value);
  }

  /**
   * An element of an HTML page; as wide as its place allows. Its colours are those of the page's
   * {@linkplain HtmlPage#styleSheet() style sheet}.
   */
  public String inline() {
    StringBuilder svg = new StringBuilder();
    open(svg, "");
    svg.append(">\n");
    elements.forEach(element -> element.writeTo(svg));
    return svg.append("</svg>\n").toString();
  }

  /** A file of its own, light or dark like what shows it. */
  public String file() {
    return file("<style>" + Ink.styleSheet() + "</style>\n");
  }

  /** A file with the light colours alone, which every program understands. */
  String lightFile() {
    return file("").replace(FONT, FONT_OF_JAVA).replace(Escape.xml(EVEN_FONT), EVEN_FONT_OF_JAVA);
  }

  private String file(String style) {
    StringBuilder svg = new StringBuilder("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    open(svg, " xmlns=\"http://www.w3.org/2000/svg\"");
    svg.append(" width=\"").append(Numbers.plain("width", width));
    svg.append("\" height=\"").append(Numbers.plain("height", height)).append("\">\n");
    svg.append("<title>").append(Escape.xml(title)).append("</title>\n");
    svg.append("<desc>").append(Escape.xml(description)).append("</desc>\n");
    svg.append(style);
    SvgElement.rect(0, 0, width, height).fill(Ink.PAGE).writeTo(svg);
    elements.forEach(element -> element.writeTo(svg));
    return svg.append("</svg>\n").toString();
  }

  /** {@link #file()} in UTF-8. */
  public byte[] bytes() {
    return file().getBytes(StandardCharsets.UTF_8);
  }

  private void open(StringBuilder svg, String namespace) {
    svg.append("<svg").append(namespace).append(" viewBox=\"0 0 ");
    svg.append(Numbers.plain("width", width)).append(' ').append(Numbers.plain("height", height));
    svg.append("\" font-family=\"").append(FONT).append("\" role=\"img\" aria-label=\"");
    svg.append(Escape.xml(description.isEmpty() ? title : title + ". " + description)).append('"');
  }
}
