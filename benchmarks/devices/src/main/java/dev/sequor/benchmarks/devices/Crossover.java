package dev.sequor.benchmarks.devices;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * From which size on a GPU is faster than another device, by what was measured and nothing else.
 *
 * @param cell of the workloads
 * @param pass of the workloads
 * @param reference the other device
 * @param device the GPU
 * @param withCopies whether the copies of x to the GPU and of y back count
 * @param fromBatchTimesHidden the least measured {@code B·H} from which on the GPU was faster at
 *     every measured shape; null if there is none
 * @param words the same for people
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
record Crossover(
    String cell,
    String pass,
    String reference,
    String device,
    boolean withCopies,
    Long fromBatchTimesHidden,
    String words) {

  /** Medians closer than this count as equal: two runs differ by as much. */
  private static final double MARGIN = 1.05;

  /** Medians of one shape on both devices. */
  record Point(Shape shape, double referenceMillis, double deviceMillis) {
    /** Above 1 the GPU is faster. */
    double ratio() {
      return referenceMillis / deviceMillis;
    }

    boolean deviceIsFaster() {
      return ratio() >= MARGIN;
    }
  }

  /** All that the rows allow, per GPU, other device, cell and pass. */
  static List<Crossover> all(List<Row> rows, List<Device> devices) {
    List<Crossover> crossovers = new ArrayList<>();
    for (Device gpu : devices.stream().filter(Device::gpu).toList()) {
      for (Device other : devices.stream().filter(d -> !d.gpu()).toList()) {
        List<Workload> kinds =
            rows.stream()
                .map(Row::what)
                .filter(what -> !what.pass().isCopy())
                .map(what -> new Workload(what.cell(), what.pass(), null))
                .distinct()
                .toList();
        for (Workload kind : kinds) {
          add(crossovers, kind, other, gpu, false, points(rows, kind, other, gpu, false));
          if (kind.pass() == Pass.FORWARD) {
            add(crossovers, kind, other, gpu, true, points(rows, kind, other, gpu, true));
          }
        }
      }
    }
    return crossovers;
  }

  private static void add(
      List<Crossover> crossovers,
      Workload kind,
      Device other,
      Device gpu,
      boolean withCopies,
      List<Point> points) {
    if (!points.isEmpty()) {
      crossovers.add(
          new Crossover(
              kind.cell().name(),
              kind.pass().id(),
              other.id(),
              gpu.id(),
              withCopies,
              threshold(points),
              words(points)));
    }
  }

  private static List<Point> points(
      List<Row> rows, Workload kind, Device other, Device gpu, boolean withCopies) {
    List<Point> points = new ArrayList<>();
    for (Row row : rows) {
      Workload what = row.what();
      if (!row.deviceId().equals(other.id())
          || what.cell() != kind.cell()
          || what.pass() != kind.pass()) {
        continue;
      }
      Double gpuMillis = millis(rows, what, gpu);
      if (withCopies && gpuMillis != null) {
        Double in = millis(rows, new Workload(null, Pass.COPY_IN, what.shape()), gpu);
        Double out = millis(rows, new Workload(null, Pass.COPY_OUT, what.shape()), gpu);
        gpuMillis = in == null || out == null ? null : Double.valueOf(gpuMillis + in + out);
      }
      if (gpuMillis != null) {
        points.add(new Point(what.shape(), row.medianMillis(), gpuMillis));
      }
    }
    return points;
  }

  private static Double millis(List<Row> rows, Workload what, Device device) {
    return rows.stream()
        .filter(row -> row.what().equals(what) && row.deviceId().equals(device.id()))
        .map(Row::medianMillis)
        .findFirst()
        .orElse(null);
  }

  private static TreeMap<Long, List<Point>> bySize(List<Point> points) {
    return points.stream()
        .collect(
            Collectors.groupingBy(
                p -> p.shape().batchTimesHidden(), TreeMap::new, Collectors.toList()));
  }

  /** See {@link #fromBatchTimesHidden}. */
  static Long threshold(List<Point> points) {
    Long threshold = null;
    for (Map.Entry<Long, List<Point>> size : bySize(points).descendingMap().entrySet()) {
      if (!size.getValue().stream().allMatch(Point::deviceIsFaster)) {
        break;
      }
      threshold = size.getKey();
    }
    return threshold;
  }

  /** One sentence, or two. */
  static String words(List<Point> points) {
    TreeMap<Long, List<Point>> sizes = bySize(points);
    Long threshold = threshold(points);
    List<Point> faster = points.stream().filter(Point::deviceIsFaster).toList();
    if (faster.isEmpty()) {
      return "the GPU is not faster at any shape measured (B·H "
          + range(sizes)
          + "): "
          + ratios(points);
    }
    if (threshold == null) {
      return "no crossover: at the largest B·H measured, "
          + sizes.lastKey()
          + ", the GPU is not faster ("
          + ratios(sizes.lastEntry().getValue())
          + "); it is only at T,B,H = "
          + shapes(faster);
    }
    List<Point> above = sizes.tailMap(threshold).values().stream().flatMap(List::stream).toList();
    if (threshold.equals(sizes.firstKey())) {
      return "the GPU is faster at every shape measured (B·H "
          + range(sizes)
          + "): "
          + ratios(above)
          + "; smaller ones were not measured";
    }
    Map.Entry<Long, List<Point>> below = sizes.lowerEntry(threshold);
    List<Point> exceptions =
        sizes.headMap(threshold).values().stream()
            .flatMap(List::stream)
            .filter(Point::deviceIsFaster)
            .toList();
    return "the GPU is faster from B·H = "
        + threshold
        + " on, at all "
        + above.size()
        + (above.size() == 1 ? " shape" : " shapes")
        + " measured up to "
        + sizes.lastKey()
        + ": "
        + ratios(above)
        + "; at B·H = "
        + below.getKey()
        + " it is not "
        + (below.getValue().stream().anyMatch(Point::deviceIsFaster) ? "at every shape (" : "(")
        + ratios(below.getValue())
        + "), and between the two nothing was measured"
        + (exceptions.isEmpty()
            ? ""
            : "; below, it is faster only at T,B,H = " + shapes(exceptions));
  }

  private static String range(TreeMap<Long, List<Point>> sizes) {
    return sizes.size() == 1
        ? sizes.firstKey() + " only"
        : sizes.firstKey() + " to " + sizes.lastKey();
  }

  private static String shapes(List<Point> points) {
    return points.stream().map(p -> p.shape().toString()).collect(Collectors.joining("; "));
  }

  /** For example "0.31 to 0.9 times as fast as the other device". */
  private static String ratios(List<Point> points) {
    String least = ratio(points.stream().mapToDouble(Point::ratio).min().orElseThrow());
    String most = ratio(points.stream().mapToDouble(Point::ratio).max().orElseThrow());
    return (least.equals(most) ? least : least + " to " + most) + " times as fast";
  }

  static String ratio(double ratio) {
    return String.format(Locale.ROOT, ratio < 0.1 ? "%.3f" : ratio < 10 ? "%.2f" : "%.0f", ratio);
  }
}
