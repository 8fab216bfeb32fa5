package dev.sequor.cli;

import dev.sequor.backend.CellOptions;
import picocli.CommandLine.Option;

/** What is changed inside the recurrent cell of a new model. */
final class CellOptionFlags {
  @Option(
      names = "--layer-norm",
      description = "Layer normalisation inside the cell (arXiv:1607.06450).")
  private boolean layerNorm;

  @Range("[0,)")
  @Option(
      names = "--projection",
      paramLabel = "P",
      defaultValue = "0",
      description = "Width of an LSTM's h, less than --hidden; 0 for no projection.")
  private int projection;

  @Range("[0,1)")
  @Option(
      names = "--zoneout",
      paramLabel = "P",
      defaultValue = "0",
      description = "Probability that a value of h stays as it was (arXiv:1606.01305).")
  private float zoneout;

  @Range("[0,1)")
  @Option(
      names = "--cell-zoneout",
      paramLabel = "P",
      defaultValue = "0",
      description = "The same of an LSTM's c.")
  private float cellZoneout;

  @Range("[0,1)")
  @Option(
      names = "--drop-connect",
      paramLabel = "P",
      defaultValue = "0",
      description = "Probability of dropping a recurrent weight for a step (arXiv:1708.02182).")
  private float dropConnect;

  @Range("[0,1)")
  @Option(
      names = "--input-dropout",
      paramLabel = "P",
      defaultValue = "0",
      description =
          "Probability of dropping a recurrent layer's input, one mask a window"
              + " (arXiv:1512.05287).")
  private float inputDropout;

  @Range("[0,1)")
  @Option(
      names = "--recurrent-dropout",
      paramLabel = "P",
      defaultValue = "0",
      description = "The same of the h that goes back into the cell.")
  private float recurrentDropout;

  @Option(
      names = "--coupled-gates",
      description = "An LSTM forgets as much as it takes in: f = 1 - i.")
  private boolean coupledGates;

  @Range("[0,)")
  @Option(
      names = "--gate-clip",
      paramLabel = "X",
      defaultValue = "0",
      description = "Bound of what gates' functions get; 0 for none.")
  private float gateClip;

  @Range("[0,)")
  @Option(
      names = "--cell-clip",
      paramLabel = "X",
      defaultValue = "0",
      description = "Bound of an LSTM's c; 0 for none.")
  private float cellClip;

  /** All of them. */
  CellOptions options() {
    return CellOptions.builder()
        .layerNorm(layerNorm)
        .projectionSize(projection)
        .zoneout(zoneout, cellZoneout)
        .recurrentDropConnect(dropConnect)
        .inputDropout(inputDropout)
        .recurrentDropout(recurrentDropout)
        .coupledGates(coupledGates)
        .gateClip(gateClip)
        .cellClip(cellClip)
        .build();
  }
}
