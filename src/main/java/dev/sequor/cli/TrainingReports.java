package dev.sequor.cli;

import dev.sequor.backend.DeviceGroup;
import dev.sequor.report.ReportFile;
import dev.sequor.report.TrainingObserver;
import dev.sequor.report.TrainingRecord;
import dev.sequor.report.TrainingRecord.Event;
import dev.sequor.report.TrainingRecorder;
import dev.sequor.report.TrainingReport;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** All that shows a training while it runs. */
final class TrainingReports implements AutoCloseable {
  private final @Nullable ReportFile file;
  private final @Nullable LivePage live;
  private final @Nullable Path folder;
  private @Nullable TrainingReport report;
  private @Nullable EventFile events;

  /**
   * Nothing is shown yet.
   *
   * @param file of a page that is kept; null for none
   * @param live a page that is served, which is closed with this; null for none
   * @param folder for events; null for none
   */
  TrainingReports(@Nullable ReportFile file, @Nullable LivePage live, @Nullable Path folder) {
    this.file = file;
    this.live = live;
    this.folder = folder;
  }

  /**
   * Begins, or goes on where the report of the same run ends.
   *
   * @param done steps made before
   * @param notes get the address of the live page
   * @throws IllegalArgumentException if something cannot be written, or the report is of another
   *     training
   */
  TrainingObserver begin(Training.Start start, DeviceGroup devices, long done, PrintWriter notes)
      throws IOException {
    List<TrainingObserver> all = new ArrayList<>();
    if (file == null && live == null && folder == null) {
      return TrainingObserver.all(all);
    }
    TrainingRecord record = RunRecord.of(start, devices, done);
    if (file != null || live != null) {
      TrainingRecorder recorder =
          new TrainingRecorder(
              done == 0 || file == null ? record : TrainingReport.goneOnWith(file, record, done));
      all.add(recorder);
      if (done > 0) {
        recorder.happened(Event.of(done, "gone on with, on " + devices.name()));
      }
      if (file != null) {
        report = new TrainingReport(file, recorder);
        all.add(report);
      }
      if (live != null) {
        live.show(recorder);
        all.add(live);
        notes.println("live at " + live.url());
        notes.flush();
      }
    }
    if (folder != null) {
      events = EventFile.create(folder, record.subject());
      all.add(events);
    }
    return TrainingObserver.all(all);
  }

  /** What went wrong without ending the training, a line each. */
  List<String> complaints() {
    List<String> complaints = new ArrayList<>();
    String ofReport = report == null ? null : report.complaint();
    if (ofReport != null) {
      complaints.add(ofReport);
    }
    String ofEvents = events == null ? null : events.complaint();
    if (ofEvents != null) {
      complaints.add(ofEvents);
    }
    return complaints;
  }

  @Override
  public void close() {
    if (live != null) {
      live.close();
    }
    if (events != null) {
      events.close();
    }
  }
}
