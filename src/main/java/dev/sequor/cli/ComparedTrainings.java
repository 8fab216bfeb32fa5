package dev.sequor.cli;

import dev.sequor.io.Checkpoint;
import dev.sequor.io.InaccessibleFileException;
import dev.sequor.io.TrainingRun;
import dev.sequor.report.Comparison;
import dev.sequor.report.TrainingRecord;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Finds the trainings that are to be compared. */
final class ComparedTrainings {
  private static final String PAGE = ".html";

  private final PrintWriter notes;
  private final List<Path> paths = new ArrayList<>();
  private final List<TrainingRecord> records = new ArrayList<>();

  private ComparedTrainings(PrintWriter notes) {
    this.notes = notes;
  }

  /**
   * Those of {@code given}: reports, directories of models, and folders of both.
   *
   * @param notes get what is left out of a folder
   * @throws IllegalArgumentException if there is nothing in a folder, or they cannot be compared
   * @throws IOException if something cannot be read, or is no training
   */
  static Comparison of(List<Path> given, PrintWriter notes) throws IOException {
    ComparedTrainings found = new ComparedTrainings(notes);
    for (Path path : given) {
      if (!Files.isDirectory(path)) {
        found.add(path, TrainingRecord.read(path));
      } else if (Checkpoint.existsIn(path)) {
        found.add(path, ofModel(path));
      } else {
        found.addFolder(path);
      }
    }
    return new Comparison(found.named());
  }

  private void add(Path path, TrainingRecord record) {
    paths.add(path);
    records.add(record);
  }

  private static TrainingRecord ofModel(Path directory) throws IOException {
    Checkpoint checkpoint = Checkpoint.load(directory);
    if (checkpoint.run() instanceof TrainingRun run) {
      return RunRecord.of(checkpoint, run);
    }
    throw new IllegalArgumentException(
        directory
            + ": the model was not trained by sequor train; needed the report of its training");
  }

  private void addFolder(Path folder) throws IOException {
    int before = records.size();
    for (Path path : entries(folder)) {
      if (Files.isDirectory(path) && Checkpoint.existsIn(path)) {
        Path report = path.resolveSibling(path.getFileName() + PAGE);
        if (TrainingRecord.isIn(report)) {
          notes.println(path + " is left out: its report is beside it");
        } else {
          add(path, ofModel(path));
        }
      } else if (TrainingRecord.isIn(path)) {
        add(path, TrainingRecord.read(path));
      } else if (path.toString().endsWith(PAGE)) {
        notes.println(path + " is left out: it is no report of a training");
      }
    }
    if (records.size() == before) {
      throw new IllegalArgumentException(
          folder + ": there is no report and no model in this folder; needed one");
    }
  }

  private static List<Path> entries(Path folder) throws IOException {
    try (Stream<Path> all = Files.list(folder)) {
      return all.filter(path -> Files.isDirectory(path) || path.toString().endsWith(PAGE))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new InaccessibleFileException(folder, e);
    }
  }

  /** Each by the name of its file, or where two would be called the same, by its path. */
  private List<Comparison.Training> named() {
    List<String> names = paths.stream().map(ComparedTrainings::shortName).toList();
    List<Comparison.Training> named = new ArrayList<>();
    for (int i = 0; i < names.size(); i++) {
      String name = names.get(i);
      boolean alone = names.stream().filter(name::equals).count() == 1;
      named.add(new Comparison.Training(alone ? name : paths.get(i).toString(), records.get(i)));
    }
    return named;
  }

  private static String shortName(Path path) {
    String name = String.valueOf(path.toAbsolutePath().normalize().getFileName());
    return name.endsWith(PAGE) ? name.substring(0, name.length() - PAGE.length()) : name;
  }
}
