import dev.sequor.cli.Cluster;

/**
 * The program {@code sequor}. It exports nothing. It requires what the library takes if it is
 * there: jsvg to draw as PNG, and what reads files of ONNX and Keras.
 */
module dev.sequor.cli {
  requires com.fasterxml.jackson.core;
  requires com.fasterxml.jackson.databind;
  requires com.github.weisj.jsvg;
  requires com.google.protobuf;
  requires dev.sequor;
  requires info.picocli;
  requires io.jhdf;
  requires java.management;
  requires jdk.httpserver;
  requires jdk.management;
  requires me.tongfei.progressbar;
  requires org.apache.commons.lang3;
  requires org.tribuo.util.onnx;
  requires static org.jspecify;

  opens dev.sequor.cli to
      info.picocli;

  uses Cluster;
}
