package dev.sequor.cli;

import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.model.SequenceModelSpec;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;

/** The recurrent part of a new model. */
final class ModelFlags {
  private static final String BARE_GRU = "gru";

  /** The cells by name. */
  static final class Cells extends Choice<CellType> {
    Cells() {
      super(List.of(CellType.values()), CellType::id);
    }

    /** Takes {@code gru} for what it has always been, though it is no longer among the names. */
    @Override
    public CellType convert(String given) {
      return isBareGru(given) ? CellType.ofId(BARE_GRU) : super.convert(given);
    }
  }

  @Option(
      names = "--cell",
      paramLabel = "CELL",
      converter = Cells.class,
      completionCandidates = Cells.class,
      description =
          "One of ${COMPLETION-CANDIDATES} (default: lstm, or the task's own). PyTorch's nn.GRU is"
              + " gru-reset-after.")
  private @Nullable CellType cell;

  @Range("[1,)")
  @Option(
      names = "--hidden",
      paramLabel = "H",
      description = "Units of a recurrent layer (default: 128, or what suits the task or table).")
  private @Nullable Integer hiddenSize;

  @Range("[1," + SequenceModelSpec.MAX_LAYERS + "]")
  @Option(
      names = "--layers",
      paramLabel = "L",
      description = "Recurrent layers (default: 1, or the task's own).")
  private @Nullable Integer layers;

  @Range("[0,1)")
  @Option(
      names = "--dropout",
      paramLabel = "P",
      description = "Probability of dropping a value between recurrent layers (default: 0).")
  private @Nullable Float dropout;

  @Mixin private CellOptionFlags cellOptions = new CellOptionFlags();

  private static boolean isBareGru(String given) {
    return given.equalsIgnoreCase(BARE_GRU);
  }

  /** What somebody should know who gave {@code option}; null for nothing. */
  static @Nullable String note(@Nullable OptionSpec option) {
    return option == null || option.originalStringValues().stream().noneMatch(ModelFlags::isBareGru)
        ? null
        : "--cell gru is gru-reset-before; PyTorch's nn.GRU, cuDNN's and Keras' default are"
            + " gru-reset-after";
  }

  /** The cell, or {@code usual} if none was given. */
  CellType cell(CellType usual) {
    return cell == null ? usual : cell;
  }

  /** The cell; null if none was given. */
  @Nullable CellType cell() {
    return cell;
  }

  /** Units of a layer, or {@code usual} if none were given. */
  int hiddenSize(int usual) {
    return Objects.requireNonNullElse(hiddenSize, usual);
  }

  /** Layers, or {@code usual} if none were given. */
  int layers(int usual) {
    return Objects.requireNonNullElse(layers, usual);
  }

  /**
   * Dropout between {@code layers} layers.
   *
   * @throws IllegalArgumentException if there is nothing between them
   */
  float dropout(int layers, float usual) {
    float given = Objects.requireNonNullElse(dropout, layers == 1 ? 0 : usual);
    if (given > 0 && layers == 1) {
      throw new IllegalArgumentException(
          "--dropout is "
              + given
              + " with --layers 1; it acts between recurrent layers, so it needs at least 2");
    }
    return given;
  }

  /** What is changed inside the cell. */
  CellOptions options() {
    return cellOptions.options();
  }
}
