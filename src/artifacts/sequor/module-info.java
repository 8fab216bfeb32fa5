import dev.sequor.backend.BackendProvider;
import dev.sequor.backend.cpu.CpuBackendProvider;
import dev.sequor.backend.java.JavaBackendProvider;
import dev.sequor.io.ModuleNames;

/**
 * Recurrent neural networks: models, training, serving, and the devices {@code cpu} and {@code
 * java}.
 */
module dev.sequor {
  requires com.fasterxml.jackson.annotation;
  requires com.fasterxml.jackson.core;
  requires com.fasterxml.jackson.databind;
  requires org.apache.commons.csv;
  requires org.bytedeco.javacpp;
  requires org.slf4j;
  requires static transitive org.jspecify;
  requires static com.github.weisj.jsvg;
  requires static com.google.protobuf;
  requires static io.jhdf;
  requires static java.desktop;
  requires static micrometer.core;
  requires static org.tribuo.util.onnx;

  exports dev.sequor.backend;
  exports dev.sequor.data;
  exports dev.sequor.diagnose;
  exports dev.sequor.exchange;
  exports dev.sequor.exchange.dl4j;
  exports dev.sequor.exchange.keras;
  exports dev.sequor.exchange.onnx;
  exports dev.sequor.fit;
  exports dev.sequor.io;
  exports dev.sequor.model;
  exports dev.sequor.module;
  exports dev.sequor.picture;
  exports dev.sequor.report;
  exports dev.sequor.rnn;
  exports dev.sequor.serve;
  exports dev.sequor.study;
  exports dev.sequor.task;
  exports dev.sequor.backend.host to
      dev.sequor.cuda;
  exports dev.sequor.backend.natives to
      dev.sequor.cuda;
  exports dev.sequor.backend.options to
      dev.sequor.cuda;

  // Records of files; those of the other packages are public.
  opens dev.sequor.exchange to
      com.fasterxml.jackson.databind;
  opens dev.sequor.io to
      com.fasterxml.jackson.databind;

  uses BackendProvider;
  uses ModuleNames;

  provides BackendProvider with
      CpuBackendProvider,
      JavaBackendProvider;
}
