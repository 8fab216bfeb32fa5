package dev.sequor.exchange.files;

import dev.sequor.io.MalformedFileException;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Enumeration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;

/**
 * The members of a zip, none of whose sizes is believed: what is read is no more than the file can
 * hold, and has the CRC-32 that the zip says.
 */
public final class ZipMembers implements AutoCloseable {
  private static final byte[] MAGIC = {'P', 'K'};

  /** Deflate makes up to 1,032 bytes of one, but weights and JSON hardly twenty. */
  private static final int MOST_EXPANSION = 100;

  /** Up to which any expansion will do: some JSON, zeros. */
  private static final int FREELY_EXPANDED_BYTES = 1 << 20;

  private final Path path;
  private final ZipFile zip;
  private final Map<String, ZipEntry> members = new LinkedHashMap<>();

  private ZipMembers(Path path, ZipFile zip) throws MalformedFileException {
    this.path = path;
    this.zip = zip;
    for (Enumeration<? extends ZipEntry> all = zip.entries(); all.hasMoreElements(); ) {
      ZipEntry entry = all.nextElement();
      String name = entry.getName();
      requireRelative(name);
      if (members.put(name, entry) != null) {
        throw new MalformedFileException(path, "has two members '" + name + "'");
      }
    }
  }

  /** Whether a file begins as a zip does. */
  public static boolean isZip(Path path) throws IOException {
    try (InputStream in = Files.newInputStream(path)) {
      byte[] begin = in.readNBytes(MAGIC.length);
      return begin.length == MAGIC.length && begin[0] == MAGIC[0] && begin[1] == MAGIC[1];
    }
  }

  /**
   * Opens a zip and reads what it says of its members; none is read.
   *
   * @throws MalformedFileException if it is no whole zip, has two members of one name, one whose
   *     name leads out of it, or one that is encrypted
   * @throws IOException if it cannot be read
   */
  public static ZipMembers open(Path path) throws IOException {
    ZipFile zip;
    try {
      zip = new ZipFile(path.toFile());
    } catch (ZipException | EOFException | IllegalArgumentException e) {
      throw notWhole(path, e);
    }
    try {
      return new ZipMembers(path, zip);
    } catch (IllegalArgumentException e) { // a name that is not UTF-8
      zip.close();
      throw notWhole(path, e);
    } catch (IOException | RuntimeException | Error e) {
      zip.close();
      throw e;
    }
  }

  private static MalformedFileException notWhole(Path path, Exception cause) {
    return new MalformedFileException(path, "is no whole zip: " + cause.getMessage(), cause);
  }

  private void requireRelative(String name) throws MalformedFileException {
    boolean leadsOut = name.startsWith("/") || name.indexOf('\\') >= 0;
    for (String part : name.split("/", -1)) {
      leadsOut |= part.equals("..");
    }
    if (leadsOut) {
      throw new MalformedFileException(
          path, "has a member '" + name + "'; needed names that stay within it");
    }
  }

  /** The names of the members, in the order of the zip. */
  public Set<String> names() {
    return Collections.unmodifiableSet(members.keySet());
  }

  private ZipEntry entry(String name) throws MalformedFileException {
    ZipEntry entry = members.get(name);
    if (entry == null) {
      throw new MalformedFileException(path, "has no member '" + name + "'");
    }
    return entry;
  }

  /**
   * The size that the zip says a member has.
   *
   * @throws MalformedFileException if there is no such member
   */
  public long size(String name) throws MalformedFileException {
    return entry(name).getSize();
  }

  /**
   * Whether a member is stored as it is.
   *
   * @throws MalformedFileException if there is no such member
   */
  public boolean isStored(String name) throws MalformedFileException {
    return entry(name).getMethod() == ZipEntry.STORED;
  }

  /**
   * All of a member.
   *
   * @param most the largest size that makes sense
   * @throws MalformedFileException if there is no such member, it is larger than {@code most} or
   *     than what the file can hold, or it is damaged
   */
  public byte[] bytes(String name, long most) throws IOException {
    ZipEntry entry = entry(name);
    long size = entry.getSize();
    if (size < 0 || size > most) {
      throw new MalformedFileException(
          path, "its member '" + name + "' has " + size + " bytes; needed at most " + most);
    }
    long kept = entry.getCompressedSize();
    boolean fits =
        isStored(name)
            ? size == kept
            : size <= FREELY_EXPANDED_BYTES || size / MOST_EXPANSION <= kept;
    if (kept < 0 || kept > Files.size(path) || !fits) {
      throw new MalformedFileException(
          path, "its member '" + name + "' is said to have " + size + " bytes, kept in " + kept);
    }
    byte[] bytes;
    try (InputStream in = zip.getInputStream(entry)) {
      bytes = in.readNBytes((int) size);
    } catch (IOException | IllegalArgumentException e) { // the end of the file, among others
      throw new MalformedFileException(
          path, "its member '" + name + "' cannot be read: " + e.getMessage(), e);
    }
    CRC32 crc = new CRC32();
    crc.update(bytes);
    if (bytes.length != size || crc.getValue() != entry.getCrc()) {
      throw new MalformedFileException(
          path, "its member '" + name + "' is damaged: its CRC-32 is another");
    }
    return bytes;
  }

  @Override
  public void close() throws IOException {
    zip.close();
  }
}
