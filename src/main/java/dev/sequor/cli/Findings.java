package dev.sequor.cli;

import dev.sequor.picture.HtmlPage;
import dev.sequor.picture.Svg;
import java.io.PrintWriter;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What a command has found out, in each form in which it may be wanted. */
interface Findings {
  /** For people who read a terminal. */
  void print(PrintWriter words);

  /** For programs. */
  Map<String, ? extends @Nullable Object> json();

  /** With pictures. */
  HtmlPage page();

  /** The picture that says most, where there is no page around it. */
  Svg picture();
}
