package dev.sequor.contract;

import org.junit.jupiter.api.Nested;

/** The {@code cpu} backend under every contract. */
class CpuBackendTest {
  private static final String PROVIDER = "cpu";

  @Nested
  class Rnns extends RnnContract {
    Rnns() {
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

  @Nested
  class Operations extends OperationsContract {
    Operations() {
      super(PROVIDER);
    }
  }
}
