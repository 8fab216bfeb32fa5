package dev.sequor.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.io.MalformedFileException;
import dev.sequor.report.TrainingRecord.Event;
import dev.sequor.report.TrainingRecord.Judgement;
import dev.sequor.report.TrainingRecord.Point;
import dev.sequor.report.TrainingRecord.Sample;
import dev.sequor.report.TrainingRecord.State;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A record stays small, and its page gives it back whatever words are in it. */
class TrainingRecordTest {
  private static final String NASTY =
      "</script><script>alert(1)</script> <!-- <![CDATA[ ]]> & \"'\\ \u0000\u0001\u001b\u007f\u0085"
          + "\r\n\t\u2028\ufffe\ud800 "
          + Character.toString(0x1F40B)
          + Character.toString(0x1FFFF);

  @TempDir Path folder;

  private static TrainingRecord begin(String words, long totalSteps, double clipping) {
    return TrainingRecord.begin(
        "title " + words,
        new TrainingRecord.Subject(words, words, "nats", "tokens", "held-out " + words, words),
        Map.of("setting " + words, "value " + words),
        Map.of("place " + words, words),
        totalSteps,
        clipping);
  }

  private static Point point(long step, double loss, double norm, double clipping) {
    return Point.report(step, 1, loss, norm, 0.5, clipping, false, 100, 0.25 * step);
  }

  /** A recorder that has been told of something of each kind. */
  private static TrainingRecord nasty() {
    TrainingRecorder recorder = new TrainingRecorder(begin(NASTY, 3, 1));
    recorder.progressed(point(1, 2, 3, 1));
    recorder.progressed(
        Point.report(2, 1, Double.NaN, Double.POSITIVE_INFINITY, 0.5, 1, true, 1, 1));
    recorder.sampled(Sample.of(2, NASTY));
    Map<String, Double> figures = new LinkedHashMap<>();
    figures.put("held-out " + NASTY, 1.5);
    figures.put("other " + NASTY, Double.NaN);
    recorder.judged(new Judgement(2, figures));
    recorder.happened(Event.of(2, NASTY));
    recorder.ended(State.DIVERGED);
    return recorder.record();
  }

  private Path write(TrainingRecord record) throws IOException {
    Path file = folder.resolve("page.html");
    ReportFile.of("report", file).write(TrainingPage.of(record).withData());
    return file;
  }

  @Test
  void hostileWordsComeBackAndThePageIsXml() throws IOException {
    TrainingRecord record = nasty();
    Path file = write(record);
    assertEquals(record, TrainingRecord.read(file));
    ReadPage page = ReadPage.of(file); // Also: there is one script element.
    assertEquals("title " + NASTY, page.data().get("title").asText());
    assertTrue(page.texts("pre").get(0).startsWith("</script><script>alert(1)"));
    String html = Files.readString(file);
    assertTrue(html.contains("content=\"default-src 'none'; style-src 'unsafe-inline'; base"));
    assertEquals(1, html.split("<script", -1).length - 1);
    assertEquals(
        "<script type=\"application/json\" id=\"sequor-training\">",
        html.substring(html.indexOf("<script")).split("\\{", 2)[0]);
  }

  @Test
  void whatIsSkippedIsNoNumberButCounts() {
    TrainingRecord record = nasty();
    assertEquals(1, record.points().get(1).skipped());
    assertEquals(0, record.points().get(1).clipped());
    assertEquals(1, record.points().get(0).clipped());
    assertTrue(Double.isNaN(record.points().get(1).gradientNorm()));
    Point both = record.points().get(0).and(record.points().get(1));
    assertEquals(2, both.loss());
    assertEquals(3, both.gradientNorm());
    assertEquals(2, both.reports());
  }

  @Test
  void aMillionStepsStayFewPointsWithTheSameMeans() throws IOException {
    int steps = 1_000_000;
    TrainingRecorder recorder = new TrainingRecorder(begin("", steps, 1));
    SplittableRandom random = new SplittableRandom(1);
    double[] losses = new double[steps + 1];
    long clipped = 0;
    for (int step = 1; step <= steps; step++) {
      losses[step] = losses[step - 1] + random.nextDouble(5);
      double norm = random.nextDouble(2);
      clipped += norm > 1 ? 1 : 0;
      recorder.progressed(point(step, losses[step] - losses[step - 1], norm, 1));
      if (step % 100 == 0) {
        recorder.judged(new Judgement(step, Map.of("held-out ", (double) step)));
        recorder.sampled(Sample.of(step, "s".repeat(20_000)));
        recorder.happened(Event.of(step, "e"));
      }
    }
    TrainingRecord record = recorder.record();
    assertTrue(record.points().size() > 499 && record.points().size() <= 1000);
    assertTrue(record.judgements().size() > 499 && record.judgements().size() <= 1000);
    assertTrue(record.samples().size() > 11 && record.samples().size() <= 24);
    assertEquals(100, record.samples().get(0).step());
    assertEquals(clipped, record.points().stream().mapToLong(Point::clipped).sum());
    long before = 0;
    for (Point point : record.points()) {
      int step = (int) point.step();
      assertEquals(step - before, point.steps());
      assertEquals((losses[step] - losses[(int) before]) / (step - before), point.loss(), 1e-9);
      assertEquals(0.25 * step, point.seconds());
      assertEquals(100, point.perSecond(), 1e-9);
      before = step;
    }
    assertEquals(steps, record.lastStep());
    assertEquals(
        (losses[steps] - losses[steps * 9 / 10]) / (0.1 * steps), record.recentLoss(), 0.02);
    Path file = write(record);
    assertTrue(Files.size(file) < 3_000_000, () -> file.toFile().length() + " bytes");
    assertEquals(record, TrainingRecord.read(file));
  }

  @Test
  void ofALongHistoryTwoStepsBecomeOneAndNoneIsForgotten() {
    List<Point> points = new ArrayList<>();
    List<Judgement> judgements = new ArrayList<>();
    for (int step = 1; step <= 1999; step++) {
      points.add(Point.ofLoss(step, 1, 1.0 / step));
      judgements.add(new Judgement(step, Map.of("a", 1.0 * step)));
    }
    TrainingRecord known = begin("", 9999, 1).with(points, judgements);
    assertEquals(1000, known.points().size());
    assertEquals(2, known.points().get(0).step());
    assertEquals(0.75, known.points().get(0).loss(), 1e-12);
    assertEquals(points.get(1998), known.points().get(999));
    assertEquals(1000, known.judgements().size());
    assertEquals(judgements.get(1), known.judgements().get(0));
    assertEquals(judgements.get(1998), known.judgements().get(999));
  }

  @Test
  void theLastValueIsNeverMerged() {
    List<Integer> all = new ArrayList<>();
    BoundedSeries<List<Integer>> series =
        new BoundedSeries<>(
            4,
            (a, b) ->
                IntStream.concat(a.stream().mapToInt(i -> i), b.stream().mapToInt(i -> i))
                    .boxed()
                    .collect(Collectors.toList()),
            List.of());
    for (int i = 0; i < 1000; i++) {
      all.add(i);
      series.add(List.of(i));
      assertEquals(List.of(i), series.last());
      assertTrue(series.values().size() <= 4);
      assertEquals(all, series.values().stream().flatMap(List::stream).toList());
    }
    assertThrows(
        IllegalArgumentException.class,
        () -> new BoundedSeries<Integer>(3, Integer::sum, List.of()));
  }

  @Test
  void figuresOfOneStepBecomeOne() {
    TrainingRecorder recorder = new TrainingRecorder(begin("", 3, 1));
    recorder.judged(new Judgement(3, Map.of("a", 1.0)));
    recorder.judged(new Judgement(3, Map.of("b", 2.0)));
    assertEquals(
        List.of(new Judgement(3, Map.of("a", 1.0, "b", 2.0))), recorder.record().judgements());
  }

  @Test
  void whatGoesOnForgetsWhatWasAfterTheCheckpoint() {
    TrainingRecorder recorder = new TrainingRecorder(begin("", 9, 0));
    for (int step = 1; step <= 5; step++) {
      recorder.progressed(point(step, step, 1, 0));
      recorder.judged(new Judgement(step, Map.of("held-out ", (double) step)));
    }
    TrainingRecord earlier = recorder.record();
    TrainingRecord longer = begin("", 20, 0);
    assertTrue(longer.isOfSameTraining(earlier));
    assertFalse(begin("other", 20, 0).isOfSameTraining(earlier));
    TrainingRecorder rest = new TrainingRecorder(longer.after(earlier, 3));
    rest.progressed(Point.report(4, 1, 1, 1, 1, 0, false, 1, 0.5));
    TrainingRecord record = rest.record();
    assertEquals(List.of(1L, 2L, 3L, 4L), record.points().stream().map(Point::step).toList());
    assertEquals(0.75 + 0.5, record.points().get(3).seconds()); // The clock goes on, too.
    assertEquals(20, record.totalSteps());
    assertEquals(3, record.judgements().size());
  }

  @Test
  void otherFilesAreRefusedInOneLine() throws IOException {
    String page = Files.readString(write(nasty()));
    isRefused(folder.resolve("none.html"), "is no file");
    isRefused(folder, "is no file");
    isRefused(Files.writeString(folder.resolve("a.html"), "<html></html>"), "is no report of a");
    isRefused(Files.write(folder.resolve("a.html"), new byte[] {0, -1, -128}), "is no report of a");
    damaged(page.replace("\"version\":1", "\"version\":2"), "has a training of version 2");
    damaged(page.replace("\"totalSteps\":3", "\"totalSteps\":0"), "totalSteps is 0");
    damaged(page.replace("\"totalSteps\":3", "\"totalSteps\":\"x\""), "totalSteps: needed a whole");
    damaged(page.replace("\"totalSteps\":3", "\"totalSteps\":3,\"more\":1"), "unknown field");
    damaged(page.replace("\"DIVERGED\"", "\"EXPLODED\""), "needed one of");
    damaged(page.replace("\"loss\":2.0", "\"loss\":1e301"), "loss is 1.0E301");
    damaged(page.replace("\"step\":1,", "\"step\":3,"), "points has step 2 after 3");
    damaged(page.replaceAll("\"points\":\\[[^]]*]", "\"points\":null"), "points: is null");
    damaged(page.replace("{\"version\":1", "{{\"version\":1"), "is no JSON");
    damaged(page.replaceFirst("(?s)\"samples\".*?</script>", "</script>"), "is no JSON");
  }

  private void damaged(String page, String part) throws IOException {
    isRefused(Files.writeString(folder.resolve("damaged.html"), page), part);
  }

  private static void isRefused(Path file, String part) {
    String message =
        String.valueOf(
            assertThrows(MalformedFileException.class, () -> TrainingRecord.read(file))
                .getMessage());
    assertTrue(message.startsWith(file + ": ") && message.contains(part), message);
    assertEquals(1, message.lines().count(), message);
  }

  /** Whatever there is of it, it can be drawn. */
  @Test
  void everyRecordHasAPage() throws IOException {
    for (double value : new double[] {0, -1, 1e300, 1e-300, Double.NaN}) {
      TrainingRecorder recorder = new TrainingRecorder(begin("", Long.MAX_VALUE, 1e30));
      ReadPage.of(TrainingPage.of(recorder.record()).html().html());
      for (long step : new long[] {1, 2, Long.MAX_VALUE - 1, Long.MAX_VALUE}) {
        recorder.progressed(Point.report(step, 1, value, value, value, 1e30, true, value, value));
        recorder.judged(new Judgement(step, Map.of("held-out ", value, "x", value)));
        ReadPage.of(TrainingPage.of(recorder.record()).html().html());
      }
    }
  }
}
