package dev.sequor.model;

import dev.sequor.data.TokenWindow;
import dev.sequor.data.Window;
import dev.sequor.data.WindowSource;
import java.util.SplittableRandom;

/** Contiguous streams of random tokens, each to be predicted one ahead, with carried state. */
record RandomStreams(int vocabularySize, int timeSteps, int batchSize, int windowsPerStream)
    implements WindowSource {
  @Override
  public long windowsPerEpoch() {
    return windowsPerStream;
  }

  @Override
  public Window window(long epoch, long index) {
    int[] tokens = new int[timeSteps * batchSize];
    int[] targets = new int[timeSteps * batchSize];
    for (int t = 0; t < timeSteps; t++) {
      for (int b = 0; b < batchSize; b++) {
        long at = index * timeSteps + t;
        tokens[t * batchSize + b] = token(epoch, at, b);
        targets[t * batchSize + b] = token(epoch, at + 1, b);
      }
    }
    return new TokenWindow(timeSteps, batchSize, tokens, targets, null, index == 0);
  }

  private int token(long epoch, long at, int stream) {
    return new SplittableRandom((epoch * 1_000_003 + at) * 1_009 + stream).nextInt(vocabularySize);
  }
}
