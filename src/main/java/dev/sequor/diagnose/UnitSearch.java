package dev.sequor.diagnose;

import dev.sequor.backend.Required;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * Finds, of many units, the one whose activation goes along with a feature of what was read, and
 * whether it does so more than chance would have it.
 *
 * <p>Activations and features change slowly, and the best of many units always correlates with
 * something, so the usual test of a correlation does not do. Instead the feature is shifted along
 * the units, round and round, which leaves both as they are but has one no longer say anything of
 * the other. What the best of all units reaches at such shifts is chance. All shifts count; they
 * are worked out at once by Fourier transforms.
 */
public final class UnitSearch {
  /**
   * Shifts by less than such a part of the length still meet the feature's own surroundings, and
   * are left out of what is shown as chance.
   */
  static final int NEAR = 20;

  private static final double ROUNDING = 1e-12;

  private final int length;
  private final int units;
  private final IntFunction<double[]> series;
  private final List<double[]> features;
  private final Fourier fourier;

  /**
   * The best unit for a feature.
   *
   * @param unit its number
   * @param correlation {@linkplain Correlation#of of} its activation and the feature, −1…1
   * @param chance the size that the best of all units reaches at shifts by at least a {@value
   *     #NEAR}th part of the length, but for the {@code level} that was asked for; 1 if the series
   *     are too short to say
   * @param p the part of all shifts at which some unit correlates as much, no shift among them
   * @param telling whether the correlation is above chance, and p at most the level
   */
  public record Match(int unit, double correlation, double chance, double p, boolean telling) {}

  private UnitSearch(int units, IntFunction<double[]> series, List<double[]> features, int length) {
    this.units = units;
    this.series = series;
    this.features = features;
    this.length = length;
    boolean round = Integer.bitCount(length) == 1;
    this.fourier = new Fourier(round ? length : Fourier.sizeFor(2 * length - 1));
  }

  /**
   * Searches.
   *
   * @param units how many there are, at least 1
   * @param series the activation of each, {@code [N]}; asked for once or twice
   * @param features {@code [N]} each; none the same throughout
   * @param level the probability, 0 to 1, with which a feature that no unit knows of may be taken
   *     for one that some unit tells
   * @return one for each feature
   * @throws IllegalArgumentException if a number is out of range, a feature never changes, or
   *     something is not as long as the first feature
   */
  public static List<Match> best(
      int units, IntFunction<double[]> series, List<double[]> features, double level) {
    Required.present("series", series);
    if (units < 1 || Required.present("features", features).isEmpty()) {
      throw new IllegalArgumentException(
          "there are "
              + units
              + " units and "
              + features.size()
              + " features; needed at least 1 of each");
    }
    if (!(level > 0 && level < 1)) {
      throw new IllegalArgumentException("level is " + level + "; needed more than 0, less than 1");
    }
    int length = features.get(0).length;
    for (int i = 0; i < features.size(); i++) {
      double[] feature = requireLength("feature " + i, features.get(i), length);
      if (Arrays.stream(feature).allMatch(value -> value == feature[0])) {
        throw new IllegalArgumentException(
            "feature " + i + " is " + feature[0] + " throughout; needed one that changes");
      }
    }
    return new UnitSearch(units, series, List.copyOf(features), length).search(level);
  }

  private static double[] requireLength(String name, double[] series, int length) {
    if (series.length != length) {
      throw new IllegalArgumentException(
          name + " holds " + series.length + " numbers; needed " + length);
    }
    return series;
  }

  private double[] unit(int number) {
    return requireLength("unit " + number, series.apply(number), length);
  }

  private List<Match> search(double level) {
    List<double[][]> spectra = new ArrayList<>();
    for (double[] feature : features) {
      spectra.add(spectrum(Correlation.standardised(feature), null));
    }
    // [features][N]: what the best unit reaches at each shift, and which it is without one.
    double[][] most = new double[features.size()][length];
    int[] best = new int[features.size()];
    for (int first = 0; first < units; first += 2) {
      int second = first + 1 < units ? first + 1 : first;
      double[][] pair =
          spectrum(Correlation.standardised(unit(first)), Correlation.standardised(unit(second)));
      for (int f = 0; f < spectra.size(); f++) {
        double[][] products = correlations(pair, spectra.get(f));
        for (int i = 0; i < 2; i++) {
          if (Math.abs(products[i][0]) > most[f][0]) {
            best[f] = i == 0 ? first : second;
          }
          for (int shift = 0; shift < length; shift++) {
            most[f][shift] = Math.max(most[f][shift], Math.abs(products[i][shift]));
          }
        }
      }
    }
    List<Match> matches = new ArrayList<>();
    for (int f = 0; f < features.size(); f++) {
      matches.add(match(features.get(f), best[f], most[f], level));
    }
    return matches;
  }

  /** Of two real series at once, the second as the imaginary part. */
  private double[][] spectrum(double[] first, double @Nullable [] second) {
    double[] real = Arrays.copyOf(first, size());
    double[] imaginary = second == null ? new double[size()] : Arrays.copyOf(second, size());
    fourier.transform(real, imaginary);
    return new double[][] {real, imaginary};
  }

  private int size() {
    return fourier.size();
  }

  /** The products of two series with a feature at all shifts, {@code [2][N]}. */
  private double[][] correlations(double[][] pair, double[][] feature) {
    double[] real = new double[size()];
    double[] imaginary = new double[size()];
    for (int k = 0; k < size(); k++) {
      real[k] = pair[0][k] * feature[0][k] + pair[1][k] * feature[1][k];
      imaginary[k] = pair[1][k] * feature[0][k] - pair[0][k] * feature[1][k];
    }
    fourier.inverse(real, imaginary);
    if (size() > length) {
      // What went past the end comes in again at the beginning.
      for (int shift = 1; shift < length; shift++) {
        real[shift] += real[size() - length + shift];
        imaginary[shift] += imaginary[size() - length + shift];
      }
    }
    return new double[][] {real, imaginary};
  }

  private Match match(double[] feature, int best, double[] most, double level) {
    int asMuch = 0;
    for (double reached : most) {
      asMuch += reached >= most[0] - ROUNDING ? 1 : 0;
    }
    double p = (double) asMuch / length;
    int near = Math.max(1, (length + NEAR - 1) / NEAR);
    double[] far = Arrays.copyOfRange(most, near, Math.max(near, length + 1 - near));
    Arrays.sort(far);
    int rank = (int) Math.floor(level * (far.length + 1));
    double chance = rank == 0 ? 1 : far[far.length - rank];
    double correlation = Correlation.of(unit(best), feature);
    return new Match(best, correlation, chance, p, p <= level && Math.abs(correlation) > chance);
  }
}
