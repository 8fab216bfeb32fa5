package dev.sequor.exchange.onnx;

import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sequor.exchange.ExportedCases;
import dev.sequor.exchange.ExportedCases.Exported;
import dev.sequor.io.MalformedFileException;
import java.io.IOException;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;

/** Models that exporters have written say what they said where they were trained. */
@Tag("gpu")
class OnnxModelTest {
  @TestFactory
  Stream<DynamicTest> exportedModelsSayTheSame() throws IOException {
    return ExportedCases.tests(".onnx", OnnxModel::read, OnnxModelTest::refuses).stream();
  }

  private static void refuses(Exported exported) {
    assertThrows(MalformedFileException.class, () -> OnnxModel.read(exported.path()));
  }
}
