package dev.sequor.contract;

import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.TestFactory;

/** The reference itself reproduces the published numbers; derived gradients to 1e-10. */
class ReferenceConformanceTest {
  @TestFactory
  Stream<DynamicNode> publishedCases() {
    return ConformanceTests.of(Solver.REFERENCE);
  }
}
