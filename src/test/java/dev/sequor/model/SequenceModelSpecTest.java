package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sequor.backend.Activation;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Loss;
import dev.sequor.backend.RnnSpec;
import dev.sequor.module.NetworkLayout;
import dev.sequor.rnn.TensorRegion;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

final class SequenceModelSpecTest {
  private static final SequenceModelSpec SPEC =
      SequenceModelSpec.languageModel(7, 3)
          .cell(CellType.RNN_TANH)
          .hiddenSize(2)
          .bidirectional(true)
          .dropout(0.25f)
          .dense(5, Activation.RELU)
          .build();

  private static void refused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  @Test
  void aPlainRecordSerialiserWritesAndReadsSpecs() throws Exception {
    ObjectMapper json = new ObjectMapper();
    assertEquals(
        SPEC.stack(), json.readValue(json.writeValueAsString(SPEC.stack()), RnnSpec.class));
    assertEquals(
        SPEC.input(), json.readValue(json.writeValueAsString(SPEC.input()), InputSpec.class));
    Clipping clipping = new Clipping(5, 1);
    assertEquals(clipping, json.readValue(json.writeValueAsString(clipping), Clipping.class));
    TrainerProgress progress = new TrainerProgress(1, 7, 3, 4, 2, 6, 5, 8);
    assertEquals(
        progress, json.readValue(json.writeValueAsString(progress), TrainerProgress.class));
  }

  @Test
  void layoutNamesEveryTensorAndAlignsTheParts() {
    NetworkLayout layout = SPEC.network().layout();
    List<TensorRegion> regions = layout.regions();
    assertEquals(new TensorRegion("embedding.weights", 0, List.of(7, 3)), regions.get(0));
    assertEquals(
        new TensorRegion("recurrent.layers.0.forward.input_weights", 32, List.of(2, 3)),
        regions.get(1));
    assertEquals("recurrent.layers.0.backward.recurrent_bias", regions.get(8).name());
    assertEquals(new TensorRegion("dense.0.weights", 64, List.of(5, 4)), regions.get(9));
    assertEquals(new TensorRegion("dense.0.bias", 96, List.of(5)), regions.get(10));
    assertEquals(new TensorRegion("output.weights", 112, List.of(7, 5)), regions.get(11));
    assertEquals(new TensorRegion("output.bias", 160, List.of(7)), regions.get(12));
    assertEquals(176, layout.totalElements());
    assertEquals(21 + 2 * 14 + 25 + 42, layout.trainableElements());
    assertEquals(SPEC.weights(), layout.trainableElements());
  }

  @Test
  void aLearnedStateAndAnAdaptiveSoftmaxArePartsOfTheLayout() {
    for (CellType cell : CellType.values()) {
      for (boolean both : new boolean[] {false, true}) {
        SequenceModelSpec spec =
            SequenceModelSpec.languageModel(30, 3)
                .cell(cell)
                .hiddenSize(5)
                .layers(2)
                .bidirectional(both)
                .learnedInitialState(true)
                .adaptiveSoftmax(2, 4, 11, 29)
                .build();
        NetworkLayout layout = spec.network().layout();
        int blocks = both ? 4 : 2;
        assertEquals(
            List.of(blocks, cell.states(), 5), layout.region("initial_state.values").shape());
        int width = both ? 10 : 5;
        assertEquals(List.of(7, width), layout.region("output.head").shape());
        assertEquals(List.of(7, width / 2), layout.region("output.tail.0").shape());
        assertEquals(List.of(1, 1), layout.region("output.tail.2").shape());
        assertEquals(spec.weights(), layout.trainableElements());
        assertEquals(!both, spec.carriesState());
      }
    }
  }

  @Test
  void whatCannotGoWithAnAdaptiveSoftmaxIsRefused() {
    refused(
        "cutoffs is [3, 3]; needed rising numbers, 1 to 6",
        () -> SequenceModelSpec.languageModel(7, 3).adaptiveSoftmax(4, 3, 3).build());
    refused(
        "divisor is 0; needed at least 1",
        () -> SequenceModelSpec.languageModel(7, 3).adaptiveSoftmax(0, 3));
    refused(
        "divisor is 4; needed 1 without cutoffs",
        () -> SequenceModelSpec.languageModel(7, 3).adaptiveSoftmax(4));
    refused(
        "the loss of an adaptive softmax is LABEL_SMOOTHED_CROSS_ENTROPY; needed"
            + " SOFTMAX_CROSS_ENTROPY",
        () ->
            SequenceModelSpec.languageModel(7, 3)
                .adaptiveSoftmax(4, 3)
                .loss(Loss.labelSmoothedCrossEntropy(0.1f))
                .build());
    refused(
        "the embedding is tied to the output layer, which is an adaptive softmax with cutoffs [3]"
            + " and has no weights of that shape; needed an embedding of its own, or no cutoffs",
        () ->
            SequenceModelSpec.builder(InputSpec.tiedEmbedding(7, 6), 7)
                .hiddenSize(6)
                .adaptiveSoftmax(4, 3)
                .build());
  }

  @Test
  void sizesOutOfRangeAreNamed() {
    refused("vocabularySize is 0; needed at least 1", () -> InputSpec.embedding(0, 3));
    refused("input width is 0; needed at least 1", () -> InputSpec.dense(0));
    refused(
        "input width is 3; a ONE_HOT input of 4 tokens needs 4",
        () -> new InputSpec(InputKind.ONE_HOT, 4, 3));
    refused("dense layer size is 0; needed at least 1", () -> new DenseSpec(0, Activation.NONE));
    refused(
        "hiddenSize is 0; needed at least 1",
        () -> SequenceModelSpec.languageModel(7, 3).hiddenSize(0).build());
    refused(
        "outputSize is 0; needed at least 1",
        () -> SequenceModelSpec.builder(InputSpec.dense(1), 0).build());
    refused(
        "dropout is NaN; needed 0 <= dropout < 1",
        () -> SequenceModelSpec.languageModel(7, 3).dropout(Float.NaN).build());
  }

  @Test
  void modelsThatAreTooLargeAreRefusedWithTheirTrueSize() {
    refused(
        "the model has 110662017642370500134858 weights; needed at most 500000000",
        () ->
            SequenceModelSpec.builder(
                    InputSpec.embedding(Integer.MAX_VALUE, Integer.MAX_VALUE), Integer.MAX_VALUE)
                .cell(CellType.LSTM_PEEPHOLE)
                .hiddenSize(Integer.MAX_VALUE)
                .layers(1000)
                .bidirectional(true)
                .dense(Integer.MAX_VALUE, Activation.NONE)
                .loss(Loss.meanSquaredError())
                .build());
    refused(
        "the model has 4611686016279904261 weights; needed at most 500000000",
        () ->
            SequenceModelSpec.builder(InputSpec.embedding(Integer.MAX_VALUE, Integer.MAX_VALUE), 1)
                .cell(CellType.RNN_TANH)
                .hiddenSize(1)
                .build());
    refused(
        "layers is 20000; needed at most 1000",
        () -> SequenceModelSpec.languageModel(7, 3).layers(20_000).build());
  }

  @Test
  void aThousandLayersAreLaidOutOneAfterAnother() {
    for (boolean bidirectional : new boolean[] {false, true}) {
      SequenceModelSpec spec =
          SequenceModelSpec.languageModel(7, 3)
              .cell(CellType.LSTM_PEEPHOLE)
              .hiddenSize(2)
              .bidirectional(bidirectional)
              .layers(1000)
              .build();
      long end = 0;
      NetworkLayout layout = spec.network().layout();
      for (TensorRegion region : layout.regions()) {
        assertEquals(0, region.offset() < end ? 1 : 0, region.name() + " overlaps");
        assertEquals(0, region.offset() - end > 15 ? 1 : 0, region.name() + " leaves a gap");
        end = region.offset() + region.elements();
      }
      assertEquals(spec.weights(), layout.trainableElements());
    }
  }

  @Test
  void optimiserConstantsOutOfRangeAreNamed() {
    refused("learningRate is 0.0; needed a finite number greater than 0", () -> Optimizer.adam(0));
    refused(
        "learningRate is NaN; needed a finite number greater than 0",
        () -> Optimizer.sgd(Float.NaN));
    refused("momentum is 1.0; needed 0 <= momentum < 1", () -> Optimizer.sgd(1, 1));
    refused(
        "weightDecay is -1.0; needed a finite number of at least 0", () -> Optimizer.adamw(1, -1));
    refused(
        "epsilon is 0.0; needed a finite number greater than 0",
        () -> Optimizer.adam(1).withConstants(0.9f, 0.99f, 0));
    refused(
        "epsilon is NaN; needed a finite number greater than 0",
        () -> Optimizer.adamw(1, 0).withConstants(0.9f, 0.99f, Float.NaN));
    refused(
        "clipping globalNorm is -5.0; needed a finite number greater than 0, or 0 for none",
        () -> Clipping.byGlobalNorm(-5));
  }
}
