package dev.sequor.io;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.jsontype.NamedType;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Loss;
import dev.sequor.backend.RnnSpec;
import dev.sequor.data.TableGoal;
import dev.sequor.model.EncoderDecoderSpec;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.NetworkModelSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.module.Activate;
import dev.sequor.module.AdaptiveSoftmax;
import dev.sequor.module.Affine;
import dev.sequor.module.ColumnSum;
import dev.sequor.module.Columns;
import dev.sequor.module.ColumnsToSteps;
import dev.sequor.module.Concatenation;
import dev.sequor.module.Dropout;
import dev.sequor.module.Each;
import dev.sequor.module.Embedding;
import dev.sequor.module.InitialState;
import dev.sequor.module.LastStep;
import dev.sequor.module.LayerNorm;
import dev.sequor.module.LearnedVector;
import dev.sequor.module.Linear;
import dev.sequor.module.LogSoftmax;
import dev.sequor.module.MergeDirections;
import dev.sequor.module.Module;
import dev.sequor.module.Network;
import dev.sequor.module.OneHot;
import dev.sequor.module.Pool;
import dev.sequor.module.Product;
import dev.sequor.module.Recurrent;
import dev.sequor.module.RepeatAlong;
import dev.sequor.module.RepeatSteps;
import dev.sequor.module.Reverse;
import dev.sequor.module.ScheduledTokens;
import dev.sequor.module.Softmax;
import dev.sequor.module.StateBridge;
import dev.sequor.module.StateVectors;
import dev.sequor.module.StepsToColumns;
import dev.sequor.module.Sum;
import dev.sequor.module.TimeStep;
import dev.sequor.module.ValueShape;
import dev.sequor.module.VectorsState;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.ServiceLoader;

/**
 * What things of several kinds are called in {@code config.json}, under {@code type}. The names are
 * part of the checkpoint format; no name of a Java class ever is.
 */
final class StoredTypes {
  static final String TEXT = "text";

  static final Map<String, Class<? extends Module>> MODULES = modules();

  private StoredTypes() {}

  @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "type")
  @JsonSubTypes({
    @JsonSubTypes.Type(value = SequenceModelSpec.class, name = "sequence"),
    @JsonSubTypes.Type(value = NetworkModelSpec.class, name = "network"),
    @JsonSubTypes.Type(value = EncoderDecoderSpec.class, name = "encoder-decoder"),
  })
  private interface Models {}

  @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "type")
  @JsonSubTypes({
    @JsonSubTypes.Type(value = Loss.SoftmaxCrossEntropy.class, name = "softmax-cross-entropy"),
    @JsonSubTypes.Type(value = Loss.BinaryCrossEntropy.class, name = "binary-cross-entropy"),
    @JsonSubTypes.Type(value = Loss.MeanSquaredError.class, name = "mean-squared-error"),
    @JsonSubTypes.Type(
        value = Loss.LabelSmoothedCrossEntropy.class,
        name = "label-smoothed-cross-entropy"),
    @JsonSubTypes.Type(value = Loss.Ctc.class, name = "ctc"),
    @JsonSubTypes.Type(
        value = Loss.WeightedBinaryCrossEntropy.class,
        name = "weighted-binary-cross-entropy"),
    @JsonSubTypes.Type(value = Loss.ClassWeighted.class, name = "class-weighted"),
  })
  private interface Losses {}

  @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "type")
  @JsonSubTypes({
    @JsonSubTypes.Type(value = Optimizer.Sgd.class, name = "sgd"),
    @JsonSubTypes.Type(value = Optimizer.Adam.class, name = "adam"),
    @JsonSubTypes.Type(value = Optimizer.AdamW.class, name = "adamw"),
    @JsonSubTypes.Type(value = Optimizer.RmsProp.class, name = "rmsprop"),
    @JsonSubTypes.Type(value = Optimizer.Nesterov.class, name = "nesterov"),
    @JsonSubTypes.Type(value = Optimizer.CenteredRmsProp.class, name = "centered-rmsprop"),
    @JsonSubTypes.Type(value = Optimizer.Adagrad.class, name = "adagrad"),
    @JsonSubTypes.Type(value = Optimizer.Lion.class, name = "lion"),
    @JsonSubTypes.Type(value = Optimizer.Grouped.class, name = "grouped"),
  })
  private interface Optimizers {}

  @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "type")
  @JsonSubTypes({
    @JsonSubTypes.Type(value = ValueShape.Tokens.class, name = "tokens"),
    @JsonSubTypes.Type(value = ValueShape.Sequence.class, name = "sequence"),
    @JsonSubTypes.Type(value = ValueShape.Vector.class, name = "vector"),
    @JsonSubTypes.Type(value = ValueShape.State.class, name = "state"),
  })
  private interface Values {}

  @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "type")
  @JsonSubTypes({
    @JsonSubTypes.Type(value = DataSource.Text.class, name = TEXT),
    @JsonSubTypes.Type(value = DataSource.Table.class, name = "table"),
    @JsonSubTypes.Type(value = DataSource.Task.class, name = "task"),
  })
  private interface Sources {}

  @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "type")
  @JsonSubTypes({
    @JsonSubTypes.Type(value = TableGoal.Forecast.class, name = "forecast"),
    @JsonSubTypes.Type(value = TableGoal.RowLabels.class, name = "row-labels"),
    @JsonSubTypes.Type(value = TableGoal.SequenceLabels.class, name = "sequence-labels"),
  })
  private interface Goals {}

  @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "type")
  private interface Modules {}

  private static Map<String, Class<? extends Module>> modules() {
    Map<String, Class<? extends Module>> modules = new LinkedHashMap<>();
    modules.put("activation", Activate.class);
    modules.put("adaptive-softmax", AdaptiveSoftmax.class);
    modules.put("concatenation", Concatenation.class);
    modules.put("dropout", Dropout.class);
    modules.put("embedding", Embedding.class);
    modules.put("initial-state", InitialState.class);
    modules.put("last-step", LastStep.class);
    modules.put("layer-norm", LayerNorm.class);
    modules.put("linear", Linear.class);
    modules.put("merge-directions", MergeDirections.class);
    modules.put("one-hot", OneHot.class);
    modules.put("recurrent", Recurrent.class);
    modules.put("softmax", Softmax.class);
    modules.put("scheduled-tokens", ScheduledTokens.class);
    modules.put("state-bridge", StateBridge.class);
    modules.put("sum", Sum.class);
    modules.put("column-sum", ColumnSum.class);
    modules.put("log-softmax", LogSoftmax.class);
    modules.put("pool", Pool.class);
    modules.put("product", Product.class);
    modules.put("columns", Columns.class);
    modules.put("each", Each.class);
    modules.put("affine", Affine.class);
    modules.put("learned-vector", LearnedVector.class);
    modules.put("repeat-along", RepeatAlong.class);
    modules.put("repeat-steps", RepeatSteps.class);
    modules.put("columns-to-steps", ColumnsToSteps.class);
    modules.put("steps-to-columns", StepsToColumns.class);
    modules.put("time-step", TimeStep.class);
    modules.put("reverse", Reverse.class);
    modules.put("state-vectors", StateVectors.class);
    modules.put("vectors-state", VectorsState.class);
    for (ModuleNames others : ServiceLoader.load(ModuleNames.class)) {
      others
          .modules()
          .forEach(
              (name, type) -> {
                if (modules.putIfAbsent(name, type) != null) {
                  throw new IllegalStateException(
                      others.getClass().getName()
                          + ": '"
                          + name
                          + "' names another module already");
                }
              });
    }
    return modules;
  }

  /** Throws if a module has no name. */
  static void requireNamed(Network network) {
    network
        .nodes()
        .forEach(
            node -> {
              if (!MODULES.containsValue(node.module().getClass())) {
                throw new IllegalArgumentException(
                    "node '"
                        + node.name()
                        + "' is a "
                        + node.module().getClass().getName()
                        + ", which has no name in checkpoints; needed a service "
                        + ModuleNames.class.getName()
                        + " that gives it one");
              }
            });
  }

  /** Teaches {@code mapper} the names. */
  static void addTo(JsonMapper.Builder mapper) {
    mapper.addMixIn(CellType.class, EarlierFields.Cells.class);
    mapper.addMixIn(RnnSpec.class, EarlierFields.Stacks.class);
    mapper.addMixIn(LastStep.class, EarlierFields.LastSteps.class);
    mapper.addMixIn(TrainingRun.class, EarlierFields.Runs.class);
    mapper.addMixIn(DataSource.class, Sources.class);
    mapper.addMixIn(SequenceModelSpec.class, EarlierFields.Sequences.class);
    mapper.addMixIn(ModelSpec.class, Models.class);
    mapper.addMixIn(Loss.class, Losses.class);
    mapper.addMixIn(Optimizer.class, Optimizers.class);
    mapper.addMixIn(ValueShape.class, Values.class);
    mapper.addMixIn(TableGoal.class, Goals.class);
    mapper.addMixIn(Module.class, Modules.class);
    MODULES.forEach((name, type) -> mapper.registerSubtypes(new NamedType(type, name)));
  }
}
