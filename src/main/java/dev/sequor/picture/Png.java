package dev.sequor.picture;

import com.github.weisj.jsvg.SVGDocument;
import com.github.weisj.jsvg.parser.DocumentLimits;
import com.github.weisj.jsvg.parser.LoaderContext;
import com.github.weisj.jsvg.parser.SVGLoader;
import com.github.weisj.jsvg.renderer.NullPlatformSupport;
import com.github.weisj.jsvg.view.ViewBox;
import dev.sequor.backend.Required;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import javax.imageio.ImageIO;

/**
 * Pictures as PNG, in their light colours. This takes the optional dependency {@code
 * com.github.weisj:jsvg} and, as everything that Java draws, a font on the machine.
 */
public final class Png {
  private static final long MOST_PIXELS = 100_000_000;

  private Png() {}

  /**
   * The bytes of a file.
   *
   * @param scale pixels for a unit of the picture, for example 2
   * @throws IllegalArgumentException if that makes more than 100 million pixels, or none
   * @throws IOException if it cannot be encoded
   * @throws LinkageError or {@code InternalError} if there is no jsvg, or no font
   */
  public static byte[] bytes(Svg picture, double scale) throws IOException {
    Required.present("picture", picture);
    long width = Math.round(picture.width() * scale);
    long height = Math.round(picture.height() * scale);
    if (!(scale > 0) || width < 1 || height < 1 || width > MOST_PIXELS / height) {
      throw new IllegalArgumentException(
          "the picture would be "
              + width
              + " by "
              + height
              + " pixels; needed at least 1 and at most 100 million of them: take an SVG");
    }
    BufferedImage image = new BufferedImage((int) width, (int) height, BufferedImage.TYPE_INT_RGB);
    draw(picture, image);
    ByteArrayOutputStream png = new ByteArrayOutputStream();
    if (!ImageIO.write(image, "png", png)) {
      throw new IOException("this Java has no writer of PNG");
    }
    return png.toByteArray();
  }

  /** Pictures are this program's own, so that there is nothing to guard against in their sizes. */
  private static LoaderContext context() {
    DocumentLimits limits =
        new DocumentLimits(
            DocumentLimits.DEFAULT_MAX_NESTING_DEPTH,
            DocumentLimits.DEFAULT_MAX_USE_NESTING_DEPTH,
            Integer.MAX_VALUE);
    return LoaderContext.builder().documentLimits(limits).build();
  }

  private static void draw(Svg picture, BufferedImage image) {
    byte[] svg = picture.lightFile().getBytes(StandardCharsets.UTF_8);
    SVGDocument document = new SVGLoader().load(new ByteArrayInputStream(svg), null, context());
    if (document == null) {
      throw new IllegalStateException("'" + picture.title() + "' cannot be read as SVG");
    }
    Graphics2D graphics = image.createGraphics();
    try {
      graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
      graphics.setRenderingHint(
          RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
      graphics.setRenderingHint(
          RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
      graphics.setRenderingHint(
          RenderingHints.KEY_FRACTIONALMETRICS, RenderingHints.VALUE_FRACTIONALMETRICS_ON);
      document.renderWithPlatform(
          NullPlatformSupport.INSTANCE,
          graphics,
          new ViewBox(0, 0, image.getWidth(), image.getHeight()));
    } finally {
      graphics.dispose();
    }
  }
}
