package dev.sequor.serve;

import dev.sequor.backend.Required;
import dev.sequor.data.Values;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * One stream: what comes next goes on from the state that what came before has left. Any number of
 * them share a {@link Predictor}, which computes those that are asked at the same time together. A
 * session is memory only, of one state; there is nothing to close. Any thread may use it, but only
 * one at a time.
 */
public final class Session {
  private final Predictor predictor;
  private final AtomicReference<@Nullable Thread> user = new AtomicReference<>();
  private volatile float @Nullable [] state;

  Session(Predictor predictor, float @Nullable [] state) {
    this.predictor = predictor;
    this.state = state;
  }

  /**
   * The outputs for the next tokens of the stream; otherwise as {@link Predictor#predict(int[])}.
   *
   * @throws IllegalStateException if another thread is in a call of this session; it names both
   */
  public float[] next(int... tokens) {
    return next(
        carried ->
            predictor.request(new Values.Tokens(Required.present("tokens", tokens)), carried));
  }

  /**
   * The outputs for the next vectors of the stream; otherwise as {@link
   * Predictor#predict(float[])}.
   *
   * @throws IllegalStateException as for tokens
   */
  public float[] next(float... vectors) {
    return next(
        carried ->
            predictor.request(new Values.Reals(Required.present("vectors", vectors)), carried));
  }

  /**
   * The outputs for what comes next of all inputs; otherwise as {@link Predictor#predict(Map)}.
   *
   * @throws IllegalStateException as for tokens
   */
  public float[] next(Map<String, Values> inputs) {
    return next(carried -> predictor.request(inputs, carried));
  }

  /** Makes a request that carries a state along. */
  private interface Maker {
    Request make(Request.Carried carried);
  }

  private float[] next(Maker maker) {
    enter();
    try {
      Request.Carried carried = new Request.Carried(state);
      float[] answer = predictor.answer(maker.make(carried));
      state = carried.after;
      return answer;
    } finally {
      user.set(null);
    }
  }

  /**
   * A copy of the state that the stream goes on from, for example to keep it while the service is
   * restarted; null at its start. {@link Predictor#newSession(float[])} takes it.
   *
   * @throws IllegalStateException if another thread is in a call of this session
   */
  public float @Nullable [] state() {
    enter();
    try {
      float[] known = state;
      return known == null ? null : known.clone();
    } finally {
      user.set(null);
    }
  }

  /**
   * Begins a new stream.
   *
   * @throws IllegalStateException if another thread is in a call of this session
   */
  public void reset() {
    enter();
    state = null;
    user.set(null);
  }

  private void enter() {
    Thread current = Thread.currentThread();
    Thread busy = user.compareAndExchange(null, current);
    if (busy != null) {
      throw new IllegalStateException(
          "thread '"
              + busy.getName()
              + "' is in a call of this session; thread '"
              + current.getName()
              + "' needs to wait for it, or a session of its own");
    }
  }
}
