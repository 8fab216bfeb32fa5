package dev.sequor.cli;

import dev.sequor.diagnose.TellingUnits;
import dev.sequor.diagnose.UnitSearch;
import dev.sequor.model.NextToken;
import dev.sequor.picture.AnnotatedText;
import dev.sequor.picture.ColourScale;
import dev.sequor.picture.HtmlPage;
import dev.sequor.picture.HtmlTable;
import dev.sequor.picture.Svg;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;

/** What a model makes of a text, as a page, a picture, in words and as JSON. */
final class ExplanationReport implements Findings {
  /** Of a longer text only the most surprising places are told one by one. */
  private static final int ALL = 80;

  private static final int SURPRISING = 20;

  /** Pieces before a place, by which it is found. */
  private static final int BEFORE = 16;

  /** The surprise that has the darkest colour at least. */
  private static final double LEAST_RANGE = 8;

  private final String model;
  private final ExplainedText text;
  private final List<String> remarks;

  /**
   * A report.
   *
   * @param model its name
   * @param remarks what has to be known besides
   */
  ExplanationReport(String model, ExplainedText text, List<String> remarks) {
    this.model = model;
    this.text = text;
    this.remarks = List.copyOf(remarks);
  }

  private String summary() {
    return String.format(
        Locale.ROOT,
        "%,d %ss, %.3f bits per %s",
        text.pieces().size(),
        text.unit(),
        text.meanBits(),
        text.unit());
  }

  private String searched() {
    return String.format(Locale.ROOT, "%,d %ss", text.units().steps(), text.unit());
  }

  private static String visible(String piece) {
    return AnnotatedText.visible(piece).replace(' ', '\u2423');
  }

  /** A piece that is only the middle of a character is one byte of it. */
  private String piece(int place) {
    String piece = text.pieces().get(place);
    return piece.isEmpty() ? "\u2026" : piece;
  }

  private String unitName(TellingUnits.Unit unit) {
    String name = unit.of().symbol() + " " + (unit.number() + 1);
    return text.layers().size() == 1 ? name : text.layers().get(unit.layer()).words() + ", " + name;
  }

  /** The places to tell of, in their order: all of a short text, or the most surprising. */
  private List<Integer> places() {
    return IntStream.rangeClosed(1, text.foretold().size())
        .boxed()
        .sorted(Comparator.comparingDouble((Integer place) -> -at(place).bits()))
        .limit(isShort() ? ALL : SURPRISING)
        .sorted()
        .toList();
  }

  private boolean isShort() {
    return text.pieces().size() <= ALL;
  }

  private NextToken at(int place) {
    return text.foretold().get(place - 1).token();
  }

  private String instead(int place) {
    ExplainedText.Foretold foretold = text.foretold().get(place - 1);
    List<String> words = new ArrayList<>();
    for (int i = 0; i < foretold.likeliest().size(); i++) {
      words.add(
          String.format(
              Locale.ROOT,
              "%s %.0f %%",
              visible(foretold.likeliest().get(i)),
              100 * foretold.token().likeliest().get(i).probability()));
    }
    return String.join(", ", words);
  }

  private String before(int place) {
    StringBuilder before = new StringBuilder();
    for (int i = Math.max(0, place - BEFORE); i < place; i++) {
      before.append(visible(piece(i)));
    }
    return before.toString();
  }

  // ---- in words ---------------------------------------------------------------------------------

  @Override
  public void print(PrintWriter words) {
    words.println(summary() + (isShort() ? "" : "; the " + SURPRISING + " most surprising:"));
    for (int place : places()) {
      words.println(
          String.format(
              Locale.ROOT,
              "%s%s  %.1f %%  %.2f bits  (%s)",
              isShort() ? "" : String.format(Locale.ROOT, "%5d  %s", place + 1, before(place)),
              isShort() ? visible(piece(place)) : " > " + visible(piece(place)),
              100 * at(place).probability(),
              at(place).bits(),
              instead(place)));
    }
    words.println("units that tell, of " + text.units().units() + ", in " + searched() + ":");
    for (TellingUnits.Found found : text.units().found()) {
      UnitSearch.Match match = found.match();
      words.println(
          String.format(
              Locale.ROOT,
              match.telling()
                  ? "  %s: %s, correlation %.2f (chance: %.2f)"
                  : "  %s: no unit tells (best: %s, %.2f; chance: %.2f)",
              found.feature().words(),
              unitName(found.unit()),
              match.correlation(),
              match.chance()));
    }
    words.flush();
  }

  // ---- as JSON ----------------------------------------------------------------------------------

  @Override
  public Map<String, Object> json() {
    List<Map<String, Object>> tokens = new ArrayList<>();
    for (int place = 0; place < text.pieces().size(); place++) {
      Map<String, Object> token = new LinkedHashMap<>();
      token.put("text", text.pieces().get(place));
      if (place > 0) {
        token.put("probability", at(place).probability());
        token.put("bits", at(place).bits());
        token.put("likeliest", likeliest(place));
      }
      tokens.add(token);
    }
    List<Map<String, Object>> features = new ArrayList<>();
    for (TellingUnits.Found found : text.units().found()) {
      Map<String, Object> feature = new LinkedHashMap<>();
      feature.put("feature", found.feature().words());
      feature.put("tells", found.match().telling());
      feature.put("correlation", found.match().correlation());
      feature.put("chance", found.match().chance());
      feature.put("p", found.match().p());
      feature.put("unit", unit(found.unit()));
      features.add(feature);
    }
    List<Map<String, Object>> activations = new ArrayList<>();
    for (ExplainedText.Row row : text.rows()) {
      Map<String, Object> activation = new LinkedHashMap<>(unit(row.found().unit()));
      activation.put("values", row.activation());
      activations.add(activation);
    }
    Map<String, Object> result = new LinkedHashMap<>();
    result.put(new Measure(text.unit(), true).key(""), text.meanBits());
    result.put("tokens", tokens);
    result.put("searched", text.units().steps());
    result.put("features", features);
    result.put("activations", activations);
    return result;
  }

  private List<Map<String, Object>> likeliest(int place) {
    ExplainedText.Foretold foretold = text.foretold().get(place - 1);
    List<Map<String, Object>> likeliest = new ArrayList<>();
    for (int i = 0; i < foretold.likeliest().size(); i++) {
      Map<String, Object> candidate = new LinkedHashMap<>();
      candidate.put("text", foretold.likeliest().get(i));
      candidate.put("probability", foretold.token().likeliest().get(i).probability());
      likeliest.add(candidate);
    }
    return likeliest;
  }

  /** Units are counted from 0, as layers are. */
  private Map<String, Object> unit(TellingUnits.Unit unit) {
    Map<String, Object> one = new LinkedHashMap<>();
    one.put("node", text.layers().get(unit.layer()).node());
    one.put("layer", text.layers().get(unit.layer()).layer());
    one.put("backward", text.layers().get(unit.layer()).backward());
    one.put("of", unit.of().symbol());
    one.put("number", unit.number());
    return one;
  }

  // ---- as a page --------------------------------------------------------------------------------

  /** The text on colours for its surprise, and below it what telling units do. */
  @Override
  public Svg picture() {
    int count = text.pieces().size();
    double[] bits = new double[count];
    List<String> titles = new ArrayList<>(List.of(visible(piece(0))));
    bits[0] = Double.NaN;
    for (int place = 1; place < count; place++) {
      bits[place] = at(place).bits();
      titles.add(
          String.format(
              Locale.ROOT,
              "%s: %.1f %%, %.2f bits; likeliest: %s",
              visible(piece(place)),
              100 * at(place).probability(),
              bits[place],
              instead(place)));
    }
    double most = Arrays.stream(bits).skip(1).max().orElse(0);
    AnnotatedText picture =
        AnnotatedText.of(
                "What " + model + " makes of the text",
                IntStream.range(0, count).mapToObj(this::piece).toList())
            .colours(
                ColourScale.SEQUENTIAL,
                0,
                Math.max(LEAST_RANGE, Math.ceil(most)),
                "surprise, bits",
                bits)
            .titles(titles);
    double reach =
        text.rows().stream()
            .flatMap(row -> row.activation().stream())
            .mapToDouble(Math::abs)
            .max()
            .orElse(0);
    picture.rowColours(
        ColourScale.DIVERGING, -Math.max(1, reach), Math.max(1, reach), "activation");
    for (ExplainedText.Row row : text.rows()) {
      picture.row(
          row.found().feature().words() + " (" + unitName(row.found().unit()) + ")",
          row.activation().stream().mapToDouble(value -> value).toArray());
    }
    return picture.draw();
  }

  @Override
  public HtmlPage page() {
    HtmlPage page = HtmlPage.of("How " + model + " reads a text");
    page.paragraph(
        summary()
            + ". Each "
            + text.unit()
            + " stands on a colour for its surprise: −log₂ of the probability that the model gave"
            + " it, having read all before it. The pointer shows what it would rather have said.");
    remarks.forEach(page::remark);
    if (!text.rows().isEmpty()) {
      page.paragraph(
          "The rows below the text are units of the model that tell something of it: blue is"
              + " negative, red positive. Of an LSTM h and tanh(c) are looked at.");
    }
    page.picture(picture());
    page.section("Units that tell");
    page.paragraph(
        "For each feature the unit whose activation correlates most with it (Pearson), of "
            + text.units().units()
            + ", in "
            + searched()
            + ". Chance is what the best of all units reaches when the feature is shifted along the"
            + " text so that it says nothing of the place: of all features together, one is taken"
            + " for told in "
            + String.format(Locale.ROOT, "%.0f %%", 100 * TellingUnits.LEVEL)
            + " of the texts at most, if no unit knows of any.");
    page.table(unitTable());
    page.section(isShort() ? "Each " + text.unit() : "The most surprising");
    page.table(placeTable());
    page.footer("Made by sequor explain.");
    return page;
  }

  private HtmlTable unitTable() {
    HtmlTable table =
        HtmlTable.of("Features and units")
            .words("feature")
            .words("unit")
            .numbers("correlation")
            .numbers("chance")
            .words("");
    for (TellingUnits.Found found : text.units().found()) {
      table.row(
          found.feature().words(),
          unitName(found.unit()),
          String.format(Locale.ROOT, "%.2f", found.match().correlation()).replace('-', '\u2212'),
          String.format(Locale.ROOT, "%.2f", found.match().chance()),
          found.match().telling() ? "tells" : "no unit tells");
    }
    return table;
  }

  private HtmlTable placeTable() {
    HtmlTable table =
        HtmlTable.of("What the model expected")
            .numbers("place")
            .words("after")
            .words(text.unit())
            .numbers("probability, %")
            .numbers("bits")
            .words("likeliest");
    for (int place : places()) {
      table.row(
          String.valueOf(place + 1),
          before(place),
          visible(piece(place)),
          String.format(Locale.ROOT, "%.1f", 100 * at(place).probability()),
          String.format(Locale.ROOT, "%.2f", at(place).bits()),
          instead(place));
    }
    return table;
  }
}
