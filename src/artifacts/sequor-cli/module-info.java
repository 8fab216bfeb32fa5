/**
 * The program {@code sequor}. It exports nothing. That it draws as PNG is why it requires jsvg,
 * which the library takes if it is there.
 */
module dev.sequor.cli {
  requires com.fasterxml.jackson.core;
  requires com.fasterxml.jackson.databind;
  requires com.github.weisj.jsvg;
  requires dev.sequor;
  requires info.picocli;
  requires java.management;
  requires jdk.management;
  requires me.tongfei.progressbar;
  requires static org.jspecify;

  opens dev.sequor.cli to
      info.picocli;
}
