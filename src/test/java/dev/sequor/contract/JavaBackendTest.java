package dev.sequor.contract;

import org.junit.jupiter.api.Nested;

/** The {@code java} backend under every contract. */
class JavaBackendTest {
  private static final String PROVIDER = "java";

  @Nested
  class Rnns extends RnnContract {
    Rnns() {
      super(PROVIDER);
    }
  }

  @Nested
  class Options extends CellOptionsContract {
    Options() {
      super(PROVIDER);
    }
  }

  @Nested
  class Conformance extends ConformanceContract {
    Conformance() {
      super(PROVIDER);
    }
  }

  @Nested
  class Oracles extends OracleContract {
    Oracles() {
      super(PROVIDER);
    }
  }
}
