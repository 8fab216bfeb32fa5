/** Sequence models from input to loss, their training, evaluation and sampling. */
@NullMarked
package dev.sequor.model;

import org.jspecify.annotations.NullMarked;
