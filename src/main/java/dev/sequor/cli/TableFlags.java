package dev.sequor.cli;

import dev.sequor.backend.CellType;
import dev.sequor.data.Missing;
import dev.sequor.data.TableSpec;
import dev.sequor.data.Transformation;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.RateSchedule;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.model.SunspotDemo;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** A training on the rows of a table. */
final class TableFlags {
  private static final int EPOCHS = 50;
  private static final double HELD_OUT = 0.2;

  /** What is done with missing cells, by name. */
  static final class Treatments extends Choice<Missing> {
    Treatments() {
      super(
          List.of(Missing.REFUSED, Missing.PREVIOUS),
          missing -> missing.name().toLowerCase(Locale.ROOT));
    }
  }

  /** What is done to the target before it is scaled, by name. */
  static final class Transformations extends Choice<Transformation> {
    Transformations() {
      super(
          List.of(Transformation.NONE, Transformation.SQUARE_ROOT, Transformation.LOG_1P),
          way -> way.name().toLowerCase(Locale.ROOT).replace('_', '-'));
    }
  }

  @Mixin private CsvOptions csv = new CsvOptions();

  @Option(
      names = "--target",
      paramLabel = "COLUMN",
      preprocessor = Verbatim.class,
      converter = Verbatim.class,
      description = "The column of --csv to predict.")
  private @Nullable String target;

  @Range("[1,100000]")
  @Option(
      names = "--horizon",
      paramLabel = "K",
      description = "Forecast the target of the next K rows, all at once (default: 1).")
  private @Nullable Integer horizon;

  @Option(
      names = "--transform",
      paramLabel = "NAME",
      converter = Transformations.class,
      completionCandidates = Transformations.class,
      description =
          "What a forecast does to the target before it is scaled, and undoes afterwards, one of"
              + " ${COMPLETION-CANDIDATES} (default: none).")
  private @Nullable Transformation transformation;

  @Option(
      names = "--classify",
      description =
          "The target is a label of each row; with --by, of each series, said after its last row.")
  private boolean classify;

  @Option(
      names = "--inputs",
      paramLabel = "COLUMNS",
      preprocessor = Verbatim.class,
      converter = Verbatim.class,
      description =
          "Columns to predict from, with commas between (default: the target of a forecast; of"
              + " labels all others).")
  private @Nullable String inputs;

  @Option(
      names = "--by",
      paramLabel = "COLUMN",
      preprocessor = Verbatim.class,
      converter = Verbatim.class,
      description = "Rows with the same value here, one after another, are a series of their own.")
  private @Nullable String by;

  @Option(
      names = "--missing",
      paramLabel = "WAY",
      converter = Treatments.class,
      completionCandidates = Treatments.class,
      description =
          "Empty cells of numbers, one of ${COMPLETION-CANDIDATES}: the value before them stands"
              + " for them (default: refused).")
  private @Nullable Missing missing;

  /** Whether a table was asked for. */
  boolean isGiven() {
    return csv.isGiven();
  }

  /** Where the table is. */
  CsvOptions csv() {
    return csv;
  }

  /** A new run. */
  Training.Start start(RunFlags run, ModelFlags model, UpdateFlags update, Inputs files)
      throws IOException {
    if (classify && horizon != null) {
      throw new IllegalArgumentException(
          "--horizon is given with --classify; needed one of them: labels are not foretold");
    }
    if (classify && transformation != null) {
      throw new IllegalArgumentException(
          "--transform is given with --classify; needed one of them: labels are no numbers");
    }
    double heldOut = run.heldOut(HELD_OUT);
    return csv.isSunspots()
        ? sunspots(run, model, update, heldOut, files)
        : file(run, model, update, heldOut, files);
  }

  private Training.Start file(
      RunFlags run, ModelFlags model, UpdateFlags update, double heldOut, Inputs files)
      throws IOException {
    if (target == null) {
      throw new IllegalArgumentException("--csv is given without --target; needed both");
    }
    TableSubject.Rows rows = csv.read(null, files);
    TableSpec.Fit fit =
        !classify
            ? TableSpec.forecast(target, horizon == null ? 1 : horizon)
            : by != null ? TableSpec.sequenceLabels(target, by) : TableSpec.rowLabels(target);
    if (by != null) {
      fit.by(by);
    }
    if (inputs != null) {
      fit.inputs(inputs.split(",", -1));
    }
    if (missing != null) {
      fit.missing(missing);
    }
    if (transformation != null) {
      fit.transform(target, transformation);
    }
    TableSpec spec = fit.holdOut(heldOut).fit(rows.table());
    int layers = model.layers(1);
    SequenceModelSpec.Builder builder =
        TableSubject.model(spec)
            .cell(model.cell(CellType.LSTM))
            .hiddenSize(model.hiddenSize(32))
            .layers(layers)
            .dropout(model.dropout(layers, 0))
            .options(model.options());
    TableSubject subject =
        new TableSubject(rows, spec, run.sequenceLength(64), run.batchSize(32), run.seed());
    return start(
        subject,
        builder.build(),
        update.optimizer(null),
        update,
        run,
        run.stepsOfEpochs(subject.windows().windowsPerEpoch(), EPOCHS));
  }

  /** The demonstration: settings that were chosen without the years that judge. */
  private Training.Start sunspots(
      RunFlags run, ModelFlags model, UpdateFlags update, double heldOut, Inputs files)
      throws IOException {
    if (target != null
        || classify
        || inputs != null
        || by != null
        || missing != null
        || transformation != null) {
      throw new IllegalArgumentException(
          "--csv sunspots forecasts its only column, of square roots; needed without --target,"
              + " --classify, --inputs, --by, --missing and --transform");
    }
    TableSubject.Rows rows = csv.read(null, files);
    TableSpec spec = SunspotDemo.spec(rows.table(), horizon == null ? 1 : horizon, heldOut);
    int layers = model.layers(1);
    SequenceModelSpec network =
        TableSubject.model(spec)
            .cell(model.cell(CellType.GRU_RESET_BEFORE))
            .hiddenSize(model.hiddenSize(SunspotDemo.HIDDEN_SIZE))
            .layers(layers)
            .dropout(model.dropout(layers, 0))
            .options(model.options())
            .build();
    TableSubject subject =
        new TableSubject(
            rows,
            spec,
            run.sequenceLength(SunspotDemo.TIME_STEPS),
            run.batchSize(SunspotDemo.BATCH_SIZE),
            run.seed());
    Optimizer optimizer =
        update.isAnyOptimizerGiven() ? update.optimizer(null) : SunspotDemo.optimizer();
    return start(subject, network, optimizer, update, run, run.steps(SunspotDemo.STEPS));
  }

  private Training.Start start(
      TableSubject subject,
      ModelSpec model,
      Optimizer optimizer,
      UpdateFlags update,
      RunFlags run,
      long steps) {
    int timeSteps = subject.timeSteps();
    return new Training.Start(
        subject,
        model,
        optimizer,
        update.clipping(1),
        run.run(
            subject.source(),
            timeSteps,
            timeSteps,
            subject.batchSize(),
            steps,
            update.schedule(RateSchedule.CONSTANT)),
        null);
  }
}
