package dev.sequor.model;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.Devices;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;

/** Training on several GPUs. */
@Tag("gpu")
class CudaGroupTrainingTest extends GroupTrainingContract {
  @BeforeAll
  void requireFour() {
    var cuda =
        Devices.survey().stream().filter(d -> d.name().equals("cuda")).findFirst().orElseThrow();
    assumeTrue(
        cuda.availability().usable() && cuda.availability().reason().contains("cuda:3"),
        "needed four GPUs; " + cuda.availability().reason());
  }

  @Override
  Stream<String> groups() {
    return Stream.of("cuda:0,cuda:1", "cuda:3,cuda:1,cuda:0,cuda:2");
  }

  @Override
  Stream<String> reducedModes(String devices) {
    return Stream.of("tf32", "bf16", "fp16");
  }
}
