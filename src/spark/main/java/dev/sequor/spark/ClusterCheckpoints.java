package dev.sequor.spark;

import dev.sequor.backend.Sha256;
import dev.sequor.io.Checkpoint;
import dev.sequor.io.MalformedFileException;
import dev.sequor.io.RecordJson;
import dev.sequor.io.SafetensorsFile;
import dev.sequor.io.SafetensorsWriter;
import dev.sequor.io.Tensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Checkpoints of a training in a folder of any file system that Hadoop knows: {@code
 * round-0000000012} is the directory of an ordinary {@link Checkpoint} with one file more. It is
 * written under another name and renamed when it is whole; lengths and SHA-256 tell where a file
 * system renames piece by piece. The last two stay.
 */
final class ClusterCheckpoints {
  private static final Logger LOG = LoggerFactory.getLogger(ClusterCheckpoints.class);

  private static final String NAME = "round-";
  private static final String UNFINISHED = ".saving-";
  private static final int KEPT = 2;

  private static final String CLUSTER_FILE = "cluster.safetensors";
  private static final String RUN = "sequor-cluster-run";
  private static final String DIGEST = "sha256";
  private static final String VELOCITY = "outer_momentum";

  private final Path folder;
  private final FileSystem files;

  /**
   * Those in a folder.
   *
   * @param folder such as {@code hdfs://host/folder}; without a scheme, of the default file system
   * @throws IllegalArgumentException if there is no such file system
   */
  ClusterCheckpoints(String folder, Configuration configuration) {
    try {
      this.folder = new Path(folder);
      this.files = this.folder.getFileSystem(configuration);
    } catch (IOException | IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "folder '" + folder + "' cannot be used: " + e.getMessage(), e);
    }
  }

  /**
   * What was kept of a training.
   *
   * @param checkpoint model, optimiser, weights, moments, streams
   * @param run what else the weights depend on
   * @param velocity of the outer momentum, flat; empty without
   */
  @SuppressWarnings("ArrayRecordComponent")
  record Saved(Checkpoint checkpoint, ClusterRun run, float[] velocity) {}

  /** Makes {@code saved} the newest. */
  void save(Saved saved) throws IOException {
    Path unfinished = new Path(folder, UNFINISHED + UUID.randomUUID());
    Path whole =
        new Path(
            folder, String.format(java.util.Locale.ROOT, NAME + "%010d", saved.run().rounds()));
    try (TemporaryFolder local = new TemporaryFolder()) {
      saved.checkpoint().save(local.path());
      try (FileChannel channel =
          FileChannel.open(
              local.path().resolve(CLUSTER_FILE),
              StandardOpenOption.CREATE_NEW,
              StandardOpenOption.WRITE)) {
        writeRun(channel, saved);
      }
      files.mkdirs(unfinished);
      try (var entries = Files.list(local.path())) {
        for (java.nio.file.Path file : entries.sorted().toList()) {
          files.copyFromLocalFile(
              new Path(file.toUri()), new Path(unfinished, String.valueOf(file.getFileName())));
        }
      }
      if (files.exists(whole)) {
        files.delete(whole, true); // of a training that went on from before it
      }
      if (!files.rename(unfinished, whole)) {
        throw new IOException("'" + unfinished + "' cannot be renamed to '" + whole + "'");
      }
    } catch (IOException | RuntimeException | Error e) {
      try {
        files.delete(unfinished, true);
      } catch (IOException left) {
        e.addSuppressed(left);
      }
      throw e;
    }
    deleteOlder();
  }

  private void deleteOlder() {
    try {
      List<Path> all = rounds();
      for (Path old : all.subList(Math.min(KEPT, all.size()), all.size())) {
        files.delete(old, true);
      }
      for (FileStatus each : files.listStatus(folder)) {
        if (each.getPath().getName().startsWith(UNFINISHED)) {
          files.delete(each.getPath(), true); // of a driver that was killed
        }
      }
    } catch (IOException e) {
      LOG.debug("older checkpoints stay until the next is saved", e);
    }
  }

  /** Newest first. */
  private List<Path> rounds() throws IOException {
    List<Path> found = new ArrayList<>();
    if (files.exists(folder)) {
      for (FileStatus each : files.listStatus(folder)) {
        if (each.isDirectory() && each.getPath().getName().matches(NAME + "\\d{10}")) {
          found.add(each.getPath());
        }
      }
    }
    found.sort(Comparator.comparing(Path::getName).reversed());
    return found;
  }

  /**
   * The newest that is whole; null if there is none at all. One that is damaged is passed over with
   * a warning if there is an older one.
   *
   * @throws MalformedFileException if all are damaged; says of the newest what is wrong
   */
  @Nullable Saved newest() throws IOException {
    @Nullable MalformedFileException first = null;
    for (Path each : rounds()) {
      String copied = "";
      try (TemporaryFolder local = new TemporaryFolder()) {
        copied = local.path().toString();
        for (FileStatus file : files.listStatus(each)) {
          if (file.isFile()) {
            files.copyToLocalFile(
                false,
                file.getPath(),
                new Path(local.path().resolve(file.getPath().getName()).toUri()),
                true);
          }
        }
        Saved saved = read(local.path());
        if (first != null) {
          LOG.warn("going on from {}, as {}", each, first.getMessage());
        }
        return saved;
      } catch (MalformedFileException e) {
        if (first == null) {
          String problem = String.valueOf(e.getMessage()).replace(copied, each.toString());
          first = new MalformedFileException(java.nio.file.Path.of(each.getName()), problem, e);
        }
      }
    }
    if (first != null) {
      throw first;
    }
    return null;
  }

  /** The file that a training on a cluster has beside its checkpoint. */
  static void writeRun(FileChannel channel, Saved saved) throws IOException {
    String json = RecordJson.write(saved.run());
    Tensor velocity = Tensor.ofFloats(VELOCITY, saved.velocity(), saved.velocity().length);
    SafetensorsWriter.write(
        channel,
        Map.of("format", RUN, RUN, json, DIGEST, sha256(json, velocity.data())),
        List.of(velocity));
  }

  private static Saved read(java.nio.file.Path folder) throws IOException {
    return readRun(folder.resolve(CLUSTER_FILE), Checkpoint.load(folder));
  }

  /**
   * What such a file says.
   *
   * @param checkpoint that it is beside
   * @throws MalformedFileException if it is missing or damaged
   */
  static Saved readRun(java.nio.file.Path file, Checkpoint checkpoint) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new MalformedFileException(file, "is missing");
    }
    try (SafetensorsFile stored = SafetensorsFile.open(file)) {
      @Nullable String json = stored.metadata().get(RUN);
      if (json == null || !stored.entries().containsKey(VELOCITY)) {
        throw new MalformedFileException(file, "says nothing of a training on a cluster");
      }
      ClusterRun run =
          RecordJson.read(
              file, "a training on a cluster", json, ClusterRun.VERSION, ClusterRun.class);
      if (!sha256(json, stored.readBytes(VELOCITY)).equals(stored.metadata().get(DIGEST))) {
        throw new MalformedFileException(file, "has another SHA-256 than its metadata need");
      }
      return new Saved(checkpoint, run, stored.readFloats(VELOCITY));
    }
  }

  private static String sha256(String json, ByteBuffer data) {
    MessageDigest digest = Sha256.digest();
    digest.update(json.getBytes(StandardCharsets.UTF_8));
    digest.update(data.duplicate());
    return Sha256.hex(digest);
  }
}
