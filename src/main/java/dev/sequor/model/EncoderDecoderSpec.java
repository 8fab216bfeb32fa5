package dev.sequor.model;

import dev.sequor.backend.Activation;
import dev.sequor.backend.Loss;
import dev.sequor.backend.Required;
import dev.sequor.backend.RnnSpec;
import dev.sequor.backend.Sizes;
import dev.sequor.data.ParallelWindow;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.module.Dropout;
import dev.sequor.module.Embedding;
import dev.sequor.module.Linear;
import dev.sequor.module.Network;
import dev.sequor.module.Recurrent;
import dev.sequor.module.ScheduledTokens;
import dev.sequor.module.StateBridge;
import dev.sequor.module.TeacherForcing;
import dev.sequor.module.ValueShape;
import java.util.List;

/**
 * An encoder that reads a source and a decoder that writes a target, starting from the encoder's
 * final state (Sutskever, Vinyals and Le, "Sequence to sequence learning with neural networks",
 * 2014). Both are padded sequences with lengths of their own. {@link #window} makes batches for
 * {@link Trainer}, {@link Translator} decodes.
 *
 * @param sourceVocabulary {@code V} of what is read
 * @param targetVocabulary {@code V'} of what is written, {@code begin} and {@code end} among it
 * @param begin the token that the decoder reads first
 * @param end the token that it writes after the last
 * @param encoder its stack; its input size is the width of the source's embedding
 * @param decoder its stack, of one direction; its input size is the width of the target's embedding
 * @param bridge from the encoder's final state to the decoder's first
 * @param sharedEmbeddings whether source and target have one table, which needs equal sizes
 * @param dropout probability of zeroing an element of the embeddings and of what the output layer
 *     reads, in [0, 1)
 * @param teacherForcing which inputs the decoder gets in training
 * @param loss of classes
 */
public record EncoderDecoderSpec(
    int sourceVocabulary,
    int targetVocabulary,
    int begin,
    int end,
    RnnSpec encoder,
    RnnSpec decoder,
    Bridge bridge,
    boolean sharedEmbeddings,
    float dropout,
    TeacherForcing teacherForcing,
    Loss loss)
    implements ModelSpec {
  /** The input that is read. */
  public static final String SOURCE = "source";

  /** The input of the decoder: {@code begin}, and then the target. */
  public static final String TARGET = "target";

  private static final String FINAL_STATE = "encoder." + Recurrent.FINAL_STATE;

  /** Ways from the encoder's final state to the decoder's first, see {@link StateBridge}. */
  public enum Bridge {
    /** The state itself; needs an encoder of one direction and equal hidden sizes. */
    DIRECT,
    /** A linear projection of the directions next to each other. */
    LINEAR,
    /** The same, and the hyperbolic tangent of it for {@code h}, not for {@code c}. */
    TANH
  }

  /**
   * Checks that all fits.
   *
   * @throws IllegalArgumentException naming the first that does not
   */
  public EncoderDecoderSpec {
    Sizes.atLeastOne("sourceVocabulary", sourceVocabulary);
    Sizes.atLeastOne("targetVocabulary", targetVocabulary);
    requireToken("begin", begin, targetVocabulary);
    requireToken("end", end, targetVocabulary);
    Required.present("encoder", encoder);
    Required.present("decoder", decoder);
    Required.present("bridge", bridge);
    Required.present("teacherForcing", teacherForcing);
    Required.present("loss", loss);
    if (decoder.bidirectional()) {
      throw new IllegalArgumentException(
          "the decoder is bidirectional; it writes one token after another and needs one direction");
    }
    if (!loss.function().takesClasses()) {
      throw new IllegalArgumentException(
          "the loss is " + loss.function() + "; a decoder of tokens needs one of classes");
    }
    if (sharedEmbeddings
        && (sourceVocabulary != targetVocabulary || encoder.inputSize() != decoder.inputSize())) {
      throw new IllegalArgumentException(
          "the embeddings are ["
              + sourceVocabulary
              + ","
              + encoder.inputSize()
              + "] and ["
              + targetVocabulary
              + ","
              + decoder.inputSize()
              + "]; sharing them needs equal sizes");
    }
    new Dropout(dropout);
    bridgeOf(encoder, decoder, bridge);
  }

  private static void requireToken(String name, int token, int vocabulary) {
    if (token < 0 || token >= vocabulary) {
      throw new IllegalArgumentException(
          name
              + " is "
              + token
              + "; a vocabulary of "
              + vocabulary
              + " needs 0 to "
              + (vocabulary - 1));
    }
  }

  /** Without dropout, with teacher forcing always, and the default bridge. */
  public static EncoderDecoderSpec of(
      int sourceVocabulary,
      int targetVocabulary,
      int begin,
      int end,
      RnnSpec encoder,
      RnnSpec decoder) {
    boolean direct =
        !Required.present("encoder", encoder).bidirectional()
            && encoder.hiddenSize() == Required.present("decoder", decoder).hiddenSize();
    return new EncoderDecoderSpec(
        sourceVocabulary,
        targetVocabulary,
        begin,
        end,
        encoder,
        decoder,
        direct ? Bridge.DIRECT : Bridge.TANH,
        false,
        0f,
        TeacherForcing.always(),
        Loss.softmaxCrossEntropy());
  }

  /** The same with another bridge. */
  public EncoderDecoderSpec withBridge(Bridge bridge) {
    return new EncoderDecoderSpec(
        sourceVocabulary,
        targetVocabulary,
        begin,
        end,
        encoder,
        decoder,
        bridge,
        sharedEmbeddings,
        dropout,
        teacherForcing,
        loss);
  }

  /** The same with one table of embeddings, or two. */
  public EncoderDecoderSpec withSharedEmbeddings(boolean sharedEmbeddings) {
    return new EncoderDecoderSpec(
        sourceVocabulary,
        targetVocabulary,
        begin,
        end,
        encoder,
        decoder,
        bridge,
        sharedEmbeddings,
        dropout,
        teacherForcing,
        loss);
  }

  /** The same with dropout. */
  public EncoderDecoderSpec withDropout(float dropout) {
    return new EncoderDecoderSpec(
        sourceVocabulary,
        targetVocabulary,
        begin,
        end,
        encoder,
        decoder,
        bridge,
        sharedEmbeddings,
        dropout,
        teacherForcing,
        loss);
  }

  /** The same with other inputs of the decoder in training. The tensors stay the same. */
  public EncoderDecoderSpec withTeacherForcing(TeacherForcing teacherForcing) {
    return new EncoderDecoderSpec(
        sourceVocabulary,
        targetVocabulary,
        begin,
        end,
        encoder,
        decoder,
        bridge,
        sharedEmbeddings,
        dropout,
        teacherForcing,
        loss);
  }

  /** The same with another loss. */
  public EncoderDecoderSpec withLoss(Loss loss) {
    return new EncoderDecoderSpec(
        sourceVocabulary,
        targetVocabulary,
        begin,
        end,
        encoder,
        decoder,
        bridge,
        sharedEmbeddings,
        dropout,
        teacherForcing,
        loss);
  }

  private static StateBridge bridgeOf(RnnSpec encoder, RnnSpec decoder, Bridge bridge) {
    return new StateBridge(
        state(encoder),
        encoder.bidirectional() ? 2 : 1,
        state(decoder),
        bridge == Bridge.TANH ? Activation.TANH : Activation.NONE,
        bridge != Bridge.DIRECT);
  }

  private static ValueShape.State state(RnnSpec stack) {
    return new ValueShape.State(
        stack.layers() * (stack.bidirectional() ? 2 : 1),
        stack.cell().states(),
        stack.hiddenSize());
  }

  /** Adds what makes the decoder's first state, and returns the name of that. */
  private String addEncoder(Network.Builder builder) {
    builder.add("source_embedding", new Embedding(sourceVocabulary, encoder.inputSize()), SOURCE);
    builder.add("encoder", new Recurrent(encoder), dropped(builder, "source", "source_embedding"));
    if (bridge == Bridge.DIRECT && state(encoder).equals(state(decoder))) {
      return FINAL_STATE;
    }
    builder.add("bridge", bridgeOf(encoder, decoder, bridge), FINAL_STATE);
    return "bridge";
  }

  private String dropped(Network.Builder builder, String name, String value) {
    if (dropout == 0f) {
      return value;
    }
    builder.add(name + "_dropout", new Dropout(dropout), value);
    return name + "_dropout";
  }

  private Embedding targetEmbedding() {
    return new Embedding(targetVocabulary, decoder.inputSize());
  }

  private Linear logits() {
    return new Linear(decoder.outputSize(), targetVocabulary);
  }

  @Override
  public Network network() {
    Network.Builder builder =
        Network.builder().tokens(SOURCE, sourceVocabulary).tokens(TARGET, targetVocabulary);
    String state = addEncoder(builder);
    builder.add("target_embedding", targetEmbedding(), TARGET);
    if (sharedEmbeddings) {
      builder.sharing("source_embedding");
    }
    builder.add(
        "decoder", new Recurrent(decoder), dropped(builder, "target", "target_embedding"), state);
    builder.add("logits", logits(), dropped(builder, "output", "decoder"));
    if (teacherForcing.samples()) {
      builder.add("scheduled", new ScheduledTokens(teacherForcing), TARGET, "logits");
      builder.add("scheduled_embedding", targetEmbedding(), "scheduled");
      builder.sharing(sharedEmbeddings ? "source_embedding" : "target_embedding");
      String read = dropped(builder, "scheduled_target", "scheduled_embedding");
      builder.add("scheduled_decoder", new Recurrent(decoder), read, state).sharing("decoder");
      String top = dropped(builder, "scheduled_output", "scheduled_decoder");
      builder.add("scheduled_logits", logits(), top).sharing("logits");
    }
    return builder.output(output()).build();
  }

  @Override
  public String output() {
    return teacherForcing.samples() ? "scheduled_logits" : "logits";
  }

  /** The encoder and the bridge alone, in inference; its output is the decoder's first state. */
  Network encoderNetwork() {
    Network.Builder builder = Network.builder().tokens(SOURCE, sourceVocabulary);
    String state = withDropout(0f).addEncoder(builder);
    return builder.output(state).build();
  }

  /** The decoder alone, in inference; it carries its state from step to step. */
  Network decoderNetwork() {
    return Network.builder()
        .tokens(TARGET, targetVocabulary)
        .add("target_embedding", targetEmbedding(), TARGET)
        .add("decoder", new Recurrent(decoder), "target_embedding")
        .add("logits", logits(), "decoder")
        .build();
  }

  /**
   * A batch to learn from: the decoder reads {@code begin} and the target, and is to write the
   * target and {@code end}.
   *
   * @param sources {@code B} sequences of tokens of any lengths, empty ones included
   * @param targets as many, without {@code begin} and {@code end}
   * @throws IllegalArgumentException if there are not as many, or none; the model refuses tokens
   *     that are none of its
   */
  public Window window(List<int[]> sources, List<int[]> targets) {
    return window(
        sources,
        targets,
        longest(Required.present("sources", sources)),
        longest(Required.present("targets", targets)) + 1);
  }

  /**
   * The same, padded further, so that batches of differing lengths are of one shape and share a
   * pass.
   *
   * @param sourceSteps at least those of the longest source, and 1
   * @param targetSteps at least one more than those of the longest target, and 2
   */
  public Window window(List<int[]> sources, List<int[]> targets, int sourceSteps, int targetSteps) {
    int batchSize = Required.present("sources", sources).size();
    if (batchSize == 0 || Required.present("targets", targets).size() != batchSize) {
      throw new IllegalArgumentException(
          "there are "
              + batchSize
              + " sources and "
              + targets.size()
              + " targets; needed as many, and at least 1");
    }
    requireRoom("sourceSteps", sourceSteps, "the longest source", longest(sources));
    requireRoom(
        "targetSteps", targetSteps, "the longest target with its end", longest(targets) + 1);
    Window.Part source = sourcePart(sources, sourceSteps, batchSize);
    int[] inputs = new int[Math.multiplyExact(targetSteps, batchSize)];
    int[] classes = new int[inputs.length];
    int[] lengths = new int[batchSize];
    for (int b = 0; b < batchSize; b++) {
      int[] target = targets.get(b);
      lengths[b] = target.length + 1;
      for (int t = 0; t < lengths[b]; t++) {
        inputs[t * batchSize + b] = t == 0 ? begin : target[t - 1];
        classes[t * batchSize + b] = t == target.length ? end : target[t];
      }
    }
    return new ParallelWindow(
        batchSize,
        List.of(source, new Window.Part(TARGET, targetSteps, new Values.Tokens(inputs), lengths)),
        new Values.Tokens(classes),
        true);
  }

  private static void requireRoom(String name, int steps, String longest, int needed) {
    if (steps < needed) {
      throw new IllegalArgumentException(
          name + " is " + steps + "; " + longest + " needs at least " + needed);
    }
  }

  private static int longest(List<int[]> sequences) {
    return Math.max(1, sequences.stream().mapToInt(s -> s.length).max().orElse(1));
  }

  /** Sources padded to {@code steps} and to {@code rows} of them, with lengths. */
  static Window.Part sourcePart(List<int[]> sources, int steps, int rows) {
    int[] tokens = new int[Math.multiplyExact(steps, rows)];
    int[] lengths = new int[rows];
    for (int b = 0; b < sources.size(); b++) {
      int[] source = sources.get(b);
      lengths[b] = source.length;
      for (int t = 0; t < source.length; t++) {
        tokens[t * rows + b] = source[t];
      }
    }
    return new Window.Part(SOURCE, steps, new Values.Tokens(tokens), lengths);
  }
}
