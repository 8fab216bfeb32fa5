package dev.sequor.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sequor.backend.Loss;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.InputSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.Readout;
import dev.sequor.model.SequenceModelSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** One line says which row or column it is, what is there, and what was needed. */
class BadInputTest {
  private static SparkSession spark;

  @BeforeAll
  static void open() {
    spark = Sessions.local(2);
  }

  @AfterAll
  static void close() throws Exception {
    spark.close();
  }

  private static SequenceModelSpec classifier(InputSpec input) {
    return SequenceModelSpec.builder(input, 2).hiddenSize(4).readout(Readout.LAST_STEP).build();
  }

  private static SequenceModelSpec.Builder learner(int outputs) {
    return SequenceModelSpec.builder(InputSpec.dense(1), outputs).hiddenSize(4);
  }

  private static Dataset<Row> frame(String schema, List<Row> rows) {
    return spark.createDataFrame(rows, StructType.fromDDL(schema)).coalesce(1);
  }

  private static Exception refusedByScorer(Dataset<Row> frame, SequenceModelSpec spec, String x) {
    TrainedModel model = new TrainedModel(spec, null, FirstWeights.of(spec, 1));
    return assertThrows(
        Exception.class,
        () -> new SparkScorer(model).setInputCol(x).transform(frame).collectAsList());
  }

  private static Exception refusedByTrainer(
      Dataset<Row> frame, SequenceModelSpec spec, String x, String y) {
    return assertThrows(
        Exception.class,
        () ->
            SparkTrainer.builder(spark, spec, Optimizer.sgd(0.1f))
                .workers(1)
                .batchSize(2)
                .steps(1)
                .build()
                .train(TrainingData.rows(frame, x, y)));
  }

  private static void assertLine(String expected, Throwable refused) {
    assertInstanceOf(IllegalArgumentException.class, refused);
    assertEquals(expected, refused.getMessage());
  }

  private static Arguments input(
      InputSpec spec, String type, Object good, @Nullable Object bad, String problem) {
    return Arguments.of(spec, type, good, bad, problem);
  }

  static Stream<Arguments> inputs() {
    InputSpec one = InputSpec.dense(1);
    InputSpec three = InputSpec.dense(3);
    InputSpec tokens = InputSpec.embedding(5, 4);
    String numbers = "array<double>";
    String vectors = "array<array<float>>";
    String ids = "array<bigint>";
    Double[] number = {1.0};
    Double[] flat = {1.0, 2.0, 3.0};
    Float[] vector = {1f, 2f, 3f};
    Float[][] sequence = {vector, vector};
    Long[] words = {0L, 4L};
    return Stream.of(
        input(one, numbers, number, null, ": is null; needed an array"),
        input(one, numbers, number, new Double[0], ": has no steps; needed at least 1"),
        input(
            one, numbers, number, new Double[] {1.0, null}, ": element 1 is null; needed a number"),
        input(
            one,
            numbers,
            number,
            new Double[] {null, null},
            ": element 0 is null; needed a number or a vector of 1"),
        input(
            one,
            numbers,
            number,
            new Double[] {1.0, Double.NaN},
            ": element 1 is NaN; needed a finite number"),
        input(
            one,
            numbers,
            number,
            new Double[] {Double.NEGATIVE_INFINITY},
            ": element 0 is -Infinity; needed a finite number"),
        input(
            one,
            numbers,
            number,
            new Double[] {1e300},
            ": element 0 is 1.0E300; needed a finite number of float32"),
        input(
            three,
            numbers,
            flat,
            new Double[] {1.0, 2.0, 3.0, 4.0},
            ": has 4 numbers; vectors of 3 need a multiple of that"),
        input(
            three,
            vectors,
            sequence,
            new Float[][] {vector, {1f, 2f}},
            ", step 1: has 2 numbers; the model needs vectors of 3"),
        input(
            three,
            vectors,
            sequence,
            new Float[][] {vector, null},
            ", step 1: is null; needed an array"),
        input(
            three,
            vectors,
            sequence,
            new Float[][] {null, vector},
            ", step 0: is null; needed an array"),
        input(
            three,
            vectors,
            sequence,
            new Float[][] {null, null},
            ": element 0 is null; needed a number or a vector of 3"),
        input(
            three,
            vectors,
            sequence,
            new Float[][] {vector, {1f, 2f, Float.NaN}},
            ", step 1: element 2 is NaN; needed a finite number"),
        input(tokens, ids, words, null, ": is null; needed an array"),
        input(tokens, ids, words, new Long[0], ": has no steps; needed at least 1"),
        input(tokens, ids, words, new Long[] {0L, 5L}, ": element 1 is 5; needed 0 to 4"),
        input(tokens, ids, words, new Long[] {-1L}, ": element 0 is -1; needed 0 to 4"),
        input(tokens, ids, words, new Long[] {0L, null}, ": element 1 is null; needed a number"),
        input(
            tokens,
            ids,
            words,
            new Long[] {1L << 32},
            ": element 0 is 4294967296; needed a number of 32 bits"));
  }

  @ParameterizedTest
  @MethodSource("inputs")
  void aSequenceThatDoesNotFit(
      InputSpec input, String type, Object good, @Nullable Object bad, String problem) {
    Dataset<Row> frame =
        frame(
            "x " + type + ", y int",
            List.of(
                RowFactory.create(good, 0),
                RowFactory.create(good, 1),
                RowFactory.create(bad, 0),
                RowFactory.create(good, 1)));
    SequenceModelSpec spec = classifier(input);
    assertLine(
        "row 2 of partition 0, column 'x'" + problem,
        RootCause.of(refusedByScorer(frame, spec, "x")));
    assertLine("row 2, column 'x'" + problem, refusedByTrainer(frame, spec, "x", "y"));
  }

  private static Arguments target(
      SequenceModelSpec.Builder spec, String type, @Nullable Object bad, String problem) {
    return Arguments.of(spec.build(), type, bad, problem);
  }

  /** Of sequences of two steps. */
  static Stream<Arguments> targets() {
    Loss squares = Loss.meanSquaredError();
    return Stream.of(
        target(learner(2).readout(Readout.LAST_STEP), "bigint", null, ": is null; needed a number"),
        target(
            learner(2).readout(Readout.LAST_STEP),
            "bigint",
            2L,
            ": has class 2; needed 0 to 1, or a negative number for none"),
        target(learner(2), "array<int>", null, ": is null; needed an array"),
        target(
            learner(2),
            "array<int>",
            new Integer[] {1},
            ": has 1 numbers; needed 2, one for each step"),
        target(
            learner(2),
            "array<int>",
            new Integer[] {0, 7},
            ", step 1: has class 7; needed 0 to 1, or a negative number for none"),
        target(
            learner(1).readout(Readout.LAST_STEP).loss(squares),
            "double",
            null,
            ": is null; needed a number"),
        target(
            learner(1).readout(Readout.LAST_STEP).loss(squares),
            "double",
            Double.NaN,
            ": element 0 is NaN; needed a finite number"),
        target(
            learner(2).readout(Readout.LAST_STEP).loss(squares),
            "array<float>",
            new Float[] {1f},
            ": has 1 numbers; vectors of 2 need a multiple of that"),
        target(
            learner(2).readout(Readout.LAST_STEP).loss(squares),
            "array<float>",
            new Float[] {1f, 2f, 3f, 4f},
            ": has 4 numbers; needed 2, one for each output"),
        target(
            learner(1).loss(squares),
            "array<double>",
            null,
            ": is null; needed a number for each step"),
        target(
            learner(1).loss(squares),
            "array<double>",
            new Double[] {1.0},
            ": has 1 numbers; needed 2, all outputs of each step"),
        target(
            learner(3).loss(Loss.ctc(0)),
            "array<int>",
            new Integer[] {1, 3},
            ": element 1 is 3; needed 0 to 2 without the blank 0"),
        target(
            learner(3).loss(Loss.ctc(0)),
            "array<int>",
            new Integer[] {0},
            ": element 0 is 0; needed 0 to 2 without the blank 0"),
        target(
            learner(3).loss(Loss.ctc(0)),
            "array<int>",
            new Integer[] {2, 2},
            ": has 2 labels for 2 steps; needed at least 3 steps, one for each label and one"
                + " between equal ones"));
  }

  @ParameterizedTest
  @MethodSource("targets")
  void aTargetThatDoesNotFit(
      SequenceModelSpec spec, String type, @Nullable Object bad, String problem) {
    List<Row> rows = new ArrayList<>();
    rows.add(RowFactory.create(new Double[] {1.0, 2.0}, bad));
    assertLine(
        "row 0, column 'y'" + problem,
        refusedByTrainer(frame("x array<double>, y " + type, rows), spec, "x", "y"));
  }

  static Stream<Arguments> columns() {
    SequenceModelSpec numbers = classifier(InputSpec.dense(3));
    SequenceModelSpec tokens = classifier(InputSpec.embedding(5, 4));
    String vectors =
        "; the model reads vectors of 3, which need array<float>, array<double>, or arrays of these";
    return Stream.of(
        Arguments.of(numbers, "z array<double>", "the data has no column 'x'; it has z, y"),
        Arguments.of(numbers, "x string", "column 'x' is string" + vectors),
        Arguments.of(numbers, "x double", "column 'x' is double" + vectors),
        Arguments.of(numbers, "x array<string>", "column 'x' is array<string>" + vectors),
        Arguments.of(
            numbers,
            "x array<array<array<double>>>",
            "column 'x' is array<array<array<double>>>" + vectors),
        Arguments.of(
            tokens,
            "x array<double>",
            "column 'x' is array<double>; the model reads tokens, which need array<int> or"
                + " array<bigint>"));
  }

  @ParameterizedTest
  @MethodSource("columns")
  void aColumnOfSequencesThatIsMissingOrOfAnotherType(
      SequenceModelSpec spec, String column, String message) {
    Dataset<Row> frame = frame(column + ", y int", List.of());
    assertLine(message, refusedByScorer(frame, spec, "x"));
    assertLine(message, refusedByTrainer(frame, spec, "x", "y"));
  }

  static Stream<Arguments> targetColumns() {
    SequenceModelSpec one = learner(2).readout(Readout.LAST_STEP).build();
    String classOfAll =
        "; the model has one output a sequence and learns by SOFTMAX_CROSS_ENTROPY, which needs int"
            + " or bigint";
    return Stream.of(
        Arguments.of(one, "z int", "the data has no column 'y'; it has x, z"),
        Arguments.of(one, "y string", "column 'y' is string" + classOfAll),
        Arguments.of(one, "y double", "column 'y' is double" + classOfAll),
        Arguments.of(one, "y array<int>", "column 'y' is array<int>" + classOfAll),
        Arguments.of(
            learner(2).build(),
            "y int",
            "column 'y' is int; the model has an output for each step and learns by"
                + " SOFTMAX_CROSS_ENTROPY, which needs array<int> or array<bigint>"),
        Arguments.of(
            learner(1).readout(Readout.LAST_STEP).loss(Loss.meanSquaredError()).build(),
            "y boolean",
            "column 'y' is boolean; the model has one output a sequence and learns by"
                + " MEAN_SQUARED_ERROR, which needs float, double, array<float> or array<double>"),
        Arguments.of(
            learner(1).loss(Loss.meanSquaredError()).build(),
            "y double",
            "column 'y' is double; the model has an output for each step and learns by"
                + " MEAN_SQUARED_ERROR, which needs array<float> or array<double>"),
        Arguments.of(
            learner(3).loss(Loss.ctc(0)).build(),
            "y array<double>",
            "column 'y' is array<double>; the model has an output for each step and learns by CTC,"
                + " which needs array<int> or array<bigint>"));
  }

  @ParameterizedTest
  @MethodSource("targetColumns")
  void aColumnOfTargetsThatIsMissingOrOfAnotherType(
      SequenceModelSpec spec, String column, String message) {
    assertLine(
        message, refusedByTrainer(frame("x array<double>, " + column, List.of()), spec, "x", "y"));
  }
}
