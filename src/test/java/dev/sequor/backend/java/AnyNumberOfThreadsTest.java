package dev.sequor.backend.java;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sequor.backend.Backend;
import dev.sequor.backend.RandomWork;
import dev.sequor.backend.RandomWork.Outcome;
import org.junit.jupiter.api.Test;

/**
 * No bit of any result depends on how many threads compute it: random operations and passes of
 * random sizes. {@code -Dsequor.test.samples=2000} tries more of them.
 */
class AnyNumberOfThreadsTest {
  private static final int MOST_THREADS = 8;

  @Test
  void everyTeamGivesTheSameBits() {
    int samples = RandomWork.samples(60);
    Backend[] teams = new Backend[MOST_THREADS];
    try {
      for (int i = 0; i < MOST_THREADS; i++) {
        teams[i] = new Backend(new JavaEngine(i + 1, true, Products.ofThisProcess()));
      }
      for (int seed = 0; seed < samples; seed++) {
        Backend team = teams[1 + seed % (MOST_THREADS - 1)];
        Outcome expected = RandomWork.run(teams[0], seed, RandomWork.FLOAT32_ONLY, () -> {});
        Outcome actual = RandomWork.run(team, seed, RandomWork.FLOAT32_ONLY, () -> {});
        assertEquals("", expected.difference(actual), team.name());
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
