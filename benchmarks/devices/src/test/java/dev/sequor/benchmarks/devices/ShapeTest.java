package dev.sequor.benchmarks.devices;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class ShapeTest {
  @Test
  void readsWhatItWrites() {
    Shape shape = new Shape(128, 32, 512);
    assertEquals(shape, Shape.parse(shape.toString()));
    assertEquals(shape, Shape.parse(shape.parameter()));
  }

  @Test
  void refusesWhatIsNoShape() {
    for (String text : new String[] {"128,32", "128,32,512,1", "a,b,c", "128,0,512", "-1,2,3"}) {
      assertThrows(IllegalArgumentException.class, () -> Shape.parse(text), text);
    }
    assertThrows(IllegalArgumentException.class, () -> Shape.parse("2000,2000,2000"));
  }
}
