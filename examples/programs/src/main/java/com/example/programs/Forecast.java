package com.example.programs;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.data.Persistence;
import dev.sequor.data.Table;
import dev.sequor.data.TableSpec;
import dev.sequor.data.TableWindows;
import dev.sequor.data.Transformation;
import dev.sequor.fit.Fit;
import dev.sequor.model.Clipping;
import dev.sequor.model.Forecaster;
import dev.sequor.model.Optimizer;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.Trainer;

/** Forecasts sunspots, three years ahead. */
class Forecast {
  public static void main(String[] args) {
    Table table = Table.sunspots(); // CsvFile.of(path).read() for your own
    TableSpec spec = TableSpec.forecast("sunspots", 3).transform("sunspots", Transformation.SQUARE_ROOT).holdOut(0.2).fit(table);
    TableWindows windows = new TableWindows(table, spec, 32, 16, 1);
    var model = Forecaster.model(spec).cell(CellType.LSTM).hiddenSize(16).build();
    try (Backend backend = Devices.auto();
        SequenceModel forecasts = new SequenceModel(backend, model, 1);
        Trainer trainer = new Trainer(forecasts, Optimizer.adamw(2e-3f, 0.1f), Clipping.byGlobalNorm(1), 1)) {
      trainer.fit(windows, Fit.steps(400));
      Forecaster forecaster = new Forecaster(forecasts, spec);
      System.out.println("2009 to 2011: " + forecaster.afterLastRow(table).get(0).values());
      System.out.println("error " + forecaster.heldOutErrors(table).rmse());
      System.out.println("persistence's " + new Persistence(spec).heldOutErrors(table).rmse());
    }
  }
}
