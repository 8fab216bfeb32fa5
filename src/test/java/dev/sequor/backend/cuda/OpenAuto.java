package dev.sequor.backend.cuda;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;

/** A program: opens the best device. */
final class OpenAuto {
  private OpenAuto() {}

  public static void main(String[] args) {
    try (Backend backend = Devices.auto()) {
      System.out.println("opened " + backend.name());
    }
  }
}
