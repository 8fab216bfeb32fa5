package dev.sequor.exchange.keras;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sequor.backend.Activation;
import dev.sequor.backend.Direction;
import dev.sequor.exchange.draft.GateRows;
import dev.sequor.exchange.draft.NetworkDraft;
import dev.sequor.exchange.draft.NetworkDraft.Weights;
import dev.sequor.exchange.files.JsonObject;
import dev.sequor.exchange.keras.KerasArguments.Argument;
import dev.sequor.exchange.keras.KerasValue.Filling;
import dev.sequor.io.MalformedFileException;
import dev.sequor.module.Activate;
import dev.sequor.module.Affine;
import dev.sequor.module.ColumnsToSteps;
import dev.sequor.module.Concatenation;
import dev.sequor.module.Dropout;
import dev.sequor.module.Embedding;
import dev.sequor.module.LastStep;
import dev.sequor.module.LayerNorm;
import dev.sequor.module.LearnedVector;
import dev.sequor.module.Linear;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Pool;
import dev.sequor.module.Product;
import dev.sequor.module.RepeatSteps;
import dev.sequor.module.StepsToColumns;
import dev.sequor.module.Sum;
import dev.sequor.module.ValueShape;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What each class of layers is as modules. */
final class KerasLayers {
  /** What any layer may have among its options, and what only matters while it is trained. */
  private static final Set<String> ANYWHERE =
      Set.of(
          "name",
          "trainable",
          "dtype",
          "autocast",
          "batch_input_shape",
          "batch_shape",
          "seed",
          "rng_type",
          "input_dtype");

  private static final Set<String> TYPES =
      Set.of("float32", "float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16");

  /** Of which some are called as layers are. */
  private static final Set<String> OPERATIONS =
      Set.of(
          "Add",
          "Subtract",
          "Multiply",
          "NotEqual",
          "Any",
          "ExpandDims",
          "ZerosLike",
          "OnesLike",
          "GetItem",
          "LogicalOr",
          "Concatenate");

  private final KerasTranslation to;
  private final NetworkDraft draft;
  private final KerasRecurrence recurrence;

  KerasLayers(KerasTranslation to) {
    this.to = to;
    this.draft = to.draft;
    this.recurrence = new KerasRecurrence(to);
  }

  // ---- options and weights --------------------------------------------------------------------

  /** Refuses options that are not among {@code known} and that say something. */
  static void requireKnown(JsonObject config, String... known) throws MalformedFileException {
    List<String> names = Arrays.asList(known);
    for (String name : config.names()) {
      JsonNode value = config.node().path(name);
      boolean off =
          value.isNull()
              || (value.isBoolean() && !value.booleanValue())
              || (value.isContainerNode() && value.isEmpty());
      boolean training =
          name.endsWith("_initializer")
              || name.endsWith("_regularizer")
              || name.endsWith("_constraint");
      if (!off && !training && !ANYWHERE.contains(name) && !names.contains(name)) {
        throw new IllegalArgumentException("has the option '" + name + "', which is not supported");
      }
    }
    if (config.has("dtype") && !TYPES.contains(KerasTranslation.dtype(config))) {
      throw new IllegalArgumentException(
          "computes in '" + KerasTranslation.dtype(config) + "', which is not supported");
    }
  }

  /** The sizes of a layer's tensors have to be these. */
  static void requireShapes(List<NamedTensor> weights, List<List<Integer>> needed) {
    List<List<Integer>> shapes = weights.stream().map(NamedTensor::shape).toList();
    if (!shapes.equals(needed)) {
      throw new IllegalArgumentException(
          "has tensors of the sizes " + shapes + "; needed " + needed);
    }
  }

  /** An option that is the name of a function; {@code linear} if there is none. */
  static String function(JsonObject config, String name) throws MalformedFileException {
    JsonNode value = config.node().path(name);
    if (value.isObject() && value.path("class_name").isTextual()) {
      boolean named =
          value.path("class_name").textValue().equals("function")
              && value.path("config").isTextual()
              && value.path("registered_name").asText().equals("function")
              && value.path("module").asText().startsWith("keras");
      throw new IllegalArgumentException(
          "has an "
              + name
              + " of the class '"
              + value.path(named ? "config" : "class_name").asText()
              + "', which is not supported");
    }
    return config.has(name) ? config.text(name) : "linear";
  }

  private int width(KerasValue value) {
    return draft.shape(value.name()).width();
  }

  private boolean isSequence(KerasValue value) {
    return draft.shape(value.name()) instanceof ValueShape.Sequence;
  }

  private KerasValue sequence(KerasCall call) {
    KerasValue x = to.numbers(call.input());
    if (!isSequence(x)) {
      throw new IllegalArgumentException(
          "reads " + draft.shape(x.name()) + "; needed a sequence, [batch, time, features]");
    }
    return x;
  }

  // ---- layers ---------------------------------------------------------------------------------

  List<KerasValue> apply(KerasLayer layer, KerasCall call) throws IOException {
    JsonObject config = layer.config();
    if (isOperation(layer)) {
      return List.of(operation(layer, call));
    }
    if (layer.json().has("registered_name") && layer.json().text("registered_name").contains(">")) {
      throw new IllegalArgumentException("is of a class of its author's, which is not supported");
    }
    return switch (layer.className()) {
      case "Sequential", "Functional", "Model" -> to.nested(layer, call.inputs());
      case "LSTM", "GRU", "SimpleRNN", "RNN" -> recurrence.layer(layer, call);
      case "Bidirectional" -> recurrence.bidirectional(layer, call);
      case "TimeDistributed" -> timeDistributed(layer, call);
      default -> {
        if (!call.states().isEmpty()) {
          throw new IllegalArgumentException("is called with more than one argument");
        }
        yield List.of(single(layer, config, call));
      }
    };
  }

  /** Whether it is no layer, but an operation among layers; those have nothing to train. */
  private static boolean isOperation(KerasLayer layer) throws MalformedFileException {
    if (layer.json().has("module")) {
      return layer.json().text("module").startsWith("keras.src.ops");
    }
    return OPERATIONS.contains(layer.className()) && !layer.config().has("trainable");
  }

  private KerasValue single(KerasLayer layer, JsonObject config, KerasCall call)
      throws IOException {
    String name = layer.name();
    return switch (layer.className()) {
      case "Embedding" -> embedding(layer, call);
      case "Masking" -> masking(layer, call);
      case "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum" -> merged(layer, call);
      case "Concatenate" -> concatenated(layer, call);
      case "RepeatVector" -> {
        requireKnown(config, "n");
        yield repeated(name, config.integer("n", 1), to.numbers(call.input()));
      }
      case "Flatten" -> {
        requireKnown(config, "data_format");
        requireChannelsLast(config);
        KerasValue x = to.numbers(call.input());
        yield isSequence(x) ? flat(layer, x) : x;
      }
      case "Reshape" -> reshaped(layer, to.numbers(call.input()));
      case "GlobalAveragePooling1D", "GlobalMaxPooling1D" -> pooled(layer, sequence(call));
      case "Lambda" ->
          throw new IllegalArgumentException("holds Python code, of which nothing is executed");
      default -> {
        if (call.inputs().size() != 1) {
          throw new IllegalArgumentException(
              "is of a class that is not supported with " + call.inputs().size() + " tensors");
        }
        KerasValue x = to.numbers(call.input());
        yield rowByRow(layer, x, isSequence(x) ? 3 : 2);
      }
    };
  }

  /**
   * Layers that do the same with each vector, whatever it is of.
   *
   * @param axes how many the layer counts, the batch included
   */
  private KerasValue rowByRow(KerasLayer layer, KerasValue x, int axes) throws IOException {
    JsonObject config = layer.config();
    String name = layer.name();
    String y = x.name();
    return switch (layer.className()) {
      case "Dense" -> dense(layer, x);
      case "LayerNormalization" -> {
        requireLastAxis(config, axes);
        yield layerNorm(layer, x);
      }
      case "BatchNormalization" -> {
        requireLastAxis(config, axes);
        yield batchNorm(layer, x);
      }
      case "Activation" -> {
        requireKnown(config, "activation");
        yield function(name, function(config, "activation"), x);
      }
      case "Dropout" -> {
        requireKnown(config, "rate", "noise_shape");
        if (config.has("noise_shape")) {
          throw new IllegalArgumentException("has a noise_shape, which is not supported");
        }
        float rate = (float) config.number("rate");
        yield rate > 0 ? x.with(draft.add(name, new Dropout(rate), y)) : x;
      }
      // Noise of training, of which inference has none.
      case "SpatialDropout1D",
          "GaussianNoise",
          "GaussianDropout",
          "AlphaDropout",
          "ActivityRegularization",
          "Identity" ->
          x;
      case "ReLU" -> relu(layer, x);
      case "LeakyReLU" -> {
        requireKnown(config, "negative_slope", "alpha");
        double slope = config.number("negative_slope", config.number("alpha", 0.3));
        yield x.with(to.functions.named(name).leakyRelu(slope, y));
      }
      case "ELU" -> {
        requireKnown(config, "alpha");
        yield x.with(to.functions.named(name).elu(config.number("alpha", 1), y));
      }
      case "Softmax" -> {
        requireKnown(config, "axis");
        JsonNode axis = config.node().path("axis");
        if (!axis.isMissingNode() && !isLastAxis(axis, axes)) {
          throw new IllegalArgumentException("has the axis " + axis + "; needed the last");
        }
        if (x.masked()) {
          throw new IllegalArgumentException(
              "is given a mask, by which it would leave out columns, which is not supported");
        }
        yield function(name, "softmax", x);
      }
      default -> throw new IllegalArgumentException("is of a class that is not supported");
    };
  }

  private KerasValue function(String name, String function, KerasValue x) {
    String y = to.functions.add(name, function, x.name());
    return y.equals(x.name()) ? x : x.with(y);
  }

  private KerasValue relu(KerasLayer layer, KerasValue x) throws MalformedFileException {
    JsonObject config = layer.config();
    requireKnown(config, "max_value", "negative_slope", "threshold");
    double most = config.number("max_value", Double.POSITIVE_INFINITY);
    double slope = config.number("negative_slope", 0);
    boolean six = most == 6 && slope == 0;
    if (config.number("threshold", 0) != 0 || (Double.isFinite(most) && !six)) {
      throw new IllegalArgumentException(
          "has the threshold "
              + config.node().path("threshold")
              + " and the max_value "
              + config.node().path("max_value")
              + "; needed 0 and null, or 6 without a slope");
    }
    return x.with(
        six
            ? to.functions.named(layer.name()).relu6(x.name())
            : to.functions.named(layer.name()).leakyRelu(slope, x.name()));
  }

  /** Whether an axis, or a list of one, is the last of so many. */
  private static boolean isLastAxis(JsonNode axis, int axes) {
    JsonNode one = axis.isArray() && axis.size() == 1 ? axis.get(0) : axis;
    return one.isIntegralNumber() && (one.asInt() == -1 || one.asInt() == axes - 1);
  }

  private static void requireChannelsLast(JsonObject config) throws MalformedFileException {
    if (config.has("data_format") && !config.text("data_format").equals("channels_last")) {
      throw config.refused("data_format", "'channels_last'");
    }
  }

  private KerasValue dense(KerasLayer layer, KerasValue x) throws MalformedFileException {
    JsonObject config = layer.config();
    requireKnown(config, "units", "activation", "use_bias");
    int units = config.integer("units", 1);
    boolean bias = config.flag("use_bias", true);
    int width = width(x);
    List<Integer> kernel = List.of(width, units);
    requireShapes(layer.weights(), bias ? List.of(kernel, List.of(units)) : List.of(kernel));
    String function = function(config, "activation");
    @Nullable Activation single = to.functions.single(function);
    List<Weights> weights = new ArrayList<>();
    float[] theirs = layer.weights().get(0).values();
    weights.add(new Weights(theirs, List.of(GateRows.transposed(theirs, width))));
    if (bias) {
      weights.add(Weights.of(layer.weights().get(1).values()));
    }
    String y =
        draft.add(
            layer.name(),
            new Linear(width, units, single == null ? Activation.NONE : single, bias),
            List.of(x.name()),
            weights);
    return x.with(single == null ? to.functions.add(layer.name(), function, y) : y);
  }

  private KerasValue embedding(KerasLayer layer, KerasCall call) throws MalformedFileException {
    JsonObject config = layer.config();
    requireKnown(config, "input_dim", "output_dim", "mask_zero", "input_length");
    int vocabulary = config.integer("input_dim", 1);
    int width = config.integer("output_dim", 1);
    requireShapes(layer.weights(), List.of(List.of(vocabulary, width)));
    KerasValue tokens = to.tokens(call.input(), vocabulary);
    boolean masked = config.flag("mask_zero", false);
    if (masked && tokens.input() != null) {
      to.mask(layer.name(), tokens.input(), 0, false);
    }
    String y =
        draft.add(
            layer.name(),
            new Embedding(vocabulary, width),
            List.of(tokens.name()),
            List.of(Weights.of(layer.weights().get(0).values())));
    return new KerasValue(y, null, tokens.steps(), masked, Filling.OWN);
  }

  private KerasValue masking(KerasLayer layer, KerasCall call) throws MalformedFileException {
    requireKnown(layer.config(), "mask_value");
    KerasValue x = sequence(call);
    if (x.input() == null || x.masked()) {
      throw new IllegalArgumentException(
          "masks steps of something that is computed; needed an input");
    }
    to.mask(layer.name(), x.input(), (float) layer.config().number("mask_value", 0), true);
    return new KerasValue(
        draft.add(layer.name(), new Affine(1, 0), x.name()),
        null,
        x.steps(),
        true,
        Filling.AT_REST);
  }

  private KerasValue layerNorm(KerasLayer layer, KerasValue x) throws MalformedFileException {
    JsonObject config = layer.config();
    requireKnown(config, "axis", "epsilon", "center", "scale");
    int width = width(x);
    boolean scale = config.flag("scale", true);
    boolean center = config.flag("center", true);
    requireVectors(layer, width, (scale ? 1 : 0) + (center ? 1 : 0));
    List<NamedTensor> weights = layer.weights();
    float[] gain = scale ? weights.get(0).values() : filled(width, 1);
    float[] bias = center ? weights.get(scale ? 1 : 0).values() : new float[width];
    String y =
        draft.add(
            layer.name(),
            new LayerNorm(width, (float) config.number("epsilon", 1e-3)),
            List.of(x.name()),
            List.of(new Weights(scale ? gain : bias, List.of(gain, bias))));
    return x.with(y);
  }

  private static float[] filled(int count, float value) {
    float[] values = new float[count];
    Arrays.fill(values, value);
    return values;
  }

  private static void requireLastAxis(JsonObject config, int axes) {
    JsonNode axis = config.node().path("axis");
    if (!axis.isMissingNode() && !isLastAxis(axis, axes)) {
      throw new IllegalArgumentException("normalises the axis " + axis + "; needed the last alone");
    }
  }

  private static void requireVectors(KerasLayer layer, int width, int count) {
    List<List<Integer>> needed = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      needed.add(List.of(width));
    }
    requireShapes(layer.weights(), needed);
  }

  /** With the means and variances that it has: a factor and an offset for each column. */
  private KerasValue batchNorm(KerasLayer layer, KerasValue x) throws MalformedFileException {
    JsonObject config = layer.config();
    requireKnown(
        config,
        "axis",
        "momentum",
        "epsilon",
        "center",
        "scale",
        "synchronized",
        "renorm_momentum");
    int width = width(x);
    boolean scale = config.flag("scale", true);
    boolean center = config.flag("center", true);
    int first = (scale ? 1 : 0) + (center ? 1 : 0);
    requireVectors(layer, width, first + 2);
    List<NamedTensor> weights = layer.weights();
    float[] mean = weights.get(first).values();
    float[] variance = weights.get(first + 1).values();
    double epsilon = config.number("epsilon", 1e-3);
    float[] factor = new float[width];
    float[] offset = new float[width];
    for (int i = 0; i < width; i++) {
      double gamma = scale ? weights.get(0).values()[i] : 1;
      double beta = center ? weights.get(scale ? 1 : 0).values()[i] : 0;
      double by = gamma / Math.sqrt(variance[i] + epsilon);
      factor[i] = (float) by;
      offset[i] = (float) (beta - mean[i] * by);
    }
    String y =
        draft.add(layer.name(), new Product(), x.name(), vector(layer.name(), x, mean, factor));
    return x.with(draft.add(layer.name(), new Sum(), y, vector(layer.name(), x, variance, offset)));
  }

  private String vector(String name, KerasValue rows, float[] key, float[] values) {
    return draft.add(
        name,
        new LearnedVector(values.length),
        List.of(rows.name()),
        List.of(new Weights(key, List.of(values))));
  }

  // ---- shapes ---------------------------------------------------------------------------------

  private KerasValue repeated(String layer, int steps, KerasValue x) {
    if (isSequence(x)) {
      throw new IllegalArgumentException("repeats a sequence; needed a vector");
    }
    String name = draft.newName(layer);
    draft.addNamed(name, new RepeatSteps(name, steps), List.of(x.name()), List.of());
    return new KerasValue(name, null, steps, false, Filling.OWN);
  }

  private KerasValue flat(KerasLayer layer, KerasValue x) throws MalformedFileException {
    if (x.steps() == 0) {
      throw new IllegalArgumentException(
          "is given sequences of any number of steps; needed a number that is known");
    }
    to.readsMasked(KerasTranslation.label(layer), x);
    return KerasValue.vector(draft.add(layer.name(), new StepsToColumns(x.steps()), x.name()));
  }

  private KerasValue reshaped(KerasLayer layer, KerasValue x) throws MalformedFileException {
    JsonObject config = layer.config();
    requireKnown(config, "target_shape");
    JsonNode target = config.node().path("target_shape");
    boolean fits = target.isArray() && (target.size() == 1 || target.size() == 2);
    int open = -1;
    long known = 1;
    List<Integer> sizes = new ArrayList<>();
    for (int i = 0; i < target.size() && fits; i++) {
      int size = target.get(i).asInt(0);
      fits = target.get(i).isInt() && (size > 0 || (size == -1 && open < 0));
      open = size == -1 ? i : open;
      known *= size == -1 ? 1 : size;
      sizes.add(size);
    }
    if (!fits) {
      throw config.refused("target_shape", "one or two sizes, of which one may be -1");
    }
    int width = width(x);
    if (isSequence(x)
        && sizes.size() == 2
        && (sizes.get(1) == width ? open == 0 || sizes.get(0) == x.steps() : false)) {
      return x.masked(false);
    }
    KerasValue vector = isSequence(x) ? flat(layer, x) : x;
    int total = width(vector);
    if (known > total || total % known != 0 || (open < 0 && known != total)) {
      throw new IllegalArgumentException(
          "makes " + target + " of " + total + " numbers, which it does not fit");
    }
    if (open >= 0) {
      sizes.set(open, (int) (total / known));
    }
    if (sizes.size() == 1) {
      return vector;
    }
    String name = draft.newName(layer.name());
    draft.addNamed(name, new ColumnsToSteps(name, sizes.get(0)), List.of(vector.name()), List.of());
    return new KerasValue(name, null, sizes.get(0), false, Filling.OWN);
  }

  private KerasValue pooled(KerasLayer layer, KerasValue x) throws MalformedFileException {
    requireKnown(layer.config(), "data_format");
    requireChannelsLast(layer.config());
    boolean mean = layer.className().equals("GlobalAveragePooling1D");
    if (mean) {
      to.reads(KerasTranslation.label(layer), x);
    } else {
      to.readsMasked(KerasTranslation.label(layer), x); // Keras's maximum knows no mask
    }
    return KerasValue.vector(
        draft.add(layer.name(), new Pool(mean ? Pool.How.MEAN : Pool.How.MAXIMUM), x.name()));
  }

  private List<KerasValue> timeDistributed(KerasLayer layer, KerasCall call) throws IOException {
    JsonObject config = layer.config();
    requireKnown(config, "layer");
    KerasLayer inner = new KerasLayer(config.object("layer"), layer.weights());
    KerasValue x = sequence(call);
    switch (inner.className()) {
      case "Dense",
          "Activation",
          "Dropout",
          "LayerNormalization",
          "BatchNormalization",
          "ReLU",
          "LeakyReLU",
          "ELU" -> {}
      default ->
          throw new IllegalArgumentException(
              "has a layer '"
                  + inner.name()
                  + "' ("
                  + inner.className()
                  + ") in it, which is not supported");
    }
    return List.of(rowByRow(inner, x, 2));
  }

  // ---- several values -------------------------------------------------------------------------

  /** Values of one shape, as numbers. */
  private List<KerasValue> alike(KerasCall call, boolean width) {
    List<KerasValue> values = call.inputs().stream().map(to::numbers).toList();
    if (values.size() < 2) {
      throw new IllegalArgumentException(
          "is given " + values.size() + " tensors; needed at least 2");
    }
    to.requireOneAxis(values);
    KerasValue first = values.get(0);
    for (KerasValue value : values) {
      if (isSequence(value) != isSequence(first) || (width && width(value) != width(first))) {
        throw new IllegalArgumentException(
            "puts "
                + draft.shape(first.name())
                + " and "
                + draft.shape(value.name())
                + " together; needed the same sizes");
      }
    }
    return values;
  }

  /** What is computed of all values, row by row. */
  private static KerasValue of(List<KerasValue> values, String name) {
    Filling filling = values.get(0).filling();
    boolean masked = true;
    int steps = 0;
    for (KerasValue value : values) {
      masked &= value.masked();
      filling = value.filling() == filling ? filling : Filling.OWN;
      steps = Math.max(steps, value.steps());
    }
    return new KerasValue(name, null, steps, masked, filling);
  }

  private KerasValue merged(KerasLayer layer, KerasCall call) throws MalformedFileException {
    requireKnown(layer.config());
    List<KerasValue> values = alike(call, true);
    List<String> names = values.stream().map(KerasValue::name).toList();
    String name = layer.name();
    boolean product = layer.className().equals("Multiply");
    if (product && to.isKeras3 && values.stream().anyMatch(KerasValue::masked)) {
      // Keras has other numbers at masked steps: zeros, or ones where only some are masked.
      for (KerasValue value : values) {
        to.reads(KerasTranslation.label(layer), value);
      }
      KerasValue made = of(values, draft.add(name, new Product(), names, List.of()));
      return new KerasValue(made.name(), null, made.steps(), made.masked(), Filling.OWN);
    }
    return of(
        values,
        switch (layer.className()) {
          case "Add" -> draft.add(name, new Sum(), names, List.of());
          case "Multiply" -> draft.add(name, new Product(), names, List.of());
          case "Maximum", "Minimum" -> {
            String sofar = names.get(0);
            for (String other : names.subList(1, names.size())) {
              sofar = extreme(name, layer.className().equals("Maximum"), sofar, other);
            }
            yield sofar;
          }
          case "Average" ->
              draft.add(
                  name,
                  new Affine(1f / names.size(), 0),
                  draft.add(name, new Sum(), names, List.of()));
          default -> {
            if (names.size() != 2) {
              throw new IllegalArgumentException("is given " + names.size() + " tensors; needed 2");
            }
            yield difference(name, names.get(0), names.get(1));
          }
        });
  }

  private String difference(String name, String x, String y) {
    return draft.add(name, new Sum(), x, draft.add(name, new Affine(-1, 0), y));
  }

  /** {@code max(x, y) = x + relu(y − x)}, and the same turned round. */
  private String extreme(String name, boolean larger, String x, String y) {
    String by = larger ? difference(name, y, x) : difference(name, x, y);
    String relu = draft.add(name, new Activate(Activation.RELU), by);
    return larger ? draft.add(name, new Sum(), x, relu) : difference(name, x, relu);
  }

  private KerasValue concatenated(KerasLayer layer, KerasCall call) throws MalformedFileException {
    requireKnown(layer.config(), "axis");
    List<KerasValue> values = alike(call, false);
    JsonNode axis = layer.config().node().path("axis");
    if (!axis.isMissingNode() && !isLastAxis(axis, isSequence(values.get(0)) ? 3 : 2)) {
      throw new IllegalArgumentException(
          "puts values together along the axis " + axis + "; needed the last");
    }
    List<String> names = values.stream().map(KerasValue::name).toList();
    return of(values, draft.add(layer.name(), new Concatenation(), names, List.of()));
  }

  /** Operations of masks, which Keras writes down among the layers; null if it is none. */
  private static @Nullable KerasMask maskOperation(
      KerasLayer layer, List<KerasValue> given, List<Argument> operands) throws IOException {
    List<KerasMask> masks = new ArrayList<>();
    for (KerasValue value : given) {
      if (value.mask() != null) {
        masks.add(value.mask());
      }
    }
    boolean all = !masks.isEmpty() && masks.size() == given.size();
    JsonNode axis = layer.config().node().path("axis");
    switch (layer.className()) {
      case "NotEqual" -> {
        KerasInput input = given.size() == 1 ? given.get(0).input() : null;
        JsonNode number = operands.size() == 2 ? operands.get(1).constant() : null;
        if (input != null && number != null && number.isNumber()) {
          boolean elements = input.sizes.size() == 2;
          return new KerasMask(
              elements ? KerasMask.Kind.ELEMENTS : KerasMask.Kind.STEPS,
              input,
              number.floatValue());
        }
      }
      case "Any" -> {
        if (all && isLastAxis(axis, 3) && !layer.config().flag("keepdims", false)) {
          return masks.get(0).any();
        }
      }
      case "ExpandDims" -> {
        if (all && isLastAxis(axis, 3)) {
          return masks.get(0);
        }
      }
      case "ZerosLike", "OnesLike" -> {
        if (given.size() == 1) {
          return new KerasMask(
              layer.className().equals("OnesLike") ? KerasMask.Kind.ALL : KerasMask.Kind.NONE,
              null,
              0);
        }
      }
      case "LogicalOr", "Concatenate" -> {
        // Side by side they are only asked for any that is set.
        if (all && (layer.className().equals("LogicalOr") || isLastAxis(axis, 3))) {
          KerasMask together = masks.get(0);
          for (KerasMask mask : masks) {
            together = together.or(mask);
          }
          return together;
        }
      }
      default -> {}
    }
    return null;
  }

  /** {@code x[:, -1]} of a sequence, or {@code x[:, -1, :]}. */
  private KerasValue lastStep(KerasLayer layer, List<KerasValue> given, List<Argument> operands)
      throws MalformedFileException {
    List<Argument> parts = operands.size() == 2 ? operands.get(1).list() : null;
    boolean fits = given.size() == 1 && parts != null && (parts.size() == 2 || parts.size() == 3);
    for (int i = 0; fits && parts != null && i < parts.size(); i++) {
      JsonNode part = parts.get(i).constant();
      fits = part != null && (i == 1 ? part.isInt() && part.intValue() == -1 : isWhole(part));
    }
    KerasValue x = fits ? to.numbers(given.get(0)) : null;
    if (x == null || !isSequence(x)) {
      throw new IllegalArgumentException(
          "takes a part that is not supported; needed the last step of a sequence, [:, -1]");
    }
    if (x.masked() && x.filling() == Filling.REPEATED) {
      to.reads(KerasTranslation.label(layer), x); // the last that is there is repeated to the end
    } else {
      to.readsMasked(KerasTranslation.label(layer), x);
    }
    return KerasValue.vector(draft.add(layer.name(), new LastStep(Direction.FORWARD), x.name()));
  }

  /** Whether a part is all of an axis. */
  private static boolean isWhole(JsonNode part) {
    JsonNode config = part.path("config");
    return part.path("class_name").asText().equals("__slice__")
        && config.path("start").isNull()
        && config.path("stop").isNull()
        && config.path("step").isNull();
  }

  /** {@code +}, {@code -} and {@code *} of tensors and numbers; what comes of them has no mask. */
  private KerasValue operation(KerasLayer layer, KerasCall call) throws IOException {
    String name = layer.name();
    List<Argument> operands = call.operands();
    List<KerasValue> given = new ArrayList<>(call.inputs());
    given.addAll(call.states());
    KerasMask mask = maskOperation(layer, given, operands);
    if (mask != null) {
      return mask.asValue();
    }
    String kind = layer.className();
    if (kind.equals("GetItem")) {
      return lastStep(layer, given, operands);
    }
    boolean known = kind.equals("Add") || kind.equals("Subtract") || kind.equals("Multiply");
    if (!known || operands.size() != 2) {
      throw new IllegalArgumentException("is an operation that is not supported");
    }
    if (given.size() == 2) {
      List<KerasValue> values = alike(KerasCall.of(given), true);
      String x = values.get(0).name();
      String y = values.get(1).name();
      String made =
          switch (kind) {
            case "Add" -> draft.add(name, new Sum(), x, y);
            case "Multiply" -> draft.add(name, new Product(), x, y);
            default -> difference(name, x, y);
          };
      return of(values, made).masked(false);
    }
    boolean tensorFirst = operands.get(0).tensor() != null;
    JsonNode number = operands.get(tensorFirst ? 1 : 0).constant();
    if (given.size() != 1 || number == null || !number.isNumber()) {
      throw new IllegalArgumentException("is an operation that is not supported");
    }
    KerasValue x = to.numbers(given.get(0));
    float value = number.floatValue();
    Affine function =
        switch (kind) {
          case "Add" -> new Affine(1, value);
          case "Multiply" -> new Affine(value, 0);
          default -> tensorFirst ? new Affine(1, -value) : new Affine(-1, value);
        };
    return x.with(draft.add(name, function, x.name())).masked(false);
  }
}
