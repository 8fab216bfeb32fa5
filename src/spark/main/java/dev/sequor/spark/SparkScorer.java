package dev.sequor.spark;

import dev.sequor.backend.Required;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.ModelSpec;
import dev.sequor.module.ValueShape;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.ml.Transformer;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.util.DefaultParamsReader$;
import org.apache.spark.ml.util.DefaultParamsWriter$;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.ml.util.MLWritable;
import org.apache.spark.ml.util.MLWriter;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;

/**
 * Runs a model on a column of sequences and adds a column with its outputs: one vector a sequence,
 * or one for each step. It stands in a {@code Pipeline} and is stored and loaded with it.
 *
 * <p>The tasks of an executor share one copy of the model, which computes together what they ask
 * for; it goes when nobody has used it for a minute. Rows stay in their order and partitions.
 *
 * <pre>{@code
 * Dataset<Row> scored =
 *     new SparkScorer(TrainedModel.load(path)).setInputCol("values").setPredictionCol("class")
 *         .transform(frame);
 * }</pre>
 */
public final class SparkScorer extends Transformer implements MLWritable {
  private static final long serialVersionUID = 1L;

  private static final String MODEL_FILE = "model.safetensors";

  private final String uid;
  private final byte[] model;
  private transient @Nullable ModelSpec spec;

  private final Param<String> inputCol;
  private final Param<String> outputCol;
  private final Param<String> predictionCol;
  private final Param<String> idCol;
  private final Param<String> handleInvalid;
  private final Param<String> device;
  private final Param<String> maxBatch;

  /** A scorer of a model. */
  public SparkScorer(TrainedModel model) {
    this(
        "sequorScorer_" + UUID.randomUUID().toString().substring(24),
        ModelBytes.of(Required.present("model", model)));
  }

  private SparkScorer(String uid, byte[] model) {
    this.uid = uid;
    this.model = model;
    this.inputCol = new Param<>(uid, "inputCol", "the column with the sequences");
    this.outputCol = new Param<>(uid, "outputCol", "the column for what the model says");
    this.predictionCol =
        new Param<>(uid, "predictionCol", "the column for the likeliest class; unless set, none");
    this.idCol = new Param<>(uid, "idCol", "a column that names rows in messages");
    this.handleInvalid =
        new Param<>(
            uid,
            "handleInvalid",
            "what to do with a row that the model cannot read: 'error' (throw), 'skip' (leave the"
                + " row out) or 'keep' (leave the outputs null)");
    this.device =
        new Param<>(uid, "device", "where executors compute: auto, cpu, java, cuda or cuda:N");
    this.maxBatch = new Param<>(uid, "maxBatch", "sequences computed together, 1 to 4096");
    setDefault(inputCol, "values");
    setDefault(outputCol, "outputs");
    setDefault(handleInvalid, "error");
    setDefault(device, TaskPlace.AUTO);
    setDefault(maxBatch, "64");
  }

  @Override
  public String uid() {
    return uid;
  }

  /** The column with the sequences; unless set, {@code values}. */
  public Param<String> inputCol() {
    return inputCol;
  }

  /** The column for what the model says; unless set, {@code outputs}. */
  public Param<String> outputCol() {
    return outputCol;
  }

  /** The column for the likeliest class; unless set, there is none. */
  public Param<String> predictionCol() {
    return predictionCol;
  }

  /** A column that names rows in messages; unless set, they have the number in their partition. */
  public Param<String> idCol() {
    return idCol;
  }

  /** What to do with a row that the model cannot read. */
  public Param<String> handleInvalid() {
    return handleInvalid;
  }

  /** Where executors compute. */
  public Param<String> device() {
    return device;
  }

  /** Sequences computed together, at most. */
  public Param<String> maxBatch() {
    return maxBatch;
  }

  /** Sets {@link #inputCol()}. */
  public SparkScorer setInputCol(String column) {
    return (SparkScorer) set(inputCol, Required.present("inputCol", column));
  }

  /** Sets {@link #outputCol()}. */
  public SparkScorer setOutputCol(String column) {
    return (SparkScorer) set(outputCol, Required.present("outputCol", column));
  }

  /** Sets {@link #predictionCol()}. */
  public SparkScorer setPredictionCol(String column) {
    return (SparkScorer) set(predictionCol, Required.present("predictionCol", column));
  }

  /** Sets {@link #idCol()}. */
  public SparkScorer setIdCol(String column) {
    return (SparkScorer) set(idCol, Required.present("idCol", column));
  }

  /**
   * Sets {@link #handleInvalid()}.
   *
   * @throws IllegalArgumentException if it is none of {@code error}, {@code skip} and {@code keep}
   */
  public SparkScorer setHandleInvalid(String how) {
    if (!List.of("error", "skip", "keep").contains(how)) {
      throw new IllegalArgumentException(
          "handleInvalid is '" + how + "'; needed error, skip or keep");
    }
    return (SparkScorer) set(handleInvalid, how);
  }

  /** Sets {@link #device()}. */
  public SparkScorer setDevice(String name) {
    return (SparkScorer) set(device, Required.present("device", name));
  }

  /**
   * Sets {@link #maxBatch()}.
   *
   * @throws IllegalArgumentException if it is not 1 to 4096
   */
  public SparkScorer setMaxBatch(int sequences) {
    if (sequences < 1 || sequences > 4096) {
      throw new IllegalArgumentException(
          "maxBatch is " + sequences + "; needed a whole number from 1 to 4096");
    }
    return (SparkScorer) set(maxBatch, Integer.toString(sequences));
  }

  private synchronized ModelSpec spec() {
    ModelSpec known = spec;
    if (known == null) {
      known = ModelBytes.read(model).model();
      spec = known;
    }
    return known;
  }

  private boolean hasOutputOfEachStep() {
    return spec().outputShape() instanceof ValueShape.Sequence;
  }

  /**
   * The schema with the columns that are added.
   *
   * @throws IllegalArgumentException if a column is missing, of a type that the model does not
   *     read, or there already
   */
  @Override
  public StructType transformSchema(StructType schema) {
    InputColumn.of($(inputCol), spec()).requireIn(schema);
    if (isSet(idCol)) {
      Cells.type(schema, $(idCol));
    }
    DataType vector = InputColumn.vectorType();
    StructType added =
        add(
            schema,
            $(outputCol),
            hasOutputOfEachStep() ? DataTypes.createArrayType(vector, false) : vector);
    if (!isSet(predictionCol)) {
      return added;
    }
    if (hasOutputOfEachStep() || !spec().loss().function().takesClasses()) {
      throw new IllegalArgumentException(
          "predictionCol is '"
              + $(predictionCol)
              + "'; only a model that says one class a sequence has predictions");
    }
    return add(added, $(predictionCol), DataTypes.DoubleType);
  }

  private static StructType add(StructType schema, String column, DataType type) {
    if (Arrays.asList(schema.fieldNames()).contains(column)) {
      throw new IllegalArgumentException(
          "the data has a column '" + column + "' already; needed another name for it");
    }
    return schema.add(column, type, true);
  }

  @Override
  public Dataset<Row> transform(Dataset<?> dataset) {
    StructType before = dataset.schema();
    StructType after = transformSchema(before);
    ScoringTask task =
        new ScoringTask(
            SharedPredictor.of(
                dataset.sparkSession().sparkContext(),
                model,
                $(device),
                Integer.parseInt($(maxBatch))),
            InputColumn.of($(inputCol), spec()),
            before.fieldIndex($(inputCol)),
            isSet(idCol) ? before.fieldIndex($(idCol)) : -1,
            $(handleInvalid),
            hasOutputOfEachStep() ? spec().outputShape().width() : 0,
            isSet(predictionCol));
    return dataset.toDF().mapPartitions(task, Encoders.row(after));
  }

  @Override
  public SparkScorer copy(ParamMap extra) {
    return copyValues(new SparkScorer(uid, model), extra);
  }

  // ---- stored -----------------------------------------------------------------------------------

  private static final class Writer extends MLWriter {
    private final SparkScorer scorer;

    Writer(SparkScorer scorer) {
      this.scorer = scorer;
    }

    @Override
    public void saveImpl(String folder) {
      DefaultParamsWriter$.MODULE$.saveMetadata(scorer, folder, sparkSession());
      Path file = new Path(folder, MODEL_FILE);
      try (FSDataOutputStream out = files(file, sparkSession()).create(file, true)) {
        out.write(scorer.model);
      } catch (IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
    }
  }

  private static final class Reader extends MLReader<SparkScorer> {
    @Override
    public SparkScorer load(String folder) {
      DefaultParamsReader$ reader = DefaultParamsReader$.MODULE$;
      var metadata = reader.loadMetadata(folder, sparkSession(), SparkScorer.class.getName());
      Path file = new Path(folder, MODEL_FILE);
      byte[] model;
      try (FSDataInputStream in = files(file, sparkSession()).open(file)) {
        model = in.readAllBytes();
      } catch (IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
      SparkScorer scorer = new SparkScorer(metadata.uid(), model);
      scorer.spec(); // A model that is damaged or of a later version is refused now.
      metadata.getAndSetParams(scorer, metadata.getAndSetParams$default$2());
      return scorer;
    }
  }

  private static FileSystem files(Path of, SparkSession session) throws IOException {
    return of.getFileSystem(session.sparkContext().hadoopConfiguration());
  }

  @Override
  public MLWriter write() {
    return new Writer(this);
  }

  /** Reads scorers; pipelines look for it by this name. */
  public static MLReader<SparkScorer> read() {
    return new Reader();
  }

  /** The scorer that was stored in a folder. */
  public static SparkScorer load(String folder) {
    return read().load(folder);
  }
}
