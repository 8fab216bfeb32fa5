package dev.sequor.backend.java;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ThreadTeamTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 8})
  void noThreadPassesABarrierBeforeAllHaveComeThere(int size) {
    try (ThreadTeam team = new ThreadTeam(size)) {
      for (int repeat = 0; repeat < 20; repeat++) {
        AtomicInteger arrivals = new AtomicInteger();
        AtomicInteger early = new AtomicInteger();
        team.run(
            thread -> {
              for (int step = 1; step <= 50; step++) {
                arrivals.incrementAndGet();
                team.barrier();
                if (arrivals.get() < step * size) {
                  early.incrementAndGet();
                }
                team.barrier();
              }
            });
        assertEquals(50 * size, arrivals.get());
        assertEquals(0, early.get());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void aFailureOfOneThreadReachesTheCallerAndTheTeamWorksOn(int size) {
    try (ThreadTeam team = new ThreadTeam(size)) {
      Assertions.assertTimeoutPreemptively(
          Duration.ofSeconds(30),
          () -> {
            for (int failing = 0; failing < size; failing++) {
              int culprit = failing;
              IllegalStateException thrown =
                  assertThrows(
                      IllegalStateException.class,
                      () ->
                          team.run(
                              thread -> {
                                if (thread == culprit) {
                                  throw new IllegalStateException("thread " + thread);
                                }
                                team.barrier();
                              }));
              assertEquals("thread " + culprit, thrown.getMessage());
              AtomicInteger ran = new AtomicInteger();
              team.run(
                  thread -> {
                    team.barrier();
                    ran.incrementAndGet();
                  });
              assertEquals(size, ran.get());
            }
          });
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7})
  void sharesCoverEveryItemOnce(int size) {
    try (ThreadTeam team = new ThreadTeam(size)) {
      for (int count : new int[] {0, 1, 5, 1000, Integer.MAX_VALUE}) {
        assertEquals(0, team.share(count, 0));
        assertEquals(count, team.share(count, size));
        for (int thread = 0; thread < size; thread++) {
          Assertions.assertTrue(team.share(count, thread) <= team.share(count, thread + 1));
        }
      }
    }
  }
}
