package dev.sequor.backend.java;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendOperationsContract;

class JavaBackendOperationsTest extends BackendOperationsContract {
  @Override
  protected Backend open() {
    return new Backend(new JavaEngine(2));
  }
}
