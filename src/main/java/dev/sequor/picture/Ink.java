package dev.sequor.picture;

import java.util.List;
import java.util.Locale;

/**
 * What a picture is drawn with: a purpose, which has a colour on light and one on dark pages. All
 * that text is written in has a contrast of 4.5 with {@link #PAGE}, {@link #BOX} and {@link
 * #STRIPE}. The colours of series are the hues of Okabe and Ito (2008), as dark as light pages
 * need, and moved apart until those who lack one kind of cone tell them apart, too.
 */
public enum Ink {
  /** What everything stands on. */
  PAGE(0xFFFFFF, 0x15181B),
  /** Behind the text in a box. */
  BOX(0xF3F6F9, 0x22272D),
  /** Behind every other row of a table. */
  STRIPE(0xF7F8FA, 0x1B1F23),
  /** Text. */
  TEXT(0x1C1F23, 0xE6E8EB),
  /** Text that matters less, and axes. */
  FAINT(0x59616B, 0x9CA5AF),
  /** Lines that nobody need see. */
  GRID(0xE4E8EC, 0x2B3137),
  /** What must not be overlooked. */
  WARNING(0xB00020, 0xFF7385),
  /** Links. */
  LINK(0x0060A0, 0x6BBFF2),
  /** Blue. */
  SERIES_1(0x0766C0, 0x55AAF8),
  /** Vermilion. */
  SERIES_2(0xD03000, 0xF5944A),
  /** Bluish green. */
  SERIES_3(0x097E5D, 0x4FD3A8),
  /** Reddish purple. */
  SERIES_4(0x953D90, 0xCF8CB8),
  /** Yellow, which is olive on light pages. */
  SERIES_5(0x526E00, 0xF0E442),
  /** Grey. */
  SERIES_6(0x495055, 0xE9EDF1);

  private static final List<Ink> SERIES =
      List.of(SERIES_1, SERIES_2, SERIES_3, SERIES_4, SERIES_5, SERIES_6);

  private final int light;
  private final int dark;

  Ink(int light, int dark) {
    this.light = light;
    this.dark = dark;
  }

  /** The colour on a light page. */
  public Rgb light() {
    return Rgb.of(light);
  }

  /** The colour on a dark page. */
  public Rgb dark() {
    return Rgb.of(dark);
  }

  /** The ink of the series with this number from 0; they come round again. */
  public static Ink series(int number) {
    return SERIES.get(Math.floorMod(number, SERIES.size()));
  }

  /** The name in style sheets. */
  String id() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /**
   * What makes classes of {@link SvgElement#fill(Ink)} and {@link SvgElement#stroke(Ink)} follow
   * the page; on paper it is light.
   */
  static String styleSheet() {
    StringBuilder css = new StringBuilder(":root{");
    for (Ink ink : values()) {
      css.append("--").append(ink.id()).append(':').append(ink.light().hex()).append(';');
    }
    css.append("}\n@media screen and (prefers-color-scheme:dark){:root{");
    for (Ink ink : values()) {
      css.append("--").append(ink.id()).append(':').append(ink.dark().hex()).append(';');
    }
    css.append("}}\n");
    for (Ink ink : values()) {
      css.append(".f-").append(ink.id()).append("{fill:var(--").append(ink.id()).append(")}");
      css.append(".s-").append(ink.id()).append("{stroke:var(--").append(ink.id()).append(")}\n");
    }
    return css.toString();
  }
}
