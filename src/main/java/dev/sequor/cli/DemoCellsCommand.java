package dev.sequor.cli;

import dev.sequor.backend.Backend;
import dev.sequor.cli.Inputs.InputFile;
import dev.sequor.data.CharacterVocabulary;
import dev.sequor.data.Corpus;
import dev.sequor.study.CellStudy;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Shows what each cell makes of a text, in what time, with how many parameters. */
@Command(
    name = "cells",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header = "Learns a text with every cell: quality, time, parameters.",
    description =
        "Plain RNNs, GRUs and LSTMs learn the same windows of a text with the same settings, once"
            + " with as many units each and once with about as many parameters each. They take turns"
            + " step by step, so that a busy machine slows all of them alike.")
final class DemoCellsCommand implements Callable<Integer> {
  private static final double HELD_OUT = 0.05;

  @Option(
      names = "--text",
      paramLabel = "FILE",
      preprocessor = Verbatim.class,
      description =
          "What is learned, - for standard input (default: the names of the Unicode characters).")
  private @Nullable Path textFile;

  @Range("[1,1000000]")
  @Option(names = "--steps", paramLabel = "N", description = "Updates of each (default: 1000).")
  private int steps = 1000;

  @Range("[1,256]")
  @Option(
      names = "--hidden",
      paramLabel = "H",
      description =
          "Units of each cell, and of the LSTM whose parameters the others have (default: 64).")
  private int hidden = 64;

  @Range("(,)")
  @Option(
      names = "--seed",
      paramLabel = "S",
      description = "First weights, and which names are held out (default: 1).")
  private long seed = 1;

  @Mixin private FindingsFiles files = new FindingsFiles();
  @Mixin private DeviceOption device = new DeviceOption();
  @Mixin private Console console = new Console();

  @Override
  public Integer call() throws IOException {
    files.check();
    InputFile file = textFile == null ? null : console.inputs().file(textFile);
    Corpus corpus = TextSubject.corpus(file, false, HELD_OUT, seed);
    CharacterVocabulary vocabulary = corpus.vocabulary();
    CellStudy study =
        new CellStudy(
            vocabulary.encode(corpus.training()),
            vocabulary.encode(corpus.heldOut()),
            vocabulary.size(),
            hidden,
            steps,
            seed);
    CellsReport found;
    try (Backend backend = device.open(console.notes())) {
      found = new CellsReport(corpus.name(), backend.name(), study.run(backend, console::note));
    }
    files.write(found, console);
    return 0;
  }
}
