package dev.sequor.cli;

import dev.sequor.model.OutputClusters;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Where an adaptive softmax cuts its classes: whole numbers with commas between. */
final class Cutoffs implements ITypeConverter<OutputClusters> {
  /** As in Grave et al., "Efficient softmax approximation for GPUs", 2017. */
  private static final int DIVISOR = 4;

  @Override
  public OutputClusters convert(String given) {
    List<Integer> cutoffs = new ArrayList<>();
    int before = 0;
    for (String number : given.split(",", -1)) {
      int cutoff;
      try {
        cutoff = Integer.parseInt(number.strip());
      } catch (NumberFormatException e) {
        throw refusal(given);
      }
      if (cutoff <= before) {
        throw refusal(given);
      }
      cutoffs.add(cutoff);
      before = cutoff;
    }
    return new OutputClusters(cutoffs, DIVISOR);
  }

  private static TypeConversionException refusal(String given) {
    return new TypeConversionException(
        "'" + given + "' was given; needed rising whole numbers from 1, such as 2000,10000");
  }
}
