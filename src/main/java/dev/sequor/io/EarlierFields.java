package dev.sequor.io;

import com.fasterxml.jackson.annotation.JsonAlias;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.annotation.JsonDeserialize;
import com.fasterxml.jackson.databind.deser.std.StdDeserializer;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Direction;
import dev.sequor.backend.Loss;
import dev.sequor.backend.RnnSpec;
import dev.sequor.model.DenseSpec;
import dev.sequor.model.InputSpec;
import dev.sequor.model.OutputClusters;
import dev.sequor.model.RateSchedule;
import dev.sequor.model.Readout;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.module.LastStep;
import java.io.IOException;
import java.util.List;
import java.util.function.Consumer;

/**
 * Fields that records have got since files of version 2 were first written. Those files say them in
 * another way, or leave them out; then they are what they were when there was no choice.
 */
final class EarlierFields {
  private EarlierFields() {}

  /** Of {@link CellType}, of whose two GRUs one was once called GRU, and is never again. */
  @SuppressWarnings("unused") // For its annotation.
  enum Cells {
    @JsonAlias("GRU")
    GRU_RESET_BEFORE
  }

  /** Of {@link RnnSpec}, which once said {@code bidirectional} and knew no options. */
  @JsonDeserialize(using = StackReader.class)
  interface Stacks {}

  /** Of {@link LastStep}, which once said the number of {@code directions}. */
  @JsonDeserialize(using = LastStepReader.class)
  interface LastSteps {}

  /** Of {@link TrainingRun}, which once knew texts, windows and rates of one kind. */
  @JsonDeserialize(using = RunReader.class)
  interface Runs {}

  /** Of {@link SequenceModelSpec}, whose states began at zero and whose output layer was linear. */
  @JsonDeserialize(using = SequenceReader.class)
  interface Sequences {}

  /** Reads a {@code T} by way of a record with the same fields, once all of them are there. */
  private abstract static class Reader<R extends Record, T> extends StdDeserializer<T> {
    private static final long serialVersionUID = 1L;

    private final Class<R> fields;
    private final transient Consumer<ObjectNode> complete;

    Reader(Class<T> type, Class<R> fields, Consumer<ObjectNode> complete) {
      super(type);
      this.fields = fields;
      this.complete = complete;
    }

    abstract T make(R fields);

    @Override
    public T deserialize(JsonParser parser, DeserializationContext context) throws IOException {
      JsonNode node = context.readTree(parser);
      if (node instanceof ObjectNode object) {
        complete.accept(object);
      }
      R read = context.readTreeAsValue(node, fields);
      try {
        return make(read);
      } catch (IllegalArgumentException e) {
        throw context.instantiationException(handledType(), e);
      }
    }
  }

  private record Stack(
      CellType cell,
      int inputSize,
      int hiddenSize,
      int layers,
      Direction direction,
      float dropout,
      CellOptions options) {}

  private static final class StackReader extends Reader<Stack, RnnSpec> {
    private static final long serialVersionUID = 1L;

    StackReader() {
      super(RnnSpec.class, Stack.class, StackReader::complete);
    }

    private static void complete(ObjectNode stack) {
      if (stack.get("bidirectional") != null && stack.get("bidirectional").isBoolean()) {
        boolean both = stack.remove("bidirectional").booleanValue();
        stack.put("direction", (both ? Direction.BIDIRECTIONAL : Direction.FORWARD).name());
      }
      if (!stack.has("options")) {
        stack.putPOJO("options", CellOptions.NONE);
      }
    }

    @Override
    RnnSpec make(Stack s) {
      return new RnnSpec(
          s.cell, s.inputSize, s.hiddenSize, s.layers, s.direction, s.dropout, s.options);
    }
  }

  private record Sequence(
      InputSpec input,
      RnnSpec stack,
      List<DenseSpec> denseLayers,
      int outputSize,
      Readout readout,
      Loss loss,
      boolean learnedInitialState,
      OutputClusters clusters) {}

  private static final class SequenceReader extends Reader<Sequence, SequenceModelSpec> {
    private static final long serialVersionUID = 1L;

    SequenceReader() {
      super(SequenceModelSpec.class, Sequence.class, SequenceReader::complete);
    }

    private static void complete(ObjectNode model) {
      if (!model.has("learnedInitialState")) {
        model.put("learnedInitialState", false);
      }
      if (!model.has("clusters")) {
        model.putPOJO("clusters", OutputClusters.NONE);
      }
    }

    @Override
    SequenceModelSpec make(Sequence s) {
      return new SequenceModelSpec(
          s.input,
          s.stack,
          s.denseLayers,
          s.outputSize,
          s.readout,
          s.loss,
          s.learnedInitialState,
          s.clusters);
    }
  }

  private record Last(Direction direction) {}

  private static final class LastStepReader extends Reader<Last, LastStep> {
    private static final long serialVersionUID = 1L;

    LastStepReader() {
      super(LastStep.class, Last.class, LastStepReader::complete);
    }

    private static void complete(ObjectNode last) {
      JsonNode directions = last.get("directions");
      if (directions != null && directions.isInt() && !last.has("direction")) {
        last.remove("directions");
        last.put("direction", new LastStep(directions.intValue()).direction().name());
      }
    }

    @Override
    LastStep make(Last last) {
      return new LastStep(last.direction);
    }
  }

  private record Run(
      DataSource source,
      int sequenceLength,
      int newSteps,
      int batchSize,
      long seed,
      long totalSteps,
      RateSchedule schedule,
      long checkpointInterval,
      String device,
      String backend,
      TrainingRun.Curve curve) {}

  private static final class RunReader extends Reader<Run, TrainingRun> {
    private static final long serialVersionUID = 1L;

    RunReader() {
      super(TrainingRun.class, Run.class, RunReader::complete);
    }

    private static void complete(ObjectNode run) {
      if (!run.has("newSteps")) {
        run.put("newSteps", 0); // which stands for all
      }
      if (!run.has("schedule")) {
        run.put("schedule", RateSchedule.CONSTANT.name());
      }
      if (!run.has("source") && run.has("textFile")) {
        ObjectNode text = run.putObject("source");
        text.put("type", StoredTypes.TEXT);
        move(run, "textFile", text, "file");
        move(run, "heldOutFraction", text, "heldOutFraction");
        move(run, "corpusSha256", text, "sha256");
      }
    }

    private static void move(ObjectNode from, String field, ObjectNode to, String newName) {
      JsonNode value = from.remove(field);
      if (value != null) {
        to.set(newName, value);
      }
    }

    @Override
    TrainingRun make(Run run) {
      return new TrainingRun(
          run.source,
          run.sequenceLength,
          run.newSteps,
          run.batchSize,
          run.seed,
          run.totalSteps,
          run.schedule,
          run.checkpointInterval,
          run.device,
          run.backend,
          run.curve);
    }
  }
}
