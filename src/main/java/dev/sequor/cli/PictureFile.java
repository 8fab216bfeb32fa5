package dev.sequor.cli;

import dev.sequor.io.DurableFile;
import dev.sequor.picture.Png;
import dev.sequor.picture.Svg;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;

/** A file for a picture, of the format that its name ends with. */
final class PictureFile {
  /** Pixels of a PNG for a unit of the picture, for screens as fine as they are now. */
  static final double SCALE = 2;

  private static final byte[] PNG_BEGIN = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  private static final int SVG_BEGIN = 4096;

  private final Path file;
  private final boolean png;

  private PictureFile(Path file, boolean png) {
    this.file = file;
    this.png = png;
  }

  /**
   * A file that is to be written.
   *
   * @param option that names it, for the message
   * @throws IllegalArgumentException if its name ends otherwise, or what is there is no picture
   */
  static PictureFile of(String option, Path file) throws IOException {
    String name = String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT);
    boolean png = name.endsWith(".png");
    if (!png && !name.endsWith(".svg")) {
      throw new IllegalArgumentException(
          option + " is " + file + "; needed a name that ends in .svg or .png");
    }
    if (Files.exists(file) && !isPicture(file)) {
      throw new IllegalArgumentException(
          option + " is " + file + ", which is there and is no picture; needed another file");
    }
    return new PictureFile(file, png);
  }

  /** Whether SVG or PNG begins there. */
  private static boolean isPicture(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      return false;
    }
    byte[] begin;
    try (InputStream in = Files.newInputStream(file)) {
      begin = in.readNBytes(SVG_BEGIN);
    }
    return (begin.length >= PNG_BEGIN.length
            && Arrays.equals(Arrays.copyOf(begin, PNG_BEGIN.length), PNG_BEGIN))
        || isSvg(new String(begin, StandardCharsets.UTF_8).strip());
  }

  private static boolean isSvg(String begin) {
    return begin.startsWith("<svg") || (begin.startsWith("<?xml") && begin.contains("<svg"));
  }

  /**
   * Writes it, in place of a picture that is there.
   *
   * @throws IOException if it cannot be drawn here, or not be written; says why
   */
  void write(Svg picture) throws IOException {
    byte[] bytes = png ? drawn(picture) : picture.bytes();
    DurableFile.write(file, bytes);
  }

  private byte[] drawn(Svg picture) throws IOException {
    try {
      return Png.bytes(picture, SCALE);
    } catch (IllegalArgumentException e) {
      throw e; // It is too large.
    } catch (RuntimeException | LinkageError | InternalError e) {
      throw new IOException(file + " is not drawn; " + cure(e) + "; an .svg needs neither", e);
    }
  }

  /** What Java lacks if it cannot draw. */
  static String cure(Throwable e) {
    Throwable root = e;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return "Java needs fontconfig and a font for it, for example fonts-dejavu-core ("
        + Main.oneLine(root.toString())
        + ")";
  }
}
