/**
 * Models in a service: a {@link dev.sequor.serve.Predictor} answers any number of threads with one
 * copy of a model's weights, a {@link dev.sequor.serve.Session} goes on with one stream.
 */
@NullMarked
package dev.sequor.serve;

import org.jspecify.annotations.NullMarked;
