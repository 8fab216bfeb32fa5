package dev.sequor.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.RandomWork;
import dev.sequor.backend.RandomWork.Outcome;
import dev.sequor.backend.WeightStorage;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * No bit of any result depends on how many threads compute it, on any instruction set: random
 * operations and passes of random sizes. {@code -Dsequor.test.samples=2000} tries more of them.
 */
class AnyNumberOfThreadsTest {
  private static final int MOST_THREADS = 8;

  @BeforeAll
  static void load() {
    NativeBuild.assumePresent();
  }

  private static CpuEngine engine(String instructionSet, CpuProducts products, int threads) {
    try {
      return new CpuEngine(instructionSet, threads, true, products);
    } catch (RuntimeException e) { // an instruction set of another processor
      assumeTrue(false, e.getMessage());
      throw e;
    }
  }

  @ParameterizedTest
  @CsvSource({
    "AVX-512,FLOAT32",
    "AVX2,FLOAT32",
    "baseline,FLOAT32",
    "AVX-512,BFLOAT16",
    "AVX2,BFLOAT16",
    "baseline,BFLOAT16"
  })
  void everyTeamGivesTheSameBits(String instructionSet, CpuProducts products) {
    List<WeightStorage> storages =
        products == CpuProducts.FLOAT32 ? RandomWork.ALL : RandomWork.FLOAT32_ONLY;
    int samples = RandomWork.samples(80);
    SplittableRandom random = new SplittableRandom(1);
    CpuEngine[] engines = new CpuEngine[MOST_THREADS];
    Backend[] teams = new Backend[MOST_THREADS];
    try {
      for (int i = 0; i < MOST_THREADS; i++) {
        engines[i] = engine(instructionSet, products, i + 1);
        teams[i] = new Backend(engines[i]);
      }
      for (int seed = 0; seed < samples; seed++) {
        int one = 1 + random.nextInt(MOST_THREADS - 1);
        Backend team = teams[one];
        long engine = engines[one].nativeEngine();
        Outcome expected = RandomWork.run(teams[0], seed, storages, () -> {});
        // All of the team, as on idle cores.
        NativeEngine.sequor_engine_fix_threads(engine, MOST_THREADS);
        Outcome all = RandomWork.run(team, seed, storages, () -> {});
        assertEquals("", expected.difference(all), team.name());
        // Another number for each call, as where other programs come and go.
        Outcome changing =
            RandomWork.run(
                team,
                seed,
                storages,
                () ->
                    NativeEngine.sequor_engine_fix_threads(
                        engine, 1 + random.nextInt(MOST_THREADS)));
        assertEquals("", expected.difference(changing), team.name() + ", changing");
      }
    } finally {
      for (Backend team : teams) {
        if (team != null) {
          team.close();
        }
      }
    }
  }
}
