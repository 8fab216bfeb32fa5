package dev.sequor.backend;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * What decoding needs besides passes, for engines whose memory the host sees: each takes whole
 * memories down, works and puts the result back.
 */
final class HostDecoding {
  private HostDecoding() {}

  static int[] readInts(Engine engine, Memory memory, long count) {
    ByteBuffer host = host(count);
    engine.download(memory.slice(0, count), host);
    int[] values = new int[(int) count];
    host.asIntBuffer().get(values);
    return values;
  }

  private static ByteBuffer host(long count) {
    return Backend.hostMemory(DType.INT32, count);
  }

  private static void writeInts(Engine engine, int[] values, Memory to) {
    ByteBuffer host = host(values.length);
    host.asIntBuffer().put(values);
    engine.upload(host, to);
  }

  static void drawTokens(
      Engine engine,
      DrawShape shape,
      int rows,
      Memory keys,
      Memory first,
      int index,
      Memory logits,
      @Nullable Memory seen,
      Memory tokens) {
    int size = shape.vocabularySize();
    int[] number = readInts(engine, first, 2);
    long at = ((long) number[1] << 32 | (number[0] & 0xFFFFFFFFL)) + index;
    int[] marks = seen == null ? new int[0] : readInts(engine, seen, (long) rows * size);
    TokenDraw draw = new TokenDraw(size);
    ByteBuffer host = host(size);
    int[] drawn = new int[rows];
    for (int row = 0; row < rows; row++) {
      Memory words = keys.slice((long) row * RandomKey.ELEMENTS, RandomKey.ELEMENTS);
      RandomKey key = RandomKey.of(readInts(engine, words, RandomKey.ELEMENTS));
      engine.download(logits.slice((long) row * size, size), host.clear());
      host.asFloatBuffer().get(draw.logits());
      for (int i = 0; seen != null && shape.penalizes() && i < size; i++) {
        float logit = draw.logits()[i];
        if (marks[row * size + i] != 0 && Float.isFinite(logit)) {
          draw.logits()[i] = shape.penalized(logit);
        }
      }
      drawn[row] = draw.draw(shape, Philox.word(key.seed(), key.stream(), key.offset(), at));
      if (seen != null && drawn[row] >= 0) {
        marks[row * size + drawn[row]] = 1;
      }
    }
    writeInts(engine, drawn, tokens);
    if (seen != null) {
      writeInts(engine, marks, seen);
    }
  }

  static void likeliest(
      Engine engine, LikeliestShape shape, Memory logits, Memory tokens, Memory logarithms) {
    int size = shape.vocabularySize();
    int count = shape.count();
    ByteBuffer host = host(size);
    float[] row = new float[size];
    int[] chosen = new int[(int) shape.results()];
    ByteBuffer out = host(shape.results());
    for (int r = 0; r < shape.rows(); r++) {
      engine.download(logits.slice((long) r * size, size), host.clear());
      host.asFloatBuffer().get(row);
      likeliest(row, count, chosen, r * count, out);
    }
    writeInts(engine, chosen, tokens);
    engine.upload(out, logarithms);
  }

  /** Of one row, into place {@code at} of the results. */
  private static void likeliest(float[] row, int count, int[] chosen, int at, ByteBuffer out) {
    boolean finite = true;
    float top = Float.NEGATIVE_INFINITY;
    for (float logit : row) {
      finite = finite && Float.isFinite(logit);
      top = Math.max(top, logit);
    }
    double sum = 0;
    for (float logit : row) {
      sum += StrictMath.exp((double) logit - top);
    }
    double logSum = StrictMath.log(sum);
    int kept = 0;
    for (int token = 0; finite && token < row.length; token++) {
      // Insertion keeps equal logits in the order of their tokens.
      if (kept == count && !(row[token] > row[chosen[at + count - 1]])) {
        continue;
      }
      int place = kept < count ? kept++ : count - 1;
      while (place > 0 && row[token] > row[chosen[at + place - 1]]) {
        chosen[at + place] = chosen[at + place - 1];
        place--;
      }
      chosen[at + place] = token;
    }
    for (int i = 0; i < count; i++) {
      if (!finite) {
        chosen[at + i] = TokenDraw.NONE;
      }
      float logarithm = finite ? (float) ((double) row[chosen[at + i]] - top - logSum) : Float.NaN;
      out.putFloat((at + i) * Float.BYTES, logarithm);
    }
  }

  static void mixTokens(
      Engine engine,
      TokenMix mix,
      Memory key,
      Memory threshold,
      Memory given,
      Memory predicted,
      Memory mixed) {
    RandomKey random = RandomKey.of(readInts(engine, key, RandomKey.ELEMENTS));
    int below = readInts(engine, threshold, 1)[0];
    int[] known = readInts(engine, given, mix.elements());
    int[] own = readInts(engine, predicted, mix.elements());
    int[] word = new int[4];
    for (int i = known.length - 1; i >= mix.batchSize(); i--) {
      int place = (int) random.part().place(i, 1);
      Philox.block(random.seed(), random.stream(), random.offset(), place >>> 2, word);
      if (known[i] >= 0 && word[place & 3] >>> 8 >= below) {
        known[i] = own[i - mix.batchSize()];
      }
    }
    writeInts(engine, known, mixed);
  }
}
