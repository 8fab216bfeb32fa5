/**
 * The seam between models and devices: a {@link dev.sequor.backend.Backend} runs a whole recurrent
 * stack over a whole sequence in one call, and the little arithmetic that a model needs around it.
 */
@NullMarked
package dev.sequor.backend;

import org.jspecify.annotations.NullMarked;
