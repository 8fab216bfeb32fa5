package dev.sequor.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TokenStreamsTest {
  /** Tokens 0, 1, 2 …, so that a token is its own position. */
  private static int[] positions(int count) {
    return IntStream.range(0, count).toArray();
  }

  @Test
  void mobyDickMakes523WindowsAnEpoch() {
    // 1,204,997 bytes of UTF-8 are 1,190,317 characters; 90 % of them train.
    TokenStreams streams = new TokenStreams(new int[1_071_285], 32, 64);
    assertEquals(523, streams.windowsPerEpoch());
    assertEquals(1_569, 3 * streams.windowsPerEpoch());
    assertEquals(1_071_104, streams.targetsPerEpoch());
  }

  @ParameterizedTest(name = "N={0} B={1} T={2}")
  @CsvSource({"100, 3, 4", "13, 3, 4", "14, 1, 13", "97, 7, 1", "64, 1, 5"})
  void everyStreamContinuesInTheNextWindow(int count, int batchSize, int timeSteps) {
    TokenStreams streams = new TokenStreams(positions(count), batchSize, timeSteps);
    int streamSteps = (count - 1) / batchSize;
    assertEquals(streamSteps / timeSteps, streams.windowsPerEpoch());
    for (long index = 0; index < streams.windowsPerEpoch(); index++) {
      TokenWindow window = (TokenWindow) streams.window(2, index);
      assertEquals(index == 0, window.resetState());
      assertEquals(null, window.lengths());
      for (int t = 0; t < timeSteps; t++) {
        for (int b = 0; b < batchSize; b++) {
          int position = b * streamSteps + (int) index * timeSteps + t;
          assertEquals(position, window.tokens()[t * batchSize + b]);
          assertEquals(position + 1, window.targets()[t * batchSize + b]);
        }
      }
    }
  }

  @Test
  void everyTokenIsReadAtMostOnceAndPredictsItsSuccessorWhateverTheSizes() {
    for (int count = 2; count <= 40; count++) {
      for (int batchSize = 1; batchSize < count; batchSize++) {
        for (int timeSteps = 1; batchSize * timeSteps < count; timeSteps++) {
          TokenStreams streams = new TokenStreams(positions(count), batchSize, timeSteps);
          String sizes = "N=" + count + " B=" + batchSize + " T=" + timeSteps;
          // As many whole windows as fit, when the last token can only be a target.
          int stream = 0;
          while ((stream + 1) * batchSize <= count - 1) {
            stream++;
          }
          assertEquals(stream / timeSteps, streams.windowsPerEpoch(), sizes);
          boolean[] read = new boolean[count];
          for (long index = 0; index < streams.windowsPerEpoch(); index++) {
            TokenWindow window = (TokenWindow) streams.window(0, index);
            for (int i = 0; i < timeSteps * batchSize; i++) {
              int token = window.tokens()[i];
              assertFalse(read[token], sizes);
              read[token] = true;
              assertEquals(token + 1, window.targets()[i], sizes);
              assertEquals(
                  i % batchSize * stream + (int) index * timeSteps + i / batchSize, token, sizes);
            }
          }
        }
      }
    }
  }

  @Test
  void aTextTooShortForTheBatchIsRefused() {
    assertEquals(
        "the text has 12 tokens; 3 streams with sequences of 4 need at least 13",
        assertThrows(IllegalArgumentException.class, () -> new TokenStreams(positions(12), 3, 4))
            .getMessage());
    assertThrows(IllegalArgumentException.class, () -> new TokenStreams(positions(99), 0, 4));
    assertThrows(IllegalArgumentException.class, () -> new TokenStreams(positions(99), 3, 0));
  }

  /** k1 new steps each, k2 back or to the beginning of the stream, for any sizes. */
  @Test
  void windowsThatOverlapEndWithTheNewStepsAndReachBackOverThoseBefore() {
    int count = 47;
    for (int batchSize : new int[] {1, 3}) {
      int stream = (count - 1) / batchSize;
      for (int newSteps = 1; newSteps <= 5; newSteps++) {
        for (int timeSteps = newSteps; timeSteps <= 12; timeSteps++) {
          String sizes = "B=" + batchSize + " k1=" + newSteps + " k2=" + timeSteps;
          TokenStreams streams = new TokenStreams(positions(count), batchSize, timeSteps, newSteps);
          assertEquals(stream / newSteps, streams.windowsPerEpoch(), sizes);
          int begin = 0;
          for (int n = 0; n < streams.windowsPerEpoch(); n++) {
            Window window = streams.window(0, n);
            int[] tokens = ((Values.Tokens) window.inputValues()).ids();
            int[] targets = ((Values.Tokens) window.targetValues()).ids();
            int end = (n + 1) * newSteps;
            assertEquals(Math.max(0, end - timeSteps), begin, sizes);
            assertEquals(end - begin, window.timeSteps(), sizes);
            assertEquals(n == 0, window.resetState(), sizes);
            for (int i = 0; i < tokens.length; i++) {
              int at = begin + i / batchSize;
              assertEquals(i % batchSize * stream + at, tokens[i], sizes);
              assertEquals(at < end - newSteps ? -1 : tokens[i] + 1, targets[i], sizes);
            }
            begin += window.advance();
          }
        }
      }
    }
  }
}
