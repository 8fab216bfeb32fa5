/** The program {@code sequor}. It exports nothing. */
module dev.sequor.cli {
  requires com.fasterxml.jackson.core;
  requires com.fasterxml.jackson.databind;
  requires dev.sequor;
  requires info.picocli;
  requires java.desktop;
  requires java.management;
  requires jdk.management;
  requires me.tongfei.progressbar;
  requires org.knowm.xchart;
  requires static org.jspecify;

  opens dev.sequor.cli to
      info.picocli;
}
