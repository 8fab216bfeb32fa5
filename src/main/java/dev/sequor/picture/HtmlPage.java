package dev.sequor.picture;

import dev.sequor.backend.Required;
import dev.sequor.backend.Sha256;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * A page that needs nothing from elsewhere and runs no script, unless it is {@linkplain #live
 * live}: words, tables and pictures, light or dark as the reader has it, on a phone, a screen or
 * paper. All words are escaped. It is HTML and well-formed XML at once.
 */
public final class HtmlPage {
  private static final int SECTIONS_FOR_CONTENTS = 3;

  /** Pictures are not shown much larger than they were made; letters would be too large. */
  private static final double MOST_PART = 1.4;

  /**
   * What a small phone has room for. Wider pictures scroll there rather than shrink their letters.
   */
  private static final double FITS_ANYWHERE = Chart.WIDTH;

  private static final String DATA_END = "</script>";

  private static final String STYLE =
      """
      :root{color-scheme:light dark}
      *{box-sizing:border-box}
      body{font:16px/1.5 system-ui,"DejaVu Sans",Arial,sans-serif;color:var(--text);background:var(--page);\
      max-width:76rem;margin:0 auto;padding:1.5rem 1rem}
      h1{font-size:1.5rem;line-height:1.25;margin:0 0 .5rem;overflow-wrap:anywhere}
      h2{font-size:1.2rem;margin:2.2rem 0 .5rem}h3{font-size:1rem;margin:1.4rem 0 .3rem}h2,h3{overflow-wrap:anywhere}
      p{margin:.5rem 0;max-width:52rem;overflow-wrap:anywhere}ul{padding-left:1.2rem;max-width:52rem}\
      li{margin:.25rem 0;overflow-wrap:anywhere}
      a{color:var(--link)}nav a,.key span{display:inline-block;max-width:100%;overflow-wrap:anywhere;margin-right:1.2rem}
      :focus-visible{outline:3px solid var(--link);outline-offset:2px}
      .faint,footer{color:var(--faint)}
      .key svg{width:20px;height:16px;vertical-align:-3px}
      .warning{border:3px solid var(--warning);color:var(--warning);font-weight:700;padding:.6rem 1rem;max-width:none}
      .pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:1.5rem}
      figure{margin:1rem 0;overflow-x:auto}.pictures figure{margin:0}
      figure svg{display:block;width:100%;height:auto}
      .scroll{overflow-x:auto;margin:.5rem 0}
      table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.92rem}
      th,td{padding:.25rem .7rem;text-align:right;border-bottom:1px solid var(--grid);white-space:nowrap}
      th.words,td.words{text-align:left}tbody tr:nth-child(even){background:var(--stripe)}
      pre{white-space:pre-wrap;overflow-wrap:anywhere;max-width:52rem;margin:.3rem 0 1rem;padding:.5rem .8rem;\
      font:.9rem/1.45 ui-monospace,"DejaVu Sans Mono",monospace;background:var(--stripe)}
      caption{text-align:left;color:var(--faint);padding-bottom:.3rem}caption.warn{color:var(--warning);font-weight:700}
      footer{margin-top:2.5rem;border-top:1px solid var(--grid);padding-top:.7rem;font-size:.9rem}
      @media (max-width:480px){body{padding:1rem 10px}}
      @media print{body{max-width:none;padding:0}nav{display:none}figure,tr{break-inside:avoid}h2,h3{break-after:avoid}\
      .scroll,figure{overflow:visible}table{font-size:.7rem}}
      """;

  private final String title;
  private final String language;
  private final StringBuilder body = new StringBuilder();
  private final List<String> sections = new ArrayList<>();
  private int contentsAt;
  private final StringBuilder footer = new StringBuilder();
  private final StringBuilder data = new StringBuilder();
  private String script = "";

  private HtmlPage(String title, String language) {
    this.title = title;
    this.language = language;
  }

  /** An empty page in English. */
  public static HtmlPage of(String title) {
    return of(title, "en");
  }

  /**
   * An empty page.
   *
   * @param language of its words, for example {@code de}; for voices and hyphens
   */
  public static HtmlPage of(String title, String language) {
    return new HtmlPage(Required.present("title", title), Required.present("language", language));
  }

  /** The colours that {@link Svg#inline()} needs, for a page made in another way. */
  public static String styleSheet() {
    return Ink.styleSheet();
  }

  /**
   * What comes next belongs together; from three sections on, the page begins with links to them.
   */
  public HtmlPage section(String heading) {
    if (sections.isEmpty()) {
      contentsAt = body.length();
    }
    sections.add(Required.present("heading", heading));
    body.append("<h2 id=\"section-").append(sections.size()).append("\">");
    body.append(Escape.xml(heading)).append("</h2>\n");
    return this;
  }

  /** A heading within a section. */
  public HtmlPage heading(String words) {
    return element("h3", "", words);
  }

  /** A paragraph. */
  public HtmlPage paragraph(String words) {
    return element("p", "", words);
  }

  /** A paragraph that matters less. */
  public HtmlPage remark(String words) {
    return element("p", "faint", words);
  }

  /** A paragraph that nobody overlooks. */
  public HtmlPage warning(String words) {
    return element("p", "warning", words);
  }

  /**
   * A line of a list.
   *
   * @param lead bold, before the rest; {@code ""} for none
   */
  public record Item(String lead, String words) {
    /** Checks that both are there. */
    public Item {
      Required.present("lead", lead);
      Required.present("words", words);
    }
  }

  /** A list; nothing if it is empty. */
  public HtmlPage list(List<Item> items) {
    if (!Required.present("items", items).isEmpty()) {
      body.append("<ul>\n");
      for (Item item : items) {
        body.append("<li>");
        if (!item.lead().isEmpty()) {
          body.append("<strong>").append(Escape.xml(item.lead())).append("</strong> ");
        }
        body.append(Escape.xml(item.words())).append("</li>\n");
      }
      body.append("</ul>\n");
    }
    return this;
  }

  /** A table. */
  public HtmlPage table(HtmlTable table) {
    Required.present("table", table).writeTo(body);
    return this;
  }

  /** A picture, as wide as the page but not much wider than it was made. */
  public HtmlPage picture(Svg picture) {
    figure(Required.present("picture", picture));
    return this;
  }

  /** Pictures side by side where there is room; nothing if there are none. */
  public HtmlPage pictures(List<Svg> pictures) {
    if (!Required.present("pictures", pictures).isEmpty()) {
      body.append("<div class=\"pictures\">\n");
      pictures.forEach(this::figure);
      body.append("</div>\n");
    }
    return this;
  }

  private void figure(Svg picture) {
    boolean scrolls = picture.width() > FITS_ANYWHERE;
    body.append("<figure style=\"max-width:")
        .append(pixels(picture.width() * MOST_PART))
        .append('"');
    if (scrolls) {
      body.append(" tabindex=\"0\" role=\"group\" aria-label=\"");
      body.append(Escape.xml(picture.title())).append('"');
    }
    body.append(">\n");
    if (scrolls) {
      body.append("<div style=\"min-width:");
      body.append(pixels(picture.width())).append("\">\n");
    }
    body.append(picture.inline()).append(scrolls ? "</div></figure>\n" : "</figure>\n");
  }

  private static String pixels(double units) {
    return Math.round(units) + "px";
  }

  /**
   * What marks and colours stand for, in one line for several pictures.
   *
   * @param series whose names and marks are shown
   */
  public HtmlPage key(List<Series> series) {
    body.append("<p class=\"key\">");
    for (Series each : Required.present("series", series)) {
      body.append("<span><svg viewBox=\"0 0 20 16\" aria-hidden=\"true\">");
      if (each.kind() != Series.Kind.POINTS) {
        each.dashed(SvgElement.line(0, 8, 20, 8).stroke(each.ink()).with("stroke-width", 2))
            .writeTo(body);
      }
      each.marker().at(10, 8, each.ink()).writeTo(body);
      body.append("</svg> ").append(Escape.xml(each.name())).append("</span> ");
    }
    body.append("</p>\n");
    return this;
  }

  /** Words with their blanks and ends of line, in letters of one width. */
  public HtmlPage verbatim(String words) {
    return element("pre", "", words);
  }

  /**
   * Data for programs that read the page, which nobody sees and no browser runs.
   *
   * @param name that {@link #dataIn} finds them by; letters, digits and {@code -}
   * @param json an object or array
   * @throws IllegalArgumentException if there is something else in the name
   */
  public HtmlPage data(String name, String json) {
    data.append(dataBegin(name)).append(Escape.json(Required.present("json", json)));
    data.append(DATA_END).append('\n');
    return this;
  }

  /** What {@link #data} has put into {@code page}; empty if there is nothing of that name. */
  public static Optional<String> dataIn(String page, String name) {
    String begin = dataBegin(name);
    int from = Required.present("page", page).indexOf(begin);
    int to = from < 0 ? -1 : page.indexOf(DATA_END, from);
    return to < 0 ? Optional.empty() : Optional.of(page.substring(from + begin.length(), to));
  }

  private static String dataBegin(String name) {
    if (!Required.present("name", name).matches("[A-Za-z0-9-]+")) {
      throw new IllegalArgumentException(
          "the name of the data is '" + name + "'; needed letters, digits and -");
    }
    return "<script type=\"application/json\" id=\"" + name + "\">";
  }

  /**
   * Lets a script run that a server sends with the page, and lets that script ask the same server
   * for more; nothing else may run or be asked. Above the rest there is an element {@code live} for
   * what it says.
   *
   * @param script in JavaScript, without {@code <}, {@code &} and {@code ]]>}
   * @throws IllegalArgumentException if it has one of these
   */
  public HtmlPage live(String script) {
    if (Pattern.compile("[<&]|]]>").matcher(Required.present("script", script)).find()) {
      throw new IllegalArgumentException("the script has <, & or ]]>; needed one without");
    }
    this.script = script;
    return this;
  }

  /** A paragraph at the very end: where all this comes from. */
  public HtmlPage footer(String words) {
    footer.append("<p>").append(Escape.xml(Required.present("words", words))).append("</p>\n");
    return this;
  }

  private HtmlPage element(String name, String style, String words) {
    Required.present("words", words);
    body.append('<').append(name);
    if (!style.isEmpty()) {
      body.append(" class=\"").append(style).append('"');
    }
    body.append('>').append(Escape.xml(words)).append("</").append(name).append(">\n");
    return this;
  }

  /** The whole page. */
  public String html() {
    StringBuilder page = new StringBuilder("<!DOCTYPE html>\n<html lang=\"");
    page.append(Escape.xml(language)).append("\">\n<head>\n<meta charset=\"utf-8\"/>\n");
    page.append("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; ");
    page.append(script.isEmpty() ? "" : "script-src '" + hash(script) + "'; connect-src 'self'; ");
    page.append("style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\"/>\n");
    page.append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n");
    page.append("<meta name=\"generator\" content=\"Sequor\"/>\n");
    page.append("<title>").append(Escape.xml(title)).append("</title>\n");
    page.append("<style>\n").append(Ink.styleSheet()).append(STYLE).append("</style>\n</head>\n");
    page.append("<body>\n");
    page.append(script.isEmpty() ? "" : "<p id=\"live\" class=\"faint\" role=\"status\"></p>\n");
    page.append("<main>\n").append(content()).append("</main>\n");
    if (footer.length() > 0) {
      page.append("<footer>\n").append(footer).append("</footer>\n");
    }
    page.append(data);
    page.append(script.isEmpty() ? "" : "<script>" + script + "</script>\n");
    return page.append("</body>\n</html>\n").toString();
  }

  /** What the element {@code main} of the page holds: all but footer, data and script. */
  public String content() {
    StringBuilder main = new StringBuilder("<h1>").append(Escape.xml(title)).append("</h1>\n");
    main.append(body, 0, contentsAt);
    if (sections.size() >= SECTIONS_FOR_CONTENTS) {
      main.append("<nav aria-label=\"Sections\">\n");
      for (int i = 0; i < sections.size(); i++) {
        main.append("<a href=\"#section-").append(i + 1).append("\">");
        main.append(Escape.xml(sections.get(i))).append("</a>\n");
      }
      main.append("</nav>\n");
    }
    return main.append(body, contentsAt, body.length()).toString();
  }

  /** As a content security policy names a script. */
  private static String hash(String script) {
    byte[] digest = Sha256.digest().digest(script.getBytes(StandardCharsets.UTF_8));
    return "sha256-" + Base64.getEncoder().encodeToString(digest);
  }

  /** {@link #html()} in UTF-8. */
  public byte[] bytes() {
    return html().getBytes(StandardCharsets.UTF_8);
  }
}
