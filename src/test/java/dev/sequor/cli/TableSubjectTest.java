package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.cli.Subject.Effort;
import dev.sequor.data.CsvFile;
import dev.sequor.data.Forecast;
import dev.sequor.data.Table;
import dev.sequor.data.TableGoal;
import dev.sequor.data.TableSeries;
import dev.sequor.data.TableSpec;
import dev.sequor.model.BatchLoss;
import dev.sequor.model.Forecaster;
import dev.sequor.model.SequenceModel;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** How much of a table a model is judged by. */
class TableSubjectTest {
  private static double[] noise(int rows) {
    SplittableRandom random = new SplittableRandom(5);
    return random.doubles(rows, -1, 1).toArray();
  }

  private static BatchLoss judge(Table table, TableSpec spec, Effort effort) {
    try (Backend backend = Devices.open("java");
        SequenceModel model =
            new SequenceModel(backend, TableSubject.model(spec).hiddenSize(4).build(), 1)) {
      TableSubject subject = new TableSubject(TableSubject.Rows.of("", ",", table), spec, 8, 1, 1);
      return subject.judge(model, effort);
    }
  }

  /** The first of the held-out rows, seen from a state that has forgotten where it came from. */
  @Test
  void aCheckReadsAFewRowsOfALongSeries() {
    Table table = Table.ofNumbers("t.csv", Map.of("v", noise(5000)));
    TableSpec spec = TableSpec.forecast("v", 2).holdOut(0.5).fit(table);
    BatchLoss check = judge(table, spec, Effort.CHECK);
    assertEquals(511, check.predictions()); // of two rows each, within 512
    assertEquals(2499, judge(table, spec, Effort.ALL).predictions());
    assertEquals(2499, judge(table, spec, Effort.WATCH).predictions());
    TableSeries series = spec.series(table).get(0);
    TableGoal.Forecast goal = (TableGoal.Forecast) spec.goal();
    double sum = 0;
    try (Backend backend = Devices.open("java");
        SequenceModel model =
            new SequenceModel(backend, TableSubject.model(spec).hiddenSize(4).build(), 1)) {
      List<Forecast> all =
          new Forecaster(model, spec).forecasts(List.of(series), TableSeries::firstForecast);
      for (Forecast forecast : all.subList(0, 511)) {
        for (int k = 0; k < 2; k++) {
          double error =
              goal.target().scaled(forecast.values().get(k))
                  - goal.target().scaled(series.target(forecast.row() + 1 + k));
          sum += error * error / 2;
        }
      }
    }
    assertEquals(sum / 511, check.mean(), 1e-5);
  }

  @Test
  void aHorizonOfMoreRowsThanACheckReadsIsJudgedAllTheSame() {
    Table table = Table.ofNumbers("t.csv", Map.of("v", noise(3000)));
    TableSpec spec = TableSpec.forecast("v", 700).holdOut(0.4).fit(table);
    assertEquals(1, judge(table, spec, Effort.CHECK).predictions());
    assertEquals(501, judge(table, spec, Effort.ALL).predictions());
  }

  @Test
  void ofManySeriesACheckTakesTheFirst() {
    StringBuilder rows = new StringBuilder("id,v,kind\n");
    double[] values = noise(40 * 50);
    for (int i = 0; i < values.length; i++) {
      rows.append(i / 50).append(',').append(values[i]).append(i / 50 % 3 > 0 ? ",a\n" : ",b\n");
    }
    Table table = CsvFile.parse("t.csv", rows.toString(), ',');
    TableSpec each = TableSpec.rowLabels("kind").by("id").holdOut(0.5).fit(table);
    assertEquals(512, judge(table, each, Effort.CHECK).predictions());
    assertEquals(1000, judge(table, each, Effort.ALL).predictions());
    TableSpec whole = TableSpec.sequenceLabels("kind", "id").holdOut(0.5).fit(table);
    assertEquals(11, judge(table, whole, Effort.CHECK).predictions()); // of 50 rows each
    assertEquals(20, judge(table, whole, Effort.ALL).predictions());
  }
}
