package dev.sequor.backend.java;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CtcContract;

class JavaCtcTest extends CtcContract {
  @Override
  protected Backend open() {
    return new Backend(new JavaEngine(2));
  }
}
