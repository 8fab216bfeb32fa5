package dev.sequor.contract;

import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.TestFactory;

/** A backend reproduces other projects' published numbers. */
abstract class ConformanceContract extends BackendContract {
  protected ConformanceContract(String provider) {
    super(provider);
  }

  @TestFactory
  Stream<DynamicNode> publishedCases() {
    return ConformanceTests.of(Solver.of(backend));
  }
}
