package dev.sequor.picture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;

class PngTest {
  private static BufferedImage drawn(Svg picture, double scale) throws IOException {
    return ImageIO.read(new ByteArrayInputStream(Png.bytes(picture, scale)));
  }

  @Test
  void pixelsAreWhereTheElementsAre() throws IOException {
    Svg picture =
        new Svg(30, 20, "a bar", "", List.of(SvgElement.rect(10, 5, 10, 10).fill(Ink.SERIES_1)));
    BufferedImage image = drawn(picture, 2);
    assertEquals(60, image.getWidth());
    assertEquals(40, image.getHeight());
    assertEquals(0xFFFFFF, image.getRGB(10, 20) & 0xFFFFFF);
    assertEquals(0x0766C0, image.getRGB(30, 20) & 0xFFFFFF);
  }

  @Test
  void textIsDrawnWithinTheRoomThatIsKeptForIt() throws IOException {
    String words = "Wide words: WMmw@ 0123456789 and narrow ones, iIl.";
    double width = TextWidth.of(words, 12);
    Svg picture = new Svg(width + 80, 20, "", "", List.of(SvgElement.text(20, 14, 12, words)));
    BufferedImage image = drawn(picture, 2);
    int last = 0;
    for (int x = 0; x < image.getWidth(); x++) {
      for (int y = 0; y < image.getHeight(); y++) {
        last = (image.getRGB(x, y) & 0xFF) < 128 ? x : last;
      }
    }
    assertTrue(last > 2 * (20 + width / 2), last + " of " + width);
    assertTrue(last <= 2 * (20 + width), last + " of " + width);
  }

  @Test
  void whatIsTooLargeIsRefused() {
    Svg picture = new Svg(1000, 1e6, "tall", "", List.of());
    String message =
        assertThrows(IllegalArgumentException.class, () -> Png.bytes(picture, 2)).getMessage();
    assertEquals(
        "the picture would be 2000 by 2000000 pixels; needed at least 1 and at most 100 million"
            + " of them: take an SVG",
        message);
    assertThrows(IllegalArgumentException.class, () -> Png.bytes(picture, 0));
    assertThrows(IllegalArgumentException.class, () -> Png.bytes(picture, Double.NaN));
  }
}
