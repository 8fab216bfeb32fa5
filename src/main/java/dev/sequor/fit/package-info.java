/**
 * Whole trainings: {@link dev.sequor.fit.Fit} says how long, what is watched on data that are not
 * learned from, when to stop, and what to keep; {@link dev.sequor.model.Trainer} makes the steps.
 */
@NullMarked
package dev.sequor.fit;

import org.jspecify.annotations.NullMarked;
